"""Test results: the model and every baseline on the same windows, as records and as a table with a verdict."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqexp.run.problem import Record
from seqexp.store import metric_log
from seqexp.store.run_directory import RunDirectory
from seqexp.tasks.better import HIGHER_IS_BETTER
from seqexp.text import number

RESULT_SPLIT = "test"

SHOWN = {
    "mae": "MAE", "rmse": "RMSE", "smape": "sMAPE %", "mase": "MASE", "qlike": "QLIKE", "crps": "CRPS",
    "coverage_95": "in 95 %", "directional_accuracy": "direction", "accuracy": "accuracy", "macro_f1": "macro F1",
    "mcc": "MCC", "auc": "AUC", "log_loss": "log loss", "brier": "Brier", "calibration_error": "ECE", "mse": "MSE",
    "r2": "R2", "perplexity": "perplexity", "bits_per_character": "bits/char", "nll": "NLL",
    "frame_accuracy": "frame accuracy",
}  # fmt: skip
"""The metrics of the table on the screen, in order; all are in metrics.jsonl."""
DECIDING = {
    "bits_per_character": ("bits_per_character", "perplexity"),
    "nll": ("nll",),
    "macro_f1": ("accuracy", "log_loss"),
    "log_loss": ("log_loss",),
    "r2": ("mse",),
    "qlike": ("qlike", "rmse"),
    "mase": ("mase", "crps"),
    "mae": ("mae", "crps"),
}
"""The first metric that a record has says what kind of result it is; these then decide, the first ranks the table."""
LEVEL = 0.0005
"""What differs by less, as a share, is 0.0 % when written, and no difference."""


def render(records: Sequence[Record], console: Console) -> None:
    """Print the table and what it says."""
    deciding = headlines(next(r for r in records if r["model"]))
    metric = deciding[0]
    columns = [m for m in SHOWN if any(m in r for r in records)]
    table = Table(
        title=f"{records[0]['split']} results, best first by {SHOWN.get(metric, metric)}",
        title_justify="left",
    )
    table.add_column("")
    for column in columns:
        table.add_column(SHOWN[column], justify="right")
    best = {c: _best([r.get(c) for r in records], c) for c in columns}
    for record in ranked(records, metric):
        style = "bold" if record["model"] else ""
        cells = [Text(number(record.get(c)), style="green" if record.get(c) == best[c] else "") for c in columns]
        table.add_row(Text(str(record["of"]), style=style), *cells)
    narrow = console.width
    console.width = max(narrow, 120)  # a narrow terminal wraps whole lines: numbers cut short would mislead
    console.print(table)
    console.width = narrow
    console.print(Text(verdict(records, deciding)))


def verdict(records: Sequence[Record], metrics: Sequence[str]) -> str:
    """Whether the network beats the best classical method, and by how much: a sentence for each metric."""
    sentences = [sentence for metric in metrics if (sentence := _sentence(records, metric))]
    if not sentences:
        return "There is no classical method to compare with."
    return "\n".join([*sentences, "One seed is no proof."])


def _sentence(records: Sequence[Record], metric: str) -> str | None:
    order = ranked(records, metric)
    model = next(r for r in order if r["model"])
    others = [r for r in order if not r["model"] and _known(r.get(metric))]
    if not others or not _known(model.get(metric)):
        return None
    rival, name = others[0], SHOWN.get(metric, metric)
    mine, theirs = float(model[metric]), float(rival[metric])
    if abs(mine - theirs) <= LEVEL * abs(theirs):
        return f"{name}: {model['of']} is level with {rival['of']}, the best classical method."
    ahead = mine > theirs if metric in HIGHER_IS_BETTER else mine < theirs
    if metric in HIGHER_IS_BETTER:  # a share of a share would mislead
        share = f"{100 * abs(mine - theirs):.1f} points "
    else:
        share = f"{_share(abs(mine - theirs) / abs(theirs))} " if theirs else ""
    end = "better than" if ahead else "WORSE than"
    wins = "" if ahead else ", which wins"
    return f"{name}: {model['of']} is {share}{end} {rival['of']}, the best classical method{wins}."


def _share(of: float) -> str:
    """3.4%; but 12 times, where per cent are no longer read."""
    return f"{of:.1%}" if of < 2 else f"{of:.1f} times"


def ranked(records: Sequence[Record], metric: str) -> list[Record]:
    """Best first."""
    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
    return sorted(records, key=lambda r: sign * float(r[metric]) if _known(r.get(metric)) else math.inf)


def headlines(record: Mapping[str, Any]) -> list[str]:
    """The metrics that decide, the one that ranks the table first: those that suit the target and are defined."""
    for mark, names in DECIDING.items():
        if _known(record.get(mark)):
            return [name for name in names if _known(record.get(name))]
    return [next(name for name, value in record.items() if isinstance(value, float))]


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _best(values: Sequence[float | None], metric: str) -> float | None:
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known or metric.startswith("coverage"):
        return None
    return max(known) if metric in HIGHER_IS_BETTER else min(known)


def show(directory: RunDirectory, style: str, *, was_complete: bool = False) -> None:
    """Print a finished run's test results on standard output: a table for people, one JSON object for machines."""
    records = test_records(directory)
    if style == "json":
        print(json.dumps({"event": "complete", "run": str(directory), "results": records}))
        return
    if was_complete:
        print(f"{directory} is complete; nothing to train")
    if records:
        print_table(records)
    print(f"everything is in {directory}")


def test_records(directory: RunDirectory) -> list[Record]:
    """The test records of the model and its baselines, as the log has them."""
    return [line for line in metric_log.read(directory.metrics) if line.get("of") and line["split"] == RESULT_SPLIT]


def print_table(records: Sequence[Record]) -> None:
    """The table on standard output."""
    render(records, Console(highlight=False, width=None if sys.stdout.isatty() else 120))


def finite(value: Any) -> Any:
    """The same with null for numbers that are not finite, which JSON has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    return [finite(v) for v in value] if isinstance(value, list | tuple) else value
