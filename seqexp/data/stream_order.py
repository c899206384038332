"""Running text in batches: some streams side by side, read in stretches, each going on where the last one ended.

Everything is a pure function of the position, so nothing about order is ever stored.

Shapes: L tokens of a split, N streams, S tokens of a stream, T steps of a stretch.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from seqexp.data.batch import StreamBatch
from seqexp.data.corpus import TokenFile
from seqexp.data.order import Passes
from seqexp.data.panel import Ints
from seqexp.errors import DataError

_SCORED_STREAM = 100_000
"""Tokens that a stream of an evaluation has at the least."""
_SCORED_STREAMS = 256
_SCORED_TOKENS = 2_048
"""Tokens of a batch of an evaluation, in all its streams."""


class StreamOrder:
    """Training batches by position alone.

    The text is cut into N streams of S = (L - 1) // N tokens that are read and as many that come next; what does not
    fill a row of N is never read, fewer than N tokens. The last stretch of a pass may be shorter.

    Args:
        tokens: Train.
        streams: N.
        bptt: T.
        device: Where batches go.
        accumulate: Batches in an update.
        steps_per_epoch: Updates that count as an epoch; None: one pass.
        first_batches: Use only so many batches of a pass; None: all.

    Raises:
        DataError: If a stream has not even one stretch.
    """

    def __init__(
        self, tokens: TokenFile, *, streams: int, bptt: int, device: torch.device, accumulate: int = 1,
        steps_per_epoch: int | None = None, first_batches: int | None = None,
    ) -> None:  # fmt: skip
        self._tokens, self._streams, self._bptt, self._device = tokens, streams, bptt, device
        self._length = (len(tokens) - 1) // streams
        if self._length < bptt:
            raise DataError(
                f"train has {len(tokens):,} tokens, too few for trainer.batch_size={streams} streams of at least "
                f"data.bptt={bptt} each, which need {streams * bptt + 1:,}; make one of them smaller, or give more text"
            )
        self.unread = len(tokens) - 1 - streams * self._length
        """Tokens at the end that are never read."""
        chunks = -(-self._length // bptt)
        self._passes = Passes(min(chunks, first_batches or chunks), accumulate, steps_per_epoch)
        self.steps_per_epoch = self._passes.steps_per_epoch

    def batches(self, epoch: int, step: int) -> list[StreamBatch]:
        """The batches of one update."""
        return [self._batch(b) for _, b in self._passes.of(epoch, step)]

    def indices(self, epoch: int, step: int) -> list[int]:
        """Where the stretches of one update begin in the text."""
        starts = [b * self._bptt for _, b in self._passes.of(epoch, step)]
        return [n * self._length + start for start in starts for n in range(self._streams)]

    def first_pass(self) -> Iterator[tuple[StreamBatch, Ints]]:
        """All batches of one pass, with the position of each row's first token (N)."""
        rows = np.arange(self._streams) * self._length
        for b in range(self._passes.per_pass):
            yield self._batch(b), rows + b * self._bptt

    def _batch(self, number: int) -> StreamBatch:
        start, stop = number * self._bptt, min((number + 1) * self._bptt, self._length)
        inputs, targets = _stretch(self._tokens, self._streams, self._length, start, stop)
        return StreamBatch(inputs.to(self._device), targets.to(self._device), first=start == 0)


class ScoredText:
    """Every token of a split but the very first once, to be scored with the state carried over from before it.

    A split of fewer than 200,000 tokens is one stream, read from its beginning to its end. A longer one is as many
    streams as have 100,000 tokens each, 256 at most: how many follows from the text alone, so a score depends on no
    size of batches.

    Args:
        tokens: The split.
        limit: Use only so many batches; None: all.
    """

    def __init__(self, tokens: TokenFile, limit: int | None = None) -> None:
        self.tokens, self._limit = tokens, limit
        self._count = len(tokens) - 1
        self._streams = min(max(self._count // _SCORED_STREAM, 1), _SCORED_STREAMS)
        self._length = self._count // self._streams
        self._steps = max(_SCORED_TOKENS // self._streams, 1)

    def batches(self, device: torch.device) -> Iterator[tuple[StreamBatch, Ints]]:
        """Batches in order, each with the position of each row's first input (N).

        The last may have one row, in which the last stream goes on to the very end.
        """
        return islice(self._batches(device), self._limit)

    def spans(self) -> list[tuple[int, int]]:
        """Which inputs those are, from one position to another."""
        read = self._length if self._limit is None else min(self._limit * self._steps, self._length)
        if read == self._length:
            return [(0, self._count)]
        return [(row * self._length, row * self._length + read) for row in range(self._streams)]

    def _batches(self, device: torch.device) -> Iterator[tuple[StreamBatch, Ints]]:
        rows = np.arange(self._streams) * self._length
        for start in range(0, self._length, self._steps):
            stop = min(start + self._steps, self._length)
            inputs, targets = _stretch(self.tokens, self._streams, self._length, start, stop)
            yield StreamBatch(inputs.to(device), targets.to(device), first=start == 0), rows + start
        if (rest := self._streams * self._length) < self._count:
            row = torch.from_numpy(self.tokens[rest : self._count + 1])[None].to(device)
            yield StreamBatch(row[:, :-1], row[:, 1:], first=False), np.array([rest])


def _stretch(tokens: TokenFile, streams: int, length: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
    """Columns `start` to `stop` of the streams, and the token after each: (N, T) both."""
    block = tokens.columns(streams, length, slice(start, stop + 1))
    if stop == length:  # the token after a stream's last one is the next stream's first
        following = tokens[length : streams * length + 1 : length]
        block = np.concatenate((block, following[:, None]), axis=1)
    both = torch.from_numpy(block)
    return both[:, :-1], both[:, 1:]
