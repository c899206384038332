from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from seqexp.config.compose import Composed
from seqexp.errors import RunError, TrainingError
from seqexp.sweep.launchers import launch
from seqexp.sweep.plan import Job

if TYPE_CHECKING:
    from unit.sweep.conftest import Told

Jobs = Callable[..., list[Job]]
Settings = Callable[..., Any]


def test_jobs_run_in_order_and_one_that_fails_stops_no_other(jobs: Jobs, settings: Settings, told: Told) -> None:
    three = jobs(3)

    def run(composed: Composed) -> int:
        if composed.experiment.seed == 2:
            raise TrainingError("first\nlast")
        return 0

    ended = launch("basic", three, run=run, settings=settings(), watch=told, log="")
    assert (ended.failures, ended.signal) == ([(three[1], "last")], None)
    assert told.events == [
        ("started", 1), ("ended", 1, None), ("started", 2), ("ended", 2, "last"), ("started", 3), ("ended", 3, None),
    ]  # fmt: skip


def test_with_fail_fast_the_first_failure_is_the_end(jobs: Jobs, settings: Settings, told: Told) -> None:
    def run(_: Composed) -> int:
        raise TrainingError("no")

    ended = launch("basic", jobs(3), run=run, settings=settings("sweep.fail_fast=true"), watch=told, log="")
    assert [line for _, line in ended.failures] == ["no"]
    assert told.events == [("started", 1), ("ended", 1, "no")]


def test_a_signal_is_the_end(jobs: Jobs, settings: Settings, told: Told) -> None:
    ended = launch("basic", jobs(3), run=lambda _: 128 + 15, settings=settings(), watch=told, log="")
    assert (ended.failures, ended.signal) == ([], 15)
    assert told.events == [("started", 1)]


def test_an_error_that_nobody_expected_is_shown_whole_and_stops_no_other(
    jobs: Jobs, settings: Settings, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(composed: Composed) -> int:
        if composed.experiment.seed == 1:
            raise KeyError("what")
        return 0

    ended = launch("basic", jobs(2), run=run, settings=settings(), watch=told, log="")
    assert [line for _, line in ended.failures] == ["'what'"]
    assert told.events[-1] == ("ended", 2, None)
    assert "Traceback" in capsys.readouterr().err


def test_what_another_process_has_completed_is_not_run(
    jobs: Jobs, settings: Settings, told: Told, complete: Callable[..., None]
) -> None:
    two = jobs(2)
    complete(two[0])
    seen: list[int] = []

    def run(composed: Composed) -> int:
        seen.append(composed.experiment.seed)
        return 0

    assert launch("basic", two, run=run, settings=settings(), watch=told, log="").failures == []
    assert seen == [2]


def test_what_another_process_writes_is_waited_for(
    jobs: Jobs, settings: Settings, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first job is claimed until the second has run; when it is tried, its claim is taken once more."""
    one, _ = two = jobs(2)
    taken, refused = {one.directory.path: 4}, [True]
    monkeypatch.setattr("seqexp.sweep.launchers.basic.time.sleep", lambda _: None)

    def is_taken(job: Job) -> bool:
        left = taken.get(job.directory.path, 0)
        taken[job.directory.path] = left - 1
        return left > 0

    monkeypatch.setattr(Job, "is_taken", is_taken)
    monkeypatch.setattr(type(one.directory), "is_claimed", lambda _: True)
    seen: list[int] = []

    def run(composed: Composed) -> int:
        seen.append(composed.experiment.seed)
        if composed.experiment.seed == 1 and refused.pop():
            refused.append(False)
            raise RunError("is being written by another process")
        return 0

    assert launch("basic", two, run=run, settings=settings(), watch=told, log="").failures == []
    assert seen == [2, 1, 1]
