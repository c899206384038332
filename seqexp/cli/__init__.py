"""The commands, one module each. Nothing heavy is imported before a command that needs it runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from seqexp.errors import OUT_OF_MEMORY, SeqexpError, is_out_of_memory
from seqexp.text import printable

COMMANDS = {
    "train": "train an experiment, go on with it, or sweep over many (-m)",
    "resume": "go on with a run by its directory, for longer if asked",
    "evaluate": "score a run on its validation or test split",
    "predict": "forecast, label or continue new data",
    "runs": "list runs, show one, or compare two configurations",
    "sweep": "list sweeps, show how far one is, or run what failed or is missing",
    "compare": "compare runs with each other and with classical methods, and test the differences",
    "data": "describe a data set without training",
    "completion": "print the shell code that makes TAB complete commands and keys",
}

HELP = f"""seqexp: is an RNN, an LSTM or a GRU any better than the classical method?

usage: seqexp COMMAND ...

{chr(10).join(f"  {name:<12}{text}" for name, text in COMMANDS.items())}

  seqexp train model=lstm data=stocks
  seqexp train -m model=rnn,lstm,gru data=stocks seed=1,2,3

`seqexp COMMAND --help` says more; `seqexp --version` the version.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        The exit code: 0, or 2 for what the user can mend, 1 for what failed, 128 + N after signal N.
    """
    try:
        code = _dispatch(list(arguments))
        sys.stdout.flush()
    except SeqexpError as error:
        return fail(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader (`| head`) has enough. Python flushes stdout at exit once more: give it something that takes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stopped:
        return 128 + int(getattr(stopped, "number", 2))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return fail(OUT_OF_MEMORY, 1)
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        return fail(f"cannot use{place}: {error.strerror or error}", 1)
    return code


def fail(message: str, code: int) -> int:
    """Say what is wrong, on stderr, in one block."""
    print(f"seqexp: {printable(message)}", file=sys.stderr)
    return code


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"seqexp {version('seqexp')}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean 'seqexp {near[0]}'?" if near else f"the commands are {', '.join(COMMANDS)}"
        if "=" in name:
            hint = "did you mean 'seqexp train " + " ".join(arguments) + "'?"
        return fail(f"there is no command '{name}'; {hint}", 2)
    module = importlib.import_module(f"seqexp.cli.{name}")
    return int(module.main(arguments[1:]))
