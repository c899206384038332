"""How far the jobs of a sweep are and how good: rows for the table, for `summary.csv` and for JSON.

Only `status.json` of each run is read, so that a thousand runs take a second.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from seqexp.store.atomic import write_bytes
from seqexp.store.run_directory import RunDirectory
from seqexp.sweep.manifest import Manifest
from seqexp.sweep.plan import status_of, varying

Row = dict[str, Any]
_UNFINISHED = ("running", "interrupted", "stopped", "pending")


def rows(manifest: Manifest) -> list[Row]:
    """One for each job, in the sweep's order."""
    return [
        {"run": str(run), "varies": varies, **scores(run)}
        for run, varies in zip(manifest.runs, varying(manifest.overrides), strict=True)
    ]


def scores(run: RunDirectory) -> Row:
    """State, progress, and the headline metric of the model and of the best classical method on test."""
    status = status_of(run)
    state = "missing" if status["state"] == "pending" and not run.exists() else status["state"]
    results = status.get("results")
    results = dict(results) if isinstance(results, Mapping) else {}
    model = status.get("model")
    rivals = {k: v for k, v in results.items() if k != model and isinstance(v, int | float)}
    rival = min(rivals, key=rivals.__getitem__) if rivals else None  # every headline metric is better when lower
    return {
        "state": state,
        "epoch": status.get("epoch", 0),
        "best": status.get("best"),
        "metric": status.get("headline") if state == "complete" else None,
        "score": results.get(model) if state == "complete" else None,
        "classical": rival if state == "complete" else None,
        "classical_score": rivals[rival] if rival and state == "complete" else None,
        "reason": status.get("reason") if state != "complete" else None,
    }


def counted(states: Sequence[str]) -> str:
    """`12 jobs: 3 complete, 1 failed, 2 unfinished, 6 new`."""
    count = Counter("new" if s == "missing" else "unfinished" if s in _UNFINISHED else s for s in states)
    known = {"complete": count["complete"], "failed": count["failed"], "unfinished": count["unfinished"]}
    known |= {"new": count["new"], "damaged": count["damaged"]}
    parts = [f"{n} {state}" for state, n in known.items() if n]
    return f"{len(states)} job{'s' if len(states) != 1 else ''}: {', '.join(parts)}"


def table(found: Sequence[Row]) -> str:
    """A line for each job: what varies, its state, its score beside the best classical method's."""
    keys = list(found[0]["varies"]) if found else []
    metrics = {row["metric"] for row in found if row["metric"]}
    metric = metrics.pop() if len(metrics) == 1 else None
    lines = [[*keys, "state", "epoch", "best valid", f"test {metric or ''}".rstrip(), "best classical", "run"]]
    for row in found:
        name = "" if metric else f"{row['metric'] or ''} "
        score, rival = f"{name}{number(row['score'])}", f"{row['classical'] or ''} {number(row['classical_score'])}"
        varies = [row["varies"][key] for key in keys]
        lines.append(
            [*varies, row["state"], str(row["epoch"]), number(row["best"]), score.strip(), rival.strip(), row["run"]]
        )
    return columns(lines)


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, each column as wide as its widest cell."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines)


def number(value: Any) -> str:
    """Four significant digits; nothing for what is not there."""
    return f"{value:.4g}" if isinstance(value, int | float) else ""


def write_csv(manifest: Manifest, found: Sequence[Row]) -> None:
    """Write `summary.csv`: a line for each job, a column for each key that varies.

    Raises:
        RunError: If it cannot be written.
    """
    file = io.StringIO()
    keys = list(found[0]["varies"])
    fields = [key for key in found[0] if key not in ("run", "varies")]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*keys, *fields, "run"])
    writer.writerows([*row["varies"].values(), *(row[f] for f in fields), row["run"]] for row in found)
    write_bytes(manifest.directory / "summary.csv", file.getvalue().encode())
