"""Training from composed experiment to run directory, stopped, failed and begun again."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from seqexp.config.compose import Composed, compose
from seqexp.errors import ConfigError, DataError, RunError, TrainingError
from seqexp.run import train as module
from seqexp.run.problem import build_problem, new_state, plan_of
from seqexp.run.results import headlines, test_records
from seqexp.run.train import directory_of, restore, train
from seqexp.store import checkpoint, metric_log
from seqexp.store.run_directory import RunDirectory
from seqexp.training.signals import StopRequest

test_records.__test__ = False  # type: ignore[attr-defined]  # it is no test

Said = Callable[..., Composed]


@pytest.fixture
def said(tiny: Sequence[str], tmp_path: Path) -> Said:
    return lambda *overrides: compose([*tiny, f"outputs={tmp_path / 'outputs'}", "tracking=quiet", *overrides])


def lines(directory: RunDirectory) -> list[dict[str, Any]]:
    hidden = metric_log.WALL_CLOCK
    return [{k: v for k, v in line.items() if k not in hidden} for line in metric_log.read(directory.metrics)]


def final(directory: RunDirectory) -> dict[str, Any]:
    found = checkpoint.load_newest(directory.checkpoints, pytest.fail)
    assert found is not None
    return found[1]


class Late(StopRequest):
    """A signal that comes when the loop asks for the n-th time."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def __call__(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.signal = int(signal.SIGTERM)
        return super().__call__()


def signalled(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    @contextmanager
    def listening() -> Iterator[StopRequest]:
        yield Late(calls)

    monkeypatch.setattr(module, "listening", listening)


class TestComplete:
    def test_a_run_lies_where_its_identity_says(self, said: Said, tmp_path: Path) -> None:
        composed = said()
        directory = directory_of(composed.experiment)
        assert directory.path.parent == tmp_path / "outputs" / "stocks"
        assert not directory.exists()
        outcome = train(composed, ["seqexp", "train"])
        assert outcome.directory.path == directory.path
        assert (outcome.state, outcome.signal, outcome.was_complete) == ("complete", None, False)

    def test_its_files_say_what_it_was_and_how_it_ended(self, finished: Path) -> None:
        directory = RunDirectory(finished)
        status, provenance = directory.status(), json.loads(directory.provenance.read_text())
        payload = final(directory)
        assert (status["state"], status["model"], status["data"], status["seed"]) == ("complete", "lstm", "stocks", 1)
        assert (status["epoch"], status["step"]) == (payload["progress"]["epoch"], payload["progress"]["step"])
        assert status["epoch"] == 3
        (record, *others) = test_records(directory)
        assert status["headline"] == headlines(record)[0] == "mase"
        assert status["results"] == {r["of"]: r["mase"] for r in (record, *others)}
        assert provenance["calls"][0]["command"] == ["pytest"]
        assert provenance["data"]["rows"] == 120
        assert provenance["extensions"] == []
        assert payload["version"] == module.CHECKPOINT_VERSION

    def test_run_again_it_is_left_alone(self, said: Said) -> None:
        first = train(said(), ["one"]).directory
        before = {p: p.stat().st_mtime_ns for p in first.path.rglob("*") if p.suffix in (".jsonl", ".pt", ".yaml")}
        again = train(said(), ["two"])
        assert again.was_complete
        assert {p: p.stat().st_mtime_ns for p in before} == before


@pytest.mark.parametrize("calls", [1, 2, 5, 8, 15, 16])
def test_stopped_by_a_signal_the_same_command_ends_as_the_unbroken_run(
    calls: int, said: Said, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        signalled(patch, calls)
        outcome = train(said(), ["first"])
    directory = outcome.directory
    assert (outcome.state, outcome.signal) == ("interrupted", signal.SIGTERM)
    assert (directory.status()["state"], directory.status()["reason"]) == ("interrupted", "signal 15")
    assert test_records(directory) == []
    assert train(said(), ["second"]).state == "complete"
    ours, theirs = final(directory), final(RunDirectory(finished))
    assert ours["progress"] == theirs["progress"]
    assert all(torch.equal(value, ours["model"][name]) for name, value in theirs["model"].items())
    for slot, values in theirs["optimizer"].items():
        assert all(torch.equal(a, b) for a, b in zip(values, ours["optimizer"][slot], strict=True))
    assert lines(directory) == lines(RunDirectory(finished))
    calls_made = json.loads(directory.provenance.read_text())["calls"]
    assert [c["command"] for c in calls_made] == [["first"], ["second"]]


class TestRefused:
    def test_a_monitor_that_nobody_measures_is_refused_and_leaves_no_run(self, said: Said, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"trainer.monitor must be one of loss, mae, .*; did you mean 'rmse'\?"):
            train(said("trainer.monitor=rmsee"), [])
        assert not list((tmp_path / "outputs").rglob("config.yaml"))

    def test_a_file_that_is_not_there_is_refused_and_leaves_no_run(self, said: Said, tmp_path: Path) -> None:
        with pytest.raises((DataError, ConfigError), match="nowhere"):
            train(said(f"data.path={tmp_path / 'nowhere.csv'}"), [])
        assert not list((tmp_path / "outputs").rglob("config.yaml"))

    def test_a_configuration_changed_by_hand_is_refused(self, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            signalled(patch, 3)
            directory = train(said(), []).directory
        directory.config.write_text(directory.config.read_text().replace("batch_size: 16", "batch_size: 17"))
        with pytest.raises(
            RunError, match=r"is not the configuration this run began with \(trainer.batch_size changed\)"
        ):
            train(said(), [])

    def test_data_changed_between_two_calls_is_refused(
        self, said: Said, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine = tmp_path / "mine.csv"
        mine.write_bytes(prices.read_bytes())
        with monkeypatch.context() as patch:
            signalled(patch, 3)
            train(said(f"data.path={mine}"), [])
        mine.write_text("\n".join(mine.read_text().splitlines()[:-1]) + "\n")
        with pytest.raises(RunError, match="the data changed since"):
            train(said(f"data.path={mine}"), [])

    def test_a_checkpoint_of_another_format_is_refused(self, finished: Path) -> None:
        payload = final(RunDirectory(finished))
        with pytest.raises(RunError, match="the checkpoint has format 99, but this seqexp reads 1"):
            restore(None, {**payload, "version": 99})  # type: ignore[arg-type]


class TestFailed:
    def test_what_broke_it_is_in_the_status_and_the_same_command_goes_on(
        self, said: Said, finished: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fit = module.fit

        def breaks(*arguments: Any) -> bool:
            fit(*arguments[:2], arguments[2].__class__(**{**vars(arguments[2]), "stop": lambda: True}))
            raise TrainingError("the loss is nan\nin many ways")

        with monkeypatch.context() as patch:
            patch.setattr(module, "fit", breaks)
            with pytest.raises(TrainingError):
                train(said(), [])
        directory = directory_of(said().experiment)
        assert (directory.status()["state"], directory.status()["reason"]) == ("failed", "the loss is nan")
        assert train(said(), []).state == "complete"
        assert directory.status()["reason"] is None
        assert lines(directory) == lines(RunDirectory(finished))


class TestParts:
    def test_an_average_and_a_scaler_are_there_where_they_are_asked_for(self, said: Said) -> None:
        cpu = torch.device("cpu")
        plain = new_state(build_problem(said().experiment, cpu))
        assert (plain.average, plain.scaler) == (None, None)
        full = new_state(build_problem(said("trainer.ema_decay=0.9", "trainer.precision=fp16").experiment, cpu))
        assert full.scaler is not None
        assert full.average is not None
        for name, parameter in full.model.named_parameters():
            assert torch.equal(full.average[name], parameter)
            assert full.average[name].data_ptr() != parameter.data_ptr()

    def test_weights_are_those_of_the_seed(self, said: Said) -> None:
        cpu, found = torch.device("cpu"), []
        for seed in (1, 1, 2):
            problem = build_problem(said().experiment, cpu)
            module.rng.seed_all(seed)
            state = new_state(problem)
            found.append(torch.cat([p.detach().flatten() for p in state.model.parameters()]))
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])

    @pytest.mark.parametrize(
        ("overrides", "steps"),
        # sma_20 and volatility_20 leave 84 - 20 - 7 - 1 windows of train
        [([], -(-56 // 16)), (["trainer.accumulate=3"], 2), (["trainer.steps_per_epoch=9"], 9),
         (["trainer.limit_batches=2"], 2)],
    )  # fmt: skip
    def test_an_epoch_has_as_many_updates_as_its_batches_make(
        self, said: Said, overrides: list[str], steps: int
    ) -> None:
        problem = build_problem(said(*overrides).experiment, torch.device("cpu"))
        assert len(problem.task.splits.train) == 56
        plan = plan_of(problem)
        assert (plan.steps_per_epoch, plan.total_steps, plan.lr) == (steps, 3 * steps, 0.001)
