"""Times of rows: finding their column and parsing it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqexp.data.panel import Times
from seqexp.data.sources.files import INDEX, Shrink, Table, shown
from seqexp.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

TIME_NAMES = ("date", "datetime", "timestamp", "time", "ds", "period", "day", "month", "year", INDEX)

_DAY_OR_MONTH_FIRST = r"^(\d{1,2})([./-])(\d{1,2})\2(?:\d{4}|\d{2})\b"
_ZONE = r"(:\d\d(?:\.\d+)?)\s*(?:Z|[+-]\d\d:?\d\d)$"


def parse_times(table: Table, column: str, date_format: str | None) -> Times:
    """A column as datetime64[ns] without a time zone, or as int64 where it counts steps.

    Where zones are given, times are UTC; but days, which begin at midnight in their own zone, stay the days they are.

    Raises:
        DataError: At the first cell that is no date, naming its line; or if the day cannot be told from the month.
        ConfigError: If the format is none.
    """
    import pandas as pd

    values = table.frame[column]
    if pd.api.types.is_numeric_dtype(values) and date_format is None:
        return _from_numbers(table, column)
    if pd.api.types.is_datetime64_any_dtype(values):
        parsed = _without_zone(values)
    else:
        parsed = _from_text(table, column, date_format)
    bad = parsed.isna().to_numpy()
    if bad.any():
        raise _no_date(table, column, int(bad.argmax()))
    return np.asarray(parsed, dtype="datetime64[ns]")


def early_dates(path: Path, named: str | None, date_format: str | None) -> Shrink:
    """What turns the times of a piece of a file from text to dates, which take a fraction of the memory.

    Only where that is beyond doubt: the format is given or ISO 8601, every cell is right, and there are no zones.
    """
    import pandas as pd

    def shrink(piece: pd.DataFrame) -> pd.DataFrame:
        column = find_time_column(Table(piece, path, str), named)
        if column is None or not len(piece):
            return piece
        values = piece[column]
        if pd.api.types.is_datetime64_any_dtype(values):
            return piece if values.dt.tz is not None else piece.assign(**{column: values.astype("datetime64[ns]")})
        if pd.api.types.is_numeric_dtype(values) or not (date_format or re.match(r"\d{4}-\d\d", str(values.iloc[0]))):
            return piece
        try:
            parsed = pd.to_datetime(values, format=date_format or "ISO8601")
            return piece.assign(**{column: parsed.astype("datetime64[ns]")})
        except (ValueError, TypeError):  # parse_times will say what is wrong, and where
            return piece

    return shrink


def _from_text(table: Table, column: str, date_format: str | None) -> pd.Series[pd.Timestamp]:
    import pandas as pd

    values = table.frame[column]
    if date_format is not None and values.dtype == object:  # pieces that were all right are dates already
        values = values.map(lambda v: v.strftime(date_format) if isinstance(v, pd.Timestamp) else v)
    text = values.astype("str").str.strip()
    day_first = date_format is None and _day_first(table, column, text)

    def parsed(text: pd.Series[str]) -> pd.Series[pd.Timestamp]:
        options = {"errors": "coerce", "utc": True, "dayfirst": day_first}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pandas cannot infer a format: it is then slow, not wrong
            found = pd.to_datetime(text, format=date_format, **options)
            if date_format is None and found.isna().any():
                found = pd.to_datetime(text, format="mixed", **options)
        return found.dt.tz_localize(None)

    try:
        if date_format is None and text.str.extract(_ZONE)[0].notna().any():
            local = parsed(text.str.replace(_ZONE, r"\1", regex=True))
            if (local == local.dt.normalize()).all():
                return local
        return parsed(text)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"data.date_format must be a strptime format, but is {date_format!r} ({error})") from None


def _day_first(table: Table, column: str, text: pd.Series[str]) -> bool:
    """Whether 03/04/2020 is the third of April, told from the other dates. Never guessed: both are common."""
    parts = text.str.extract(_DAY_OR_MONTH_FIRST).dropna()
    if parts.empty:
        return False
    first, second = parts[0].astype("int64"), parts[2].astype("int64")
    if (first > 12).any() and (second > 12).any():
        day, month = text[first.index[first > 12][0]], text[second.index[second > 12][0]]
        raise DataError(
            f"{table.path.name}: column '{column}' has the day first in {day!r}, but the month first in {month!r}; "
            "write dates as 2016-01-31"
        )
    if (first > 12).any() or (parts[1] == ".").all():
        return True
    if (second > 12).any() or (first == second).all():
        return False
    row = int(text.index.get_loc(first.index[0]))
    raise DataError(
        f"{table.line(row)}: column '{column}' has {shown(text.iloc[row])}, and no "
        "row tells whether the day or the month comes first; give data.date_format='%d/%m/%Y' or '%m/%d/%Y', or write "
        "dates as 2016-01-31"
    )


def _without_zone(values: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    if values.dt.tz is None:
        return values
    local = values.dt.tz_localize(None)
    return local if (local == local.dt.normalize()).all() else values.dt.tz_convert(None)


def _from_numbers(table: Table, column: str) -> Times:
    """Years (1949, 1949.25), months (194901), days (20160131), Unix seconds to nanoseconds; else counted steps."""
    import pandas as pd

    values = table.frame[column]
    whole = values.dtype.kind == "i"
    number: Times = np.asarray(values if whole else values.to_numpy(dtype=np.float64, na_value=np.nan))
    if not np.isfinite(number).all():
        raise _no_date(table, column, int(np.argmin(np.isfinite(number))))
    low, high = float(number.min()), float(number.max())
    whole = whole or bool((number == np.floor(number)).all())
    if low >= 1678 and high < 2262:
        months = number * 12
        if (np.abs(months - np.round(months)) < 0.1).all():  # R writes February 1949 as 1949.083
            return (np.round(months).astype(np.int64) - 1970 * 12).astype("datetime64[M]").astype("datetime64[ns]")
    elif whole and low >= 167_801 and high <= 226_112 and ((number % 100 >= 1) & (number % 100 <= 12)).all():
        return _by_format(table, column, "%Y%m")
    elif whole and low >= 1e7 and high < 1e8:
        return _by_format(table, column, "%Y%m%d")
    elif low >= 1e8:
        unit = "s" if high < 1e11 else "ms" if high < 1e14 else "us" if high < 1e17 else "ns"
        return np.asarray(pd.to_datetime(values, unit=unit), dtype="datetime64[ns]")
    if not whole:
        raise _no_date(table, column, int(np.argmax(number != np.floor(number))))
    return number.astype(np.int64)


def _by_format(table: Table, column: str, form: str) -> Times:
    import pandas as pd

    text = table.frame[column].astype("int64").astype("str")
    dates = pd.to_datetime(text, format=form, errors="coerce")
    if dates.isna().any():
        raise _no_date(table, column, int(dates.isna().to_numpy().argmax()))
    return np.asarray(dates, dtype="datetime64[ns]")


def _no_date(table: Table, column: str, row: int) -> DataError:
    import pandas as pd

    value = table.frame[column].iloc[row]
    said = "is empty" if pd.isna(value) else f"has {shown(value)}"
    return DataError(
        f"{table.line(row)}: column '{column}' must hold dates, but {said}; correct it, or give data.date_format"
    )


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
        return str(min(usual, key=lambda c: TIME_NAMES.index(c.lower())))
    for column in frame.columns:
        values = frame[column]
        if pd.api.types.is_datetime64_any_dtype(values):
            return str(column)
        if not pd.api.types.is_numeric_dtype(values) and len(values):
            head = values.iloc[: min(20, len(values))].astype("str")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                parsed = pd.to_datetime(head, errors="coerce", format="mixed", utc=True)
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
    names = ", ".join(map(str, frame.columns[:12])) + (", ..." if frame.shape[1] > 12 else "")
    raise DataError(
        f"{table.path.name} has no column '{column}' ({key}); its columns are {names}{suggest(column, frame.columns)}"
    )
