from __future__ import annotations

from pathlib import Path

import pytest

from seqexp.store.metric_log import MetricLog, read
from seqexp.track import log as module
from seqexp.track.log import LogObserver
from seqexp.training.observer import Observers
from seqexp.training.state import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [50.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(module.time, "time", lambda: 1_700_000_000.12345)
    return now


def test_a_line_for_each_logged_step_and_each_validation(tmp_path: Path, clock: list[float]) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricLog(path) as log:
        observer = LogObserver(log)
        for step in range(1, 5):
            clock[0] += 0.5
            observer.stepped(Progress(step=step), 8)
            if step % 2 == 0:
                observer.logged(Progress(step=step), {"loss": 1 / step, "lr": 0.1})
        clock[0] += 100  # validating takes time that is no training's
        observer.validated(Progress(epoch=1, step=4), {"train_loss": 0.5, "loss": 0.25}, improved=True)
    at = {"time": 1_700_000_000.123}
    assert list(read(path)) == [
        {"split": "train", "step": 2, "epoch": 0, "loss": 0.5, "lr": 0.1, "samples_per_second": 16.0, **at},
        {"split": "train", "step": 4, "epoch": 0, "loss": 0.25, "lr": 0.1, "samples_per_second": 16.0, **at},
        {"split": "valid", "step": 4, "epoch": 1, "train_loss": 0.5, "loss": 0.25, "best": True, **at},
    ]


@pytest.mark.usefixtures("clock")
def test_a_clock_that_stands_still_divides_by_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricLog(path) as log:
        observer = LogObserver(log)
        observer.logged(Progress(step=1), {"loss": 1.0})
    assert next(iter(read(path)))["samples_per_second"] == 0.0


def test_several_observers_are_told_in_their_order() -> None:
    told: list[tuple[str, str, int]] = []

    class Noting:
        def __init__(self, name: str) -> None:
            self.name = name

        def stepped(self, progress: Progress, samples: int) -> None:
            told.append((self.name, f"stepped {samples}", progress.step))

        def logged(self, progress: Progress, metrics: object) -> None:
            told.append((self.name, f"logged {metrics}", progress.step))

        def validated(self, progress: Progress, metrics: object, improved: bool) -> None:
            told.append((self.name, f"validated {metrics} {improved}", progress.step))

    both = Observers(Noting("a"), Noting("b"))
    both.stepped(Progress(step=1), 8)
    both.logged(Progress(step=2), {"loss": 1.0})
    both.validated(Progress(step=3), {"loss": 2.0}, True)
    assert told == [
        (name, what, step)
        for what, step in (("stepped 8", 1), ("logged {'loss': 1.0}", 2), ("validated {'loss': 2.0} True", 3))
        for name in ("a", "b")
    ]
