"""What is learned: the target, anchored and scaled; and the way back to the user's own units.

A model learns z = (u_{t+k} - anchor) / scale for each step k of the horizon, where u is the target or its logarithm
and the anchor is a value already seen. So "nothing changes" is z = 0, and following a trend costs nothing.

Each kind of target says the same thing twice: in tensors, for batches, in units of its scale; and in float64, for
forecasts in the user's units.

Shapes: R rows, S series, N origins, T window, h horizon, C channels, Q quantile levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqexp.config.schema.data import Scaling
from seqexp.data.panel import Floats, Ints, Panel, series_of
from seqexp.data.scaling import Scale, fit
from seqexp.errors import DataError

_SAMPLED_STEPS = 16
"""Steps of the horizon from which the scale is fitted; more say nothing new."""
_SAMPLED_DIFFERENCES = 2_000_000
"""The same for the differences of a series: beyond so many, they are taken from rows at equal distances."""


class LevelTarget:
    """The value itself at each step: a price, a load, a count.

    Args:
        panel: The data.
        horizon: h.
        anchor: last, season or none.
        logarithm: Whether u is the logarithm of the target.

    Raises:
        DataError: If a logarithm is asked of values that have none.
    """

    binary = False
    """Whether the target is yes or no."""
    positive = False
    """Whether the target is a volatility."""

    def __init__(self, panel: Panel, *, horizon: int, anchor: str, logarithm: bool) -> None:
        self.panel, self.horizon, self.anchor, self.logarithm = panel, horizon, anchor, logarithm
        if logarithm:
            _require_positive(panel)
        self.u: Floats = np.log(panel.target) if logarithm else panel.target
        channels = panel.target.shape[1]
        self.scale = Scale(np.zeros((1, channels)), np.ones((1, channels)))

    def fitted(self, ranges: Sequence[tuple[int, int]], scaling: Scaling) -> Scale:
        """The scale of what is learned, fitted on some rows of each series."""
        blocks = [self.u[a:b] if self.anchor == "none" else self.differences(a, b) for a, b in ranges]
        how = "standard" if scaling.target == "log" else scaling.target
        return fit(blocks, how, scaling.scope, centered=self.anchor == "none")

    def differences(self, a: int, b: int) -> Floats:
        """U minus its anchor over the rows a to b, at up to 16 steps of the horizon; of very many, some millions."""
        steps = torch.from_numpy(
            np.unique(np.linspace(1, self.horizon, min(self.horizon, _SAMPLED_STEPS), dtype=np.int64))
        )
        backs = self._anchor_steps(steps) if self.anchor == "season" else torch.zeros_like(steps)
        lags = dict.fromkeys((steps - backs).tolist())
        every = max(1, (b - a) * len(lags) // _SAMPLED_DIFFERENCES)
        pieces = [self.u[a + lag : b : every] - self.u[a : b - lag : every] for lag in lags if b - a > lag]
        return np.concatenate(pieces) if pieces else np.zeros((0, self.u.shape[1]))

    # In tensors, in units of the scale.

    def level(self) -> Tensor:
        """U in scales (R, C); where it is anchored, from each series' first value, so that float32 keeps its digits."""
        level = np.empty(self.u.shape, dtype=np.float32)
        center, scale = self.scale.of(np.arange(len(self.panel.names)))
        for s, (a, b) in enumerate(zip(self.panel.offsets[:-1], self.panel.offsets[1:], strict=True)):
            origin = center[s] if self.anchor == "none" else self.u[a]
            np.divide(self.u[a:b] - origin, scale[s], out=level[a:b], casting="same_kind")
        return torch.from_numpy(level)

    def inputs(self, past: Tensor) -> Tensor:
        """What the model reads of the window's levels (N, T, C): (N, T, C)."""
        match self.anchor:
            case "last":
                return past - past[:, -1:]
            case "season":
                steps = torch.arange(1 - past.shape[1], 1, device=past.device)
                return past - past[:, self._anchor_steps(steps) - 1]
            case _:
                return past

    def goal(self, past: Tensor, ahead: Tensor) -> Tensor:
        """What is to be learned, z (N, h, C), from the levels of the window (N, T, C) and of the horizon (N, h, C)."""
        match self.anchor:
            case "last":
                return ahead - past[:, -1:]
            case "season":
                steps = torch.arange(1, self.horizon + 1, device=past.device)
                return ahead - past[:, self._anchor_steps(steps) - 1]
            case _:
                return ahead

    # In float64, in the user's units.

    def series(self) -> Floats:
        """The target of one step, in the user's units, at every row (R, C): what errors are compared with."""
        return self.panel.target

    def truth(self, origins: Ints) -> Floats:
        """What came (N, h, C)."""
        return self.panel.target[self._ahead(origins)]

    def reference(self, origins: Ints) -> Floats:
        """The value that a rise or fall is told from (N, 1, C)."""
        return self.panel.target[origins][:, None]

    def learned(self, origins: Ints) -> Floats:
        """What came, as learned values z (N, h, C)."""
        return self.from_u(self.u[self._ahead(origins)], origins)

    def from_u(self, u: Floats, origins: Ints) -> Floats:
        """Forecasts of u (N, h, C), from a classical method say, as learned values z."""
        base, scale = self._base(origins)
        result: Floats = (u - base) / scale
        return result

    def to_user(self, z: Floats, origins: Ints) -> Floats:
        """Learned values z, (N, h, C) or (N, h, C, Q), in the user's units."""
        base, scale = self._base(origins)
        if z.ndim == 4:
            base, scale = base[..., None], scale[..., None]
        u = base + z * scale
        return np.exp(u) if self.logarithm else u

    def state(self) -> dict[str, Any]:
        """What was fitted, as plain values."""
        return {"anchor": self.anchor, "scale": self.scale.state()}

    def _base(self, origins: Ints) -> tuple[Floats, Floats]:
        """U where z = 0, and the scale of z: (N, 1 or h, C) and (N, 1, C)."""
        center, scale = self.scale.of(series_of(self.panel.offsets, origins))
        if self.anchor == "none":
            return center[:, None], scale[:, None]
        steps = torch.arange(1, self.horizon + 1)
        back = self._anchor_steps(steps).numpy() if self.anchor == "season" else np.zeros(1, dtype=np.int64)
        return self.u[origins[:, None] + back], scale[:, None]

    def _anchor_steps(self, steps: Tensor) -> Tensor:
        """The step of the last season in the same phase: for steps relative to the origin, -m + 1 to 0."""
        m = self.panel.season
        return (steps - 1) % m - m + 1

    def _ahead(self, origins: Ints) -> Ints:
        result: Ints = origins[:, None] + np.arange(1, self.horizon + 1)
        return result


class ReturnTarget(LevelTarget):
    """The logarithmic return from the last close to each step; learned as the close is, reported as a return."""

    def truth(self, origins: Ints) -> Floats:
        """What came (N, h, C)."""
        result: Floats = self.u[self._ahead(origins)] - self.u[origins][:, None]
        return result

    def reference(self, origins: Ints) -> Floats:
        """No return at all (N, 1, C)."""
        return np.zeros((len(origins), 1, self.u.shape[1]))

    def series(self) -> Floats:
        """The return of one step at every row (R, C)."""
        return changes(self.u, self.panel)

    def to_user(self, z: Floats, origins: Ints) -> Floats:
        """Learned values as returns."""
        _, scale = self._base(origins)
        result: Floats = z * (scale[..., None] if z.ndim == 4 else scale)
        return result


class DirectionTarget(ReturnTarget):
    """Whether the close at each step lies above the last one. A model gives the probability that it does."""

    binary = True

    def goal(self, past: Tensor, ahead: Tensor) -> Tensor:
        """1 for a rise, else 0 (N, h, C)."""
        return (ahead > past[:, -1:]).to(ahead.dtype)

    def truth(self, origins: Ints) -> Floats:
        """1 for a rise, else 0 (N, h, C)."""
        return (super().truth(origins) > 0).astype(np.float64)

    def to_user(self, z: Floats, origins: Ints) -> Floats:
        """A probability is its own unit."""
        del origins
        return z


def _require_positive(panel: Panel) -> None:
    low = np.where(np.isfinite(panel.target), panel.target, np.inf).min(axis=1)
    if (low <= 0).any():
        row = int((low <= 0).argmax())
        name = panel.names[int(series_of(panel.offsets, np.array([row]))[0])]
        raise DataError(
            f"data.scaling.target=log needs values greater than 0, but series '{name}' has {low[row]:g} at "
            f"{panel.times[row]}; choose standard or robust"
        )


def changes(u: Floats, panel: Panel) -> Floats:
    """u_t - u_{t-1} within each series; 0 in its first row."""
    steps = np.zeros_like(u)
    steps[1:] = u[1:] - u[:-1]
    steps[panel.offsets[:-1]] = 0.0
    return steps
