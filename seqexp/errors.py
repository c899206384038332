"""Every error a user can meet. Each message names the value, the rule and the way out.

The exit code tells whose move it is: 2, the user can mend it by what they type or feed in; 1, the machine or
the numbers failed.
"""

from __future__ import annotations

from collections.abc import Sequence

OUT_OF_MEMORY = "out of memory; try a smaller trainer.batch_size, data.window, data.max_length or model.hidden_sizes"


class SeqexpError(Exception):
    """Anything seqexp says in one message instead of a traceback."""

    exit_code = 1


class ConfigError(SeqexpError):
    """One or more wrong values in the configuration or on the command line."""

    exit_code = 2

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class DataError(SeqexpError):
    """The data cannot be used as asked: missing, malformed, too short, leaking."""

    exit_code = 2


class RunError(SeqexpError):
    """A run directory cannot be found, claimed, written or used as asked."""

    exit_code = 2


class CheckpointError(SeqexpError):
    """A checkpoint is missing, damaged or of another model."""


class TrainingError(SeqexpError):
    """The numbers went wrong: a loss that is not finite, out of memory."""


def first_line(error: BaseException) -> str:
    """What another library's error says first, or its kind if it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no memory left, which torch says by errors of its own, on a CPU by a plain RuntimeError."""
    said = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(s in str(error) for s in said))
