"""The contract: killed anywhere, the same command goes on, and the end is that of a run nobody disturbed."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from integration.runs import assert_same_end, files, last_state, lines, status, the_run

if TYPE_CHECKING:
    from integration.conftest import Cli, Warm

MODELS: dict[str, tuple[str, ...]] = {
    "rnn": (
        "scheduler=plateau",
        "scheduler.patience=0",
        "optimizer=sgd",
        "optimizer.lr=0.2",
        "trainer.checkpoints.every_steps=3",
    ),
    "lstm": (
        "scheduler=cosine",
        "scheduler.warmup_steps=3",
        "optimizer=adamw",
        "trainer.accumulate=2",
        "trainer.checkpoints.keep_last=1",
    ),
    "gru": (
        "scheduler=one_cycle",
        "optimizer=rmsprop",
        "trainer.steps_per_epoch=3",
        "trainer.early_stopping.patience=1",
    ),
}
STEPS = {"rnn": 16, "lstm": 8, "gru": 9}
"""The gru is stopped early, after three epochs of four."""
STEP, VALIDATE = "seqexp.training.loop:train_step", "seqexp.run.forecasting.problem:ForecastingProblem.validate"
Command = Callable[[str], tuple[str, ...]]


@pytest.fixture(scope="session")
def command(tiny: Sequence[str]) -> Command:
    """An experiment with everything that has a state of its own, for each model."""

    def of(model: str) -> tuple[str, ...]:
        return (
            "train", *tiny, f"model={model}", "model.hidden_sizes=[4,3]", "model.dropout=0.3", "optimizer.lr=0.03",
            "model.variational_dropout=0.2", "trainer.ema_decay=0.9", "trainer.early_stopping.patience=3",
            "trainer.log_every=3", "trainer.max_epochs=4", "trainer.eval_batch_size=8", "task.baselines=[naive]",
            *MODELS[model],
        )  # fmt: skip

    return of


Unbroken = Callable[[str], tuple[Path, list[str]]]


@pytest.fixture(scope="session")
def unbroken(warm: Warm, command: Command, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    """A run that nothing happened to, and what it did to files; for each model, trained once."""
    made: dict[str, tuple[Path, list[str]]] = {}

    def of(model: str) -> tuple[Path, list[str]]:
        if model not in made:
            folder = tmp_path_factory.mktemp(model)
            ended = warm.cli(folder)(*command(model), record=True)
            assert ended.code == 0, ended.err
            made[model] = the_run(folder), ended.events
        return made[model]

    return of


def broken(cli: Cli, command: Sequence[str], *faults: Mapping[str, Any]) -> Path:
    """The run directory after one command for each fault, which must kill it, and one without."""
    for fault in faults:
        ended = cli(*command, faults=[fault], again=True)
        assert ended.code == -signal.SIGKILL, (fault, ended)
    ended = cli(*command, again=True)
    assert ended.code == 0, ended.err
    return the_run(cli.cwd)


def at(place: str, call: int, when: str, **more: Any) -> dict[str, Any]:
    return {"at": place, "call": call, "when": when, **more}


@pytest.mark.parametrize("model", MODELS)
def test_two_identical_commands_in_different_folders_end_the_same(
    cli: Cli, command: Command, unbroken: Unbroken, model: str
) -> None:
    assert_same_end(broken(cli, command(model)), unbroken(model)[0])


def test_the_experiments_have_what_they_are_to_test(unbroken: Unbroken) -> None:
    assert {model: status(unbroken(model)[0])["step"] for model in MODELS} == STEPS
    assert status(unbroken("gru")[0])["epoch"] < 4
    rates = [line["lr"] for line in lines(unbroken("rnn")[0]) if line["split"] == "train"]
    assert rates[-1] < rates[0] == 0.2
    for model in MODELS:
        state = last_state(unbroken(model)[0])
        assert state["average"]
        assert any(not torch.equal(state["average"][k], state["model"][k]) for k in state["average"])


@pytest.mark.parametrize(("model", "step"), [(m, k) for m, count in STEPS.items() for k in range(1, count + 1)])
def test_killed_at_every_step(cli: Cli, command: Command, unbroken: Unbroken, model: str, step: int) -> None:
    assert_same_end(broken(cli, command(model), at(STEP, step, "before")), unbroken(model)[0])


@pytest.mark.parametrize("step", [2, 5, 8])
def test_killed_with_the_fused_kernels(
    cli: Cli, warm: Warm, command: Command, tmp_path_factory: pytest.TempPathFactory, step: int
) -> None:
    fused = (*command("lstm"), "model.kernel=fused")
    folder = tmp_path_factory.mktemp("fused")
    ended = warm.cli(folder)(*fused)
    if "no C++ compiler" in ended.err:
        pytest.skip("no C++ compiler")
    assert ended.code == 0, ended.err
    assert_same_end(broken(cli, fused, at(STEP, step, "before")), the_run(folder))


BORDERS = {
    "after the first step": at(STEP, 1, "after"),
    "after an epoch's last step": at(STEP, 4, "after"),
    "before an epoch's end": at("seqexp.training.loop:_end_epoch", 2, "before"),
    "after an epoch's end": at("seqexp.training.loop:_end_epoch", 2, "after"),
    "before a validation": at(VALIDATE, 2, "before"),
    "in the midst of a validation": at("seqexp.tasks.forecasting:Predictor.from_parameters", 5, "before"),
    "after a validation": at(VALIDATE, 2, "after"),
    "before a save": at("seqexp.store.checkpoint:save", 3, "before"),
    "after a save": at("seqexp.store.checkpoint:save", 3, "after"),
    "in the last validation": at(VALIDATE, 4, "after"),
    "before the first step, prepared": at("seqexp.run.train:fit", 1, "before"),
    "after the last step": at("seqexp.run.train:fit", 1, "after"),
    "before the test": at("seqexp.run.forecasting.results:_record", 1, "before"),
    "in the midst of the test": at("seqexp.tasks.forecasting:Predictor.forecast", 2, "after"),
    "after the test": at("seqexp.run.forecasting.results:_record", 1, "after"),
    "before the baselines": at("seqexp.run.forecasting.results:fit_baselines", 1, "before"),
    "after the baselines": at("seqexp.run.forecasting.results:records", 1, "after"),
    "before the status is complete": at("seqexp.run.train:_Training.run", 1, "after"),
}


@pytest.mark.parametrize("moment", BORDERS)
def test_killed_between_steps(cli: Cli, command: Command, unbroken: Unbroken, moment: str) -> None:
    assert_same_end(broken(cli, command("rnn"), BORDERS[moment]), unbroken("rnn")[0])


def killed_at_file_event(cli: Cli, command: Sequence[str], run: Path, number: int, model: str) -> None:
    assert_same_end(broken(cli.at(f"{model}-{number}"), command, {"at": "file", "call": number}), run)


@pytest.mark.parametrize("model", MODELS)
def test_killed_at_some_of_all_things_done_to_files(cli: Cli, command: Command, unbroken: Unbroken, model: str) -> None:
    """An opening, a rename, a removal, before and after a sync: six of about 150, others for each model."""
    run, events = unbroken(model)
    first = list(MODELS).index(model) * len(events) // 18
    for number in range(first + 1, len(events) + 1, len(events) // 6):
        killed_at_file_event(cli, command(model), run, number, model)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_killed_at_all_things_done_to_files(cli: Cli, command: Command, unbroken: Unbroken, model: str) -> None:
    run, events = unbroken(model)
    for number in range(1, len(events) + 1):
        killed_at_file_event(cli, command(model), run, number, model)


def test_killed_many_times_in_a_row(cli: Cli, command: Command, unbroken: Unbroken) -> None:
    """At the first step, in a save, while it resumes, in the test, and while it resumes to the test."""
    faults = [
        at(STEP, 5, "before"), {"at": "file", "call": 30}, {"at": "file", "call": 20}, at(STEP, 6, "after"),
        at("seqexp.run.train:restore", 1, "after"), at("seqexp.run.forecasting.results:records", 1, "after"),
        at("seqexp.run.forecasting.results:_record", 1, "after"),
    ]  # fmt: skip
    assert_same_end(broken(cli, command("rnn"), *faults), unbroken("rnn")[0])


@pytest.mark.parametrize(
    ("model", "name", "step", "when"),
    [
        ("lstm", "SIGINT", 1, "before"), ("lstm", "SIGINT", 4, "after"), ("rnn", "SIGTERM", 5, "before"),
        ("gru", "SIGTERM", 9, "after"), ("rnn", "SIGUSR1", 6, "after"), ("gru", "SIGUSR2", 3, "before"),
    ],
)  # fmt: skip
def test_a_signal_saves_at_the_next_step_and_ends_with_128_more(
    cli: Cli, command: Command, unbroken: Unbroken, *, model: str, name: str, step: int, when: str
) -> None:
    number = int(getattr(signal, name))
    ended = cli(*command(model), faults=[at(STEP, step, when, signal=number)])
    assert ended.code == 128 + number, ended.err
    run = the_run(cli.cwd)
    assert f"stopped by signal {number}; saved at step {step}\n" in ended.err
    assert "Traceback" not in ended.err
    assert (status(run)["state"], status(run)["reason"]) == ("interrupted", f"signal {number}")
    assert last_state(run)["progress"]["step"] == status(run)["step"] == step
    assert_same_end(broken(cli, command(model)), unbroken(model)[0])


@pytest.mark.parametrize("number", [1, 4])
def test_a_signal_in_a_validation_waits_for_its_end(
    cli: Cli, command: Command, unbroken: Unbroken, number: int
) -> None:
    ended = cli(*command("rnn"), faults=[at(VALIDATE, number, "before", signal=signal.SIGTERM)])
    assert ended.code == 128 + signal.SIGTERM
    assert last_state(the_run(cli.cwd))["progress"]["epoch"] == number
    assert_same_end(broken(cli, command("rnn")), unbroken("rnn")[0])


@pytest.mark.parametrize(
    "place",
    ["seqexp.run.train:build_problem", "seqexp.run.train:restore", "seqexp.run.forecasting.results:_record",
     "seqexp.run.forecasting.results:records"],
)  # fmt: skip
def test_a_signal_where_nothing_is_to_be_saved_stops_at_once(
    cli: Cli, command: Command, unbroken: Unbroken, place: str
) -> None:
    broken_off = cli(*command("lstm"), faults=[at(STEP, 6, "before")])
    assert broken_off.code == -signal.SIGKILL
    ended = cli(*command("lstm"), faults=[at(place, 1, "before", signal=signal.SIGINT)])
    assert ended.code == 130
    assert status(the_run(cli.cwd))["state"] == "interrupted"
    assert "Traceback" not in ended.err
    assert_same_end(broken(cli, command("lstm")), unbroken("lstm")[0])


def test_a_second_signal_of_the_same_kind_acts_at_once(cli: Cli, command: Command, unbroken: Unbroken) -> None:
    """The first asks to stop at the next step; who asks again has waited long enough."""
    faults = [at(STEP, 5, when, signal=signal.SIGTERM) for when in ("before", "after")]
    assert cli(*command("lstm"), faults=faults).code == -signal.SIGTERM
    assert_same_end(broken(cli, command("lstm")), unbroken("lstm")[0])


def test_a_second_process_is_refused_and_the_first_is_unharmed(cli: Cli, command: Command, unbroken: Unbroken) -> None:
    first = cli.start(*command("lstm"), faults=[at(STEP, 5, "before", signal=signal.SIGSTOP)])
    first.stopped()
    run = the_run(cli.cwd)
    before = files(run)
    for other in (command("lstm"), ("resume", "latest"), ("resume", str(run), "trainer.max_epochs=9")):
        second = cli(*other)
        assert second.code == 2
        assert second.out == ""
        assert second.err.startswith(
            f"seqexp: {run.relative_to(cli.cwd)} is being written by another process (pid "
        ) or (second.err.startswith(f"seqexp: {run} is being written by another process (pid {first.pid} on "))
        assert second.err.endswith("wait for it or stop it, then run the same command again to continue\n")
        assert files(run) == before
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait().code == 0
    assert_same_end(run, unbroken("lstm")[0])


def test_a_run_whose_holder_was_killed_is_taken_over_at_once(cli: Cli, command: Command, unbroken: Unbroken) -> None:
    first = cli.start(*command("lstm"), faults=[at(STEP, 5, "before", signal=signal.SIGSTOP)])
    first.stopped()
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait().code == -signal.SIGKILL
    assert status(the_run(cli.cwd))["state"] == "running"
    assert_same_end(broken(cli, command("lstm")), unbroken("lstm")[0])


def test_a_full_disk_is_one_message_and_the_same_command_goes_on(
    cli: Cli, command: Command, unbroken: Unbroken
) -> None:
    run, events = unbroken("lstm")
    for number in range(1, len(events), len(events) // 7):
        folder, error = cli.at(str(number)), ("ENOSPC", "EIO", "EDQUOT")[number % 3]
        ended = folder(*command("lstm"), faults=[{"at": "file", "call": number, "raise": error}], again=True)
        assert ended.code in (0, 1, 2), ended
        assert (ended.code == 0) == (not ended.err.splitlines()[-1].startswith("seqexp: cannot ")), ended.err
        assert "Traceback" not in ended.err
        assert_same_end(broken(folder, command("lstm")), run)


@pytest.mark.slow
def test_a_hundred_kills_at_random_lose_nothing(cli: Cli, command: Command, unbroken: Unbroken) -> None:
    """By a step, by a thing done to a file, or by the clock, until a run ends; then the next run."""
    drawn, kills, number = random.Random(20), 0, 0
    while kills < 100:
        model = drawn.choice(list(MODELS))
        number += 1
        folder = cli.at(str(number))
        code = -1
        while code:
            fault = drawn.choice([
                at(STEP, drawn.randint(1, 6), drawn.choice(["before", "after"])),
                {"at": "file", "call": drawn.randint(1, 90)},
                {"at": "time", "seconds": drawn.uniform(0.05, 0.6)},
            ])  # fmt: skip
            code = folder(*command(model), faults=[fault], again=True).code
            assert code in (0, -signal.SIGKILL, -signal.SIGALRM)
            kills += code != 0
        assert_same_end(the_run(folder.cwd), unbroken(model)[0])
