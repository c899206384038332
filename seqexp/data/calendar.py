"""Calendar covariates: the position in a cycle as sine and cosine, so that its end meets its beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqexp.config.explain import suggest
from seqexp.errors import ConfigError

Positions = Callable[[Any], NDArray[np.float64]]
"""A pandas DatetimeIndex to the position of each date in a cycle."""

# Each name to the position in its cycle (0 <= p < 1).
_CYCLES: dict[str, Positions] = {
    "minute_of_hour": lambda d: np.asarray(d.minute) / 60,
    "hour_of_day": lambda d: (np.asarray(d.hour) + np.asarray(d.minute) / 60) / 24,
    "day_of_week": lambda d: np.asarray(d.day_of_week) / 7,
    "day_of_month": lambda d: (np.asarray(d.day) - 1) / 31,
    "day_of_year": lambda d: (np.asarray(d.day_of_year) - 1) / 366,
    "week_of_year": lambda d: (np.asarray(d.isocalendar().week, dtype=np.float64) - 1) / 53,
    "month": lambda d: (np.asarray(d.month) - 1) / 12,
}
NAMES = (*_CYCLES, "weekend")


def calendar_features(times: NDArray[np.datetime64], names: Sequence[str]) -> NDArray[np.float32]:
    """The covariates of each time.

    Args:
        times: R dates.
        names: Some of `NAMES`.

    Returns:
        (R, columns of `calendar_columns(names)`).
    """
    dates = pd.DatetimeIndex(times)
    columns: list[NDArray[np.float64]] = []
    for name in names:
        if name == "weekend":
            columns.append((np.asarray(dates.day_of_week) >= 5).astype(np.float64))
            continue
        angle = 2 * np.pi * _CYCLES[name](dates)
        columns += [np.sin(angle), np.cos(angle)]
    if not columns:
        return np.empty((len(times), 0), dtype=np.float32)
    return np.stack(columns, axis=1).astype(np.float32)


def calendar_columns(names: Sequence[str]) -> list[str]:
    """The column names of `calendar_features`.

    Raises:
        ConfigError: If a name is unknown.
    """
    for name in names:
        if name not in NAMES:
            raise ConfigError(f"data.calendar must be among {', '.join(NAMES)}, but has '{name}'{suggest(name, NAMES)}")
    return [c for n in names for c in ([n] if n == "weekend" else [f"{n}_sin", f"{n}_cos"])]
