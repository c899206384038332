"""A table of groups of runs and classical methods, with tests of the differences to the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqexp.compare.gather import Member
from seqexp.compare.losses import LOSS, Losses, Source
from seqexp.compare.statistics import FEWEST_SEEDS, Floats, holm, interval
from seqexp.errors import ConfigError
from seqexp.tasks.better import cost

SIGNIFICANT = 0.05


@dataclass
class Row:
    """One line of the table."""

    name: str
    model: bool
    source: Source
    values: Floats
    """Of each run."""
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
    """The rows, best first, and what they say in words.

    Raises:
        ConfigError: If no run has the metric.
    """
    rows = _rows(groups, metric)
    if not rows:
        raise ConfigError(f"--metric {metric} is defined for none of these runs; name another")
    rows.sort(key=lambda r: cost(metric, r.mean))
    for rank, row in enumerate(rows, 1):
        row.rank = rank
    words = _tested(rows, metric)
    few = [r.name for r in rows if r.model and len(r.values) < FEWEST_SEEDS]
    if few:
        words.append(f"fewer than {FEWEST_SEEDS} seeds, so no interval: {', '.join(few[:5])}{' ...' * (len(few) > 5)}")
    if any(row.p for row in rows) and any(len(r.values) > 1 for r in rows if r.model):
        words.append("Losses of several seeds were averaged, one by one, before they were tested.")
    return rows, list(dict.fromkeys(words))


def _tested(rows: Sequence[Row], metric: str) -> list[str]:
    """Fill in the p-values; what they say."""
    if metric not in LOSS:
        return [f"differences in {metric} are not tested, since no losses are kept for it; those in {', '.join(LOSS)} "
                "are"]  # fmt: skip
    wanted = _pairs(rows)
    pairs = {frozenset((row.rank, rival.rank)): (row, rival) for _, row, rival in wanted}  # each is tested once
    horizon = int(rows[0].source[0][0].config.get("data.horizon", 1))
    found = Losses(LOSS[metric], horizon).test([(row.source, rival.source) for row, rival in pairs.values()])
    p_values = {pair: f[0] for pair, f in zip(pairs, found, strict=True) if not isinstance(f, str)}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    for kind, row, rival in wanted:
        if (p := adjusted.get(frozenset((row.rank, rival.rank)))) is not None:
            row.p[kind] = p
    words = []
    for (pair, (row, rival)), f in zip(pairs.items(), found, strict=True):
        if isinstance(f, str):
            words.append(f"{row.name} and {rival.name}: {f}")
        elif row.model or rival.model:
            words.append(_sentence(row, rival, adjusted[pair], f"{f[1]}, Holm over {len(adjusted)}"))
    return words


def _pairs(rows: Sequence[Row]) -> list[tuple[str, Row, Row]]:
    """What is compared: all with the best, models with the best classical method and with the best model."""
    best, classical = rows[0], next((r for r in rows if not r.model), None)
    models = [row for row in rows if row.model]
    pairs = [("best", row, best) for row in rows[1:]]
    if classical is not None and classical is not best:
        pairs += [("classical", row, classical) for row in models]
    if not best.model:
        pairs += [("model", row, models[0]) for row in models[1:]]
    return pairs


def _rows(groups: dict[str, list[Member]], metric: str) -> list[Row]:
    rows: list[Row] = []
    classical: dict[tuple[str, frozenset[tuple[int, str]]], Row] = {}
    for name, runs in groups.items():
        results = [run.results(metric) for run in runs]
        models = [str(run.status["model"]) for run in runs]
        own = [(run, of, r[of]) for run, of, r in zip(runs, models, results, strict=True) if of in r]
        if own:
            source = tuple((run, of) for run, of, _ in own)
            rows.append(Row(name, True, source, np.array([value for *_, value in own])))
        # Each method's distinct values in each fold: the runs of a group usually share them.
        methods: dict[str, dict[int, dict[str, tuple[Member, float]]]] = {}
        for run, model, result in zip(runs, models, results, strict=True):
            for of, value in result.items():
                if of != model:
                    methods.setdefault(of, {}).setdefault(run.fold, {}).setdefault(f"{value:.9g}", (run, value))
        for of, folds in methods.items():
            for place in range(max(map(len, folds.values()))):
                parts = {fold: list(seen.items())[place] for fold, seen in folds.items() if place < len(seen)}
                key = (of, frozenset((fold, digits) for fold, (digits, _) in parts.items()))
                label = f"{of} of {name}" if any(known == of for known, _ in classical) else of
                source = tuple((run, of) for _, (run, _) in parts.values())
                row = Row(label, False, source, np.array([value for _, (_, value) in parts.values()]))
                classical.setdefault(key, row)
    return rows + list(classical.values())


def _sentence(row: Row, rival: Row, p: float, how: str) -> str:
    if p >= SIGNIFICANT:
        return f"{row.name} and {rival.name}: no significant difference, p = {p:.2g} ({how})"
    good, bad = (row, rival) if row.rank < rival.rank else (rival, row)
    return f"{good.name} is better than {bad.name} by {abs(good.mean - bad.mean):.4g}, p = {p:.2g} ({how})"
