from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from seqexp.config.compose import compose
from seqexp.errors import ConfigError
from seqexp.run.loaded import load_run
from seqexp.run.resume import resume
from seqexp.run.train import directory_of, train
from seqexp.store import metric_log
from seqexp.store.run_directory import RunDirectory

COMMAND = ["pytest"]


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> RunDirectory:
    shutil.copytree(finished, tmp_path / "run")
    return RunDirectory(tmp_path / "run")


def go_on(directory: RunDirectory, *overrides: str) -> str:
    return resume(directory, [*overrides, "tracking=quiet"], COMMAND)[0].state


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        (["seed=2"], ["seed: the run has 1, you ask for 2"]),
        (["model.hidden_sizes=[8]"], ["model.hidden_sizes: the run has [4], you ask for [8]"]),
        (["optimizer.lr=0.5", "data.window=9"], [
            "data.window: the run has 8, you ask for 9", "optimizer.lr: the run has 0.001, you ask for 0.5",
        ]),
        (["optimizer=sgd"], ["optimizer.name: the run has 'adam', you ask for 'sgd'"]),
        (["trainer.max_epochs=9", "trainer.batch_size=8"], ["trainer.batch_size: the run has 16, you ask for 8"]),
    ],
)  # fmt: skip
def test_what_would_make_it_another_experiment_is_refused_with_the_difference(
    copy: RunDirectory, overrides: list[str], lines: list[str]
) -> None:
    before = {p: p.read_bytes() for p in copy.path.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError) as caught:
        go_on(copy, *overrides)
    first, *said = caught.value.problems
    assert first.startswith("these keys would make it another experiment; use `seqexp train`")
    assert set(lines) <= set(said)
    assert not any(line.startswith("trainer.max_epochs") for line in said)
    assert {p: p.read_bytes() for p in copy.path.rglob("*") if p.is_file()} == before  # nothing was touched


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.max_epochs=0", "trainer.max_epochs must be"),
        ("trainer.max_epoch=9", "did you mean 'trainer.max_epochs'?"),
        ("nothing", "must be key=value"),
        ("optimizer=adagrad2", "optimizer must be one of"),
    ],
)
def test_a_wrong_override_is_refused_as_in_training(copy: RunDirectory, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        go_on(copy, override)
    assert message in str(caught.value)


def test_epochs_may_only_grow(copy: RunDirectory) -> None:
    with pytest.raises(ConfigError, match=r"may only grow: the run has 3, but you ask for 2"):
        go_on(copy, "trainer.max_epochs=2")


def test_a_complete_run_has_nothing_left_to_do(copy: RunDirectory) -> None:
    outcome, progress = resume(copy, ["tracking=quiet"], COMMAND)
    assert (outcome.state, outcome.was_complete, progress) == ("complete", True, "none")


def test_with_more_epochs_it_ends_as_if_it_had_had_them_from_the_start(
    copy: RunDirectory, tiny: Sequence[str], tmp_path: Path
) -> None:
    assert go_on(copy, "trainer.max_epochs=5") == "complete"
    whole = train(compose([*tiny, "trainer.max_epochs=5", f"outputs={tmp_path}", "tracking=quiet"]), COMMAND).directory
    ours, theirs = load_run(copy.path, "last").checkpoint, load_run(whole.path, "last").checkpoint
    assert ours["progress"] == theirs["progress"]
    assert ours["progress"]["epoch"] == 5
    for part in ("model", "optimizer"):
        for name, value in theirs[part].items():
            pairs = zip(value, ours[part][name], strict=True) if part == "optimizer" else [(value, ours[part][name])]
            assert all(torch.equal(a, b) for a, b in pairs), name

    def lines(directory: RunDirectory) -> list[dict[str, object]]:
        hidden = metric_log.WALL_CLOCK
        return [{k: v for k, v in line.items() if k not in hidden} for line in metric_log.read(directory.metrics)]

    assert lines(copy) == lines(whole)


def test_an_extension_is_recorded_and_the_first_command_keeps_it(
    copy: RunDirectory, tiny: Sequence[str], finished: Path, tmp_path: Path
) -> None:
    del finished
    first = compose([*tiny, f"outputs={tmp_path / 'outputs'}", "tracking=quiet"])
    home = directory_of(first.experiment)
    home.path.parent.mkdir(parents=True)
    copy.path.rename(home.path)
    assert go_on(home, "trainer.max_epochs=4", "trainer.early_stopping.patience=null") == "complete"
    (note,) = json.loads(home.provenance.read_text())["extensions"]
    assert note["changes"] == {"trainer.max_epochs": [3, 4], "trainer.early_stopping.patience": [5, None]}
    again = train(first, COMMAND)
    assert again.was_complete
    assert load_run(home.path).experiment.trainer.max_epochs == 4
