from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError
from support.sections import forecasting

from seqexp.config.schema.task import Baseline


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"quantiles": [0.1, 1.0]}, r"needs quantiles between 0 and 1, but has \[0\.1, 1\.0\]"),
        ({"quantiles": [0]}, "needs quantiles between 0 and 1"),
        ({"lags": [0]}, r"needs lags of at least 1, but has \[0\]"),
        ({"lags": [1, -2]}, "needs lags of at least 1"),
        ({"baselines": ["naive", "ridge", "naive"]}, "names a baseline twice"),
        ({"baselines": ["prophet"]}, "Input should be 'naive'"),
        ({"huber_delta": 0}, "greater than 0"),
        ({"series_by_series": 0}, "greater than or equal to 1"),
        ({"head": "interval"}, "Input should be 'point'"),
        ({"anchor": None}, "Input should be 'auto'"),
    ],
)
def test_what_no_task_can_be_is_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        forecasting(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"quantiles": []}, {"lags": [1, 7]}, {"baselines": []}, {"baselines": list(get_args(Baseline))},
     {"quantiles": [1e-6, 0.999999]}],
)  # fmt: skip
def test_what_a_task_can_be_is_accepted(changes: dict[str, Any]) -> None:
    values = forecasting(**changes).model_dump(mode="json")
    assert {key: values[key] for key in changes} == changes
