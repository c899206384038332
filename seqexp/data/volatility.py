"""Realised volatility as a target: how much a price moves, over the days up to each step of the horizon.

Shapes: as in `seqexp.data.target`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from seqexp.data.panel import Floats, Ints, Panel, series_of
from seqexp.data.target import LevelTarget, changes

TRADING_DAYS = 252
TRADING_MONTH = 22
_PERCENT = 100 * np.sqrt(TRADING_DAYS)


class VolatilityTarget(LevelTarget):
    """Realised volatility over the days up to each step: sqrt(252 / k * sum of the squared log returns), in percent.

    u is the absolute daily log return; the anchor is the realised volatility of the last month. What is learned is
    the volatility itself, not its logarithm: a single day's return of nothing has none.
    """

    positive = True

    def __init__(self, panel: Panel, *, horizon: int, anchor: str, logarithm: bool) -> None:
        super().__init__(panel, horizon=horizon, anchor=anchor, logarithm=True)
        del logarithm
        self.logarithm = False
        self.returns = changes(self.u, panel)
        """(R, 1): log returns with their sign."""
        self.u = np.abs(self.returns)
        self.base = _trailing(self.u, panel)
        """(R, 1): root mean square of u over the last month."""

    def differences(self, a: int, b: int) -> Floats:
        """The daily returns of train: their root mean square is the scale."""
        return self.u[a + 1 : b]

    def inputs(self, past: Tensor) -> Tensor:
        """Absolute returns as they are (N, T, 1)."""
        return past

    def goal(self, past: Tensor, ahead: Tensor) -> Tensor:
        """Volatility up to each step minus that of the last month (N, h, 1), in scales."""
        steps = torch.arange(1, self.horizon + 1, device=past.device, dtype=past.dtype).unsqueeze(-1)
        month = past[:, -TRADING_MONTH:].square().mean(dim=1, keepdim=True).sqrt()
        return (ahead.square().cumsum(dim=1) / steps).sqrt() - month

    def level(self) -> Tensor:
        """U in scales (R, 1)."""
        _, scale = self.scale.of(series_of(self.panel.offsets, np.arange(len(self.u))))
        return torch.from_numpy((self.u / scale).astype(np.float32))

    def series(self) -> Floats:
        """The volatility of each day alone (R, 1)."""
        result: Floats = _PERCENT * self.u
        return result

    def truth(self, origins: Ints) -> Floats:
        """What came (N, h, 1)."""
        result: Floats = _PERCENT * self._realised(origins)
        return result

    def reference(self, origins: Ints) -> Floats:
        """The last month's (N, 1, 1)."""
        result: Floats = _PERCENT * self.base[origins][:, None]
        return result

    def learned(self, origins: Ints) -> Floats:
        """What came, as learned values z (N, h, 1)."""
        return self.from_u(self._realised(origins), origins)

    def to_user(self, z: Floats, origins: Ints) -> Floats:
        """Learned values as volatility; never less than a hundredth of the usual."""
        base, scale = self._base(origins)
        if z.ndim == 4:
            base, scale = base[..., None], scale[..., None]
        result: Floats = _PERCENT * np.maximum(base + z * scale, 0.01 * scale)
        return result

    def _base(self, origins: Ints) -> tuple[Floats, Floats]:
        _, scale = self.scale.of(series_of(self.panel.offsets, origins))
        return self.base[origins][:, None], scale[:, None]

    def _realised(self, origins: Ints) -> Floats:
        squares = self.u[self._ahead(origins)] ** 2
        result: Floats = np.sqrt(np.cumsum(squares, axis=1) / np.arange(1, self.horizon + 1)[:, None])
        return result


def _trailing(u: Floats, panel: Panel) -> Floats:
    """Root mean square of u over a trading month, or over what there is of it, within each series."""
    result = np.empty_like(u)
    # Sums run within a series, so that nothing in one rounds another's.
    for a, b in zip(panel.offsets[:-1], panel.offsets[1:], strict=True):
        total = np.concatenate((np.zeros((1, u.shape[1])), np.cumsum(np.nan_to_num(u[a:b]) ** 2, axis=0)))
        stop = np.arange(1, b - a + 1)
        start = np.maximum(stop - TRADING_MONTH, 0)
        result[a:b] = np.sqrt((total[stop] - total[start]) / (stop - start)[:, None])
    return result
