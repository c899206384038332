"""How far the jobs of a sweep are and how good: rows for the table, for `summary.csv` and for JSON.

Only `status.json` of each run is read, so that a thousand runs take a second.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence

from seqexp.store.atomic import write_bytes
from seqexp.sweep.manifest import Manifest
from seqexp.sweep.plan import varying
from seqexp.sweep.scores import Row, named, scores
from seqexp.text import columns, number

_UNFINISHED = ("running", "interrupted", "stopped", "pending")


def rows(manifest: Manifest) -> list[Row]:
    """One for each job, in the sweep's order."""
    found = []
    for run, varies in zip(manifest.runs, varying(manifest.overrides), strict=True):
        row = {"run": str(run), "varies": varies, **scores(run.observed_status())}
        found.append(row | {"state": "missing"} if row["state"] == "pending" and not run.exists() else row)
    return found


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
        scored = named("" if metric else row["metric"], row["score"])
        rival, varies = named(row["classical"], row["classical_score"]), [row["varies"][key] for key in keys]
        lines.append([*varies, row["state"], str(row["epoch"]), number(row["best"]), scored, rival, row["run"]])
    return columns(lines)


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
