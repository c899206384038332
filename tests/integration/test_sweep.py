"""Sweeps under both launchers: killed in every part, typed again, equal to one that nobody disturbed."""

from __future__ import annotations

import csv
import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from integration.runs import assert_same_end, files, status

from seqexp.store.run_directory import RunDirectory

if TYPE_CHECKING:
    from integration.conftest import Cli, Ended

TWELVE = ("model=gru,lstm", "seed=range(1,7)")
FAST = ("trainer.max_epochs=1", "trainer.limit_batches=2", "task.baselines=[naive]")
LOCAL = ("hydra/launcher=local", "sweep.workers=2")
DRIVER = "seqexp.sweep.launchers.local"


def runs_of(folder: Path) -> list[Path]:
    return sorted(p.parent for p in folder.glob("outputs/stocks/*/config.yaml"))


def the_sweep(folder: Path) -> Path:
    (manifest,) = folder.glob("outputs/sweeps/*/manifest.json")
    return manifest.parent


def assert_whole(folder: Path, undisturbed: Path) -> None:
    """Twelve runs, each as in the undisturbed sweep, in one sweep of the same jobs."""
    runs, expected = runs_of(folder), runs_of(undisturbed)
    assert len(runs) == 12
    assert [r.name for r in runs] == [r.name for r in expected]
    for run, other in zip(runs, expected, strict=True):
        assert_same_end(run, other)
    one, two = (json.loads((the_sweep(f) / "manifest.json").read_text())["jobs"] for f in (folder, undisturbed))
    assert one == two
    assert the_sweep(folder).name == the_sweep(undisturbed).name
    tables = [(the_sweep(f) / "summary.csv").read_text() for f in (folder, undisturbed)]
    assert tables[0] == tables[1]


@pytest.fixture(scope="module")
def undisturbed(warm: Any, tiny: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where twelve jobs were run one after another, to their end."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ended = warm.cli(folder)("train", "-m", *tiny, *TWELVE)
    assert ended.code == 0, ended.err
    return folder


def test_local_workers_give_what_one_process_gives(cli: Cli, tiny: Sequence[str], undisturbed: Path) -> None:
    ended = cli("train", "-m", *tiny, *TWELVE, *LOCAL)
    assert ended.code == 0, ended.err
    assert_whole(cli.cwd, undisturbed)
    before = files(cli.cwd / "outputs" / "stocks")
    again = cli("train", "-m", *LOCAL, *reversed(tiny), *TWELVE)
    assert (again.code, again.out.count("is complete; nothing to train")) == (0, 12)
    assert "sweep of 12 jobs: 12 complete" in again.err
    assert files(cli.cwd / "outputs" / "stocks") == before


def test_a_basic_sweep_killed_three_times_is_finished_by_the_same_command(
    cli: Cli, tiny: Sequence[str], undisturbed: Path
) -> None:
    command = ("train", "-m", *tiny, *TWELVE)
    for step in (6, 31, 52):  # of this process: in the first, the third and the fifth of the jobs that are left
        fault = {"at": "seqexp.training.loop:train_step", "call": step, "when": "after"}
        assert cli(*command, faults=[fault]).code == -signal.SIGKILL
    ended = cli(*command)
    assert ended.code == 0, ended.err
    assert "1 unfinished" in ended.err
    assert_whole(cli.cwd, undisturbed)


def test_a_local_sweep_killed_in_every_part_is_finished_by_the_same_command(
    cli: Cli, tiny: Sequence[str], undisturbed: Path
) -> None:
    """The driver dies at its third start, three times; in the end every worker dies again and again on its way."""
    command = ("train", "-m", *tiny, *TWELVE, *LOCAL)
    for when in ("after", "before", "after"):
        fault = {"at": f"{DRIVER}:start", "call": 3, "when": when}
        assert cli(*command, faults=[fault]).code == -signal.SIGKILL
    ended = cli(*command, faults=[{"at": "seqexp.training.loop:train_step", "call": 6, "when": "after"}])
    assert ended.code == 0, ended.err
    # At most eight jobs were begun before. Of the 12 steps of each of the others every sixth kills.
    assert ended.err.count("was killed by SIGKILL; it goes on from its checkpoint") >= 4
    assert_whole(cli.cwd, undisturbed)


ENDLESS = ("trainer.max_epochs=100000", "trainer.early_stopping.patience=null", "trainer.checkpoints.every_steps=1")


def until(reached: Callable[[], bool]) -> None:
    """Look again and again, for half a minute at the most."""
    turn = threading.Event()
    for _ in range(1500):
        if reached():
            return
        turn.wait(0.02)
    raise AssertionError("never reached")


def trains(folder: Path) -> int:
    """How many runs have made an update."""
    return sum(RunDirectory(run).status().get("step", 0) > 0 for run in runs_of(folder))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_save_and_end_with_their_driver(cli: Cli, tiny: Sequence[str], number: int) -> None:
    started = cli.start("train", "-m", *tiny, *ENDLESS, "seed=1,2,3", *LOCAL)
    until(lambda: trains(cli.cwd) == 2)
    os.kill(started.pid, number)
    ended = started.wait()
    assert ended.code == (-number if number == signal.SIGKILL else 128 + number), ended.err
    runs = runs_of(cli.cwd)
    until(lambda: not any(RunDirectory(run).is_claimed() for run in runs))
    passed_on = signal.SIGTERM if number == signal.SIGKILL else number
    assert [(status(r)["state"], status(r)["reason"]) for r in runs] == [("interrupted", f"signal {passed_on:d}")] * 2
    if number != signal.SIGKILL:
        assert f"stopped by signal {number:d}; the same command goes on" in ended.err


def test_a_job_that_is_killed_too_often_fails_and_the_others_go_on(cli: Cli, tiny: Sequence[str]) -> None:
    fault = {"at": "seqexp.training.loop:train_step", "call": 2, "when": "after"}  # before the first checkpoint
    ended = cli("train", "-m", *tiny, *FAST, "seed=1,2", *LOCAL, "sweep.retries=1", faults=[fault])
    assert ended.code == 1
    assert ended.err.count("; it goes on from its checkpoint, 1 of 1") == 2
    assert "seqexp: 2 of 2 jobs failed:\n" in ended.err
    assert ended.err.count("-seed1-") >= 2
    assert ended.err.splitlines()[-1].endswith("killed 2 times, last by SIGKILL (sweep.retries=1)")
    retried = cli("sweep", "retry", "latest")
    assert retried.code == 0, retried.err
    assert [status(r)["state"] for r in runs_of(cli.cwd)] == ["complete", "complete"]


def failing(cli: Cli, tiny: Sequence[str], *more: str) -> Ended:
    """A sweep whose second job cannot be run."""
    return cli("train", "-m", *tiny, *FAST, "data.target=close,volatility,return", *more)


@pytest.mark.parametrize("launcher", ["basic", "local"])
def test_a_failing_job_is_named_at_the_end_and_the_others_are_complete(
    cli: Cli, tiny: Sequence[str], launcher: str
) -> None:
    ended = failing(cli, tiny, f"hydra/launcher={launcher}", "sweep.workers=1")
    assert ended.code == 1
    head, last = ended.err.splitlines()[-2:]
    assert head == "seqexp: 1 of 3 jobs failed:"
    assert last.startswith("  outputs/stocks/lstm-seed1-")
    assert "data.window must be at least 22 with data.target=volatility" in last
    assert [status(r)["state"] for r in runs_of(cli.cwd)] == ["complete"] * 2
    assert [line.split()[1] for line in ended.out.splitlines() if line.split()[0] in ("close", "return")][-2:] == [
        "complete", "complete",
    ]  # fmt: skip


@pytest.mark.parametrize("launcher", ["basic", "local"])
def test_with_fail_fast_the_first_failure_ends_the_sweep(cli: Cli, tiny: Sequence[str], launcher: str) -> None:
    ended = failing(cli, tiny, f"hydra/launcher={launcher}", "sweep.workers=1", "sweep.fail_fast=true")
    assert ended.code == 1
    assert "1 of 3 jobs failed" in ended.err
    (run,) = runs_of(cli.cwd)
    assert status(run)["state"] == "complete"


def test_machines_get_a_line_for_each_job_and_one_for_the_sweep(cli: Cli, tiny: Sequence[str]) -> None:
    ended = cli("train", "-m", *tiny, *FAST, "seed=1,2", *LOCAL, "--json")
    assert ended.code == 0, ended.err
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert [e["event"] for e in events] == ["job", "job", "sweep"]
    scores = {e["run"]: e["score"] for e in events[:2]}
    assert scores == {row["run"]: row["score"] for row in events[2]["jobs"]}
    assert scores == {str(r.relative_to(cli.cwd)): status(r)["results"]["lstm"] for r in runs_of(cli.cwd)}


def test_two_drivers_of_one_sweep_share_its_jobs(cli: Cli, tiny: Sequence[str], undisturbed: Path) -> None:
    command = ("train", "-m", *tiny, *TWELVE, *LOCAL)
    one, two = cli.start(*command), cli.start(*command)
    ended = [one.wait(), two.wait()]
    assert [e.code for e in ended] == [0, 0], ended
    assert_whole(cli.cwd, undisturbed)
    for run in runs_of(cli.cwd):
        assert len(json.loads((run / "provenance.json").read_text())["calls"]) == 1


def test_zipped_keys_advance_together(cli: Cli, tiny: Sequence[str]) -> None:
    zipped = ("model=rnn,gru", "optimizer.lr=0.1,0.2", "seed=1,2", "sweep.zip=[[model,optimizer.lr]]")
    ended = cli("train", "-m", *tiny, *FAST, *zipped)
    assert ended.code == 0, ended.err
    table = list(csv.DictReader((the_sweep(cli.cwd) / "summary.csv").read_text().splitlines()))
    assert [(r["model"], r["optimizer.lr"], r["seed"], r["state"]) for r in table] == [
        ("rnn", "0.1", "1", "complete"), ("rnn", "0.1", "2", "complete"),
        ("gru", "0.2", "1", "complete"), ("gru", "0.2", "2", "complete"),
    ]  # fmt: skip
