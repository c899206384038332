"""Times of rows: finding the column, parsing it, its frequency and the season that goes with it."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from seqexp.data.panel import Ints, Times
from seqexp.data.sources.files import Table
from seqexp.errors import ConfigError, DataError

if TYPE_CHECKING:
    pass

TIME_NAMES = ("date", "datetime", "time", "timestamp", "ds", "day", "month", "year", "period", "index")

# Steps of one season for each unit a frequency may have: a day of hours or minutes, a week of days, a year of months.
_STEPS_A_DAY = {"h": 24, "min": 1440, "s": 86_400}
_SEASONS = {"D": 7, "B": 5, "C": 5, "W": 52, "M": 12, "Q": 4, "Y": 1}


def parse_times(table: Table, column: str, date_format: str | None) -> Times:
    """A column as datetime64[ns], without a time zone (UTC where one is given).

    Raises:
        DataError: At the first cell that is no date, naming its line.
    """
    import pandas as pd

    values = table.frame[column]
    if pd.api.types.is_numeric_dtype(values) and date_format is None:
        return _from_numbers(table, column)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas cannot infer a format: it is then slow, not wrong
        try:
            parsed = pd.to_datetime(values, format=date_format, errors="coerce", utc=True)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"data.date_format must be a strptime format, but is {date_format!r} ({error})") from None
        if date_format is None and parsed.isna().any():
            parsed = pd.to_datetime(values, format="mixed", errors="coerce", utc=True)
    bad = parsed.isna().to_numpy()
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{table.line(row)}: column '{column}' must hold dates, but has {str(values.iloc[row])!r}; correct it, "
            "or give data.date_format"
        )
    return np.asarray(parsed.dt.tz_localize(None), dtype="datetime64[ns]")


def _from_numbers(table: Table, column: str) -> Times:
    """Years (1949), days (20160131) or Unix seconds and milliseconds."""
    import pandas as pd

    values = table.frame[column]
    if values.isna().any():
        row = int(values.isna().to_numpy().argmax())
        raise DataError(f"{table.line(row)}: column '{column}' must hold dates, but is empty")
    low, high = float(values.min()), float(values.max())
    if low >= 1678 and high <= 2261:
        return np.asarray(pd.to_datetime(values.astype("int64").astype("str"), format="%Y"), dtype="datetime64[ns]")
    if low >= 1e7 and high < 1e8:
        text = values.astype("int64").astype("str")
        return np.asarray(pd.to_datetime(text, format="%Y%m%d", errors="coerce"), dtype="datetime64[ns]")
    unit = "s" if high < 1e11 else "ms" if high < 1e14 else "us" if high < 1e17 else "ns"
    return np.asarray(pd.to_datetime(values, unit=unit), dtype="datetime64[ns]")


def find_time_column(table: Table, named: str | None) -> str | None:
    """The column of times: the one named, one with a usual name, or the first that holds dates.

    Raises:
        DataError: If the one named is missing.
    """
    import pandas as pd

    frame = table.frame
    if named is not None:
        return require(table, named, "data.time_column")
    usual = [c for c in frame.columns if c.lower() in TIME_NAMES]
    if usual:
        return str(usual[0])
    for column in frame.columns:
        values = frame[column]
        if pd.api.types.is_datetime64_any_dtype(values):
            return str(column)
        if not pd.api.types.is_numeric_dtype(values) and len(values):
            head = values.iloc[: min(20, len(values))].astype("str")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                parsed = pd.to_datetime(head, errors="coerce", format="mixed")
            if parsed.notna().all() and head.str.contains(r"\d").all():
                return str(column)
    return None


def require(table: Table, column: str, key: str) -> str:
    """The column's name, if the table has it, in whatever letter case.

    Raises:
        DataError: If it has not.
    """
    from seqexp.config.explain import suggest

    frame = table.frame
    if column in frame.columns:
        return column
    same = [c for c in frame.columns if c.lower() == column.lower()]
    if len(same) == 1:
        return str(same[0])
    shown = ", ".join(map(str, frame.columns[:12])) + (", ..." if frame.shape[1] > 12 else "")
    raise DataError(
        f"{table.path.name} has no column '{column}' ({key}); its columns are {shown}{suggest(column, frame.columns)}"
    )


def find_frequency(times: Times, offsets: Ints) -> str | None:
    """The frequency most stretches of the data have, as a pandas offset; None for irregular times.

    Ten rows in a row say it exactly (`B`, `MS`, `W-FRI`); a vote among many stretches forgives holidays and gaps.
    """
    import pandas as pd

    votes: Counter[str] = Counter()
    for start, end in zip(offsets[:-1][:20], offsets[1:][:20], strict=True):
        rows = np.unique(times[start:end])
        size = min(10, len(rows))
        for begin in np.unique(np.linspace(0, max(len(rows) - size, 0), 40, dtype=int)):
            stretch = pd.DatetimeIndex(rows[begin : begin + size])
            if len(stretch) >= 3 and (name := pd.infer_freq(stretch)):
                votes[name] += 1
    # Five weekdays in a row look like days: business days win when weekends are always missing.
    if votes and votes.most_common(1)[0][0] in ("D", "B") and not _has_weekends(times):
        return "B"
    if votes:
        return votes.most_common(1)[0][0]
    steps = np.diff(times[offsets[0] : offsets[1]].view(np.int64))
    steps = steps[steps > 0]
    if not len(steps):
        return None
    values, counts = np.unique(steps, return_counts=True)
    if counts.max() < 0.5 * len(steps):
        return None
    return str(pd.tseries.frequencies.to_offset(pd.Timedelta(int(values[counts.argmax()]), "ns")).freqstr)


def season_of(frequency: str | None) -> int:
    """Steps in the natural season of a frequency: 24 for h, 96 for 15min, 7 for D, 5 for B, 12 for MS; else 1."""
    import pandas as pd

    if frequency is None:
        return 1
    offset = pd.tseries.frequencies.to_offset(frequency)
    unit, count = str(offset.name).split("-")[0], int(offset.n)
    if unit in _STEPS_A_DAY:
        return max(_STEPS_A_DAY[unit] // count, 1)
    base = unit[0] if unit[0] in _SEASONS else unit.removeprefix("B")[:1]
    return max(_SEASONS.get(unit, _SEASONS.get(base, 1)) // count, 1)


def check_frequency(frequency: str) -> str:
    """The frequency, if pandas knows it.

    Raises:
        ConfigError: If it does not.
    """
    import pandas as pd

    try:
        return str(pd.tseries.frequencies.to_offset(frequency).freqstr)
    except (ValueError, AttributeError):
        raise ConfigError(
            f"data.frequency must be auto, none or a pandas offset such as h, D, B, W, MS, 15min, but is {frequency!r}"
        ) from None


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
