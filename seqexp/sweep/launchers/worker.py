"""One worker of the local launcher: a fork that runs one job, tells its parent how it ended, and is gone."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from seqexp.errors import RunError, SeqexpError
from seqexp.sweep.launchers import Run, last_line
from seqexp.sweep.plan import Job

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP") if hasattr(signal, name)
]


@dataclass(frozen=True)
class Answer:
    """How a worker ended: complete, by a signal, or with an error."""

    signal: int | None = None
    error: str | None = None
    refused: bool = False
    """Whether the error is that its run cannot be used, perhaps because somebody else writes it."""


class Worker:
    """A worker, as its parent sees it."""

    def __init__(self, job: Job, pid: int, answers: int) -> None:
        self.job, self.pid, self.answers = job, pid, answers
        self._said = b""

    def signal(self, number: int) -> None:
        """Send a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def read(self) -> bool:
        """Take what it wrote; whether it ended. The system closes its end, however it died."""
        said = os.read(self.answers, 65536)
        self._said += said
        return not said

    def end(self) -> Answer:
        """Reap it, and say how it ended."""
        os.close(self.answers)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if self._said:
            return Answer(**json.loads(self._said))
        return Answer(signal=-code) if code < 0 else Answer(error=f"its process ended with exit code {code}")


def start(job: Job, run: Run, lifeline: tuple[int, int], log: str) -> Worker:
    """Fork a worker.

    Args:
        job: What it runs.
        run: How.
        lifeline: A pipe whose writing end the parent alone keeps open.
        log: Gets what it prints.
    """
    reads, writes = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # A signal that comes before the child has set its own handlers waits until it has.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns of any thread. The only one here is pyarrow's allocator's, which knows how to fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            os.close(reads)
            os.close(lifeline[1])
            _work(job, run, (writes, lifeline[0]), log)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    os.close(writes)
    return Worker(job, pid, reads)


def _work(job: Job, run: Run, pipes: tuple[int, int], log: str) -> NoReturn:
    """The child: never returns."""
    code = 1
    try:
        os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which passes it on
        _print_to(log)
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        threading.Thread(target=_end_with_parent, args=(pipes[1],), daemon=True).start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.write(pipes[0], json.dumps(_answer(job, run)).encode())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _answer(job: Job, run: Run) -> dict[str, Any]:
    try:
        code = run(job.composed)
    except KeyboardInterrupt as stopped:
        return {"signal": int(getattr(stopped, "number", signal.SIGINT))}
    except Exception as error:  # whatever it was: the parent tells it
        if not isinstance(error, SeqexpError):
            traceback.print_exc()
        return {"error": last_line(error), "refused": isinstance(error, RunError)}
    return {"signal": code - 128} if code else {}


def _print_to(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number in (1, 2):
        os.dup2(file, number)
    os.close(file)
    sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", closefd=False, buffering=1) for n in (1, 2))  # noqa: SIM115


def _end_with_parent(lifeline: int) -> None:
    """Wait for the parent's death, then stop as if asked: save, and end."""
    with suppress(OSError):
        os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
