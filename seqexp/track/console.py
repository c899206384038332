"""What is shown while a run trains: one live line on a terminal, a plain line an epoch elsewhere, JSON for machines.

Everything goes to stderr, but JSON, which is the output. All text from outside is printed as it is, never as markup.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from seqexp.training.loop import Plan
from seqexp.training.observer import Metrics
from seqexp.training.state import Progress

_REFRESH_SECONDS = 0.1


class ConsoleObserver:
    """Shows progress in one of four ways, and keeps what it said in `log.txt`.

    Args:
        style: auto, live, plain, json or none.
        log: The run's `log.txt`.
    """

    def __init__(self, style: str, log: Path) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        if style == "auto":
            style = "live" if self._console.is_terminal and not self._console.is_dumb_terminal else "plain"
        self._style = style
        self._log: IO[str] = log.open("a", encoding="utf-8")
        self._live: Live | None = None
        self._plan: Plan | None = None
        self._monitor = "loss"
        self._began, self._first_step, self._samples = time.perf_counter(), 0, 0
        self._train_loss: float | None = None
        self._valid: float | None = None
        self._next_refresh = 0.0

    def begin(self, plan: Plan, progress: Progress) -> None:
        """Training starts, or goes on, from here."""
        self._plan, self._monitor = plan, plan.trainer.monitor
        self._began, self._first_step, self._samples = time.perf_counter(), progress.step, 0
        if self._style == "live":
            self._live = Live(Text(""), console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def say(self, message: str) -> None:
        """One message to the person who watches."""
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {message}\n")
        self._log.flush()
        if self._style == "json":
            self.event("message", {"text": message})
        elif self._style != "none":
            self._console.print(Text(message))

    def working(self, what: str) -> None:
        """Name what is being done between two messages, where there is a live line."""
        if self._style == "live":
            self.end()
            self._live = Live(Text(f"{what} ..."), console=self._console, auto_refresh=False, transient=True)
            self._live.start(refresh=True)

    def event(self, kind: str, fields: Mapping[str, Any]) -> None:
        """One line of JSON on standard output, where that is the style."""
        if self._style == "json":
            finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()}
            print(json.dumps({"event": kind, **finite}, allow_nan=False), flush=True)

    def stepped(self, progress: Progress, samples: int) -> None:
        """Move the live line, ten times a second at the most."""
        self._samples += samples
        if self._live is None:
            return
        now = time.perf_counter()
        if now >= self._next_refresh:
            self._next_refresh = now + _REFRESH_SECONDS
            self._live.update(Text(self._line(progress), overflow="ellipsis", no_wrap=True), refresh=True)

    def logged(self, progress: Progress, metrics: Metrics) -> None:
        """Note the training loss."""
        self._train_loss = metrics["loss"]
        self.event("train", {"step": progress.step, "epoch": progress.epoch, **metrics})

    def validated(self, progress: Progress, metrics: Metrics, improved: bool) -> None:
        """A line for the epoch."""
        self._valid = metrics[self._monitor]
        self.event("valid", {"step": progress.step, "epoch": progress.epoch, **metrics, "best": improved})
        assert self._plan is not None
        text = (
            f"epoch {progress.epoch:>3}/{self._plan.trainer.max_epochs}  train loss {metrics['train_loss']:.5g}  "
            f"valid {self._monitor} {metrics[self._monitor]:.5g}{'  best' if improved else ''}"
        )
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")
        self._log.flush()
        if self._style == "plain":
            self._console.print(Text(f"{text}  {self._speed()}"))

    def __enter__(self) -> ConsoleObserver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._log.close()

    def end(self) -> None:
        """Training is over: take the live line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _line(self, progress: Progress) -> str:
        assert self._plan is not None
        loss = f"loss {self._train_loss:.4g}  " if self._train_loss is not None else ""
        valid = f"valid {self._monitor} {self._valid:.4g}" if self._valid is not None else ""
        best = f" (best {progress.best:.4g}, epoch {progress.best_epoch})  " if progress.best is not None else "  "
        left = self._plan.total_steps - progress.step
        rate = (progress.step - self._first_step) / max(time.perf_counter() - self._began, 1e-9)
        at_most = f"at most {_duration(left / rate)} left" if rate else ""
        share = f"{progress.batch}/{self._plan.steps_per_epoch}"
        return (
            f"epoch {progress.epoch + 1}/{self._plan.trainer.max_epochs}  step {share}  {loss}{valid}"
            f"{best if valid else ''}{self._speed()}  {at_most}"
        )

    def _speed(self) -> str:
        return f"{self._samples / max(time.perf_counter() - self._began, 1e-9):,.0f} samples/s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
