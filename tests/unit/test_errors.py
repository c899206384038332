from __future__ import annotations

import inspect

import pytest

from seqexp import errors
from seqexp.errors import ConfigError, SeqexpError

USER, MACHINE = 2, 1


@pytest.mark.parametrize(
    ("name", "code"),
    [("ConfigError", USER), ("DataError", USER), ("RunError", USER), ("CheckpointError", MACHINE),
     ("TrainingError", MACHINE)],
)  # fmt: skip
def test_the_exit_code_tells_whose_move_it_is(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, SeqexpError)
    assert kind("what is wrong").exit_code == code
    assert str(kind("what is wrong")) == "what is wrong"


def test_there_are_six_at_the_most() -> None:
    assert len([c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Exception)]) <= 6


@pytest.mark.parametrize(("said", "problems"), [("one", ("one",)), (["one", "two"], ("one", "two")), ((), ())])
def test_an_error_of_configuration_keeps_each_problem(said: str | list[str], problems: tuple[str, ...]) -> None:
    error = ConfigError(said)
    assert error.problems == problems
    assert str(error) == "\n".join(problems)
