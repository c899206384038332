"""Features of price bars, by name. Each value at step t is made of bars up to t, never later ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqexp.config.explain import suggest
from seqexp.data.calendar import NAMES as CALENDAR
from seqexp.data.calendar import calendar_columns, calendar_features
from seqexp.data.panel import Floats, Times
from seqexp.errors import ConfigError

AUTO = ("log_return", "range", "overnight", "volume_change", "volatility_20", "sma_20")
"""What `data.features=auto` takes, as far as the columns allow."""


class Bars:
    """One series of bars: open, high, low, close, volume as columns over time, as far as there are."""

    def __init__(self, times: Times, values: Floats, columns: Sequence[str]) -> None:
        self.times = times
        self._columns = {c: pd.Series(values[:, i]) for i, c in enumerate(columns)}

    def __getitem__(self, column: str) -> pd.Series[float]:
        return self._columns[column]

    @property
    def log_return(self) -> pd.Series[float]:
        """log(close_t / close_{t-1})."""
        return np.log(self["close"]).diff()


class _Feature(NamedTuple):
    compute: Callable[[Bars, int], pd.Series[float]]
    columns: frozenset[str]
    default: int
    """The number of steps where the name gives none."""


def _rsi(bars: Bars, n: int) -> pd.Series[float]:
    """Relative strength index (Wilder 1978), from -1 to 1 instead of 0 to 100."""
    change = bars["close"].diff()
    up = change.clip(lower=0).ewm(alpha=1 / n, adjust=False).mean()
    down = (-change).clip(lower=0).ewm(alpha=1 / n, adjust=False).mean()
    return _ratio(up - down, up + down)


def _macd(bars: Bars, n: int) -> pd.Series[float]:
    """Moving average convergence divergence (Appel 1979) of log prices: spans n and 26/12 n."""
    log = np.log(bars["close"])
    return log.ewm(span=n, adjust=False).mean() - log.ewm(span=round(n * 26 / 12), adjust=False).mean()


def _true_range(bars: Bars, n: int) -> pd.Series[float]:
    """Average true range (Wilder 1978) over the close."""
    previous = bars["close"].shift()
    high = pd.concat([bars["high"], previous], axis=1).max(axis=1)
    low = pd.concat([bars["low"], previous], axis=1).min(axis=1)
    return ((high - low) / bars["close"]).rolling(n).mean()


def _garman_klass(bars: Bars, n: int) -> pd.Series[float]:
    """Volatility from the day's range (Garman and Klass 1980), over n days."""
    range_ = np.log(bars["high"] / bars["low"])
    body = np.log(bars["close"] / bars["open"])
    variance = 0.5 * range_**2 - (2 * np.log(2) - 1) * body**2
    return np.sqrt(variance.clip(lower=0).rolling(n).mean())


def _parkinson(bars: Bars, n: int) -> pd.Series[float]:
    """Volatility from high and low (Parkinson 1980), over n days."""
    return np.sqrt((np.log(bars["high"] / bars["low"]) ** 2 / (4 * np.log(2))).rolling(n).mean())


def _close_in_range(bars: Bars, n: int) -> pd.Series[float]:
    """Where the close lies between the lowest low (0) and the highest high (1) of n days (Lane's %K)."""
    low = bars["low"].rolling(n).min()
    return _ratio(bars["close"] - low, bars["high"].rolling(n).max() - low)


def _bollinger(bars: Bars, n: int) -> pd.Series[float]:
    """Distance from the moving average in two standard deviations (Bollinger 2001)."""
    rolling = bars["close"].rolling(n)
    return _ratio(bars["close"] - rolling.mean(), 2 * rolling.std())


def _ratio(part: pd.Series[float], whole: pd.Series[float]) -> pd.Series[float]:
    """Part / whole; 0 where nothing moved and whole is 0."""
    return (part / whole).where(whole != 0, 0.0)


def _volume(bars: Bars) -> pd.Series[float]:
    return np.log1p(bars["volume"].clip(lower=0))


_C, _HL, _OC, _V = (
    frozenset({"close"}),
    frozenset({"high", "low"}),
    frozenset({"open", "close"}),
    frozenset({"volume"}),
)
_FEATURES: dict[str, _Feature] = {
    "log_return": _Feature(lambda b, n: np.log(b["close"]).diff(n), _C, 1),
    "abs_return": _Feature(lambda b, n: np.log(b["close"]).diff(n).abs(), _C, 1),
    "range": _Feature(lambda b, n: np.log(b["high"] / b["low"]).rolling(n).mean(), _HL, 1),
    "overnight": _Feature(lambda b, n: np.log(b["open"] / b["close"].shift(n)), _OC, 1),
    "intraday": _Feature(lambda b, n: np.log(b["close"] / b["open"]).rolling(n).mean(), _OC, 1),
    "close_in_range": _Feature(_close_in_range, _HL | _C, 1),
    "volume_change": _Feature(lambda b, n: _volume(b).diff(n), _V, 1),
    "relative_volume": _Feature(lambda b, n: _volume(b) - _volume(b).rolling(n).mean(), _V, 20),
    "sma": _Feature(lambda b, n: np.log(b["close"] / b["close"].rolling(n).mean()), _C, 20),
    "ema": _Feature(lambda b, n: np.log(b["close"] / b["close"].ewm(span=n, adjust=False).mean()), _C, 20),
    "volatility": _Feature(lambda b, n: b.log_return.rolling(n).std(), _C, 20),
    "skewness": _Feature(lambda b, n: b.log_return.rolling(n).skew(), _C, 60),
    "parkinson": _Feature(_parkinson, _HL, 1),
    "garman_klass": _Feature(_garman_klass, _HL | _OC, 1),
    "atr": _Feature(_true_range, _HL | _C, 14),
    "bollinger": _Feature(_bollinger, _C, 20),
    "rsi": _Feature(_rsi, _C, 14),
    "macd": _Feature(_macd, _C, 12),
}
NAMES = (*_FEATURES, *CALENDAR)


def needs(name: str) -> frozenset[str]:
    """The columns a feature is made of.

    Raises:
        ConfigError: If there is no such feature.
    """
    return frozenset() if name in CALENDAR else _parse(name)[0].columns


def feature_columns(names: Sequence[str]) -> list[str]:
    """The column names of `features`: a calendar feature has two, its sine and cosine."""
    return [column for name in names for column in (calendar_columns([name]) if name in CALENDAR else [name])]


def features(names: Sequence[str], bars: Bars) -> NDArray[np.float32]:
    """Features of one series at each step; NaN where there is not enough history yet.

    Args:
        names: Some of `NAMES`, with a number of steps behind one that takes it: `sma_20`, `log_return_5`.
        bars: One series of R bars.

    Returns:
        (R, columns of `feature_columns(names)`).

    Raises:
        ConfigError: If there is no such feature.
    """
    blocks = [np.empty((len(bars.times), 0), np.float32)]
    for name in names:
        if name in CALENDAR:
            blocks.append(calendar_features(bars.times, [name]))
            continue
        found, steps = _parse(name)
        with np.errstate(divide="ignore", invalid="ignore"):
            blocks.append(found.compute(bars, steps).to_numpy(dtype=np.float32, na_value=np.nan)[:, None])
    return np.concatenate(blocks, axis=1)


def _parse(name: str) -> tuple[_Feature, int]:
    """`sma_20` to the feature `sma` and 20."""
    match = re.fullmatch(r"([a-z_]+?)(?:_(\d+))?", name)
    if match and match[1] in _FEATURES:
        found = _FEATURES[match[1]]
        steps = int(match[2] or found.default)
        if steps >= 1:
            return found, steps
    raise ConfigError(
        f"data.features: there is no feature '{name}'{suggest(name, NAMES)}; the features are {', '.join(NAMES)}; "
        "a number of steps may follow, as in sma_50"
    )
