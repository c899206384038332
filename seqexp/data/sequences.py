"""Sequences of unlike lengths in one flat array, and the padded batches made of them.

Shapes: S sequences, R their steps in all, N of a batch, T the longest of a batch, D features, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqexp.data.batch import IGNORED, SequenceBatch
from seqexp.data.panel import Ints

_MOST_STEPS = 1_000_000
"""Steps of a batch of an evaluation, padding counted: a model makes some hundred numbers of each."""


@dataclass(frozen=True)
class Sequences:
    """Some sequences with their targets."""

    values: NDArray[Any]
    """Tokens (R) int32, or numbers (R, D) float32, one sequence after another."""
    offsets: Ints
    """Where each begins, and where the last ends (S + 1)."""
    targets: NDArray[Any]
    """A class (S) int64 or a number (S) float32 for each; or a class (R) int64 or numbers (R, C) float32 a step."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """Steps of each (S)."""
        return np.diff(self.offsets)

    @classmethod
    def joined(cls, pieces: Sequence[NDArray[Any]], targets: NDArray[Any]) -> Sequences:
        """From sequences one by one.

        Args:
            pieces: Tokens (T) or numbers (T, D) of each; no piece is empty.
            targets: As the class has them.
        """
        offsets = np.concatenate(([0], np.cumsum([len(p) for p in pieces], dtype=np.int64)))
        return cls(np.concatenate(pieces), offsets, targets)

    def __getitem__(self, index: int) -> NDArray[Any]:
        """The steps of one sequence."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]


class SequenceSource:
    """Sequences on the device, from which batches are made.

    Args:
        sequences: What is there.
        each_step: Whether targets are of steps.
        device: Where batches are made.
    """

    def __init__(self, sequences: Sequences, *, each_step: bool, device: torch.device) -> None:
        self.sequences = sequences
        self.lengths = sequences.lengths
        self._each_step = each_step
        self._values = torch.from_numpy(sequences.values).to(device)
        self._targets = torch.from_numpy(sequences.targets).to(device)
        self._offsets = torch.from_numpy(sequences.offsets).to(device)

    def __len__(self) -> int:
        return len(self.sequences)

    def batch(self, indices: Ints) -> SequenceBatch:
        """Some sequences.

        Args:
            indices: Their numbers (N).
        """
        longest = int(self.lengths[indices].max())
        which = torch.from_numpy(indices.astype(np.int64)).to(self._offsets.device)
        first = self._offsets[which]
        lengths = self._offsets[which + 1] - first
        steps = torch.arange(longest, device=first.device)
        own = steps < lengths[:, None]  # (N, T)
        rows = torch.where(own, first[:, None] + steps, 0)
        inputs = _masked(self._values[rows], own, 0)
        if self._values.ndim == 1:
            inputs = inputs.long()
        if not self._each_step:
            return SequenceBatch(inputs, lengths, self._targets[which], len(indices))
        targets = self._targets[rows]
        targets = _masked(targets, own, IGNORED if targets.ndim == 2 else 0)
        return SequenceBatch(inputs, lengths, targets, int(self.lengths[indices].sum()))

    def batches(self, size: int, limit: int | None = None) -> Iterator[Ints]:
        """The numbers of the sequences, `size` at a time: like lengths together, or the first `limit` times `size`.

        Fewer at a time where they are so long that their steps would not fit into memory.
        """
        order = self._by_length if limit is None else np.arange(min(len(self), limit * size))
        for i in range(0, len(order), size):
            some = order[i : i + size]
            rows = max(_MOST_STEPS // int(self.lengths[some].max()), 1)
            yield from (some[j : j + rows] for j in range(0, len(some), rows))

    @cached_property
    def _by_length(self) -> Ints:
        return np.argsort(self.lengths, kind="stable")


def _masked(values: Tensor, own: Tensor, padding: float) -> Tensor:
    """Values (N, T) or (N, T, D) with padding where a step is not a sequence's own."""
    return values.masked_fill(~(own if values.ndim == 2 else own[..., None]), padding)
