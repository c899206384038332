from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqexp.errors import RunError
from seqexp.sweep.launchers import last_line
from seqexp.sweep.launchers.worker import Answer, Worker, start
from seqexp.sweep.plan import Job

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

Begin = Callable[[Callable[[Any], int]], Worker]


@pytest.fixture
def begin(jobs: Callable[..., list[Job]], tmp_path: Path) -> Iterator[Begin]:
    """Starts a worker."""
    lifeline = os.pipe()
    (job,) = jobs(1)
    yield lambda run: start(job, run, lifeline, str(tmp_path / "log"))
    for end in lifeline:
        os.close(end)


def ended(found: Worker) -> Answer:
    while not found.read():
        pass
    return found.end()


def test_a_worker_that_is_done_says_nothing_is_wrong(begin: Begin) -> None:
    assert ended(begin(lambda _: 0)) == Answer()


def test_a_worker_that_stopped_by_a_signal_says_which(begin: Begin) -> None:
    assert ended(begin(lambda _: 128 + signal.SIGTERM)) == Answer(signal=signal.SIGTERM)


def test_a_worker_says_whether_its_run_was_refused(begin: Begin) -> None:
    def run(_: Any) -> int:
        raise RunError("taken")

    assert ended(begin(run)) == Answer(error="taken", refused=True)


def test_a_signal_that_nothing_waits_for_ends_a_worker_at_once(begin: Begin) -> None:
    found = begin(lambda _: signal.pause() or 0)
    found.signal(signal.SIGTERM)
    assert ended(found) == Answer(signal=signal.SIGTERM)
    found.signal(signal.SIGTERM)  # it is gone, and that is no error


def test_a_worker_is_in_a_group_of_its_own_so_that_ctrl_c_comes_once(begin: Begin, tmp_path: Path) -> None:
    def run(_: Any) -> int:
        (tmp_path / "group").write_text(str(os.getpgid(0)))
        return 0

    found = begin(run)
    assert ended(found) == Answer()
    assert int((tmp_path / "group").read_text()) == found.pid


def test_a_worker_whose_parent_dies_ends(jobs: Callable[..., list[Job]], tmp_path: Path) -> None:
    lifeline = os.pipe()
    found = start(jobs(1)[0], lambda _: signal.pause() or 0, lifeline, str(tmp_path / "log"))
    os.close(lifeline[1])  # as the system does for a process that dies
    assert ended(found) == Answer(signal=signal.SIGTERM)
    os.close(lifeline[0])


def test_a_signal_of_the_parents_is_let_through_again(begin: Begin) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    ended(begin(lambda _: 0))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\nb\n"), "b"),
        (ValueError(), "ValueError"),
        (
            MemoryError(),
            "out of memory; try a smaller trainer.batch_size, data.window, data.max_length or model.hidden_sizes",
        ),
    ],
)
def test_the_last_line_says_what_went_wrong(error: Exception, line: str) -> None:
    assert last_line(error) == line
