"""The order of training samples: a pure function of the seed and the epoch. Nothing about it is ever stored."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Passes:
    """Which batches of which pass over the samples make an update."""

    per_pass: int
    """Batches in one pass."""
    accumulate: int
    """Batches in an update."""
    steps: int | None
    """Updates that count as an epoch; None: one pass."""

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch."""
        return self.steps or -(-self.per_pass // self.accumulate)

    def of(self, epoch: int, step: int) -> list[tuple[int, int]]:
        """Pass and number of each batch of an update."""
        if self.steps is None:  # each epoch is a pass of its own; its last update may have fewer batches
            first, last = step * self.accumulate, min((step + 1) * self.accumulate, self.per_pass)
            return [(epoch, b) for b in range(first, last)]
        first = (epoch * self.steps + step) * self.accumulate  # epochs are stretches of an endless row of passes
        return [divmod(first + i, self.per_pass) for i in range(self.accumulate)]


def permutation(samples: int, seed: int, epoch: int) -> Tensor:
    """The order of samples in a pass over them (samples,), int32.

    Args:
        samples: How many there are.
        seed: The experiment's seed.
        epoch: Which pass, from 0.
    """
    generator = torch.Generator().manual_seed(mixed(seed, epoch))
    return torch.randperm(samples, generator=generator, dtype=torch.int32)


def mixed(seed: int, number: int) -> int:
    """A 63-bit seed from two, so that near seeds and epochs give unlike generators (SplitMix64, Steele 2014)."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + number + 1) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1
