"""The losses that runs keep of every test window or example, and what they say of a difference.

Shapes: N windows or examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seqexp.compare.gather import Member
from seqexp.compare.statistics import Floats, diebold_mariano, enough, mcnemar, randomisation

LOSS = {
    "mae": "absolute", "mase": "scaled", "rmse": "square", "mse": "square", "crps": "crps", "wql": "crps",
    "qlike": "qlike", "log_loss": "log_loss", "brier": "brier", "accuracy": "correct", "nll": "nll",
    "perplexity": "nll", "bits_per_character": "nll",
}  # fmt: skip
"""The loss whose mean is the metric, or rises and falls with it. Differences in other metrics cannot be tested."""

Found = tuple[float, str] | str
"""The p-value and the test's name, or why there is none."""


Source = tuple[tuple[Member, str], ...]
"""Whose losses: those of a name in each of some runs."""


@dataclass(frozen=True)
class _Index:
    """What the losses of one fold are of."""

    key: NDArray[np.int64]
    """Origins in time, or the numbers of examples (N)."""
    series: NDArray[np.str_] | None
    """Of each window (N); None: examples, which have no order."""


class Losses:
    """Reads each file once, and tests differences in one loss.

    Args:
        column: Its name.
        horizon: Steps of a forecast, which make the losses of neighbouring windows depend on each other.
    """

    def __init__(self, column: str, horizon: int) -> None:
        self.column, self.horizon = column, horizon
        self._index: dict[int, _Index] = {}
        self._known: dict[Source, dict[int, Floats] | str] = {}
        self._groups: list[NDArray[np.int64]] = []

    def test(self, pairs: Sequence[tuple[Source, Source]]) -> list[Found]:
        """Whether the two of each pair are equally good.

        Losses of several seeds are averaged first; those of several folds stand one after another.
        """
        found: list[Found] = []
        waiting: dict[int, tuple[Floats, Floats]] = {}
        for place, (one, other) in enumerate(pairs):
            a, b = self._of(one), self._of(other)
            if isinstance(a, str) or isinstance(b, str):
                found.append(a if isinstance(a, str) else str(b))
            elif a.keys() != b.keys():
                found.append("not tested: their folds differ")
            else:
                x, y = (np.concatenate([each[fold] for fold in sorted(each)]) for each in (a, b))
                if self.column == "correct" and all(np.isin(v, (0.0, 1.0)).all() for v in (x, y)):
                    found.append((mcnemar(x == 1, y == 1), "McNemar"))
                elif next(iter(self._index.values())).series is not None:
                    found.append(self._over_time(x - y))
                else:
                    waiting[place] = (x, y)
                    found.append("")
        for size in {len(x) for x, _ in waiting.values()}:
            same = {place: pair for place, pair in waiting.items() if len(pair[0]) == size}
            for place, p in zip(same, randomisation(x - y for x, y in same.values()), strict=True):
                found[place] = (p, "randomisation")
        return found

    def _over_time(self, difference: Floats) -> Found:
        """As means over series at each origin, or else over origins in each series."""
        (index,) = self._index.values()  # folds are for examples alone
        assert index.series is not None
        if not self._groups:
            groups = (np.unique(index.key, return_inverse=True), np.unique(index.series, return_inverse=True))
            self._groups = [where for _, where in groups]
        known = np.isfinite(difference)
        for where, horizon, name in zip(
            self._groups, (self.horizon, 1), ("Diebold-Mariano", "paired over series"), strict=True
        ):
            counts = np.bincount(where[known])
            means = np.bincount(where[known], difference[known])[counts > 0] / counts[counts > 0]
            if enough(len(means), horizon):
                return diebold_mariano(means, horizon)[1], name
        return "not tested: too few windows"

    def _of(self, source: Source) -> dict[int, Floats] | str:
        if source not in self._known:
            self._known[source] = self._means(source)
        return self._known[source]

    def _means(self, source: Source) -> dict[int, Floats] | str:
        """The mean over the runs of each fold (N), or why there is none."""
        read: dict[int, list[Floats]] = {}
        for run, of in source:
            values = self._read(run, of)
            if isinstance(values, str):
                return f"not tested: {run.directory} {values}"
            read.setdefault(run.fold, []).append(values)
        return {fold: sum(values[1:], values[0]) / len(values) for fold, values in read.items()}

    def _read(self, run: Member, of: str) -> Floats | str:
        if not run.directory.losses.is_file():
            return "keeps no losses of windows or examples, as it was made before they were kept"
        names = ["of", "example", "origin", self.column, *([] if run.fold in self._index else ["series"])]
        table = pq.ParquetFile(run.directory.losses).read(columns=names, use_threads=False)
        if self.column not in table.column_names:
            return f"keeps no losses of the kind '{self.column}'"
        coded = pc.dictionary_encode(table["of"].combine_chunks())
        known = coded.dictionary.to_pylist()
        rows = _numbers(coded.indices) == (known.index(of) if of in known else -1)
        key = _numbers(table["example" if "example" in table.column_names else "origin"].cast(pa.int64()))[rows]
        if run.fold not in self._index:
            series = np.array(table["series"].to_pylist())[rows] if "series" in table.column_names else None
            self._index[run.fold] = _Index(key, series)
        if not np.array_equal(key, self._index[run.fold].key):
            return "was tested on other windows or examples"
        values: Floats = _numbers(table[self.column].cast(pa.float64()))[rows]
        return values


def _numbers(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """As an array, where nothing is missing without `to_numpy`, which imports pandas."""
    if column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.from_dlpack(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
