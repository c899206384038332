"""Training batches of sequences of unlike lengths: shuffled, like lengths together, by position alone.

Everything is a pure function of the seed and the epoch, so nothing about order is ever stored.
"""

from __future__ import annotations

import numpy as np

from seqexp.config.schema.sequences import Batching
from seqexp.data.batch import SequenceBatch
from seqexp.data.order import Passes, mixed, permutation
from seqexp.data.panel import Ints
from seqexp.data.sequences import SequenceSource

_GRAIN = 8
"""With a limit of steps, lengths are taken as equal up to the next multiple of this, so that more can be mixed."""


class SequenceOrder:
    """Training batches by position alone.

    Args:
        source: Train.
        batching: How batches are filled.
        seed: The experiment's.
        batch_size: Sequences in a batch, where steps are not limited.
        accumulate: Batches in an update.
        steps_per_epoch: Updates that count as an epoch; None: one pass.
        first_batches: Use only so many batches, in the order of the data; None: all, shuffled.
    """

    def __init__(
        self, source: SequenceSource, batching: Batching, *, seed: int, batch_size: int, accumulate: int,
        steps_per_epoch: int | None, first_batches: int | None = None,
    ) -> None:  # fmt: skip
        self._source, self._batching, self._seed = source, batching, seed
        self._shuffled = first_batches is None
        self._samples = len(source) if first_batches is None else min(len(source), first_batches * batch_size)
        self._size = batch_size
        self._number, self._pass = -1, list[Ints]()
        self._passes = Passes(len(self._batches(0)), accumulate, steps_per_epoch)
        self.steps_per_epoch = self._passes.steps_per_epoch

    def batches(self, epoch: int, step: int) -> list[SequenceBatch]:
        """The batches of one update."""
        return [self._source.batch(i) for i in self._indices(epoch, step)]

    def indices(self, epoch: int, step: int) -> list[int]:
        """The sequences of one update."""
        return [int(i) for part in self._indices(epoch, step) for i in part]

    def _indices(self, epoch: int, step: int) -> list[Ints]:
        return [self._batches(p)[b] for p, b in self._passes.of(epoch, step)]

    def _batches(self, number: int) -> list[Ints]:
        """All batches of one pass; each pass has as many."""
        if number != self._number:
            self._number, self._pass = number, self._make(number)
        return self._pass

    def _make(self, number: int) -> list[Ints]:
        if not self._shuffled:
            order = np.arange(self._samples)
            return [order[i : i + self._size] for i in range(0, self._samples, self._size)]
        order = permutation(self._samples, self._seed, number).numpy().astype(np.int64)
        batches = self._by_size(order) if self._batching.max_tokens is None else self._by_steps(order)
        shuffled = permutation(len(batches), mixed(self._seed, number), 1).numpy()
        return [batches[i] for i in shuffled]

    def _by_size(self, order: Ints) -> list[Ints]:
        """Batches of one size; sorted by length within pools of some batches."""
        pool = self._size * self._batching.bucket
        lengths = self._source.lengths
        batches = []
        for start in range(0, len(order), pool):
            some = order[start : start + pool]
            if self._batching.bucket > 1:
                some = some[np.argsort(lengths[some], kind="stable")]
            batches += [some[i : i + self._size] for i in range(0, len(some), self._size)]
        return batches

    def _by_steps(self, order: Ints) -> list[Ints]:
        """Batches of as many sequences as a number of steps allows, padding counted.

        Where they are cut follows from the lengths alone, so every pass has as many batches.
        """
        assert self._batching.max_tokens is not None
        grains = -(-self._source.lengths[order] // _GRAIN) * _GRAIN
        order, grains = order[by := np.argsort(grains, kind="stable")], grains[by]
        batches, start = [], 0
        while start < len(order):
            # the longest of a batch is its last: as many fit as the limit holds sequences of that length
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * grains[stop] <= self._batching.max_tokens:
                stop += 1
            batches.append(order[start:stop])
            start = stop
        return batches
