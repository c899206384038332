"""`seqexp runs`: what is there, how far, how good, and what differs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqexp.cli.options import Parser
from seqexp.store.run_directory import RunDirectory, all_runs, find
from seqexp.sweep.scores import named, scores
from seqexp.text import columns, number, printable

EXAMPLES = """examples:
  seqexp runs                     all runs, newest last
  seqexp runs show latest         configuration, provenance and results of one
  seqexp runs diff lstm-seed1 gru-seed1
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser("runs", "List runs, show one, or compare two configurations.", EXAMPLES)
    parser.add_argument("action", nargs="?", choices=("list", "show", "diff"), default="list", help="what to do (list)")
    parser.add_argument("run", nargs="*", metavar="RUN", help="a directory, a unique part of its name, or latest")
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
    parser.add_outputs()
    options = parser.parse_args(list(arguments))
    wanted = {"list": 0, "show": 1, "diff": 2}[options.action]
    if len(options.run) != wanted:
        parser.error(f"runs {options.action} takes {wanted} RUN, but got {len(options.run)}")
    outputs = Path(options.outputs)
    found = [find(outputs, run) for run in options.run]
    if options.action == "list":
        _list(outputs, as_json=options.json)
    elif options.action == "show":
        _show(found[0], as_json=options.json)
    else:
        _diff(found[0], found[1], as_json=options.json)
    return 0


def _list(outputs: Path, *, as_json: bool) -> None:
    rows = [{"run": str(run), **run.observed_status()} for run in all_runs(outputs)]
    rows.sort(key=lambda r: r.get("heartbeat", 0))
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print(f"no runs in {outputs}; `seqexp train` makes one")
        return
    header = ("run", "state", "epoch", "best valid", "test", "best classical", "when")
    print(printable(columns([header, *(_line(row) for row in rows)])), end="")


def _line(status: Mapping[str, Any]) -> tuple[str, ...]:
    row = scores(status)
    return (
        str(status["run"]),
        str(row["state"]),
        f"{row['epoch']}/{status.get('max_epochs', '?')}",
        number(row["best"]),
        named(row["metric"], row["score"]),
        named(row["classical"], row["classical_score"]),
        time.strftime("%Y-%m-%d %H:%M", time.localtime(status["heartbeat"])) if status.get("heartbeat") else "–",
    )


def _show(run: RunDirectory, *, as_json: bool) -> None:
    from seqexp.run.results import RESULT_SPLIT, print_table, test_records
    from seqexp.store.run_directory import read_json

    status, config = run.observed_status(), run.read_config()
    provenance = read_json(run.provenance) if run.provenance.exists() else {}
    records = test_records(run)
    if as_json:
        everything = {
            "run": str(run),
            "status": status,
            "config": config,
            "provenance": provenance,
            RESULT_SPLIT: records,
        }
        print(json.dumps(everything))
        return
    print(printable(f"{run}\n{run.config.read_text(encoding='utf-8')}"))
    for title, values in (("status", status), ("provenance", provenance)):
        print(f"{title}:")
        for key, value in values.items():
            print(printable(f"  {key}: {value}"))
    if records:
        print_table(records)


def _diff(one: RunDirectory, other: RunDirectory, *, as_json: bool) -> None:
    from seqexp.config.identity import differences

    changed = differences(one.read_config(), other.read_config())
    if as_json:
        print(json.dumps({key: list(pair) for key, pair in changed.items()}))
        return
    for letter, run in (("A", one), ("B", other)):
        status = run.observed_status()
        row = scores(status)
        score = f": {row['metric']} of {status['model']} {number(row['score'])}" if row["score"] is not None else ""
        print(printable(f"{letter} {run}\n{letter} {status['state']}{score}"))
    if changed:
        lines = [("", "A", "B"), *((key, _shown(a), _shown(b)) for key, (a, b) in changed.items())]
        print(printable(columns(lines)), end="")
    else:
        print("no key differs")


def _shown(value: Any) -> str:
    return "–" if value is None else str(value)
