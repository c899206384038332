"""`seqexp compare`: runs and classical methods in one table, and whether their differences are real."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqexp.cli.options import Parser
from seqexp.text import columns, number, printable

EXAMPLES = """examples:
  seqexp compare outputs/stocks
  seqexp compare outputs/stocks --by model --over seed --metric test/rmse
  seqexp compare lstm-seed1 gru-seed1 --markdown
"""
COLUMNS = ("rank", "name", "seeds", "mean", "std", "low", "high", "p_best", "p_classical")


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser("compare", "Compare runs, and test whether their differences are real.", EXAMPLES)
    parser.add_argument("run", nargs="+", metavar="RUN", help="directories, folders, sweeps, globs, or parts of names")
    parser.add_argument("--by", default="", metavar="KEYS", help="keys that tell groups apart (those that differ)")
    parser.add_argument("--over", default="seed,data.fold", metavar="KEYS", help="keys averaged over (seed,data.fold)")
    parser.add_argument("--metric", metavar="NAME", help="a test metric, as test/mase (the first of the table)")
    style = parser.add_mutually_exclusive_group()
    for name in ("csv", "json", "latex", "markdown"):
        style.add_argument(f"--{name}", dest="style", action="store_const", const=name, help=f"{name} on stdout")
    parser.add_outputs()
    options = parser.parse_args(list(arguments))

    from seqexp.compare.comparison import compare
    from seqexp.compare.gather import directories, members
    from seqexp.compare.groups import grouped, keys_of

    by, over = ([k for k in text.split(",") if k] for text in (options.by, options.over))
    found, notes = members(directories(options.run, Path(options.outputs)), over)
    metric = (options.metric or str(found[0].status["headline"])).removeprefix("test/")
    rows, words = compare(grouped(found, keys_of(found, by, over)), metric)
    table = [row.as_dict() for row in rows]
    for note in notes:
        print(printable(f"note: {note}"), file=sys.stderr)
    if options.style == "json":
        print(json.dumps({"metric": metric, "rows": table, "words": words}))
        return 0
    print(_written(table, options.style, metric))
    print(printable("\n".join(words)), file=sys.stdout if options.style is None else sys.stderr)
    return 0


def _written(table: Sequence[dict[str, Any]], style: str | None, metric: str) -> str:
    lines = [[*COLUMNS], *([_cell(row[c], exact=style == "csv") for c in COLUMNS] for row in table)]
    if style == "csv":
        import csv
        import io

        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        return text.getvalue().rstrip("\n")
    if style == "markdown":
        lines.insert(1, ["---"] * len(COLUMNS))
        return "\n".join(f"| {' | '.join(c.replace('|', '/') for c in line)} |" for line in lines)
    if style == "latex":
        body = [" & ".join(re.sub(r"([_%&#$])", r"\\\1", c) for c in line) + r" \\" for line in lines]
        return "\n".join((rf"\begin{{tabular}}{{rl{'r' * 7}}}", *body, r"\end{tabular}"))
    return printable(f"test {metric}, best first; low and high: 95 % interval over seeds\n{columns(lines).rstrip()}")


def _cell(value: Any, *, exact: bool) -> str:
    if exact:
        return "" if value is None else str(value)
    return str(value) if isinstance(value, int | str) else number(value)
