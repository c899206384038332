"""Where the time of a step goes: torch's profiler as an observer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from seqexp.training.observer import Metrics
from seqexp.training.state import Progress

_SKIPPED, _WARMED_UP, _RECORDED = 3, 2, 20
_ROWS = 20


class ProfileObserver:
    """Records some steps, then says a table of the slowest operators and writes a trace for chrome://tracing.

    Args:
        folder: Where `trace.json` is written.
        say: Is told the table.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
        self._profiler = profile(
            activities=activities,
            schedule=schedule(wait=_SKIPPED, warmup=_WARMED_UP, active=_RECORDED, repeat=1),
            on_trace_ready=self._finish,
        )

    def __enter__(self) -> ProfileObserver:
        self._profiler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._profiler.stop()

    def stepped(self, progress: Progress, samples: int) -> None:
        """One step further."""
        del progress, samples
        self._profiler.step()

    def logged(self, progress: Progress, metrics: Metrics) -> None:
        """Nothing."""

    def validated(self, progress: Progress, metrics: Metrics, improved: bool) -> None:
        """Nothing."""

    def _finish(self, profiler: profile) -> None:
        self._folder.mkdir(exist_ok=True)
        trace = self._folder / "trace.json"
        profiler.export_chrome_trace(str(trace))
        table = profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=_ROWS, max_name_column_width=40)
        self._say(f"{table}\nthe trace is in {trace}; open it at chrome://tracing or ui.perfetto.dev")
