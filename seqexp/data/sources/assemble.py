"""From cleaned series to a `Panel`: end to end in flat arrays, too short ones refused or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqexp.config.schema.data import StocksData, TableData
from seqexp.data.cleaning import Rows, clean
from seqexp.data.panel import Ints, Times
from seqexp.data.sources.frequency import future_times
from seqexp.errors import DataError


@dataclass(frozen=True)
class Cleaned:
    """All series, cleaned."""

    series: list[Rows]
    offsets: Ints
    times: Times
    frequency: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Ahead:
    """What new data must have at its end to be forecast from: `steps` rows to come, with these columns known."""

    steps: int
    targets: tuple[int, ...]
    """The columns of values that are forecast."""
    known: tuple[int, ...]
    """The columns that must be given for the rows to come."""


def clean_all(
    series: Sequence[Rows], config: StocksData | TableData, frequency: str | None, *, needed: int,
    ahead: Ahead | None = None,
) -> Cleaned:  # fmt: skip
    """Clean each series, cut it to `data.start`, and leave out or refuse the short ones.

    Args:
        series: As read.
        config: The policies.
        frequency: A pandas offset, or None.
        needed: Rows that a series must have.
        ahead: For forecasting from new data: rows to come are added, their targets NaN.

    Raises:
        DataError: If a series must be refused, or none is left.
    """
    kept, notes, short = [], [], []
    for rows in series:
        if config.start is not None and rows.times.dtype.kind == "M":
            rows.keep(rows.times >= np.datetime64(config.start))
        coming = _cut_coming(rows, ahead) if ahead else None
        if len(rows.times):
            clean(rows, config.cleaning, frequency)
        if len(rows.times) < needed:
            short.append(rows)
            continue
        if ahead is not None and coming is not None:
            _append_coming(rows, coming, ahead, frequency)
        kept.append(rows)
        notes += rows.notes
    if short and (config.cleaning.short == "refuse" or not kept):
        if ahead:
            way_out = f"a forecast reads the last {needed}; give more rows"
        else:
            way_out = (
                f"one window and its horizon need {needed} (data.window={config.window}, "
                f"data.horizon={config.horizon}); make them smaller"
                + (", or choose data.cleaning.short=drop" if kept else "")
            )
        worst = min(short, key=lambda r: len(r.times))
        raise DataError(f"series '{worst.name}' has {len(worst.times)} rows, but {way_out}")
    if short:
        notes.append(
            f"{len(short)} series with fewer than {needed} rows were dropped: {_some([r.name for r in short])}"
        )
    if not kept:
        raise DataError("there is no series at all in the data")
    offsets = np.cumsum([0, *(len(r.times) for r in kept)]).astype(np.int64)
    times = kept[0].times if len(kept) == 1 else np.concatenate([r.times for r in kept])
    return Cleaned(kept, offsets, times, frequency, tuple(notes))


def _cut_coming(rows: Rows, ahead: Ahead) -> Rows:
    """Take the last rows, whose targets are all empty, off the series."""
    empty = np.asarray(np.isnan(rows.values[:, list(ahead.targets)]).all(axis=1))
    end = len(empty) - (int(np.argmin(empty[::-1])) if not empty.all() else len(empty))
    coming = Rows(rows.name, rows.times[end:], rows.values[end:], rows.columns, rows.where)
    rows.keep(np.arange(end))
    return coming


def _append_coming(rows: Rows, coming: Rows, ahead: Ahead, frequency: str | None) -> None:
    """Put `ahead.steps` rows behind the series: their times, and what is known of them."""
    values = np.full((ahead.steps, rows.values.shape[1]), np.nan)
    if ahead.known:
        given = coming.values[: ahead.steps, list(ahead.known)]
        if len(given) < ahead.steps or not np.isfinite(given).all():
            names = ", ".join(rows.columns[i] for i in ahead.known)
            raise DataError(
                f"series '{rows.name}' needs {names} for the {ahead.steps} steps to come, but has {len(given)} such "
                "rows; add rows behind the last one, with the target left empty"
            )
        values[:, list(ahead.known)] = given
    if rows.times.dtype.kind == "M":
        times = coming.times[: ahead.steps]
        if len(times) < ahead.steps:
            times = future_times(rows.times[-1], frequency, ahead.steps)
    else:
        times = rows.times[-1] + 1 + np.arange(ahead.steps)
    rows.times, rows.values = np.concatenate((rows.times, times)), np.concatenate((rows.values, values))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
