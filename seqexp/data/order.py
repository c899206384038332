"""The order of training samples: a pure function of the seed and the epoch. Nothing about it is ever stored."""

from __future__ import annotations

import torch
from torch import Tensor


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
