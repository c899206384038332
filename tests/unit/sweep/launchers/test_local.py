"""Real forks of this process, whose jobs take no time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seqexp.config.compose import Composed
from seqexp.errors import RunError, TrainingError
from seqexp.sweep.launchers import Ended, launch
from seqexp.sweep.launchers.local import number_of_workers
from seqexp.sweep.plan import Job

if TYPE_CHECKING:
    from unit.sweep.conftest import Told

Jobs = Callable[..., list[Job]]
Settings = Callable[..., Any]
Launch = Callable[..., Ended]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def local(settings: Settings, told: Told, tmp_path: Path) -> Launch:
    def launched(jobs: list[Job], run: Callable[[Composed], int], *own: str) -> Ended:
        log = str(tmp_path / "workers.log")
        return launch("local", jobs, run=run, settings=settings("sweep.workers=2", *own), watch=told, log=log)

    return launched


def once(tmp_path: Path, composed: Composed) -> bool:
    """Whether this is the first try of a job, in whatever process."""
    try:
        (tmp_path / f"tried-{composed.experiment.seed}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def test_each_job_runs_in_a_process_of_its_own(jobs: Jobs, local: Launch, told: Told, tmp_path: Path) -> None:
    def run(composed: Composed) -> int:
        (tmp_path / f"pid-{composed.experiment.seed}").write_text(str(os.getpid()))
        print("to the log")
        return 0

    ended = local(jobs(5), run)
    assert (ended.failures, ended.signal) == ([], None)
    pids = {int((tmp_path / f"pid-{n}").read_text()) for n in range(1, 6)}
    assert len(pids) == 5
    assert os.getpid() not in pids
    assert sorted(e for e in told.events if e[0] == "ended") == [("ended", n, None) for n in range(1, 6)]
    assert [e for e in told.events if e[0] == "started"] == [("started", n) for n in range(1, 6)]
    assert told.most <= 2
    assert (tmp_path / "workers.log").read_text() == "to the log\n" * 5
    for pid in pids:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def test_a_job_that_fails_stops_no_other(jobs: Jobs, local: Launch, tmp_path: Path) -> None:
    def run(composed: Composed) -> int:
        seed = composed.experiment.seed
        if seed == 1:
            raise TrainingError("first\nlast")
        if seed == 2:
            raise KeyError("what")
        if seed == 3:
            os._exit(7)
        if seed == 4:
            raise MemoryError
        return 0

    four = jobs(5)
    found = {job.composed.experiment.seed: line for job, line in local(four, run).failures}
    assert found == {
        1: "last", 2: "'what'", 3: "its process ended with exit code 7",
        4: "out of memory; try a smaller trainer.batch_size, data.window, data.max_length or model.hidden_sizes",
    }  # fmt: skip
    assert "KeyError: 'what'" in (tmp_path / "workers.log").read_text()


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_job_whose_worker_is_killed_or_stopped_goes_on(
    jobs: Jobs, local: Launch, told: Told, tmp_path: Path, how: str
) -> None:
    def run(composed: Composed) -> int:
        if once(tmp_path, composed) and composed.experiment.seed == 2:
            if how == "stopped":
                return 128 + signal.SIGKILL
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    three = jobs(3)
    assert local(three, run).failures == []
    said = [e[1] for e in told.events if e[0] == "say"]
    assert said == [f"{three[1].directory} was killed by SIGKILL; it goes on from its checkpoint, 1 of 2"]
    assert sorted(e[1] for e in told.events if e[0] == "ended") == [1, 2, 3]


def test_a_job_that_is_killed_again_and_again_fails(jobs: Jobs, local: Launch) -> None:
    def run(_: Composed) -> int:
        os.kill(os.getpid(), signal.SIGALRM)
        return 0

    (failure,) = local(jobs(1), run, "sweep.retries=3").failures
    assert failure[1] == "killed 4 times, last by SIGALRM (sweep.retries=3)"


def test_with_fail_fast_those_that_run_are_stopped_and_no_more_begin(jobs: Jobs, local: Launch, told: Told) -> None:
    def run(composed: Composed) -> int:
        if composed.experiment.seed == 2:
            raise TrainingError("no")
        signal.pause()
        return 0

    ended = local(jobs(4), run, "sweep.fail_fast=true")
    assert ([line for _, line in ended.failures], ended.signal) == (["no"], None)
    assert [e for e in told.events if e[0] == "started"] == [("started", 1), ("started", 2)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_is_passed_on_and_is_the_end(
    jobs: Jobs, local: Launch, told: Told, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([True])
    monkeypatch.setattr(told, "tick", lambda _: os.kill(os.getpid(), number) if next(ticks, False) else None)

    def run(_: Composed) -> int:
        signal.pause()
        return 0

    ended = local(jobs(3), run)
    assert (ended.signal, ended.failures) == (number, [])
    assert [e[0] for e in told.events] == ["started", "started"]


def test_a_run_that_was_refused_by_accident_is_tried_once_more(jobs: Jobs, local: Launch, tmp_path: Path) -> None:
    def run(composed: Composed) -> int:
        first = once(tmp_path, composed)
        if first or composed.experiment.seed == 2:
            raise RunError("is being written by another process")
        return 0

    failures = local(jobs(2), run).failures
    assert [(job.composed.experiment.seed, line) for job, line in failures] == [
        (2, "is being written by another process")
    ]


def test_what_another_process_writes_is_waited_for(jobs: Jobs, local: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = two = jobs(2)
    left = {one.directory.path: 3}

    def is_taken(job: Job) -> bool:
        left[job.directory.path] = left.get(job.directory.path, 0) - 1
        return left[job.directory.path] >= 0

    monkeypatch.setattr(Job, "is_taken", is_taken)
    monkeypatch.setattr("seqexp.sweep.launchers.local.POLL_SECONDS", 0.01)
    assert local(two, lambda _: 0).failures == []
    assert left[one.directory.path] == -1


@pytest.mark.parametrize(
    ("own", "threads", "workers"), [([], 1, 4), ([], 3, 1), ([], 8, 1), (["sweep.workers=7"], 2, 7)]
)
def test_four_cores_are_divided_among_workers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, own: list[str], threads: int, workers: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    assert number_of_workers(settings(*own), threads) == workers
