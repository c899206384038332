"""What may watch a run. An observer sees plain values and can change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from seqexp.training.state import Progress

Metrics = Mapping[str, float]


class Observer(Protocol):
    """Is told of each event. Every method may do nothing."""

    def stepped(self, progress: Progress, samples: int) -> None:
        """An update was made, from `samples` samples. Called at every step: it must be quick."""

    def logged(self, progress: Progress, metrics: Metrics) -> None:
        """`log_every` steps have passed: their mean loss, the rate, the norm of the last gradient."""

    def validated(self, progress: Progress, metrics: Metrics, improved: bool) -> None:
        """An epoch ended with these metrics of train and valid; whether they are the best so far."""


class Observers:
    """Several observers as one."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def stepped(self, progress: Progress, samples: int) -> None:
        """Tell each."""
        for observer in self._observers:
            observer.stepped(progress, samples)

    def logged(self, progress: Progress, metrics: Metrics) -> None:
        """Tell each."""
        for observer in self._observers:
            observer.logged(progress, metrics)

    def validated(self, progress: Progress, metrics: Metrics, improved: bool) -> None:
        """Tell each."""
        for observer in self._observers:
            observer.validated(progress, metrics, improved)
