"""Where train ends and valid and test begin. Everything that is fitted comes after this, on train alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqexp.config.schema.data import Split
from seqexp.data.panel import Ints, Panel
from seqexp.errors import ConfigError, DataError

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Borders:
    """The rows of each split in each series, as row numbers of the panel. S series."""

    start: Ints
    """(S): first row of train."""
    valid: Ints
    """(S): first row of valid, the end of train."""
    test: Ints
    """(S): first row of test, the end of valid."""
    end: Ints
    """(S): one past the last row of test."""

    def rows(self, split: str) -> tuple[Ints, Ints]:
        """First row, and one past the last, of a split in each series."""
        edges = (self.start, self.valid, self.test, self.end)
        index = SPLITS.index(split)
        return edges[index], edges[index + 1]


def split_panel(panel: Panel, split: Split) -> Borders:
    """Divide each series in time.

    Shares of dated data are of the timeline that all series have in common, so that no series is trained on days
    another is tested on; whole steps, and data without dates, are counted in each series.

    Raises:
        ConfigError: If dates are given for data without.
        DataError: If nothing is left for a split.
    """
    start, stop = panel.offsets[:-1], panel.offsets[1:]
    dates = (split.valid_from, split.test_from, split.until)
    if any(dates) and not panel.dated:
        raise ConfigError("data.split has dates, but the data has no column of times; give sizes instead")
    end = _rows_before(panel, np.datetime64(split.until), inclusive=True) if split.until else stop
    if split.valid_from and split.test_from:
        valid = _rows_before(panel, np.datetime64(split.valid_from))
        test = _rows_before(panel, np.datetime64(split.test_from))
    else:
        sizes = (split.train, split.valid, split.test)
        shares = all(size is None or size < 1 for size in sizes)
        if shares and panel.dated and len(start) > 1:
            valid, test, end = _by_timeline(panel, split, end)
        else:
            valid, test, end = _by_rows(split, start, end)
    borders = Borders(start, np.clip(valid, start, end), np.clip(test, start, end), end)
    for name in SPLITS:
        first, last = borders.rows(name)
        if not (last > first).any():
            raise DataError(
                f"data.split leaves no row for {name}: {describe_sizes(borders)}; make the other parts smaller"
                + (", or move its dates" if any(dates) else "")
            )
    return borders


def describe_sizes(borders: Borders) -> str:
    """`700 rows of train, 150 of valid, 150 of test`."""
    counts = [int((last - first).sum()) for first, last in map(borders.rows, SPLITS)]
    return f"{counts[0]} rows of train, {counts[1]} of valid, {counts[2]} of test"


def _by_rows(split: Split, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    length = end - start
    valid, test = _steps(split.valid, length), _steps(split.test, length)
    if split.train is None:
        return end - test - valid, end - test, end
    train = _steps(split.train, length)
    stop = np.minimum(start + train + valid + test, end)
    return start + train, start + train + valid, stop


def _by_timeline(panel: Panel, split: Split, end: Ints) -> tuple[Ints, Ints, Ints]:
    inside = np.concatenate([panel.times[a:b] for a, b in zip(panel.offsets[:-1], end, strict=True)])
    timeline = np.unique(inside)
    one = np.array([0]), np.array([len(timeline)])
    edges = [int(edge[0]) for edge in _by_rows(split, *one)]
    valid, test, stop = (_rows_before(panel, timeline[e]) if e < len(timeline) else end for e in edges)
    return valid, test, np.minimum(stop, end)


def _steps(size: float, length: Ints) -> Ints:
    return np.round(length * size).astype(np.int64) if size < 1 else np.full(len(length), int(size))


def _rows_before(panel: Panel, time: np.datetime64, *, inclusive: bool = False) -> Ints:
    """In each series, the row at which `time` is reached (or passed, where it is inclusive)."""
    if inclusive:  # a date without a time of day means all of that day
        time = time + np.timedelta64(1, "D") - np.timedelta64(1, "ns") if time.dtype == "datetime64[D]" else time
    side: Literal["left", "right"] = "right" if inclusive else "left"
    pairs = zip(panel.offsets[:-1], panel.offsets[1:], strict=True)
    edges = [int(a + np.searchsorted(panel.times[a:b], np.asarray(time), side=side)) for a, b in pairs]
    return np.array(edges, dtype=np.int64)
