"""`seqexp evaluate`: score a run on its validation or test split."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from seqexp.cli.options import Parser

EXAMPLES = """examples:
  seqexp evaluate latest
  seqexp evaluate lstm-seed1-3f --split valid --checkpoint last --json

The forecasts are kept in the run's predictions/ as Parquet.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser("evaluate", "Score a run, and every classical method beside it.", EXAMPLES)
    parser.add_argument("run", metavar="RUN", help="its directory, a unique part of its name, or latest")
    parser.add_argument("--split", choices=("valid", "test"), default="test", help="which part of the data (test)")
    parser.add_argument("--checkpoint", default="best", metavar="best|last|PATH", help="which weights (best)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_outputs()
    options = parser.parse_args(list(arguments))

    from seqexp.store.run_directory import find

    directory = find(Path(options.outputs), options.run)
    from seqexp.run.loaded import Run
    from seqexp.run.results import finite, print_table

    records = Run(directory, options.checkpoint, _note).evaluate(options.split)
    if options.json:
        print(json.dumps(finite({"run": str(directory), "split": options.split, "results": records}), allow_nan=False))
    else:
        print_table(records)
        print(f"what the model said is in {directory.predictions / options.split}.parquet")
    return 0


def _note(message: str) -> None:
    print(message, file=sys.stderr)
