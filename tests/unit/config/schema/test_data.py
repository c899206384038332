from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from seqexp.config.folder import CONF
from seqexp.config.schema.data import Split

EMPTY: dict[str, Any] = {
    "train": None,
    "valid": 0.15,
    "test": 0.15,
    "valid_from": None,
    "test_from": None,
    "until": None,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"train": 0.7},
        {"train": 0.1, "valid": 0.2, "test": 0.7},  # 0.1 + 0.2 + 0.7 is more than 1 by rounding alone
        {"train": 0.8, "valid": 100, "test": 0.2},
        {"train": 8640, "valid": 2880, "test": 2880},
        {"valid_from": "2018-01-01", "test_from": "2019-01-01"},
        {"valid_from": "2018-01-01", "test_from": "2019-01-01", "train": 0.9, "valid": 0.9},  # sizes do not count then
        {"until": "2020-01-01"},
    ],
)
def test_a_split_that_can_be_made_is_accepted(changes: dict[str, Any]) -> None:
    assert Split(**EMPTY | changes).model_dump() == EMPTY | changes


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"train": 0.8}, r"has shares that add up to 1\.1; they must not pass 1"),
        ({"valid": 0.6, "test": 0.6}, r"has shares that add up to 1\.2"),
        ({"valid_from": "2018-01-01"}, "needs both valid_from and test_from, or neither"),
        ({"test_from": "2018-01-01"}, "needs both valid_from and test_from, or neither"),
        ({"valid_from": "2019-01-01", "test_from": "2018-01-01"},
         r"needs valid_from \(2019-01-01\) before test_from \(2018-01-01\)"),
        ({"valid_from": "2019-01-01", "test_from": "2019-01-01"}, "needs valid_from"),
        ({"valid": None}, "valid"),
        ({"until": "never"}, "must be a date"),
    ],
)  # fmt: skip
def test_a_split_that_cannot_be_made_is_told_why(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        Split(**EMPTY | changes)


@pytest.mark.parametrize("name", ["stocks", "table"])
def test_every_source_has_the_keys_of_a_time_series(name: str) -> None:
    base = yaml.safe_load((CONF / "data" / "base" / "time_series.yaml").read_text())
    own = yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text())
    assert not set(base) & set(own)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"data.window": 0}, "data.window must be at least 1, but is 0"),
        ({"data.horizon": 0}, "data.horizon must be at least 1, but is 0"),
        ({"data.stride": 0}, "data.stride must be at least 1, but is 0"),
        ({"data.target": "open"}, "data.target must be one of close, return, direction, volatility, but is 'open'"),
        ({"data.scaling.features": "log"}, "data.scaling.features must be one of standard, robust, minmax, none, but "
                                           "is 'log'"),
        ({"data.scaling.scope": "all"}, "data.scaling.scope must be one of series, global, but is 'all'"),
        ({"data.cleaning.gaps": "fill"}, "data.cleaning.gaps must be one of keep, refuse, ffill, interpolate, but is "
                                         "'fill'; did you mean 'ffill'?"),
        ({"data.columns": {"date": 1}}, "data.columns.date must be text, but is 1"),
        ({"data.layout": "wide"}, "unknown key 'data.layout'"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_data_is_told(
    problems: Callable[..., list[str]], changes: dict[str, Any], problem: str
) -> None:
    assert [p.removesuffix("  (command line)") for p in problems(changes)] == [problem]
