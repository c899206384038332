"""Any table of time series: wide, long, or one series a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqexp.config.schema.data import TableData
from seqexp.data.calendar import calendar_columns, calendar_features
from seqexp.data.cleaning import Rows
from seqexp.data.panel import Panel, Times
from seqexp.data.sources.assemble import Ahead, Cleaned, clean_all
from seqexp.data.sources.files import Table, expand, numbers, parsed_numbers, read_table
from seqexp.data.sources.frequency import check_frequency, find_frequency, season_of
from seqexp.data.sources.times import early_dates, find_time_column, parse_times, require
from seqexp.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

SERIES_NAMES = (
    "series",
    "series_id",
    "unique_id",
    "item_id",
    "id",
    "ticker",
    "symbol",
    "store",
    "sensor",
    "station",
    "name",
)


@dataclass(frozen=True)
class _Roles:
    """Which columns are what."""

    time: str | None
    series: str | None
    targets: list[str]
    known: list[str]
    observed: list[str]


def load(config: TableData, *, ahead: int = 0, frequency: str | None = None) -> Panel:
    """Read, clean and describe a table.

    Args:
        config: Where it is and how it is read.
        ahead: Steps to come that are added behind each series, to be forecast.
        frequency: The frequency of the data a run was trained on; None: found.

    Raises:
        DataError: If the files are not as they must be.
        ConfigError: If a named column is not there.
    """
    if not config.path:
        raise ConfigError("data=table needs data.path=FILE, a CSV or Parquet file, a folder or a glob")
    series = _read_all(expand(config.path), config)
    if config.test_path:
        series = _appended(series, _read_all(expand(config.test_path, "data.test_path"), config))
    _check_names(series)
    targets = len(series[0].columns) - len(config.known) - len(config.observed)
    known = tuple(range(targets, targets + len(config.known)))
    coming = Ahead(ahead, tuple(range(targets)), known) if ahead else None
    needed = config.window + (0 if ahead else config.horizon)
    cleaned = clean_all(series, config, frequency or _frequency(config, series), needed=needed, ahead=coming)
    return _panel(config, cleaned)


def _panel(config: TableData, cleaned: Cleaned) -> Panel:
    columns = list(cleaned.series[0].columns)
    targets = columns[: len(columns) - len(config.known) - len(config.observed)]
    values = (
        cleaned.series[0].values if len(cleaned.series) == 1 else np.concatenate([r.values for r in cleaned.series])
    )
    first_known = len(targets)
    first_observed = first_known + len(config.known)
    known, known_names = values[:, first_known:first_observed].astype(np.float32), list(config.known)
    if config.calendar:
        calendar_names = calendar_columns(config.calendar)
        if cleaned.times.dtype.kind != "M":
            raise ConfigError(
                "data.calendar needs dates, but the data has no column of times; name it with data.time_column"
            )
        known = np.concatenate((known, calendar_features(cleaned.times, config.calendar)), axis=1)
        known_names += calendar_names
    return Panel(
        names=tuple(r.name for r in cleaned.series),
        offsets=cleaned.offsets,
        times=cleaned.times,
        target=np.ascontiguousarray(values[:, : len(targets)]),
        target_names=tuple(targets),
        observed=values[:, first_observed:].astype(np.float32),
        observed_names=config.observed,
        known=known,
        known_names=tuple(known_names),
        frequency=cleaned.frequency,
        season=config.season or season_of(cleaned.frequency),
        notes=cleaned.notes,
    )


def _read_all(paths: Sequence[Path], config: TableData) -> list[Rows]:
    found: list[Rows] = []
    for path in paths:
        shrink = early_dates(path, config.time_column, config.date_format)
        found += _read(read_table(path, header=config.header, shrink=shrink), config)
    return found


def _read(table: Table, config: TableData) -> list[Rows]:
    layout = config.layout if config.layout != "auto" else _layout(table, config)
    if layout == "rows":
        return _read_rows(table)
    roles = _roles(table, config, long=layout == "long")
    times: Times
    times = parse_times(table, roles.time, config.date_format) if roles.time else np.arange(len(table.frame))
    if layout == "long":
        return _read_long(table, roles, times)
    return _read_wide(table, config, roles, times)


def _layout(table: Table, config: TableData) -> str:
    frame = table.frame
    if config.series_column is not None or (
        _series_column(table, None) and find_time_column(table, config.time_column)
    ):
        return "long"
    first = frame.iloc[:, 0]
    if frame.shape[1] > 3 and find_time_column(table, config.time_column) is None:
        texts = not np.issubdtype(np.asarray(first).dtype, np.number)
        return "rows" if texts and first.is_unique else "wide"
    return "wide"


def _series_column(table: Table, named: str | None) -> str | None:
    if named is not None:
        return require(table, named, "data.series_column")
    usual = [c for c in table.frame.columns if c.lower() in SERIES_NAMES]
    return next((str(c) for c in usual if table.frame[c].nunique() < len(table.frame)), None)


def _holds_numbers(values: pd.Series[float]) -> bool:
    """Whether most cells are numbers: a slip of the pen must be told, and not make text of the column."""
    import pandas as pd

    return pd.api.types.is_numeric_dtype(values) or bool(parsed_numbers(values.iloc[:1000]).notna().mean() > 0.5)


def _roles(table: Table, config: TableData, *, long: bool) -> _Roles:
    frame = table.frame
    time = find_time_column(table, config.time_column)
    series = _series_column(table, config.series_column) if long else None
    if long and series is None:
        raise DataError(
            f"{table.path} has no column of series ids among {', '.join(frame.columns[:12])}; give data.series_column"
        )
    known = [require(table, c, "data.known") for c in config.known]
    observed = [require(table, c, "data.observed") for c in config.observed]
    if config.target:
        targets = [require(table, c, "data.target") for c in config.target]
    else:
        taken = {time, series, *known, *observed}
        targets = [c for c in frame.columns if c not in taken and _holds_numbers(frame[c])]
    twice = {c for c in (*targets, *known, *observed) if [*targets, *known, *observed].count(c) > 1}
    if twice:
        raise ConfigError(
            f"column '{min(twice)}' has two roles among data.target, data.known and data.observed; it can have one"
        )
    if not targets:
        raise DataError(
            f"{table.path} has no column of numbers to forecast among {', '.join(frame.columns[:12])}; give data.target"
        )
    return _Roles(time, series, targets, known, observed)


def _read_wide(table: Table, config: TableData, roles: _Roles, times: Times) -> list[Rows]:
    covariates = [numbers(table, c) for c in (*roles.known, *roles.observed)]
    names = [*roles.known, *roles.observed]
    if config.multivariate or len(roles.targets) == 1:
        values = np.stack([*(numbers(table, c) for c in roles.targets), *covariates], axis=1)
        name = roles.targets[0] if len(roles.targets) == 1 else table.path.name.split(".")[0]
        return [Rows(name, times, values, [*roles.targets, *names], table.line)]
    return [
        Rows(
            c,
            times,
            np.stack([numbers(table, c), *covariates], axis=1),
            ["value", *names],
            table.line,
        )
        for c in roles.targets
    ]


def _read_long(table: Table, roles: _Roles, times: Times) -> list[Rows]:
    import pandas as pd

    columns = [*roles.targets, *roles.known, *roles.observed]
    values = np.stack([numbers(table, c) for c in columns], axis=1)
    codes, names = pd.factorize(table.frame[roles.series])
    if (codes < 0).any():
        raise DataError(
            f"{table.line(int((codes < 0).argmax()))}: column '{roles.series}' must hold a series id, but is empty"
        )
    order = np.argsort(codes, kind="stable")
    borders = np.searchsorted(codes[order], np.arange(len(names) + 1))
    found = []
    for code, name in enumerate(names):
        at = order[borders[code] : borders[code + 1]]
        own = times[at] if roles.time else np.arange(len(at))
        found.append(Rows(str(name), own, values[at], columns, table.lines(at)))
    return found


def _read_rows(table: Table) -> list[Rows]:
    """One series a row: its id, then its values; series may end at different columns."""
    frame = table.frame
    values = np.stack([numbers(table, c) for c in frame.columns[1:]], axis=1)
    found = []
    for row, name in enumerate(frame.iloc[:, 0].astype("str")):
        present = np.flatnonzero(np.isfinite(values[row]))
        if not len(present):
            raise DataError(f"{table.line(row)}: series '{name}' has no number at all; remove the row")
        own = values[row, : present[-1] + 1, None]
        found.append(Rows(name, np.arange(len(own)), own, ["value"], partial(_value_of, table, row)))
    return found


def _appended(series: Sequence[Rows], tails: Sequence[Rows]) -> list[Rows]:
    """The series with those of `data.test_path` as their ends."""
    by_name = {rows.name: rows for rows in tails}
    missing = [rows.name for rows in series if rows.name not in by_name]
    unknown = sorted(set(by_name) - {rows.name for rows in series})
    if missing or unknown:
        which = f"lacks series '{missing[0]}'" if missing else f"has series '{unknown[0]}', which data.path has not"
        raise DataError(f"data.test_path must continue the series of data.path, but {which}")
    joined = []
    for rows in series:
        tail = by_name[rows.name]
        if list(tail.columns) != list(rows.columns):
            raise DataError(f"data.test_path has columns {list(tail.columns)}, but data.path {list(rows.columns)}")
        dated = rows.times.dtype.kind == "M"
        times = np.concatenate((rows.times, tail.times)) if dated else np.arange(len(rows.times) + len(tail.times))
        joined.append(
            Rows(
                rows.name,
                times,
                np.concatenate((rows.values, tail.values)),
                rows.columns,
                _joined_place(rows, tail),
            )
        )
    return joined


def _joined_place(head: Rows, tail: Rows) -> Callable[[int], str]:
    count = len(head.times)
    return lambda row: head.where(row) if row < count else tail.where(row - count)


def _check_names(series: Sequence[Rows]) -> None:
    names = [rows.name for rows in series]
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise DataError(f"series '{doubled[0]}' appears twice (in two files, or two rows); give each its own name")
    columns = {tuple(rows.columns) for rows in series}
    if len(columns) > 1:
        one, other = sorted(columns)[:2]
        raise DataError(
            f"all files must have the same columns, but one has {', '.join(one)} and another {', '.join(other)}"
        )


def _frequency(config: TableData, series: Sequence[Rows]) -> str | None:
    if config.frequency == "none" or series[0].times.dtype.kind != "M":
        return None
    if config.frequency != "auto":
        return check_frequency(config.frequency)
    return find_frequency([rows.times for rows in series])


def _value_of(table: Table, row: int, step: int) -> str:
    """The place of a series' value, when the series is one row of the table."""
    return f"{table.line(row)}, value {step + 1}"
