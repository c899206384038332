from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from support.series import panel, scaling, split

from seqexp.data.scaling import Scale, fit
from seqexp.data.split import split_panel
from seqexp.data.windows import scaled_covariates

TWO = [np.array([[1.0, 10], [3, 20], [5, 60]]), np.array([[100.0, 1], [300, 1]])]


def sklearn_says(how: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if how == "standard":
        scaler: Any = StandardScaler().fit(values)
        return scaler.mean_, scaler.scale_
    if how == "robust":
        scaler = RobustScaler().fit(values)
        return scaler.center_, scaler.scale_
    scaler = MinMaxScaler().fit(values)
    return scaler.data_min_, scaler.data_range_


@settings(max_examples=40, deadline=None)
@given(
    how=st.sampled_from(["standard", "robust", "minmax"]),
    values=arrays(np.float64, st.tuples(st.integers(5, 40), st.integers(1, 3)), elements=st.integers(-1000, 1000)),
)
def test_scales_are_those_of_sklearn(how: str, values: np.ndarray) -> None:
    values = values + np.arange(len(values))[:, None] * 0.37  # no column is constant
    scale = fit([values], how, "series")
    center, width = sklearn_says(how, values)
    np.testing.assert_allclose(scale.center[0], center, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(scale.scale[0], np.where(width == 0, 1, width), rtol=1e-9)


def test_scales_by_hand() -> None:
    values = [np.array([[2.0], [4], [4], [4], [5], [5], [7], [9]])]
    for how, center, width in [("standard", 5, 2), ("robust", 4.5, 1.5), ("minmax", 2, 7), ("none", 0, 1)]:
        scale = fit(values, how, "series")
        assert (scale.center.item(), scale.scale.item()) == (center, width), how


@pytest.mark.parametrize(("how", "width"), [("standard", np.sqrt(14 / 3)), ("minmax", 2), ("none", 1)])
def test_differences_from_an_anchor_have_their_center_at_nought(how: str, width: float) -> None:
    scale = fit([np.array([[1.0], [2], [3]])], how, "series", centered=False)
    assert scale.center.item() == 0
    assert scale.scale.item() == pytest.approx(width)


def test_one_scale_for_each_series_or_one_for_all() -> None:
    own = fit(TWO, "minmax", "series")
    assert own.center.tolist() == [[1, 10], [100, 1]]
    assert own.scale.tolist() == [[4, 50], [200, 1]]  # the last is constant
    common = fit(TWO, "minmax", "global")
    assert (common.center.tolist(), common.scale.tolist()) == ([[1, 1]], [[299, 59]])
    assert own.of(np.array([1, 0, 1]))[0].tolist() == [[100, 1], [1, 10], [100, 1]]
    assert common.of(np.array([1, 0]))[1].tolist() == [[299, 59], [299, 59]]


@pytest.mark.parametrize("how", ["standard", "robust", "minmax"])
@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, -1e9, 1e-12])
def test_a_constant_column_is_not_magnified(how: str, value: float) -> None:
    scale = fit([np.full((1001, 1), value)], how, "series")
    assert scale.scale.item() == 1
    assert scale.center.item() == pytest.approx(value, rel=1e-12)


def test_missing_values_are_passed_over() -> None:
    values = np.array([[np.nan, np.nan], [1, np.nan], [3, np.nan], [np.inf, np.nan]])
    scale = fit([values], "standard", "series")
    assert scale.center.tolist() == [[2, 0]]
    assert scale.scale.tolist() == [[1, 1]]  # nothing is known of the second


@settings(max_examples=40, deadline=None)
@given(
    how=st.sampled_from(["standard", "robust", "minmax", "none"]),
    scope=st.sampled_from(["series", "global"]),
    values=arrays(np.float64, (12, 2), elements=st.floats(-1e6, 1e6)),
)
def test_there_and_back_again(how: str, scope: str, values: np.ndarray) -> None:
    scale = fit([values[:5], values[5:]], how, scope)
    center, width = scale.of(np.repeat([0, 1], [5, 7]))
    assert (width > 0).all()
    np.testing.assert_allclose((values - center) / width * width + center, values, rtol=1e-9, atol=1e-6)


def test_a_scale_is_rebuilt_from_plain_values() -> None:
    scale = fit(TWO, "standard", "series")
    again = Scale.from_state(scale.state())
    assert (again.center == scale.center).all()
    assert (again.scale == scale.scale).all()
    assert type(scale.state()["center"][0][0]) is float


@pytest.mark.parametrize("how", ["standard", "robust", "minmax"])
@pytest.mark.parametrize("scope", ["series", "global"])
def test_covariates_are_scaled_by_their_train_rows_alone(how: str, scope: str) -> None:
    drawn = np.random.default_rng(0)
    observed = drawn.normal(5, 3, (90, 2)).astype(np.float32)
    known = drawn.normal(-2, 1, (90, 1)).astype(np.float32)
    data = panel(np.zeros(50), np.zeros(40), observed=observed, known=known)
    borders = split_panel(data, split(valid=10, test=10))  # train: rows 0 to 30 and 50 to 70
    scaled, scale = scaled_covariates(data, borders, None, scaling(features=how, scope=scope))
    values = np.concatenate((observed, known), axis=1).astype(np.float64)
    parts = [values[:30], values[50:70]]
    if scope == "global":
        parts = [np.concatenate(parts)] * 2
    for part, (first, stop) in zip(parts, [(0, 50), (50, 90)], strict=True):
        center, width = sklearn_says(how, part)
        np.testing.assert_allclose(scaled[first:stop], (values[first:stop] - center) / width, rtol=1e-4, atol=1e-5)
    # a known scale is used as it is
    again, same = scaled_covariates(data, None, scale, scaling())
    assert same is scale
    assert (again == scaled).all()


def test_scaling_covariates_leaves_the_panel_as_it_was() -> None:
    data = panel(np.zeros(20), observed=np.arange(20.0))
    scaled_covariates(data, split_panel(data, split(valid=5, test=5)), None, scaling())
    assert data.observed[:, 0].tolist() == list(range(20))
