"""Every error a user can meet. Each message names the value, the rule and the way out.

The exit code tells whose move it is: 2, the user can mend it by what they type or feed in; 1, the machine or
the numbers failed.
"""

from __future__ import annotations

from collections.abc import Sequence


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
