from __future__ import annotations

from collections.abc import Mapping

from seqexp.training.observer import Observers
from seqexp.training.state import Progress


class Notes:
    def __init__(self, name: str, heard: list[tuple[object, ...]]) -> None:
        self.name, self.heard = name, heard

    def stepped(self, progress: Progress, samples: int) -> None:
        self.heard.append((self.name, "stepped", progress.step, samples))

    def logged(self, progress: Progress, metrics: Mapping[str, float]) -> None:
        self.heard.append((self.name, "logged", progress.step, metrics))

    def validated(self, progress: Progress, metrics: Mapping[str, float], improved: bool) -> None:
        self.heard.append((self.name, "validated", progress.step, metrics, improved))


def test_each_observer_is_told_of_each_event_in_order() -> None:
    heard: list[tuple[object, ...]] = []
    both = Observers(Notes("a", heard), Notes("b", heard))
    both.stepped(Progress(step=1), 16)
    both.logged(Progress(step=2), {"loss": 0.5})
    both.validated(Progress(step=3), {"mae": 1.0}, True)
    assert heard == [
        ("a", "stepped", 1, 16), ("b", "stepped", 1, 16),
        ("a", "logged", 2, {"loss": 0.5}), ("b", "logged", 2, {"loss": 0.5}),
        ("a", "validated", 3, {"mae": 1.0}, True), ("b", "validated", 3, {"mae": 1.0}, True),
    ]  # fmt: skip
