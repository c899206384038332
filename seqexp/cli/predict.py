"""`seqexp predict`: what a trained model says of new data: forecasts, labels, or how a text goes on."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqexp.cli.options import Parser
from seqexp.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from seqexp.run.loaded import Run

EXAMPLES = """examples:
  seqexp predict latest --input new_prices.csv
  seqexp predict lstm-seed1-3f --input new.parquet --output forecast.parquet
  (head -n 1 prices.csv; tail -n 100 prices.csv) | seqexp predict latest --input - > forecast.csv
  echo "a gripping film" | seqexp predict latest --input -
  seqexp predict latest --prompt "The list" --length 200 --temperature 0.8

Forecasts: the input has the columns of the training data, in any order, and at least a window of history; rows to
come with the target left empty give known covariates. The output has a row for each series and step: series, time,
step, forecast, and the bounds of the 80 and 95 % intervals.
Labels: the input is a file in a format of the training data, or one text a line. The output has a row for each: its
label, the label's probability, and that of every class.
Language models: --prompt goes on with a text; --input scores one.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser("predict", "Forecast, label or continue new data with a trained model.", EXAMPLES)
    parser.add_argument("run", metavar="RUN", help="its directory, a unique part of its name, or latest")
    parser.add_argument(
        "--input", metavar="FILE|-", help="the new data; -: stdin, for forecasts as CSV, else a line each"
    )
    parser.add_argument(
        "--output", default="-", metavar="FILE|-", help="CSV or Parquet by its ending; -: CSV to stdout"
    )
    parser.add_argument("--checkpoint", default="best", metavar="best|last|PATH", help="which weights (best)")
    parser.add_argument("--prompt", metavar="TEXT", help="language models: how the text begins")
    parser.add_argument("--length", type=int, default=200, metavar="N", help="tokens to add to the prompt (200)")
    parser.add_argument(
        "--temperature", type=float, default=1.0, metavar="T", help="below 1: likelier tokens; 0: always the likeliest"
    )
    parser.add_argument("--top-k", type=int, metavar="K", help="draw from the K likeliest tokens only")
    parser.add_argument("--top-p", type=float, metavar="P", help="draw from the likeliest tokens that have P together")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the draws (1)")
    parser.add_outputs()
    options = parser.parse_args(list(arguments))

    from seqexp.store.run_directory import find

    if (options.input is None) == (options.prompt is None):
        raise ConfigError("predict needs --input FILE (or - for stdin), or --prompt TEXT for a language model")
    directory = find(Path(options.outputs), options.run)
    if options.input not in (None, "-") and not Path(options.input).is_file():
        raise DataError(f"--input {options.input} does not exist; give a file, or - for stdin")
    from seqexp.run.loaded import Run

    run = Run(directory, options.checkpoint, lambda message: print(message, file=sys.stderr))
    if options.prompt is not None:
        _say(_continued(run, options), options.output)
    else:
        _write(_from_stdin(run) if options.input == "-" else run.predict(options.input), options.output)
    return 0


def _continued(run: Run, options: argparse.Namespace) -> str:
    return run.generate(
        options.prompt, length=options.length, temperature=options.temperature, top_k=options.top_k,
        top_p=options.top_p, seed=options.seed,
    )  # fmt: skip


def _from_stdin(run: Run) -> pd.DataFrame:
    """Predict from standard input: a table for forecasts, else one text a line."""
    ending = "csv" if run.experiment.task.name == "forecasting" else "lines"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"stdin.{ending}"
        source.write_bytes(sys.stdin.buffer.read())
        try:
            return run.predict(source)
        except DataError as error:
            said = str(error).replace(str(source), "the input").replace(source.name, "the input")
            raise DataError(said) from None


def _say(text: str, output: str) -> None:
    if output == "-":
        print(text)
    else:
        Path(output).write_text(text + "\n", encoding="utf-8")


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
