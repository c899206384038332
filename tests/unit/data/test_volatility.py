from __future__ import annotations

import math

import numpy as np
import pytest
from support.sections import forecasting
from support.series import borders, both_ways, data, panel

from seqexp.data.build_target import build_target
from seqexp.data.volatility import VolatilityTarget


def test_a_volatility_is_realised_over_the_days_up_to_each_step() -> None:
    returns = np.random.default_rng(3).normal(0, 0.01, 60)
    close = 100 * np.exp(np.cumsum(returns))
    bars = panel(close, times="D")
    config = data("stocks", target="volatility", window=25, horizon=3)
    target = build_target(bars, config, forecasting(), borders(bars, valid=10, test=10))
    assert isinstance(target, VolatilityTarget)
    assert target.positive
    rows = np.array([30, 45])
    year = 100 * math.sqrt(252)
    expected = [[[year * math.sqrt(np.mean(returns[o + 1 : o + 1 + k] ** 2))] for k in (1, 2, 3)] for o in rows]
    np.testing.assert_allclose(target.truth(rows), expected)
    month = [[[year * math.sqrt(np.mean(returns[o - 21 : o + 1] ** 2))]] for o in rows]
    np.testing.assert_allclose(target.reference(rows), month)
    # the scale is that of daily returns in train: rows 1 to 39
    scale = math.sqrt(np.mean(returns[1:40] ** 2))
    assert target.scale.scale.item() == pytest.approx(scale)
    goal, learned = both_ways(target, rows.tolist(), 25)
    z = (np.array(expected) - month) / year / scale
    np.testing.assert_allclose(goal, z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(learned, z)
    np.testing.assert_allclose(target.to_user(learned, rows), expected)
    np.testing.assert_allclose(target.to_user(np.zeros((2, 3, 1)), rows), np.repeat(month, 3, axis=1))
    np.testing.assert_allclose(target.to_user(np.full((2, 3, 1), -99.0), rows), np.full((2, 3, 1), year * scale / 100))
    np.testing.assert_allclose(target.series()[1:, 0], year * np.abs(returns[1:]))


def test_the_month_before_is_as_long_as_there_are_days_of_the_series() -> None:
    bars = panel([1.0, math.e, math.e**3], [1.0, math.e**2])
    target = VolatilityTarget(bars, horizon=1, anchor="last", logarithm=True)
    expected = [0, math.sqrt(1 / 2), math.sqrt(5 / 3), 0, math.sqrt(4 / 2)]
    np.testing.assert_allclose(target.base[:, 0], expected)
