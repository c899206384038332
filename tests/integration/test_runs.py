"""`seqexp runs`: a list, one, or what differs between two; a damaged one never hides the others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from integration.runs import files, lines, status

if TYPE_CHECKING:
    from integration.conftest import Cli


def other_run(cli: Cli, tiny: Sequence[str]) -> Path:
    """An unfinished one of another model, beside the first."""
    kill = {"at": "seqexp.training.loop:train_step", "call": 6, "when": "after"}
    assert cli("train", *tiny, "model=gru", "optimizer.lr=0.5", faults=[kill]).code == -9
    return next(cli.cwd.glob("outputs/stocks/gru-*"))


def test_the_list_has_each_run_with_its_state_and_scores(cli: Cli, copy: Path, tiny: Sequence[str]) -> None:
    other = other_run(cli, tiny)
    for words in (("runs",), ("runs", "list")):
        ended = cli(*words)
        assert ended.code == 0
        header, first, second = ended.out.splitlines()
        assert header.split("  ")[0] == "run"
        results = status(copy)["results"]
        assert first.split()[:3] == [f"outputs/stocks/{copy.name}", "complete", "3/3"]
        assert f"mase {results['lstm']:.4g}" in first
        rival = min(("naive", "ridge"), key=results.__getitem__)
        assert f"{rival} {results[rival]:.4g}" in first
        assert second.split()[:3] == [f"outputs/stocks/{other.name}", "stopped", "1/3"]


def test_the_list_as_json(cli: Cli, copy: Path) -> None:
    (row,) = json.loads(cli("runs", "--json").out)
    assert row == {"run": f"outputs/stocks/{copy.name}", **status(copy)}


def test_no_runs_are_no_error(cli: Cli) -> None:
    ended = cli("runs")
    assert (ended.code, ended.out) == (0, "no runs in outputs; `seqexp train` makes one\n")
    assert cli("runs", "--json").out == "[]\n"


def test_a_run_that_stands_still_and_one_that_is_damaged_are_called_so(cli: Cli, copy: Path) -> None:
    damaged = copy.with_name("rnn-seed1-00000000")
    shutil.copytree(copy, damaged)
    (damaged / "status.json").write_text("{")
    (copy / "status.json").write_text(json.dumps({**status(copy), "state": "running", "heartbeat": 1.0}))
    ended = cli("runs")
    assert ended.code == 0
    states = {row.split()[0].split("/")[2]: row.split()[1] for row in ended.out.splitlines()[1:]}
    assert states == {damaged.name: "damaged", copy.name: "stopped"}


def test_one_run_is_shown_with_configuration_provenance_and_results(cli: Cli, copy: Path) -> None:
    ended = cli("runs", "show", "latest")
    assert ended.code == 0
    assert (copy / "config.yaml").read_text() in ended.out
    for text in ("  state: complete", "  threads: 1", "test results, best first by MASE"):
        assert text in ended.out
    shown = json.loads(cli("runs", "show", "lstm", "--json").out)
    assert shown["config"]["model"]["hidden_sizes"] == [4]
    assert shown["status"] == status(copy)
    assert shown["test"] == [r for r in lines(copy) if r["split"] == "test"]
    assert shown["provenance"]["data"]["rows"] == 120


def test_two_runs_differ_in_what_was_said_differently(cli: Cli, copy: Path, tiny: Sequence[str]) -> None:
    other_run(cli, tiny)
    changed = json.loads(cli("runs", "diff", "lstm", "gru", "--json").out)
    assert changed["model.name"] == ["lstm", "gru"]
    assert changed["optimizer.lr"] == [0.001, 0.5]
    ended = cli("runs", "diff", "lstm", "gru")
    said = [line.split() for line in ended.out.splitlines()]
    assert ["optimizer.lr", "0.001", "0.5"] in said
    assert ["model.name", "lstm", "gru"] in said
    assert "A complete: mase of lstm " in ended.out
    assert "B stopped" in ended.out
    assert "no key differs" in cli("runs", "diff", "lstm", copy.name).out


def test_looking_changes_nothing(cli: Cli, copy: Path) -> None:
    before = files(cli.cwd)
    for words in (("runs",), ("runs", "show", "lstm"), ("runs", "diff", "lstm", "lstm")):
        assert cli(*words).code == 0
    assert files(cli.cwd) == before
    assert copy.is_dir()


def test_what_a_file_says_cannot_steer_the_terminal(cli: Cli, copy: Path) -> None:
    (copy / "status.json").write_text(json.dumps({**status(copy), "state": "complete", "reason": "\x1b[2Jgone"}))
    ended = cli("runs", "show", "lstm")
    assert "\x1b" not in ended.out
    assert "reason: \\x1b[2Jgone" in ended.out
