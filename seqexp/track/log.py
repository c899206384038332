"""The observer that keeps `metrics.jsonl`."""

from __future__ import annotations

import time

from seqexp.store.metric_log import MetricLog
from seqexp.training.observer import Metrics
from seqexp.training.state import Progress


class LogObserver:
    """Writes a line for every logged step and every validation."""

    def __init__(self, log: MetricLog) -> None:
        self._log = log
        self._since = time.perf_counter()
        self._samples = 0

    def stepped(self, progress: Progress, samples: int) -> None:
        """Count samples, for the speed."""
        del progress
        self._samples += samples

    def logged(self, progress: Progress, metrics: Metrics) -> None:
        """A line of training metrics."""
        now = time.perf_counter()
        speed = self._samples / max(now - self._since, 1e-9)
        self._since, self._samples = now, 0
        self._write("train", progress, metrics, samples_per_second=round(speed, 1))

    def validated(self, progress: Progress, metrics: Metrics, improved: bool) -> None:
        """A line of validation metrics."""
        self._write("valid", progress, metrics, best=improved)

    def _write(self, split: str, progress: Progress, metrics: Metrics, **more: float) -> None:
        place = {"split": split, "step": progress.step, "epoch": progress.epoch}
        self._log.write({**place, **metrics, **more, "time": round(time.time(), 3)})
