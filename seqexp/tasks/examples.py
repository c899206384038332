"""What a task over sequences by themselves is: a loss to learn by, and answers to be scored.

Shapes: N sequences, T steps, M targets that are no padding (sequences, or steps), K classes.
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor

from seqexp.data.batch import SequenceBatch
from seqexp.data.panel import Floats


class ExampleTask(Protocol):
    """One task. What a model or a classical method says of M targets is its answers: probabilities or numbers."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of a validation, besides the loss."""

    def loss(self, outputs: Tensor, batch: SequenceBatch) -> Tensor:
        """The mean loss over a batch's targets.

        Args:
            outputs: The model's (N, K), or (N, T, K) where there is a target at every step.
            batch: What came.
        """

    def answers(self, outputs: Tensor, batch: SequenceBatch) -> Floats:
        """Outputs as answers (M, ...), padding left out."""

    def score(self, answers: Floats, truth: NDArray[Any]) -> dict[str, float]:
        """Every metric over all targets."""

    def detail(self, answers: Floats, truth: NDArray[Any]) -> dict[str, Any]:
        """What is worth knowing beyond single numbers, as plain values: each class's metrics, who is taken for whom."""

    def losses(self, answers: Floats, truth: NDArray[Any]) -> dict[str, Floats]:
        """Losses of each target (M), by name, so that runs can be compared in pairs."""
