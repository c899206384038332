"""`seqexp resume`: go on with a run by its directory, for longer if asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqexp.cli.options import Parser

EXAMPLES = """examples:
  seqexp resume latest
  seqexp resume outputs/stocks/lstm-seed1-3fa9c2d1
  seqexp resume lstm-seed1-3f trainer.max_epochs=60     go on for longer than first planned

Keys that would make it another experiment are refused; more epochs, more patience and other tracking are not.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser("resume", "Go on with a run from where it stands.", EXAMPLES)
    parser.add_argument("run", metavar="RUN", help="its directory, a unique part of its name, or latest")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="what is to change")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each event on standard output")
    parser.add_outputs()
    options = parser.parse_args(list(arguments))

    from seqexp.store.run_directory import find

    directory = find(Path(options.outputs), options.run)
    from seqexp.cli.train import report
    from seqexp.run.resume import resume

    overrides = [*options.overrides, *(["tracking.progress=json"] if options.json else [])]
    outcome, style = resume(directory, overrides, ["seqexp", "resume", *arguments])
    return report(outcome, style)
