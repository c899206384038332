"""`seqexp resume`: by directory, by name, for longer; and what it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from integration.runs import assert_same_end, files, lines, status, the_run

if TYPE_CHECKING:
    from integration.conftest import Cli

KILL = {"at": "seqexp.training.loop:train_step", "call": 6, "when": "after"}


@pytest.mark.parametrize("how", ["directory", "absolute", "name", "group/name", "prefix", "hash", "latest"])
def test_a_run_is_found_and_goes_on_to_the_same_end(cli: Cli, tiny: Sequence[str], finished: Path, how: str) -> None:
    assert cli("train", *tiny, faults=[KILL]).code == -9
    run = the_run(cli.cwd)
    word = {
        "directory": str(run.relative_to(cli.cwd)), "absolute": str(run), "name": run.name,
        "group/name": f"stocks/{run.name}", "prefix": "lstm-se", "hash": run.name[-8:-3], "latest": "latest",
    }[how]  # fmt: skip
    ended = cli("resume", word)
    assert ended.code == 0, ended.err
    assert "continues at epoch 2, step 5" in ended.err
    assert "test results, best first by MASE" in ended.out
    assert_same_end(run, finished)
    assert [c["command"][:2] for c in json.loads((run / "provenance.json").read_text())["calls"]] == [
        ["seqexp", "train"], ["seqexp", "resume"],
    ]  # fmt: skip


def test_latest_is_the_run_that_was_begun_last(cli: Cli, copy: Path) -> None:
    other = copy.with_name("gru-seed9-00000000")
    shutil.copytree(copy, other)
    os.utime(copy / "config.yaml", (1, 1))
    ended = cli("resume", "latest")
    assert ended.code == 0
    assert f"{other.relative_to(cli.cwd)} is complete; nothing to train" in ended.out


@pytest.mark.parametrize("other", [(), ("tracking=console",), ("trainer.max_epochs=3",)])
def test_a_complete_run_has_nothing_to_go_on_with(cli: Cli, copy: Path, other: tuple[str, ...]) -> None:
    before = files(copy)
    ended = cli("resume", str(copy), *other)
    assert ended.code == 0
    assert ended.out.startswith(f"{copy} is complete; nothing to train\n")
    assert files(copy) == before


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "nowhere",
            r"no run 'nowhere' in outputs: 2 runs are there; `seqexp runs` lists them; --outputs names another",
        ),
        (
            "lstm",
            r"'lstm' means 2 runs; say more of the name:\n  outputs/stocks/lstm-seed1-\w{8}\n  outputs/stocks/lstm",
        ),
        ("stocks/lstm", r"'stocks/lstm' means 2 runs"),
        ("outputs/stocks", r"no run 'outputs/stocks'"),
    ],
)
def test_a_name_that_means_no_run_or_several_is_refused(cli: Cli, copy: Path, word: str, message: str) -> None:
    shutil.copytree(copy, copy.with_name("lstm-seed2-00000000"))
    ended = cli("resume", word)
    assert ended.code == 2
    assert ended.out == ""
    assert re.search(message, ended.err), ended.err


REFUSED = {
    "model.hidden_sizes=[5]": "model.hidden_sizes: the run has [4], you ask for [5]",
    "model.hidden_sizes=5": "model.hidden_sizes: the run has [4], you ask for [5]",
    "seed=2": "seed: the run has 1, you ask for 2",
    "optimizer.lr=0.5": "optimizer.lr: the run has 0.001, you ask for 0.5",
    "data.window=9": "data.window: the run has 8, you ask for 9",
    "task.baselines=[]": "task.baselines: the run has ['naive', 'ridge'], you ask for []",
    "trainer.batch_size=8": "trainer.batch_size: the run has 16, you ask for 8",
    "optimizer=sgd": "optimizer.name: the run has 'adam', you ask for 'sgd'",
    "trainer.max_epochs=2": "trainer.max_epochs may only grow: the run has 3, but you ask for 2",
    "trainer.max_epochs=0": "trainer.max_epochs must be at least 1, but is 0  (command line)",
    "trainer.max_epoch=9": "unknown key 'trainer.max_epoch'; did you mean 'trainer.max_epochs'?  (command line)",
    "trainer.max_epochs": "'trainer.max_epochs' must be key=value",
    "tracking=loud": "tracking must be one of console, quiet, but is 'loud'",
}


@pytest.mark.parametrize("override", REFUSED)
def test_what_would_make_it_another_experiment_is_refused_with_the_difference(
    cli: Cli, copy: Path, override: str
) -> None:
    before = files(copy)
    ended = cli("resume", "latest", override)
    assert ended.code == 2
    assert ended.out == ""
    assert REFUSED[override] in ended.err
    assert "Traceback" not in ended.err
    if "the run has" in REFUSED[override] and "grow" not in REFUSED[override]:
        assert "use `seqexp train` with them for a run of its own" in ended.err
    assert files(copy) == before


def test_more_epochs_end_as_if_they_had_been_asked_for_at_once(cli: Cli, tiny: Sequence[str], copy: Path) -> None:
    """With a constant rate, that is: other schedules depend on how many epochs there are to be."""
    ended = cli("resume", "latest", "trainer.max_epochs=5", "tracking=console")
    assert ended.code == 0, ended.err
    assert "continues at epoch 4, step 13" in ended.err
    whole = cli.at("whole")
    assert whole("train", *tiny, "trainer.max_epochs=5").code == 0
    assert_same_end(copy, the_run(whole.cwd))
    assert yaml.safe_load((copy / "config.yaml").read_text())["trainer"]["max_epochs"] == 5
    (note,) = json.loads((copy / "provenance.json").read_text())["extensions"]
    assert note["changes"] == {"trainer.max_epochs": [3, 5], "tracking.progress": ["none", "auto"]}
    assert note["step"] == 12


def test_an_extended_run_can_be_killed_and_goes_on(cli: Cli, tiny: Sequence[str], copy: Path) -> None:
    assert cli("resume", "latest", "trainer.max_epochs=5", faults=[KILL]).code == -9
    assert status(copy)["state"] == "running"
    assert cli("resume", "latest").code == 0
    whole = cli.at("whole")
    assert whole("train", *tiny, "trainer.max_epochs=5").code == 0
    assert_same_end(copy, the_run(whole.cwd))


def test_the_first_command_again_keeps_what_a_run_was_extended_to(cli: Cli, tiny: Sequence[str]) -> None:
    assert cli("train", *tiny).code == 0
    assert cli("resume", "latest", "trainer.max_epochs=4").code == 0
    before = files(cli.cwd)
    ended = cli("train", *tiny)
    assert ended.code == 0
    assert "is complete; nothing to train" in ended.out
    assert files(cli.cwd) == before
    assert status(the_run(cli.cwd))["epoch"] == 4


def test_more_patience_lets_a_run_that_stopped_early_go_on(cli: Cli, tiny: Sequence[str]) -> None:
    """A rate of nearly nothing and an improvement of 1 asked for: every validation after the first is no better."""
    command = ("train", *tiny, "optimizer.lr=1e-9", "trainer.max_epochs=6", "trainer.early_stopping.min_delta=1.0")
    assert cli(*command, "trainer.early_stopping.patience=2").code == 0
    run = the_run(cli.cwd)
    assert status(run)["epoch"] == 3
    assert cli("resume", "latest", "trainer.early_stopping.patience=3").code == 0
    assert status(run)["epoch"] == 4
    whole = cli.at("whole")
    assert whole(*command, "trainer.early_stopping.patience=3").code == 0
    assert_same_end(run, the_run(whole.cwd))


@pytest.mark.parametrize("override", ["tracking=quiet", "tracking.progress=none", "tracking.progress=plain"])
def test_other_tracking_is_no_other_experiment(cli: Cli, tiny: Sequence[str], finished: Path, override: str) -> None:
    assert cli("train", *tiny, faults=[KILL]).code == -9
    ended = cli("resume", "latest", override)
    assert ended.code == 0, ended.err
    assert ("epoch   3/3" in ended.err) == (override == "tracking.progress=plain")
    assert_same_end(the_run(cli.cwd), finished)


def test_other_checkpoints_are_no_other_experiment(cli: Cli, tiny: Sequence[str], finished: Path) -> None:
    assert cli("train", *tiny, "trainer.checkpoints.keep_last=9", faults=[KILL]).code == -9
    ended = cli("train", *tiny, "trainer.checkpoints.every_steps=1", "trainer.checkpoints.keep_last=2")
    assert ended.code == 0, ended.err
    assert_same_end(the_run(cli.cwd), finished)
    assert sorted(p.name for p in the_run(cli.cwd).glob("checkpoints/*.pt")) == [
        "step-00000011.pt", "step-00000012.pt",
    ]  # fmt: skip


def test_json_of_a_resumed_run(cli: Cli, copy: Path) -> None:
    ended = cli("resume", "latest", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["results"] == [r for r in lines(copy) if r["split"] == "test"]


def test_a_run_of_another_folder_is_found_by_outputs(cli: Cli, finished: Path) -> None:
    shutil.copytree(finished, cli.cwd / "elsewhere" / "stocks" / finished.name)
    assert cli("resume", "latest").code == 2
    assert cli("resume", "latest", "--outputs", "elsewhere").code == 0
