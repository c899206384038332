from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqexp.cli import main, runs
from seqexp.store import metric_log
from seqexp.store.run_directory import STALE_SECONDS
from seqexp.text import number

Call = Callable[..., str]
NOW = 1_700_000_000.0


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> str:
        assert main(["runs", *arguments]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs in each state, made by hand; the oldest heartbeat last by name."""
    monkeypatch.setattr(runs.time, "time", lambda: NOW)
    results = {"lstm": 0.5, "naive": 0.4, "ridge": 0.45, "arima": None}
    done = {"headline": "mase", "model": "lstm", "results": results, "best": 0.123456, "epoch": 3, "max_epochs": 5}
    states: dict[str, Any] = {
        "a-complete": {"state": "complete", "heartbeat": NOW - 10, **done},
        "b-running": {"state": "running", "heartbeat": NOW - STALE_SECONDS + 1, "epoch": 1, "max_epochs": 5},
        "c-stopped": {"state": "running", "heartbeat": NOW - STALE_SECONDS - 1, "epoch": 1, "max_epochs": 5},
        "d-failed": {"state": "failed", "heartbeat": NOW - 500, "reason": "loss is nan"},
        "e-pending": None,
        "f-damaged": "{",
    }
    for name, status in states.items():
        folder = tmp_path / "stocks" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(f"seed: 1\nmodel:\n  name: {name[0]}\n")
        if status is not None:
            (folder / "status.json").write_text(status if isinstance(status, str) else json.dumps(status))
    return tmp_path


def test_no_runs_says_how_to_make_one(call: Call, tmp_path: Path) -> None:
    assert call("--outputs", str(tmp_path)) == f"no runs in {tmp_path}; `seqexp train` makes one\n"
    assert json.loads(call("list", "--json", "--outputs", str(tmp_path))) == []


def test_runs_are_listed_oldest_first_with_state_and_score(call: Call, outputs: Path) -> None:
    header, *lines = call("--outputs", str(outputs)).splitlines()
    assert header.split("  ")[0] == "run"
    assert [(Path(line.split()[0]).name, line.split()[1]) for line in lines] == [
        ("e-pending", "pending"), ("f-damaged", "damaged"), ("d-failed", "failed"), ("c-stopped", "stopped"),
        ("b-running", "running"), ("a-complete", "complete"),
    ]  # fmt: skip
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(NOW - 10))
    assert lines[-1].split()[2:] == ["3/5", "0.1235", "mase", "0.5000", "naive", "0.4000", *when.split()]
    assert lines[0].split()[2:] == ["0/?", "–", "–", "–", "–"]
    # Columns stand under one another, and nothing is cut however long a path is.
    states = ("state", "pending", "damaged", "failed", "stopped", "running", "complete")
    assert len({line.index(f"  {state}") for line, state in zip([header, *lines], states, strict=True)}) == 1
    assert all(line.startswith(str(outputs)) for line in lines)


def test_the_list_for_machines_has_each_status(call: Call, outputs: Path) -> None:
    rows = json.loads(call("list", "--json", "--outputs", str(outputs)))
    assert [Path(r["run"]).name[0] for r in rows] == ["e", "f", "d", "c", "b", "a"]
    assert rows[-1]["results"] == {"lstm": 0.5, "naive": 0.4, "ridge": 0.45, "arima": None}
    assert rows[2]["reason"] == "loss is nan"
    assert rows[1] == {"run": str(outputs / "stocks" / "f-damaged"), "state": "damaged"}


def test_a_name_that_steers_terminals_is_printed_as_text(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "g" / "\x1b[31mred"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("a: 1\n")
    out = call("--outputs", str(tmp_path))
    assert "\\x1b[31mred" in out
    assert "\x1b" not in out


def test_a_run_is_shown_with_configuration_status_provenance_and_results(call: Call, finished: Path) -> None:
    out = call("show", str(finished))
    assert out.startswith(f"{finished}\n{finished.joinpath('config.yaml').read_text()}")
    assert "\nstatus:\n  state: complete\n" in out
    assert "\nprovenance:\n  versions: {'python': " in out
    records = [r for r in metric_log.read(finished / "metrics.jsonl") if "of" in r]
    assert [r["of"] for r in records] == ["lstm", "naive", "ridge"]
    table = out[out.index("test results") :]
    for record in records:
        (line,) = [row for row in table.splitlines() if row.strip("│ ").startswith(record["of"])]
        assert number(record["mae"]) in line
    assert "the best classical method" in table


def test_a_run_is_shown_to_machines_as_one_object(call: Call, finished: Path) -> None:
    shown = json.loads(call("show", str(finished), "--json"))
    assert shown["run"] == str(finished)
    assert shown["config"] == yaml.safe_load((finished / "config.yaml").read_text())
    assert shown["status"] == json.loads((finished / "status.json").read_text())
    assert shown["provenance"] == json.loads((finished / "provenance.json").read_text())
    assert shown["test"] == [r for r in metric_log.read(finished / "metrics.jsonl") if "of" in r]


@pytest.mark.parametrize("columns", [20, 60, 80, 300])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_number_is_cut_however_narrow_the_terminal(
    call: Call, finished: Path, columns: int, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    out = call("show", str(finished))
    assert "…" not in out
    for record in (r for r in metric_log.read(finished / "metrics.jsonl") if "of" in r):
        (line,) = [row for row in out.splitlines() if row.startswith("│") and record["of"] in row]
        assert all(number(record[metric]) in line for metric in ("mae", "rmse", "mase"))


def test_a_run_that_never_began_is_shown_too(call: Call, outputs: Path) -> None:
    out = call("show", str(outputs / "stocks" / "e-pending"))
    assert out.endswith("status:\n  state: pending\nprovenance:\n")


def test_runs_differ_by_their_keys(call: Call, outputs: Path) -> None:
    paths = [str(outputs / "stocks" / name) for name in ("a-complete", "d-failed")]
    out = call("diff", *paths)
    assert [line.split() for line in out.splitlines()] == [
        ["A", paths[0]], ["A", "complete:", "mase", "of", "lstm", "0.5000"], ["B", paths[1]], ["B", "failed"],
        ["A", "B"], ["model.name", "a", "d"],
    ]  # fmt: skip
    assert json.loads(call("diff", *paths, "--json")) == {"model.name": ["a", "d"]}
    assert "no key differs" in call("diff", paths[0], paths[0])


def test_a_copy_differs_in_what_was_changed_alone(call: Call, finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "copy"
    shutil.copytree(finished, other)
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace("max_epochs: 3", "max_epochs: 4").replace("horizon: 1", ""))
    assert json.loads(call("diff", str(finished), str(other), "--json")) == {
        "data.horizon": [1, None], "trainer.max_epochs": [3, 4],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nope"), "no run 'nope' in"),
        (("show", "stocks"), "'stocks' means 6 runs; say more of the name:"),
        (("diff", "a", "nope"), "no run 'nope' in"),
        (("list", "a"), "runs list takes 0 RUN, but got 1"),
        (("show",), "runs show takes 1 RUN, but got 0"),
    ],
)
def test_a_run_that_cannot_be_found_is_one_message(
    capsys: pytest.CaptureFixture[str], outputs: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert main(["runs", *arguments, "--outputs", str(outputs)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"seqexp: {message}")
