"""The frequency of rows, the season that goes with it, and the times of the steps to come."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqexp.data.panel import Times
from seqexp.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

_STEPS_A_DAY = {"h": 24, "min": 1440, "s": 86_400}
# Steps of one season: a day of hours or minutes, a week of days, a year of months.
_SEASONS = {"D": 7, "B": 5, "C": 5, "W": 52, "SM": 24, "M": 12, "Q": 4, "Y": 1, **_STEPS_A_DAY}


def find_frequency(series: Sequence[Times]) -> str | None:
    """The frequency most stretches of the data have, as a pandas offset; None for irregular times.

    Ten rows in a row say it exactly (`B`, `MS`, `W-FRI`); a vote among many stretches forgives holidays and gaps.

    Args:
        series: The dates of each series, in any order.
    """
    import pandas as pd

    some = [_rising(times) for times in series[:20]]
    votes: Counter[str] = Counter()
    for rows in some:
        size = min(10, len(rows))
        for begin in np.unique(np.linspace(0, max(len(rows) - size, 0), 40, dtype=int)):
            stretch = pd.DatetimeIndex(rows[begin : begin + size])
            if len(stretch) >= 3 and (name := _inferred(stretch)):
                votes[name] += 1
    if votes:
        found = votes.most_common(1)[0][0]
        # Five weekdays in a row look like days: business days win when weekends are always missing.
        return "B" if found in ("D", "B") and not _has_weekends(np.concatenate(some)) else found
    steps = np.diff(some[0][:100_000].view(np.int64))
    if not len(steps):
        return None
    values, counts = np.unique(steps, return_counts=True)
    if counts.max() < 0.5 * len(steps):
        return None
    return str(pd.tseries.frequencies.to_offset(pd.Timedelta(int(values[counts.argmax()]), "ns")).freqstr)


def _inferred(dates: pd.DatetimeIndex) -> str | None:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it gives a name up to pandas 3, an offset from 4
        found = pd.infer_freq(dates)
    return None if found is None else str(getattr(found, "freqstr", found))


def _rising(times: Times) -> Times:
    """The times in order, each once."""
    if (times[1:] > times[:-1]).all():
        return times
    rows: Times = np.sort(times)
    once: Times = rows[np.append(True, rows[1:] > rows[:-1])]
    return once


def season_of(frequency: str | None) -> int:
    """Steps in the natural season of a frequency: 24 for h, 96 for 15min, 7 for D, 5 for B, 12 for MS; else 1."""
    import pandas as pd

    if frequency is None:
        return 1
    offset = pd.tseries.frequencies.to_offset(frequency)
    unit, count = str(offset.rule_code).split("-")[0], int(offset.n)
    # BMS, CBME, QE, ...: the start or the end of a month, quarter or year, on a business day or not.
    match = re.fullmatch(r"(?:C?B(?=[MQY]))?(SM|M|Q|Y)[SE]", unit)
    steps = _SEASONS.get(match[1] if match else unit, 1)
    return steps // count if steps % count == 0 else 1


def check_frequency(frequency: str) -> str:
    """The frequency, if pandas knows it.

    Raises:
        ConfigError: If it does not.
    """
    import pandas as pd

    try:
        offset = pd.tseries.frequencies.to_offset(frequency)
    except (ValueError, AttributeError):
        offset = None
    if offset is None or offset.n < 1:
        raise ConfigError(
            f"data.frequency must be auto, none or a pandas offset such as h, D, B, W, MS, 15min, but is {frequency!r}"
        )
    return str(offset.freqstr)


def future_times(last: np.datetime64, frequency: str | None, steps: int) -> Times:
    """The times of the next steps."""
    import pandas as pd

    if frequency is None:
        raise DataError(
            "the times of the forecast cannot be told: the data has no regular frequency; give data.frequency"
        )
    offset = pd.tseries.frequencies.to_offset(frequency)
    dates = pd.date_range(pd.Timestamp(last), periods=steps + 1, freq=offset)
    return np.asarray(dates[dates > pd.Timestamp(last)][:steps], dtype="datetime64[ns]")


def _has_weekends(times: Times) -> bool:
    days = times.astype("datetime64[D]").astype(np.int64)
    return bool((((days + 3) % 7) >= 5).mean() > 0.02)  # 1970-01-01 was a Thursday
