"""The ground every section of an experiment stands on: strict, frozen, and no key that nobody asked for.

Fields have no defaults: a value has one home, a file under `conf/`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A group of keys. Wrong types, missing and unknown keys are errors, and nothing changes afterwards."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def _iso_date(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date such as 2016-01-31 or 2016-01-31T12:00") from None
    return text


def _size(value: float) -> float:
    if value <= 0 or (value >= 1 and value != int(value)):
        raise ValueError("must be a share between 0 and 1, or a whole number of steps")
    return value


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", text):
        raise ValueError("must be up to 80 letters, digits, '.', '_' and '-', and start with a letter or digit")
    return text


def _as_tuple(value: object) -> object:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise ValueError("must be text or a list of texts")
    return tuple(value)


def _sizes(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _season(value: object) -> object:
    if value == "auto":
        return 0
    if isinstance(value, int) and value < 1:
        raise ValueError("must be 'auto' or a whole number of steps, at least 1")
    return value


Probability = Annotated[float, Field(ge=0, lt=1)]
PositiveInt = Annotated[int, Field(ge=1)]
Date = Annotated[str, AfterValidator(_iso_date)]
Name = Annotated[str, AfterValidator(_name)]
Size = Annotated[float, AfterValidator(_size)]
"""A share of the timeline (0 < x < 1) or a whole number of steps (x >= 1)."""
Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | list[str] | None)]
"""Some names; one may be given without brackets, null is none."""
Sizes = Annotated[
    tuple[PositiveInt, ...],
    BeforeValidator(_sizes, json_schema_input_type=PositiveInt | list[PositiveInt]),
    Field(min_length=1),
]
"""Some sizes; one may be given without brackets."""
Season = Annotated[int, BeforeValidator(_season, json_schema_input_type=Literal["auto"] | PositiveInt)]
"""Steps in one season; 0 stands for 'auto', taken from the data's frequency."""
