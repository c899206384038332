from __future__ import annotations

import math

import pytest

from seqexp.text import columns, number, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢\nnext", "plain é 漢\nnext"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\tc\x07\x00", "a\\x0db\\x09c\\x07\\x00"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202eevil", "\\x202eevil"),
    ],
)
def test_text_from_outside_cannot_steer_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_column_is_as_wide_as_its_widest_cell() -> None:
    assert columns([("a", "bb", "c"), ("ddd", "", "e"), ("", "f", "")]) == "a    bb  c\nddd      e\n     f\n"


def test_lines_of_unequal_lengths_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        columns([("a", "b"), ("c",)])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"), (0.5, "0.5000"), (1.0, "1.000"), (-12.3456, "-12.35"), (999.96, "1000"),
        (1234.56, "1,234.6"), (-1e6, "-1,000,000.0"), (1.23456e-7, "1.235e-07"), (0.0, "0.000"), (3, "3.000"),
        (None, "–"), (math.nan, "–"), (math.inf, "–"), ("text", "–"),
    ],
)  # fmt: skip
def test_a_number_has_four_significant_digits(value: object, shown: str) -> None:
    assert number(value) == shown
