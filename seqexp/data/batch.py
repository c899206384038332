"""What a model and a loss are given at a time.

Shapes: N windows, T steps, D features, h horizon, C channels, K covariates known ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


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
