from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from seqexp.data.bars import AUTO, NAMES, Bars, feature_columns, features, needs
from seqexp.errors import ConfigError

COLUMNS = ("open", "high", "low", "close", "volume")
BARS = np.array([
    [10.0, 12.0, 9.0, 11.0, 100],
    [11.5, 13.0, 11.0, 12.0, 150],
    [12.0, 12.5, 10.0, 10.5, 0],
    [10.0, 11.0, 9.5, 10.8, 300],
    [10.8, 12.4, 10.6, 12.1, 250],
])  # fmt: skip
OPEN, HIGH, LOW, CLOSE, VOLUME = BARS.T
DAYS = np.datetime64("2024-01-01", "ns") + np.arange(5) * np.timedelta64(1, "D")
NAN = math.nan


def feature(name: str, values: np.ndarray = BARS) -> np.ndarray:
    days = np.datetime64("2024-01-01", "ns") + np.arange(len(values)) * np.timedelta64(1, "D")
    return features([name], Bars(days, values, COLUMNS))[:, 0]


def ema(values: np.ndarray, alpha: float) -> np.ndarray:
    found = [values[0]]
    for value in values[1:]:
        found.append(alpha * value + (1 - alpha) * found[-1])
    return np.array(found)


def log(*values: float) -> list[float]:
    return [math.log(v) for v in values]


LOG_RANGE, BODY = np.log(HIGH / LOW), np.log(CLOSE / OPEN)
RETURNS = np.diff(np.log(CLOSE))
GARMAN_KLASS = 0.5 * LOG_RANGE**2 - (2 * math.log(2) - 1) * BODY**2
TRUE_RANGE = [3, 2, 2.5, 1.5, 1.8]  # none of these bars lies beyond the close before it
VOLUMES = np.log1p(VOLUME)

BY_HAND = {
    "log_return": [NAN, *log(12 / 11, 10.5 / 12, 10.8 / 10.5, 12.1 / 10.8)],
    "log_return_3": [NAN, NAN, NAN, *log(10.8 / 11, 12.1 / 12)],
    "abs_return": [NAN, *np.abs(RETURNS)],
    "range": log(12 / 9, 13 / 11, 12.5 / 10, 11 / 9.5, 12.4 / 10.6),
    "range_2": [NAN, *((LOG_RANGE[1:] + LOG_RANGE[:-1]) / 2)],
    "overnight": [NAN, *log(11.5 / 11, 12 / 12, 10 / 10.5, 10.8 / 10.8)],
    "intraday": log(11 / 10, 12 / 11.5, 10.5 / 12, 10.8 / 10, 12.1 / 10.8),
    "close_in_range": [2 / 3, 1 / 2, 0.5 / 2.5, 1.3 / 1.5, 1.5 / 1.8],
    "close_in_range_3": [NAN, NAN, 1.5 / 4, 1.3 / 3.5, 2.6 / 3],
    "volume_change": [NAN, *log(151 / 101, 1 / 151, 301 / 1, 251 / 301)],
    "relative_volume_2": [NAN, *((VOLUMES[1:] - VOLUMES[:-1]) / 2)],
    "sma_2": [NAN, *log(12 / 11.5, 10.5 / 11.25, 10.8 / 10.65, 12.1 / 11.45)],
    "ema_3": np.log(CLOSE / ema(CLOSE, 2 / 4)),
    "volatility_3": [NAN, NAN, NAN, np.std(RETURNS[:3], ddof=1), np.std(RETURNS[1:], ddof=1)],
    "skewness_4": [NAN, NAN, NAN, NAN, stats.skew(RETURNS, bias=False)],
    "parkinson": LOG_RANGE / math.sqrt(4 * math.log(2)),
    "garman_klass": np.sqrt(GARMAN_KLASS),
    "garman_klass_2": [NAN, *np.sqrt((GARMAN_KLASS[1:] + GARMAN_KLASS[:-1]) / 2)],
    "atr_2": [NAN, *(np.convolve(TRUE_RANGE / CLOSE, [0.5, 0.5], "valid"))],
    "bollinger_2": [NAN, *(np.sign(RETURNS) * math.sqrt(2) / 4)],  # of two values, always as far
    "macd_3": ema(np.log(CLOSE), 2 / 4) - ema(np.log(CLOSE), 2 / 7),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_features_by_hand(name: str) -> None:
    found = feature(name)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, BY_HAND[name], rtol=1e-5, atol=1e-7)


def test_the_true_range_reaches_to_the_close_before() -> None:
    values = np.array([[10.0, 11, 9, 10, 1], [14, 15, 13, 14, 1], [8, 9, 7, 8, 1]])
    # 15 - 10 up, 14 - 7 down
    np.testing.assert_allclose(feature("atr_1", values), [2 / 10, 5 / 14, 7 / 8], rtol=1e-6)


def test_the_relative_strength_index_is_wilders() -> None:
    change = np.diff(CLOSE)
    up, down = (ema(np.maximum(sign * change, 0), 1 / 3) for sign in (1, -1))
    index = 100 - 100 / (1 + up[1:] / down[1:])  # from 0 to 100
    np.testing.assert_allclose(feature("rsi_3")[2:], index / 50 - 1, rtol=1e-5)
    assert feature("rsi_3")[1] == 1  # it has only risen


def test_where_nothing_moves_ratios_are_nought() -> None:
    flat = np.tile([5.0, 5, 5, 5, 0], (10, 1))
    for name in ("rsi_3", "close_in_range_3", "bollinger_3", "volume_change", "garman_klass", "macd_3"):
        assert (feature(name, flat)[3:] == 0).all(), name


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("weekend",)])
def test_a_feature_knows_no_later_bar(name: str) -> None:
    drawn = np.random.default_rng(0)
    close = 100 * np.exp(drawn.normal(0, 0.02, 90).cumsum())
    values = np.stack([close, close * 1.02, close * 0.97, close * 1.01, drawn.integers(1, 99, 90)], axis=1)
    spiked = values.copy()
    spiked[80:] *= 1000
    np.testing.assert_array_equal(feature(name, values)[:80], feature(name, spiked)[:80])
    assert np.isfinite(feature(name, values)[79])


def test_features_stand_side_by_side_with_their_names() -> None:
    names = ["sma_2", "day_of_week", "log_return", "weekend"]
    assert feature_columns(names) == ["sma_2", "day_of_week_sin", "day_of_week_cos", "log_return", "weekend"]
    found = features(names, Bars(DAYS, BARS, COLUMNS))
    assert found.shape == (5, 5)
    np.testing.assert_array_equal(found[:, 3], feature("log_return"))
    assert found[0, 1:3].tolist() == [0, 1]  # a Monday
    assert features([], Bars(DAYS, BARS, COLUMNS)).shape == (5, 0)


def test_a_feature_says_which_columns_it_needs() -> None:
    assert needs("garman_klass_5") == {"open", "high", "low", "close"}
    assert needs("relative_volume") == {"volume"}
    assert needs("month") == frozenset()
    assert all(needs(name) <= set(COLUMNS) for name in AUTO)


def test_the_number_of_steps_has_a_default() -> None:
    values = np.tile(BARS, (6, 1))
    np.testing.assert_array_equal(feature("sma", values), feature("sma_20", values))


@pytest.mark.parametrize("name", ["sma_0", "smaa_20", "sma_x", "log_returns", ""])
def test_an_unknown_feature_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"data\.features: there is no feature '{name}'.*the features are log_return"
    ):
        needs(name)
