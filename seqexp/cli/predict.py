"""`seqexp predict`: forecast from new data."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqexp.cli.options import Parser
from seqexp.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = """examples:
  seqexp predict latest --input new_prices.csv
  seqexp predict lstm-seed1-3f --input new.parquet --output forecast.parquet
  (head -n 1 prices.csv; tail -n 100 prices.csv) | seqexp predict latest --input - > forecast.csv

The input has the columns of the training data, in any order, and at least a window of history; rows to come with
the target left empty give known covariates. The output has a row for each series and step: series, time, step,
forecast, and the bounds of the 80 and 95 % intervals.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser("predict", "Forecast what follows new data, in its own units, with intervals.", EXAMPLES)
    parser.add_argument("run", metavar="RUN", help="its directory, a unique part of its name, or latest")
    parser.add_argument(
        "--input", required=True, metavar="FILE|-", help="CSV or Parquet by its ending; -: CSV from stdin"
    )
    parser.add_argument(
        "--output", default="-", metavar="FILE|-", help="CSV or Parquet by its ending; -: CSV to stdout"
    )
    parser.add_argument("--checkpoint", default="best", metavar="best|last|PATH", help="which weights (best)")
    parser.add_outputs()
    options = parser.parse_args(list(arguments))

    from seqexp.store.run_directory import find

    directory = find(Path(options.outputs), options.run)
    if options.input != "-" and not Path(options.input).is_file():
        raise DataError(f"--input {options.input} does not exist; give a CSV or Parquet file, or - for stdin")
    from seqexp.run.loaded import Run

    run = Run(directory, options.checkpoint, lambda message: print(message, file=sys.stderr))
    if options.input == "-":
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "stdin.csv"
            source.write_bytes(sys.stdin.buffer.read())
            try:
                forecast = run.predict(source)
            except DataError as error:
                raise DataError(
                    str(error).replace(str(source), "the input").replace(source.name, "the input")
                ) from None
    else:
        forecast = run.predict(options.input)
    _write(forecast, options.output)
    return 0


def _write(frame: pd.DataFrame, output: str) -> None:
    from seqexp.store.atomic import replacing

    if output == "-":
        frame.to_csv(sys.stdout, index=False)
        return
    with replacing(Path(output)) as file:
        if output.endswith((".parquet", ".pq")):
            frame.to_parquet(file, index=False)
        else:
            frame.to_csv(file, index=False)
