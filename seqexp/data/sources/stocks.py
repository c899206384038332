"""Bars of prices: the S&P 500 that comes with the arch package, or the user's own files, one ticker or many."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seqexp.config.explain import suggest
from seqexp.config.schema.data import StocksData
from seqexp.data.bars import AUTO, Bars, feature_columns, features, needs
from seqexp.data.cleaning import Rows
from seqexp.data.panel import Panel
from seqexp.data.sources.assemble import Ahead, Cleaned, clean_all
from seqexp.data.sources.files import Table, expand, numbers, read_table
from seqexp.data.sources.frequency import find_frequency, season_of
from seqexp.data.sources.times import early_dates, find_time_column, parse_times, require
from seqexp.errors import ConfigError, DataError

PRICES = ("open", "high", "low", "close")
_SPELLINGS = {
    "open": ("open", "o", "openprice", "opening"),
    "high": ("high", "h", "highprice", "max"),
    "low": ("low", "l", "lowprice", "min"),
    "close": ("close", "c", "closeprice", "last", "price", "closing", "px", "closelast"),
    "adj_close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjcloseprice", "adjprice"),
    "volume": ("volume", "vol", "v", "shares", "totalvolume"),
    "ticker": ("ticker", "symbol", "tic", "code", "instrument", "asset", "stock", "name", "security"),
}


def load(config: StocksData, *, ahead: int = 0, frequency: str | None = None) -> Panel:
    """Read, clean and describe bars.

    Args:
        config: Where they are and how they are read.
        ahead: Steps to come that are added behind each series, to be forecast.
        frequency: The frequency of the data a run was trained on; None: found.

    Raises:
        DataError: If the files are not as they must be.
        ConfigError: If a feature is unknown or needs a column that is not there.
    """
    series = [rows for path in _paths(config) for rows in _read(path, config)]
    chosen = _choose(series, config.tickers)
    common = [c for c in (*PRICES, "volume") if all(c in rows.columns for rows in chosen)]
    for rows in chosen:
        rows.values = rows.values[:, [list(rows.columns).index(c) for c in common]]
        rows.columns = common
    coming = Ahead(ahead, (common.index("close"),), ()) if ahead else None
    needed = config.window + (0 if ahead else config.horizon) + 1
    cleaned = clean_all(
        chosen, config, frequency or find_frequency([r.times for r in chosen]), needed=needed, ahead=coming
    )
    _check_prices(cleaned)
    return _panel(config, cleaned, common)


def _panel(config: StocksData, cleaned: Cleaned, columns: Sequence[str]) -> Panel:
    names = _feature_names(config.features, columns)
    observed = [features(names, Bars(r.times, r.values, columns)) for r in cleaned.series]
    rows = int(cleaned.offsets[-1])
    close = list(columns).index("close")
    return Panel(
        names=tuple(r.name for r in cleaned.series),
        offsets=cleaned.offsets,
        times=cleaned.times,
        target=np.concatenate([r.values[:, [close]] for r in cleaned.series]),
        target_names=("close",),
        observed=np.concatenate(observed),
        observed_names=tuple(feature_columns(names)),
        known=np.empty((rows, 0), np.float32),
        known_names=(),
        frequency=cleaned.frequency,
        season=config.season or season_of(cleaned.frequency),
        notes=cleaned.notes,
    )


def _paths(config: StocksData) -> list[Path]:
    if config.path:
        return expand(config.path)
    # The data file is read without importing arch, which would bring statsmodels and scipy with it.
    spec = importlib.util.find_spec("arch")
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else Path()
    found = folder / "data" / "sp500" / "sp500.csv.gz"
    if not found.is_file():
        raise DataError("the S&P 500 of the arch package is not there; install arch, or give data.path=FILE")
    return [found]


def _read(path: Path, config: StocksData) -> list[Rows]:
    """The series of one file: one, or one for each value of its ticker column."""
    table = read_table(path, shrink=early_dates(path, config.columns.get("date"), config.date_format))
    columns = _find_columns(table, config.columns)
    time_column = find_time_column(table, columns.get("date"))
    if time_column is None:
        raise DataError(f"{path} has no column of dates; name it with data.columns={{date: ...}}")
    if "close" not in columns and "adj_close" not in columns:
        shown = ", ".join(table.frame.columns)
        raise DataError(f"{path} has no close column among {shown}; name it with data.columns={{close: ...}}")
    times = parse_times(table, time_column, config.date_format)
    values = {c: numbers(table, columns[c]) for c in (*PRICES, "adj_close", "volume") if c in columns}
    values = _adjusted(values) if config.adjust else values
    values.setdefault("close", values.get("adj_close", np.empty(0)))
    values.pop("adj_close", None)
    stacked = np.stack(list(values.values()), axis=1)
    if "ticker" not in columns:
        name = "sp500" if not config.path else path.name.split(".")[0]
        return [Rows(name, times, stacked, list(values), table.line)]
    tickers = table.frame[columns["ticker"]].astype("str").to_numpy()
    found = []
    for ticker in dict.fromkeys(tickers.tolist()):
        at = np.flatnonzero(tickers == ticker)
        found.append(Rows(ticker, times[at], stacked[at], list(values), table.lines(at)))
    return found


def _adjusted(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Prices as if there had been no splits and dividends: all scaled by adjusted over plain close."""
    if "adj_close" not in values or "close" not in values:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = values["adj_close"] / values["close"]
        scaled = {c: values[c] * ratio for c in PRICES if c in values}
    return {**values, **scaled, "close": values["adj_close"]}


def _find_columns(table: Table, named: Mapping[str, str]) -> dict[str, str]:
    """Which column of the file is which, by the user's word or the usual spellings."""
    for key in named:
        if key not in (*_SPELLINGS, "date"):
            known = ("date", *_SPELLINGS)
            raise ConfigError(f"data.columns may name {', '.join(known)}, but has '{key}'{suggest(key, known)}")
    frame, found = table.frame, {}
    plain = {re.sub(r"[^a-z]", "", str(c).lower()): str(c) for c in frame.columns}
    for key, spellings in _SPELLINGS.items():
        usual = next((plain[s] for s in spellings if s in plain), None)
        if usual is not None:
            found[key] = usual
    found |= {key: require(table, column, f"data.columns.{key}") for key, column in named.items()}
    if "ticker" in found and "ticker" not in named and frame[found["ticker"]].nunique() == len(frame) > 1:
        del found["ticker"]  # a column that differs on every row tells no series apart
    return found


def _choose(series: list[Rows], tickers: Sequence[str]) -> list[Rows]:
    names = [rows.name for rows in series]
    doubled = {n for n in names if names.count(n) > 1}
    if doubled:
        raise DataError(f"ticker '{min(doubled)}' is in two files; give them different names, or remove one")
    for ticker in tickers:
        if ticker not in names:
            raise ConfigError(
                f"data.tickers: there is no '{ticker}' among {', '.join(names[:20])}{suggest(ticker, names)}"
            )
    return [rows for rows in series if not tickers or rows.name in tickers]


def _check_prices(cleaned: Cleaned) -> None:
    for rows in cleaned.series:
        prices = [i for i, c in enumerate(rows.columns) if c in PRICES]
        bad = np.argwhere(rows.values[:, prices] <= 0)
        if len(bad):
            row, column = int(bad[0, 0]), prices[int(bad[0, 1])]
            raise DataError(
                f"{rows.place(row)}: {rows.columns[column]} of '{rows.name}' is {rows.values[row, column]:g}, but "
                "prices must be greater than 0; correct the file, or use data=table"
            )


def _feature_names(asked: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    if tuple(asked) == ("auto",):
        return tuple(n for n in AUTO if needs(n) <= set(columns))
    for name in asked:
        missing = needs(name) - set(columns)
        if missing:
            raise ConfigError(
                f"data.features: '{name}' needs {', '.join(sorted(missing))}, but the data has {', '.join(columns)}; "
                "leave it out, or use data.features=auto"
            )
    return tuple(asked)
