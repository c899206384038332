"""What a model and a loss are given at a time.

Shapes: N windows or sequences, T steps, D features, h horizon, C channels, K covariates known ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

IGNORED = -100
"""The target of a step that has none, as padding has; what torch's losses ignore."""


@dataclass(frozen=True)
class ForecastBatch:
    """Some windows."""

    inputs: Tensor
    """(N, T, D)"""
    future: Tensor | None
    """(N, h, K)"""
    targets: Tensor
    """(N, h, C), anchored and scaled."""

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class SequenceBatch:
    """Some sequences, padded at their ends to the longest."""

    inputs: Tensor
    """Tokens (N, T), 0 where padded, or numbers (N, T, D)."""
    lengths: Tensor
    """Steps of each that are its own (N)."""
    targets: Tensor
    """A class or a number each (N); a class a step (N, T), `IGNORED` where padded; or C numbers a step (N, T, C)."""
    scored: int
    """How many targets there are: sequences, or steps that are no padding."""

    def __len__(self) -> int:
        return self.scored


@dataclass(frozen=True)
class StreamBatch:
    """A stretch of several streams of tokens, each going on where the last batch's ended."""

    inputs: Tensor
    """(N, T)"""
    targets: Tensor
    """The token after each (N, T)."""
    first: bool
    """Whether the streams begin here: then nothing is carried over."""

    def __len__(self) -> int:
        return self.inputs.numel()
