"""The simplest methods, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seqexp.models.baselines.history import History, drift, naive, seasonal_naive

U = np.array([1.0, 4, 2, 8, 5, 7, 10, 20, 40, 80])[:, None]
OFFSETS = np.array([0, 6, 10])


def history(season: int = 1, horizon: int = 3) -> History:
    return History(U, OFFSETS, np.array([4, 8]), season, horizon)


def said(forecast: np.ndarray) -> list[list[float]]:
    return forecast[..., 0].tolist()


def test_naive_repeats_the_last_value() -> None:
    assert said(naive(history())(np.array([3, 5, 8]))) == [[8, 8, 8], [7, 7, 7], [40, 40, 40]]


def test_drift_goes_on_along_the_line_from_the_first_value_to_the_last() -> None:
    found = drift(history())(np.array([3, 4, 7, 9]))
    slopes = [(8 - 1) / 3, (5 - 1) / 4, (20 - 10) / 1, (80 - 10) / 3]
    expected = [[last + k * b for k in (1, 2, 3)] for last, b in zip((8, 5, 20, 80), slopes, strict=True)]
    np.testing.assert_allclose(found[..., 0], expected)


def test_drift_at_a_series_first_row_is_flat() -> None:
    assert said(drift(history())(np.array([0, 6]))) == [[1, 1, 1], [10, 10, 10]]


def test_seasonal_naive_repeats_the_last_season() -> None:
    assert said(seasonal_naive(history(season=2, horizon=5))(np.array([5]))) == [[5, 7, 5, 7, 5]]
    assert said(seasonal_naive(history(season=4, horizon=3))(np.array([4]))) == [[4, 2, 8]]


def test_seasonal_naive_without_a_season_is_naive() -> None:
    rows = np.arange(10)
    np.testing.assert_array_equal(seasonal_naive(history())(rows), naive(history())(rows))


def test_seasonal_naive_takes_the_last_value_where_the_series_is_not_that_old() -> None:
    # at row 7, series 1 has rows 6 and 7; with m = 3 the steps look back to rows 5 (another series), 6 and 7
    assert said(seasonal_naive(history(season=3))(np.array([7]))) == [[20, 10, 20]]


@pytest.mark.parametrize("method", [naive, drift, seasonal_naive])
def test_channels_are_forecast_each_by_itself(method: object) -> None:
    assert callable(method)
    two = History(np.concatenate((U, -3 * U), axis=1), OFFSETS, np.array([4, 8]), 2, 3)
    found = method(two)(np.array([3, 9]))
    alone = method(history(season=2))(np.array([3, 9]))
    np.testing.assert_allclose(found, np.concatenate((alone, -3 * alone), axis=-1))
