"""Where the jobs of a sweep run: one module for each name of `hydra/launcher=`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from seqexp.config.compose import Composed
from seqexp.config.schema.sweep import Sweep
from seqexp.errors import OUT_OF_MEMORY, is_out_of_memory
from seqexp.sweep.plan import Job

POLL_SECONDS = 0.2

Run = Callable[[Composed], int]
"""Trains one experiment. Returns 0, or 128 + N if signal N stopped it; raises what went wrong."""


class Watch(Protocol):
    """Is told what becomes of the jobs."""

    def started(self, job: Job) -> None:
        """A job begins or goes on."""

    def ended(self, job: Job, failure: str | None = None) -> None:
        """A job is complete, or failed with this last line."""

    def say(self, message: str) -> None:
        """Something to know."""

    def tick(self, running: Sequence[Job]) -> None:
        """Time passes; these run. Called a few times a second."""


@dataclass
class Ended:
    """How a sweep ended."""

    failures: list[tuple[Job, str]] = field(default_factory=list)
    """Each failed job with its last line."""
    signal: int | None = None
    """What stopped it."""


def launch(launcher: str, jobs: Sequence[Job], *, run: Run, settings: Sweep, watch: Watch, log: str) -> Ended:
    """Run jobs to their end, each in its own directory; one that another process writes is waited for.

    Args:
        launcher: basic or local.
        jobs: Those that are not complete.
        run: Trains one.
        settings: Of the sweep.
        watch: Is told.
        log: A file for what workers print.
    """
    module = importlib.import_module(f"seqexp.sweep.launchers.{launcher}")
    ended: Ended = module.launch(jobs, run=run, settings=settings, watch=watch, log=log)
    return ended


def last_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    return lines[-1] if lines else type(error).__name__
