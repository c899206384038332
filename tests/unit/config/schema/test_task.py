from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError
from support.sections import classification, forecasting, task

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


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("classification", {"baselines": ["majority", "majority"]}, "names a baseline twice"),
        ("classification", {"baselines": ["svm"]}, "Input should be 'majority'"),
        ("classification", {"class_weights": "rare"}, "Input should be 'none' or 'balanced'"),
        ("classification", {"label_smoothing": 1.0}, "less than 1"),
        ("classification", {"ngrams": 0}, "greater than or equal to 1"),
        ("regression", {"loss": "l2"}, "Input should be 'mse', 'mae' or 'huber'"),
        ("regression", {"huber_delta": 0}, "greater than 0"),
        ("polyphonic_music", {"baselines": ["majority"]}, "Input should be 'frequencies' or 'repeat'"),
        ("language_modelling", {"initial_range": 0}, "greater than 0"),
        ("language_modelling", {"adaptive_softmax": {"cutoffs": [], "factor": 1.0}}, "greater than 1"),
        ("language_modelling", {"adaptive_softmax": {"cutoffs": [0], "factor": 4.0}}, "greater than or equal to 1"),
        ("language_modelling", {"activation_regularization": -1}, "greater than or equal to 0"),
    ],
)
def test_what_no_task_over_sequences_can_be_is_refused(name: str, changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        task(name, **changes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"size": 0}, "greater than or equal to 1"),
        ({"dropout": 1.0}, "less than 1"),
        ({"locked_dropout": -0.1}, "greater than or equal to 0"),
        ({"vectors": 5}, "valid string"),
    ],
)
def test_what_no_embedding_can_be_is_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        classification(embedding=changes)
