from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from seqexp.config.schema.base import Date, Name, Names, PositiveInt, Probability, Season, Section, Size, Sizes


class Box(Section):
    """As strict as any section."""

    count: PositiveInt
    share: Probability


@pytest.mark.parametrize(
    ("kind", "said", "meant"),
    [
        (Names, None, ()),
        (Names, "a", ("a",)),
        (Names, ["a", "b"], ("a", "b")),
        (Names, [], ()),
        (Sizes, 8, (8,)),
        (Sizes, [8, 4], (8, 4)),
        (Season, "auto", 0),
        (Season, 1, 1),
        (Season, 24, 24),
        (Size, 0.15, 0.15),
        (Size, 0.001, 0.001),
        (Size, 1, 1.0),
        (Size, 48, 48.0),
        (Size, 48.0, 48.0),
        (Date, "2016-01-31", "2016-01-31"),
        (Date, "2016-01-31T12:00", "2016-01-31T12:00"),
        (Date, "2016-01-31 12:00:00", "2016-01-31 12:00:00"),
        (Date, "2016-02-29", "2016-02-29"),
        (Name, "a", "a"),
        (Name, "m4_hourly-2.0", "m4_hourly-2.0"),
        (Name, "x" * 80, "x" * 80),
        (Probability, 0, 0.0),
        (Probability, 0.999, 0.999),
    ],
)
def test_what_may_be_said_means_one_thing(kind: Any, said: Any, meant: Any) -> None:
    found = TypeAdapter(kind).validate_python(said)
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(
    ("kind", "said", "rule"),
    [
        (Names, 3, "must be text or a list of texts"),
        (Names, {"a": 1}, "must be text or a list of texts"),
        (Names, [1], "string"),
        (Sizes, [], "at least 1"),
        (Sizes, 0, "greater than or equal to 1"),
        (Sizes, [8, -1], "greater than or equal to 1"),
        (Sizes, [True], "integer"),
        (Sizes, True, "tuple"),
        (Sizes, [8.5], "integer"),
        (Sizes, "8", "tuple"),
        (Season, 0, "must be 'auto' or a whole number of steps, at least 1"),
        (Season, -5, "must be 'auto' or a whole number"),
        (Season, "weekly", "integer"),
        (Season, 2.5, "integer"),
        (Size, 0, "must be a share between 0 and 1, or a whole number of steps"),
        (Size, -0.1, "must be a share"),
        (Size, -3, "must be a share"),
        (Size, 1.5, "must be a share"),
        (Date, "2016-13-01", "must be a date such as 2016-01-31"),
        (Date, "2015-02-29", "must be a date"),
        (Date, "31.01.2016", "must be a date"),
        (Date, "yesterday", "must be a date"),
        (Date, "", "must be a date"),
        (Date, 20160131, "string"),
        (Name, "", "must be up to 80 letters"),
        (Name, "x" * 81, "must be up to 80 letters"),
        (Name, "a/b", "must be up to 80 letters"),
        (Name, "..", "and start with a letter or digit"),
        (Name, "-x", "and start with a letter or digit"),
        (Name, ".hidden", "and start with a letter or digit"),
        (Name, "a b", "must be up to 80 letters"),
        (Name, "a\n", "must be up to 80 letters"),
        (Name, "é", "must be up to 80 letters"),
        (Probability, 1.0, "less than 1"),
        (Probability, -0.1, "greater than or equal to 0"),
    ],
)
def test_what_breaks_a_rule_is_told_it(kind: Any, said: Any, rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        TypeAdapter(kind).validate_json(TypeAdapter(Any).dump_json(said), strict=True)


@given(st.text(max_size=100))
def test_no_name_leaves_the_outputs(text: str) -> None:
    """A name becomes a folder: whatever is accepted is one plain part of a path."""
    try:
        name = TypeAdapter(Name).validate_python(text)
    except ValidationError:
        return
    assert name == text
    assert not set(name) & set('/\\\0\n:*?"<>| ')
    assert name not in (".", "..")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"count": 1}, "missing"),
        ({"count": 1, "share": 0.5, "more": 1}, "extra_forbidden"),
        ({"count": "1", "share": 0.5}, "int_type"),
        ({"count": 1.0, "share": 0.5}, "int_type"),
        ({"count": True, "share": 0.5}, "int_type"),
        ({"count": 1, "share": "0.5"}, "float_type"),
        ({"count": 1, "share": float("nan")}, "finite_number"),
    ],
)
def test_a_section_takes_exactly_its_keys_and_types(values: dict[str, Any], kind: str) -> None:
    with pytest.raises(ValidationError) as error:
        Box.model_validate(values)
    assert [e["type"] for e in error.value.errors()] == [kind]


def test_a_section_does_not_change_afterwards() -> None:
    box = Box(count=1, share=0.5)
    with pytest.raises(ValidationError, match="frozen"):
        box.count = 2  # type: ignore[misc]
    assert box == Box(count=1, share=0.5)
