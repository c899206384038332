"""A table of groups of runs and classical methods, with tests of the differences to the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqexp.compare.gather import Member
from seqexp.compare.statistics import Floats, diebold_mariano, enough, holm, interval, mcnemar

HIGHER = ("directional_accuracy", "accuracy", "balanced_accuracy", "auc", "mcc")
LOSS = {
    "mae": "absolute", "mase": "scaled", "rmse": "square", "crps": "crps", "wql": "crps", "qlike": "qlike",
    "log_loss": "log_loss", "brier": "brier", "accuracy": "correct",
}  # fmt: skip
"""The loss of single windows whose mean is the metric, or rises and falls with it. Others cannot be tested."""
SIGNIFICANT = 0.05


@dataclass
class Row:
    """One line of the table."""

    name: str
    of: str
    model: bool
    runs: Sequence[Member]
    values: Floats
    rank: int = 0
    p: dict[str, float] = field(default_factory=dict)
    """The adjusted p-value of the difference to `best`, to the best `classical` method and to the best `model`."""

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(self.values.mean())

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        ends = interval(self.values) if self.model else None
        return {
            "rank": self.rank, "name": self.name, "model": self.model,
            "seeds": len(self.values) if self.model else None, "mean": self.mean,
            "std": float(self.values.std(ddof=1)) if self.model and len(self.values) > 1 else None,
            "low": ends[0] if ends else None, "high": ends[1] if ends else None,
            "p_best": self.p.get("best"), "p_classical": self.p.get("classical"),
            "p_model": self.p.get("model"),
        }  # fmt: skip


def compare(groups: dict[str, list[Member]], metric: str) -> tuple[list[Row], list[str]]:
    """The rows, best first, and what they say in words."""
    rows = _rows(groups, metric)
    sign = -1 if metric in HIGHER else 1
    rows.sort(key=lambda r: sign * r.mean)
    for rank, row in enumerate(rows, 1):
        row.rank = rank
    best, classical = rows[0], next((r for r in rows if not r.model), None)
    pairs = [("best", row, best) for row in rows[1:]]
    if classical is not None and classical is not best:
        pairs += [("classical", row, classical) for row in rows if row.model]
    models = [row for row in rows if row.model]
    if models and not best.model:
        pairs += [("model", row, models[0]) for row in models[1:]]
    loss = LOSS.get(metric)
    read = _Losses(next(iter(groups.values()))[0], loss or "")
    tested: list[tuple[str, Row, Row, str]] = []
    raw: list[float] = []
    words: list[str] = []
    if loss is None:
        words.append(f"differences in {metric} are not tested, since no losses of windows are kept for it; those in "
                     f"{', '.join(LOSS)} are")  # fmt: skip
    for kind, row, rival in pairs if loss else ():
        found = read.test(row, rival)
        if isinstance(found, str):
            words.append(f"{row.name} and {rival.name}: {found}")
            continue
        tested.append((kind, row, rival, found[1]))
        raw.append(found[0])
    for (kind, row, rival, test), p in zip(tested, holm(raw), strict=True):
        row.p[kind] = p
        if row.model or rival.model:
            words.append(_sentence(row, rival, p, f"{test}, Holm over {len(raw)}"))
    few = [r.name for r in rows if r.model and len(r.values) < 3]
    if few:
        words.append(f"fewer than 3 seeds, so no interval: {', '.join(few[:5])}{' ...' * (len(few) > 5)}")
    if tested and any(len(r.values) > 1 for r in rows if r.model):
        words.append("Losses of several seeds were averaged window by window before they were tested.")
    return rows, list(dict.fromkeys(words))


def _rows(groups: dict[str, list[Member]], metric: str) -> list[Row]:
    rows: list[Row] = []
    classical: dict[tuple[str, float], Row] = {}
    for name, runs in groups.items():
        results = [run.results(metric) for run in runs]
        ofs = [str(run.status["model"]) for run in runs]
        values = [r[of] for r, of in zip(results, ofs, strict=True) if of in r]
        if values:
            rows.append(Row(name, ofs[0], True, runs, np.array(values)))
        for run, result, model in zip(runs, results, ofs, strict=True):
            for of, value in result.items():
                if of != model:
                    taken = any(key[0] == of for key in classical)
                    label = f"{of} of {name}" if taken else of
                    classical.setdefault((of, float(f"{value:.9g}")), Row(label, of, False, [run], np.array([value])))
    return rows + list(classical.values())


def _sentence(row: Row, rival: Row, p: float, how: str) -> str:
    if p >= SIGNIFICANT:
        return f"{row.name} and {rival.name}: no significant difference, p = {p:.2g} ({how})"
    good, bad = (row, rival) if row.rank < rival.rank else (rival, row)
    return f"{good.name} is better than {bad.name} by {abs(good.mean - bad.mean):.4g}, p = {p:.2g} ({how})"


class _Losses:
    """The losses of rows, as means over series at each origin, or over origins in each series."""

    def __init__(self, first: Member, column: str) -> None:
        self.column, self.horizon = column, int(first.config["data.horizon"])
        self._index: tuple[Any, Any] | None = None
        self._known: dict[str, Floats | str] = {}

    def test(self, one: Row, other: Row) -> tuple[float, str] | str:
        """The p-value and the test's name, or why there is none."""
        a, b = self._of(one), self._of(other)
        if isinstance(a, str) or isinstance(b, str):
            return a if isinstance(a, str) else str(b)
        if a.shape != b.shape or self._index is None:
            return "not tested: their windows differ"
        if self.column == "correct" and all(np.isin(v, (0.0, 1.0)).all() for v in (a, b)):
            return mcnemar(a == 1, b == 1), "McNemar"
        origins, series = self._index
        for keys, horizon, name in ((origins, self.horizon, "Diebold-Mariano"), (series, 1, "paired over series")):
            where = np.unique(keys, return_inverse=True)[1]
            known = np.isfinite(a - b)
            counts = np.bincount(where[known])
            d = (np.bincount(where[known], (a - b)[known]) / np.maximum(counts, 1))[counts > 0]
            if enough(len(d), horizon):
                return diebold_mariano(d, horizon)[1], name
        return "not tested: too few windows"

    def _of(self, row: Row) -> Floats | str:
        if row.name not in self._known:
            self._known[row.name] = self._mean(row)
        return self._known[row.name]

    def _mean(self, row: Row) -> Floats | str:
        total: Floats | None = None
        for run in row.runs:
            path = run.directory.losses
            if not path.is_file():
                return f"not tested: {run.directory} keeps no losses of windows, as it was made before they were kept"
            table = pq.ParquetFile(path).read(columns=["of", "series", "origin", self.column], use_threads=False)
            rows = pc.equal(table["of"], row.of).to_numpy()
            if self._index is None:
                self._index = (table["origin"].to_numpy()[rows], table["series"].to_numpy()[rows].astype(str))
            elif not np.array_equal(table["origin"].to_numpy()[rows], self._index[0]):
                return f"not tested: the windows of {run.directory} differ"
            values = table[self.column].to_numpy()[rows]
            total = values if total is None else total + values
        return "not tested: no runs" if total is None else total / len(row.runs)
