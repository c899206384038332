"""Small things that every command parses or prints."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours: one line, the way out, exit code 2."""

    def __init__(self, command: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"seqexp {command}",
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and what would be right."""
        from seqexp.errors import ConfigError

        hint = ""
        words = [w for w in sys.argv[1:] if w.startswith("--") and w.split("=")[0] in message]
        if words:
            near = difflib.get_close_matches(words[0], [o for a in self._actions for o in a.option_strings], n=1)
            hint = f"; did you mean {near[0]}?" if near and near[0] != words[0].split("=")[0] else ""
        raise ConfigError(f"{message}{hint}\n{self.format_usage().strip()}  (--help says more)")

    def add_outputs(self) -> None:
        """`--outputs`, for commands that look for a run."""
        self.add_argument("--outputs", default="outputs", metavar="DIR", help="the folder of all runs (outputs)")


def take_flag(arguments: list[str], *names: str) -> bool:
    """Remove a flag from the arguments; whether it was there."""
    found = [a for a in arguments if a in names]
    for name in found:
        arguments.remove(name)
    return bool(found)


def take_option(arguments: list[str], *names: str) -> str | None:
    """Remove `--name value` or `--name=value` from the arguments; its value, if it was there."""
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names and equals:
            del arguments[index]
            return value
        if argument in names and index + 1 < len(arguments):
            value = arguments[index + 1]
            del arguments[index : index + 2]
            return value
    return None


def groups_help() -> str:
    """`  model      gru, lstm, rnn`, some lines for each group, from the files that are there."""
    import textwrap

    from seqexp.config.folder import groups

    return "".join(
        textwrap.fill(
            ", ".join(options), 110, initial_indent=f"  {name:<12}", subsequent_indent=" " * 14, break_on_hyphens=False
        ) + "\n"
        for name, options in groups().items()
    )  # fmt: skip
