from __future__ import annotations

import inspect

import pytest

from seqexp import errors
from seqexp.errors import ConfigError, SeqexpError, first_line, is_out_of_memory

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


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("\n  a \nb"), "a"), (ValueError(" \n"), "ValueError"), (MemoryError(), "MemoryError")],
)
def test_the_first_line_of_an_error_says_what_it_is(error: Exception, line: str) -> None:
    assert first_line(error) == line


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB."), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_no_memory_is_known_by_what_torch_says(error: Exception, *, is_it: bool) -> None:
    assert is_out_of_memory(error) is is_it
