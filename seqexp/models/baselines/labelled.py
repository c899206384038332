"""What a classical method for sequences by themselves is given, and what it gives.

Shapes: S sequences, T steps, D features, C numbers of a target, M targets (sequences, or steps).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqexp.data.panel import Floats

Pieces = Sequence[NDArray[Any]]
"""Sequences one by one: tokens (T) or numbers (T, D) each."""
Answer = Callable[[Pieces], Floats]
"""A fitted method: sequences to answers (M, ...), as the task has them."""


@dataclass(frozen=True)
class Labelled:
    """Some sequences with their targets."""

    pieces: Pieces
    targets: NDArray[Any]
    """A class or a number (S) for each; or a class (M) or numbers (M, C) for each step, one sequence after another."""

    @property
    def length(self) -> int | None:
        """Steps of every sequence; None where they differ."""
        lengths = {len(p) for p in self.pieces}
        return lengths.pop() if len(lengths) == 1 else None

    def some(self, most: int, *, each_step: bool = False) -> Labelled:
        """Sequences drawn at random, always the same, with no more steps in all; at least one."""
        lengths = np.array([len(p) for p in self.pieces])
        if lengths.sum() <= most:
            return self
        order = np.random.default_rng(0).permutation(len(lengths))
        chosen = np.sort(order[: max(1, int((lengths[order].cumsum() <= most).sum()))])
        rows = chosen
        if each_step:
            starts = lengths.cumsum() - lengths
            rows = np.concatenate([np.arange(starts[i], starts[i] + lengths[i]) for i in chosen])
        return Labelled([self.pieces[i] for i in chosen], self.targets[rows])
