"""`seqexp data describe`: what was loaded, without training."""

from __future__ import annotations

import json
from collections.abc import Sequence

from seqexp.cli.options import Parser, take_flag
from seqexp.text import printable

EXAMPLES = """examples:
  seqexp data describe data=stocks
  seqexp data describe data=table data.path=load.csv data.target=OT data.horizon=24
  seqexp data describe data=text data.path=reviews.csv
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser("data", "Describe a data set as an experiment would see it, without training.", EXAMPLES)
    parser.add_argument("action", choices=("describe",), help="what to do")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="as for seqexp train")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    rest = list(arguments)
    as_json = take_flag(rest, "--json")
    options = parser.parse_args(rest)

    from seqexp.config.compose import compose

    experiment = compose(options.overrides).experiment
    from seqexp.run.problem import family_of

    family = family_of(experiment)
    description = family.describe(experiment)
    print(json.dumps(description) if as_json else printable(family.render(description)))
    return 0
