"""What a classical method is given: the series up to the end of train to fit on, and all of them to forecast from.

Shapes: R rows, S series, N origins, h horizon, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqexp.data.panel import Floats, Ints


@dataclass(frozen=True)
class History:
    """Series end to end, in the units in which they are forecast."""

    u: Floats
    """(R, C)"""
    offsets: Ints
    """(S + 1)"""
    train_stop: Ints
    """(S): one past the last row that may be fitted on."""
    season: int
    """m; 1 where there is none."""
    horizon: int


Method = Callable[[Ints], Floats]
"""A fitted method: the last known row of each forecast (N) to forecasts of u (N, h, C).

A forecast from row t, the last of train or a later one, is made of rows up to t and of constants fitted on train,
never of later rows.
"""


def naive(history: History) -> Method:
    """The last value, repeated."""
    return lambda origins: np.repeat(history.u[origins][:, None], history.horizon, axis=1)


def drift(history: History) -> Method:
    """The last value, plus the mean step of the series so far (Hyndman and Athanasopoulos 2021, section 5.2)."""
    steps = np.arange(1, history.horizon + 1)[:, None]

    def forecast(origins: Ints) -> Floats:
        first = history.offsets[np.searchsorted(history.offsets, origins, side="right") - 1]
        age = np.maximum(origins - first, 1)[:, None]
        slope = (history.u[origins] - history.u[first]) / age  # (N, C)
        result: Floats = history.u[origins][:, None] + steps * slope[:, None]
        return result

    return forecast


def seasonal_naive(history: History) -> Method:
    """The value of the same phase in the last season; the last value where the series is not that old."""
    m = history.season
    back = (np.arange(history.horizon) % m) - m + 1

    def forecast(origins: Ints) -> Floats:
        first = history.offsets[np.searchsorted(history.offsets, origins, side="right") - 1]
        rows = origins[:, None] + back
        result: Floats = history.u[np.where(rows >= first[:, None], rows, origins[:, None])]
        return result

    return forecast
