"""Which target an experiment asks for, and from where it is anchored.

Shapes: as in `seqexp.data.target`.
"""

from __future__ import annotations

import numpy as np

from seqexp.config.schema.data import StocksData, TimeSeriesData
from seqexp.config.schema.task import Forecasting
from seqexp.data.panel import Panel
from seqexp.data.split import Borders
from seqexp.data.target import DirectionTarget, LevelTarget, ReturnTarget
from seqexp.data.volatility import TRADING_MONTH, VolatilityTarget
from seqexp.errors import ConfigError


def build_target(panel: Panel, data: TimeSeriesData, task: Forecasting, borders: Borders) -> LevelTarget:
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


def make_target(panel: Panel, data: TimeSeriesData, anchor: str) -> LevelTarget:
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


def _better_anchor(panel: Panel, borders: Borders, data: TimeSeriesData) -> str:
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
