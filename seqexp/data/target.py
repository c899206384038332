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

from seqexp.config.schema.data import DataConfig, Scaling, StocksData
from seqexp.config.schema.task import Forecasting
from seqexp.data.panel import Floats, Ints, Panel, series_of
from seqexp.data.scaling import Scale, fit
from seqexp.data.split import Borders
from seqexp.errors import ConfigError, DataError

_SAMPLED_STEPS = 16
"""Steps of the horizon from which the scale is fitted; more say nothing new."""
TRADING_DAYS = 252


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
        """U minus its anchor over the rows a to b, at up to 16 steps of the horizon."""
        steps = torch.from_numpy(
            np.unique(np.linspace(1, self.horizon, min(self.horizon, _SAMPLED_STEPS), dtype=np.int64))
        )
        backs = self._anchor_steps(steps) if self.anchor == "season" else torch.zeros_like(steps)
        lags = dict.fromkeys((steps - backs).tolist())
        pieces = [self.u[a + lag : b] - self.u[a : b - lag] for lag in lags if b - a > lag]
        return np.concatenate(pieces) if pieces else np.zeros((0, self.u.shape[1]))

    # In tensors, in units of the scale.

    def level(self) -> Tensor:
        """U in scales (R, C); where it is anchored, from each series' first value, so that float32 keeps its digits."""
        level = np.empty(self.u.shape, dtype=np.float32)
        center, scale = self.scale.of(np.arange(len(self.panel.names)))
        for s, (a, b) in enumerate(zip(self.panel.offsets[:-1], self.panel.offsets[1:], strict=True)):
            origin = center[s] if self.anchor == "none" else self.u[a]
            level[a:b] = (self.u[a:b] - origin) / scale[s]
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
        return _steps(self.u, self.panel)

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
        self.returns = _steps(self.u, panel)
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


TRADING_MONTH = 22
_PERCENT = 100 * np.sqrt(TRADING_DAYS)


def _steps(u: Floats, panel: Panel) -> Floats:
    """u_t - u_{t-1} within each series; 0 in its first row."""
    steps = np.zeros_like(u)
    steps[1:] = u[1:] - u[:-1]
    steps[panel.offsets[:-1]] = 0.0
    return steps


def _trailing(u: Floats, panel: Panel) -> Floats:
    """Root mean square of u over a trading month, or over what there is of it, within each series."""
    total = np.concatenate((np.zeros((1, u.shape[1])), np.cumsum(np.nan_to_num(u) ** 2, axis=0)))
    rows = np.arange(len(u))
    start = np.maximum(rows + 1 - TRADING_MONTH, panel.offsets[series_of(panel.offsets, rows)])
    result: Floats = np.sqrt((total[rows + 1] - total[start]) / (rows + 1 - start)[:, None])
    return result


def _require_positive(panel: Panel) -> None:
    low = np.where(np.isfinite(panel.target), panel.target, np.inf).min(axis=1)
    if (low <= 0).any():
        row = int((low <= 0).argmax())
        name = panel.names[int(series_of(panel.offsets, np.array([row]))[0])]
        raise DataError(
            f"data.scaling.target=log needs values greater than 0, but series '{name}' has {low[row]:g} at "
            f"{panel.times[row]}; choose standard or robust"
        )


def build_target(panel: Panel, data: DataConfig, task: Forecasting, borders: Borders) -> LevelTarget:
    """The target an experiment asks for, with its scale fitted on train.

    Raises:
        ConfigError: If the anchor does not go with the target, or the window is shorter than the season.
        DataError: If a logarithm is asked of values that have none.
    """
    kind = data.target if isinstance(data, StocksData) else "level"
    anchor: str = task.anchor
    if isinstance(data, StocksData):
        anchor = "last" if anchor == "auto" else anchor
        if kind != "close" and anchor != "last":
            raise ConfigError(f"task.anchor must be auto or last with data.target={kind}, but is '{anchor}'")
    elif anchor == "auto":
        anchor = _better_anchor(panel, borders, data)
    if anchor == "season" and not 1 < panel.season <= data.window:
        raise ConfigError(
            f"task.anchor=season needs a season of more than one step that fits into the window, but data.season is "
            f"{panel.season} and data.window {data.window}; give data.season, or a longer data.window"
        )
    if kind == "volatility" and data.window < TRADING_MONTH:
        raise ConfigError(
            f"data.window must be at least {TRADING_MONTH} with data.target=volatility, whose anchor is the last "
            f"month's, but is {data.window}"
        )
    target = make_target(panel, data, anchor)
    target.scale = target.fitted(list(zip(*borders.rows("train"), strict=True)), data.scaling)
    return target


def make_target(panel: Panel, data: DataConfig, anchor: str) -> LevelTarget:
    """The target with a known anchor, its scale not yet fitted.

    Raises:
        DataError: If a logarithm is asked of values that have none.
    """
    kind = data.target if isinstance(data, StocksData) else "level"
    logarithm = data.scaling.target == "log" or (isinstance(data, StocksData) and anchor == "last")
    return _KINDS[kind](panel, horizon=data.horizon, anchor=anchor, logarithm=logarithm)


_KINDS: dict[str, type[LevelTarget]] = {
    "level": LevelTarget,
    "close": LevelTarget,
    "return": ReturnTarget,
    "direction": DirectionTarget,
    "volatility": VolatilityTarget,
}


def _better_anchor(panel: Panel, borders: Borders, data: DataConfig) -> str:
    """Whether "as last season" or "as now" is nearer to what came, over the horizon, on train."""
    if not 1 < panel.season <= data.window:
        return "last"
    errors = {}
    for anchor in ("last", "season"):
        trial = LevelTarget(panel, horizon=data.horizon, anchor=anchor, logarithm=False)
        ranges = zip(*borders.rows("train"), strict=True)
        sizes = [np.abs(trial.differences(a, b)).mean(axis=0) for a, b in ranges if b - a > panel.season + data.horizon]
        errors[anchor] = np.array(sizes)
    if not len(errors["last"]):
        return "last"
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = errors["season"] / errors["last"]  # (S, C): each series has one voice, whatever its size
    return "season" if np.nanmedian(ratio) < 1 else "last"
