"""Scales, fitted on train alone: one for each series, or one for all.

Shapes: S series, M columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqexp.data.panel import Floats, Ints


@dataclass(frozen=True)
class Scale:
    """value -> (value - center) / scale. (S, M) each; one row where the scale is global."""

    center: Floats
    scale: Floats

    def of(self, series: Ints) -> tuple[Floats, Floats]:
        """Center and scale of each of some series (N, M)."""
        rows = series if len(self.center) > 1 else np.zeros_like(series)
        return self.center[rows], self.scale[rows]

    def state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return {"center": self.center.tolist(), "scale": self.scale.tolist()}

    @staticmethod
    def from_state(state: dict[str, Any]) -> Scale:
        """What `state` gave."""
        return Scale(np.array(state["center"], dtype=np.float64), np.array(state["scale"], dtype=np.float64))


def fit(blocks: Sequence[NDArray[np.floating[Any]]], how: str, scope: str, *, centered: bool = True) -> Scale:
    """Fit a scale.

    Args:
        blocks: The train rows of each series (rows, M), NaN where a value is missing.
        how: standard, robust, minmax or none.
        scope: series or global.
        centered: Whether the center is subtracted; differences from an anchor have theirs at 0.
    """
    if scope == "global" and len(blocks) > 1:
        blocks = [np.concatenate(blocks)]
    pairs = [_fit_one(block, _MEASURES[how], centered) for block in blocks]
    return Scale(np.stack([c for c, _ in pairs]), np.stack([s for _, s in pairs]))


def _fit_one(block: NDArray[np.floating[Any]], measure: Measure, centered: bool) -> tuple[Floats, Floats]:
    columns = block.shape[1]
    center, scale = np.zeros(columns), np.ones(columns)
    for m in range(columns):
        column = block[:, m]
        finite = np.isfinite(column)
        values: Floats = (column if finite.all() else column[finite]).astype(np.float64, copy=False)
        if len(values):
            center[m], scale[m] = measure(values, centered)
            # A column that never changes carries nothing; dividing by rounding noise would make it loud.
            if not scale[m] > 1e-9 * max(abs(values[0]), 1e-30):
                scale[m] = 1.0
    return center, scale


Measure = Callable[[Floats, bool], tuple[float, float]]


def _standard(values: Floats, centered: bool) -> tuple[float, float]:
    if centered:
        return float(values.mean()), float(values.std())
    return 0.0, float(np.sqrt(np.square(values).mean()))


def _robust(values: Floats, centered: bool) -> tuple[float, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle) if centered else 0.0, float(high - low)


def _minmax(values: Floats, centered: bool) -> tuple[float, float]:
    return float(values.min()) if centered else 0.0, float(values.max() - values.min())


def _none(values: Floats, centered: bool) -> tuple[float, float]:
    del values, centered
    return 0.0, 1.0


_MEASURES: dict[str, Measure] = {"standard": _standard, "robust": _robust, "minmax": _minmax, "none": _none}
