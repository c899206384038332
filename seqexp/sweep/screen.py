"""What is shown while a sweep runs: one live table on a terminal, a plain line a job elsewhere, JSON for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqexp.sweep.plan import Job
from seqexp.sweep.scores import Row, named, scores
from seqexp.text import columns, number, printable

if TYPE_CHECKING:
    from rich.live import Live

_REFRESH_SECONDS = 0.5


class Screen:
    """Tells how far a sweep is.

    Args:
        style: auto, live, plain, json or none.
        jobs: How many there are.
        done: How many of them are complete.
        workers: How many run at once; 0: in this process, where each job shows its own progress.
    """

    def __init__(self, style: str, jobs: int, done: int, workers: int) -> None:
        if style == "auto":
            style = "live" if sys.stderr.isatty() else "plain"
        self.style, self.jobs, self.done, self.workers = style, jobs, done, workers
        self.begun: dict[Job, float] = {}
        self.seconds: list[float] = []
        self._live: Live | None = None
        self._next_refresh = 0.0

    def started(self, job: Job) -> None:
        """A job begins or goes on."""
        self.begun.setdefault(job, time.monotonic())
        if not self.workers and self.style not in ("json", "none"):
            left = f"  {self._left()}" if self.seconds else ""
            self._print(f"[{self.done + 1}/{self.jobs}] {job.directory}{left}")

    def ended(self, job: Job, failure: str | None = None) -> None:
        """A job is complete, or failed."""
        self.done += 1
        if job in self.begun:
            self.seconds.append(time.monotonic() - self.begun[job])
        row = scores(job.directory.observed_status())
        state = "failed" if failure else "complete"
        if self.style == "json":
            fields = {k: v for k, v in row.items() if k not in ("state", "reason")}
            event = {"event": "job", "run": str(job.directory), "state": state, **fields, "reason": failure}
            print(json.dumps(event), flush=True)
        elif self.workers and self.style != "none":
            score = _score(row)
            what = f"failed: {failure}" if failure else f"complete{f', {score}' if score else ''}"
            left = f"  {self._left()}" if self.done < self.jobs else ""
            self._print(f"[{self.done}/{self.jobs}] {job.directory} {what}{left}")

    def say(self, message: str) -> None:
        """Something to know."""
        if self.style == "json":
            print(json.dumps({"event": "message", "text": message}), flush=True)
        elif self.style != "none":
            self._print(message)

    def tick(self, running: Sequence[Job]) -> None:
        """Draw the live table, twice a second at the most."""
        if self.style != "live" or not self.workers or time.monotonic() < self._next_refresh:
            return
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self._next_refresh = time.monotonic() + _REFRESH_SECONDS
        if self._live is None:
            console = Console(stderr=True, highlight=False, soft_wrap=True)
            # No thread of its own: workers are forked from here.
            self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
            self._live.start()
        self._live.update(Text(self._table(running), no_wrap=True, overflow="ellipsis"), refresh=True)

    def close(self) -> None:
        """Take the live table away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _table(self, running: Sequence[Job]) -> str:
        lines = [["running", "epoch", "best valid", "for"]]
        for job in running:
            status = job.directory.observed_status()
            epochs = f"{status.get('epoch', 0)}/{job.composed.experiment.trainer.max_epochs}"
            spent = duration(time.monotonic() - self.begun[job])
            lines.append([str(job.directory), epochs, number(status.get("best")), spent])
        waiting = self.jobs - self.done - len(running)
        return f"{columns(lines)}{self.done} of {self.jobs} done, {waiting} wait  {self._left()}"

    def _left(self) -> str:
        """An estimate from the jobs that ended here; nothing before the first."""
        if not self.seconds:
            return ""
        mean = sum(self.seconds) / len(self.seconds)
        return f"(about {duration(mean * (self.jobs - self.done) / max(1, self.workers))} left)"

    def _print(self, text: str) -> None:
        text = printable(text)  # a failure may quote data that steers a terminal
        if self._live is not None:
            self._live.console.print(text, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)


def _score(row: Row) -> str:
    if row["score"] is None:
        return ""
    rival = f" (best classical: {named(row['classical'], row['classical_score'])})" if row["classical"] else ""
    return f"{named(row['metric'], row['score'])}{rival}"


def duration(seconds: float) -> str:
    """1:05 or 2:00:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
