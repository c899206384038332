"""Rows that are not as they should be: out of order, twice, not finite, missing. Found, said, and mended as chosen.

Each step takes one series as (times, values) and returns it anew; `where(row)` names a row of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.config.schema.data import Cleaning
from seqexp.data.panel import Floats, Ints, Times
from seqexp.errors import DataError


@dataclass
class Rows:
    """One series while it is cleaned. R rows, M columns."""

    name: str
    times: Times
    values: Floats
    """(R, M)"""
    columns: Sequence[str]
    where: Callable[[int], str]
    """Names a row of the file."""
    order: Ints | None = None
    """The file's row that each row came from; None while nothing was moved."""
    notes: list[str] = field(default_factory=list)

    def place(self, row: int) -> str:
        """`prices.csv line 17`, for the row as it now stands."""
        return self.where(int(self.order[row]) if self.order is not None else row)

    def keep(self, which: Any) -> None:
        """Keep some rows, by a mask or by their numbers, or put them in another order."""
        order = np.arange(len(self.times)) if self.order is None else self.order
        self.times, self.values, self.order = self.times[which], self.values[which], order[which]


def clean(rows: Rows, policy: Cleaning, frequency: str | None) -> Rows:
    """Sort, remove duplicates, mend numbers, fill gaps, each as the policy says.

    Raises:
        DataError: Where the policy is to refuse, naming the row, the value and the choice.
    """
    _sort(rows, policy)
    _deduplicate(rows, policy)
    _mend(rows, policy)
    _fill_gaps(rows, policy, frequency)
    return rows


def _sort(rows: Rows, policy: Cleaning) -> None:
    back = np.flatnonzero(rows.times[1:] < rows.times[:-1])
    if not len(back):
        return
    place = rows.place(int(back[0]) + 1)
    if policy.unsorted == "refuse":
        raise DataError(
            f"{place}: {_time(rows, int(back[0]) + 1)} comes after {_time(rows, int(back[0]))} in series "
            f"'{rows.name}'; sort the file, or choose data.cleaning.unsorted=sort"
        )
    rows.keep(np.argsort(rows.times, kind="stable"))
    rows.notes.append(f"{rows.name}: {len(back)} rows were out of time order, first at {place}; sorted")


def _deduplicate(rows: Rows, policy: Cleaning) -> None:
    same = np.flatnonzero(rows.times[1:] == rows.times[:-1])
    if not len(same):
        return
    place, time = rows.place(int(same[0]) + 1), _time(rows, int(same[0]))
    if policy.duplicates == "refuse":
        raise DataError(
            f"{place}: series '{rows.name}' has {time} twice ({len(same)} such rows in all); give the column of "
            "series ids if there are several series, or choose data.cleaning.duplicates=first, last or mean"
        )
    first = np.append(True, rows.times[1:] != rows.times[:-1])
    if policy.duplicates == "mean":
        starts = np.flatnonzero(first)
        counts = np.diff(np.append(starts, len(first)))
        means = np.add.reduceat(rows.values, starts, axis=0) / counts[:, None]
        rows.keep(first)
        rows.values = means
    else:
        rows.keep(first if policy.duplicates == "first" else np.append(first[1:], True))
    rows.notes.append(
        f"{rows.name}: {len(same)} rows had a time that another has, first at {place}; kept the {policy.duplicates}"
    )


def _mend(rows: Rows, policy: Cleaning) -> None:
    finite = np.isfinite(rows.values)
    bad = np.flatnonzero(~finite.all(axis=1))
    if not len(bad):
        return
    row = int(bad[0])
    column = int(np.argmin(finite[row]))
    what = f"column '{rows.columns[column]}' is {_shown(rows.values[row, column])}"
    empty = np.flatnonzero(~finite.any(axis=0))
    if len(empty):
        raise DataError(
            f"column '{rows.columns[int(empty[0])]}' of series '{rows.name}' has no number at all; leave it out"
        )
    if policy.non_finite == "refuse":
        raise DataError(
            f"{rows.place(row)}: {what} ({len(bad)} such rows in series '{rows.name}'); correct them, or choose "
            "data.cleaning.non_finite=drop, ffill or interpolate"
        )
    place = rows.place(row)
    if policy.non_finite == "drop":
        rows.keep(finite.all(axis=1))
    else:
        rows.values = np.where(finite, rows.values, np.nan)
        rows.values = _filled(rows.values, policy.non_finite)
        leading = np.isfinite(rows.values).all(axis=1)
        rows.keep(leading)  # nothing comes before the first value to repeat
    rows.notes.append(
        f"{rows.name}: {len(bad)} rows had numbers that are not finite, first {what} at {place}; {policy.non_finite}"
    )


def _fill_gaps(rows: Rows, policy: Cleaning, frequency: str | None) -> None:
    """Compare the times with the regular grid of their frequency."""
    if frequency is None or rows.times.dtype.kind != "M" or len(rows.times) < 2:
        return
    import pandas as pd

    if _all_steps_are(frequency, rows.times):
        return
    stamps = pd.DatetimeIndex(rows.times)
    grid = pd.date_range(stamps[0], stamps[-1], freq=frequency)
    if len(grid) == len(stamps) and (grid == stamps).all():
        return
    off = ~stamps.isin(grid)
    missing = len(grid) - int((~off).sum())
    if off.any():
        row = int(off.argmax())
        place = f"{_time(rows, row)} at {rows.place(row)}"
        text = f"{int(off.sum())} times are off the grid of frequency {frequency}, first {place}"
    else:
        first = grid[~grid.isin(stamps)][0]
        text = f"{missing} steps of frequency {frequency} are missing, first {first.isoformat(sep=' ')}"
    if policy.gaps == "refuse" or (policy.gaps != "keep" and off.any()):
        raise DataError(
            f"series '{rows.name}': {text}; give data.frequency, or choose data.cleaning.gaps=keep (the next row "
            "follows the last), ffill or interpolate (for missing steps only)"
        )
    if policy.gaps != "keep":
        frame = pd.DataFrame(rows.values, index=stamps).reindex(grid)
        rows.values = _filled(frame.to_numpy(), policy.gaps)
        rows.times, rows.order = grid.to_numpy(dtype="datetime64[ns]"), None
    rows.notes.append(f"{rows.name}: {text}; {policy.gaps}")


def _all_steps_are(frequency: str, times: Times) -> bool:
    """Whether each step is of a frequency that is always as long: told without laying out its grid."""
    import pandas as pd

    offset = pd.tseries.frequencies.to_offset(frequency)
    if not isinstance(offset, pd.tseries.offsets.Tick | pd.tseries.offsets.Day):
        return False
    first = pd.Timestamp(times[0])
    return bool((np.diff(times) == (first + offset - first).to_numpy()).all())


def _filled(values: Floats, how: str) -> Floats:
    import pandas as pd

    frame = pd.DataFrame(values)
    filled = frame.ffill() if how == "ffill" else frame.interpolate(limit_area="inside").ffill()
    result: Floats = filled.to_numpy()
    return result


def _time(rows: Rows, row: int) -> str:
    value = rows.times[row]
    return str(value).replace("T", " ").removesuffix(".000000000").removesuffix(" 00:00:00")


def _shown(value: float) -> str:
    return "empty" if np.isnan(value) else str(value)
