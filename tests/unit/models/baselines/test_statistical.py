"""Forecasts from any row equal those that statsmodels makes of the rows up to there."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from statsmodels.tsa.holtwinters import ExponentialSmoothing
from statsmodels.tsa.statespace.sarimax import SARIMAX

from seqexp.models.baselines import statistical
from seqexp.models.baselines.history import History, Method
from seqexp.models.baselines.statistical import arima, best_arima, best_smoothing, ets

H = 5


def history(u: np.ndarray, stop: int, season: int = 1, horizon: int = H) -> History:
    return History(u[:, None], np.array([0, len(u)]), np.array([stop]), season, horizon)


def walk(rows: int = 90, seed: int = 0) -> np.ndarray:
    return 100 + np.random.default_rng(seed).normal(0.2, 1.0, size=rows).cumsum()


def stationary(rows: int = 120) -> np.ndarray:
    noise, u = np.random.default_rng(1).normal(size=rows), np.zeros(rows)
    for t in range(1, rows):
        u[t] = 0.6 * u[t - 1] + noise[t]
    return 1000 * u + 50


def seasonal(rows: int = 80, m: int = 4) -> np.ndarray:
    t = np.arange(rows)
    return 50 + 0.3 * t + 8 * np.sin(2 * np.pi * t / m) + np.random.default_rng(2).normal(size=rows)


SERIES = {
    "walk": (walk(), 1),
    "stationary": (stationary(), 1),
    "seasonal": (seasonal(), 4),
    "rising": (seasonal() + 3.0 * np.arange(len(seasonal())), 4),
}


def quiet(function: Any, *arguments: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


@pytest.mark.parametrize("kind", SERIES)
def test_ets_from_a_row_is_statsmodels_of_the_rows_up_to_there(kind: str) -> None:
    u, m = SERIES[kind]
    stop = 60
    chosen = quiet(best_smoothing, u[:stop], m)
    assert chosen is not None
    options, p = chosen
    assert bool(options["seasonal"]) == (m > 1)
    initial = {"initial_level": p["initial_level"]}
    initial |= {"initial_trend": p["initial_trend"]} if options["trend"] else {}
    initial |= {"initial_seasonal": p["initial_seasons"]} if options["seasonal"] else {}
    rates = {"smoothing_level": p["smoothing_level"]}
    rates |= {"smoothing_trend": p["smoothing_trend"]} if options["trend"] else {}
    rates |= {"damping_trend": p["damping_trend"]} if options["damped_trend"] else {}
    rates |= {"smoothing_seasonal": p["smoothing_seasonal"]} if options["seasonal"] else {}
    rows = np.array([59, 60, 63, 70, len(u) - 1])
    said = ets(history(u, stop, m))(rows)[..., 0]
    for row, ours in zip(rows, said, strict=True):
        model = ExponentialSmoothing(u[: row + 1], initialization_method="known", **options, **initial)
        np.testing.assert_allclose(ours, model.fit(**rates, optimized=False).forecast(H), rtol=1e-9)


def test_ets_takes_the_form_of_least_aicc() -> None:
    u = seasonal()[:40]
    forms = {}
    for trend, damped in ((None, False), ("add", False), ("add", True)):
        for phase in (None, "add"):
            options: dict[str, Any] = {"trend": trend, "damped_trend": damped, "seasonal": phase}
            options |= {"seasonal_periods": 4} if phase else {}
            fitted = quiet(lambda o=options: ExponentialSmoothing(u, initialization_method="estimated", **o).fit())
            forms[trend, damped, phase] = fitted.aicc
    chosen = quiet(best_smoothing, u, 4)
    assert chosen is not None
    o = chosen.options
    assert (o["trend"], o["damped_trend"], o["seasonal"]) == min(forms, key=lambda f: forms[f])


@pytest.mark.parametrize("kind", SERIES)
def test_arima_from_a_row_is_statsmodels_filter_of_the_rows_up_to_there(kind: str) -> None:
    u, m = SERIES[kind]
    stop = 60
    still = u[m:stop] - u[: stop - m] if m > 1 else u[:stop]
    chosen = quiet(best_arima, u[:stop], still, m)
    assert chosen is not None
    rows = np.array([59, 60, 63, 70, len(u) - 1])
    said = arima(history(u, stop, m))(rows)[..., 0]
    begun = SARIMAX(u[:stop] / chosen.size, **chosen.options).filter(chosen.parameters)
    for row, ours in zip(rows, said, strict=True):
        through = begun.append(u[stop : row + 1] / chosen.size) if row >= stop else begun
        np.testing.assert_allclose(ours, chosen.size * through.forecast(H), rtol=1e-7)


def test_arima_differences_a_walk_and_leaves_a_stationary_series_its_mean() -> None:
    for u, d, trend in ((walk(), 1, "n"), (stationary(), 0, "c")):
        chosen = quiet(best_arima, u, u, 1)
        assert chosen is not None
        assert chosen.options["order"][1] == d
        assert chosen.options["trend"] == trend


def test_arima_takes_the_order_of_least_aicc() -> None:
    u = stationary()[:70]
    size, found = float(np.std(u)), {}
    for order in ((0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (2, 0, 1), (2, 0, 2)):
        model = SARIMAX(u / size, order=order, trend="c", simple_differencing=True)
        found[order] = quiet(model.fit, disp=False, maxiter=50).aicc
    chosen = quiet(best_arima, u, u, 1)
    assert chosen is not None
    assert chosen.options["order"] == min(found, key=lambda o: found[o])


@pytest.mark.parametrize("method", [ets, arima])
def test_a_series_that_never_changes_is_forecast_to_stay(method: Any) -> None:
    said = method(history(np.full(40, 7.25), 30))(np.array([29, 35, 39]))
    np.testing.assert_allclose(said, 7.25, rtol=1e-9)


def test_arima_goes_on_with_a_season_that_repeats_with_a_constant_change() -> None:
    u = np.tile([1.0, 5.0, 2.0, 9.0], 10) + np.repeat(np.arange(10) * 3.0, 4)
    said = arima(history(u[:36], 30, season=4, horizon=4))(np.array([31, 35]))[..., 0]
    np.testing.assert_allclose(said, [u[32:36], u[36:40]], atol=1e-9)


@pytest.mark.parametrize("method", [ets, arima])
@pytest.mark.parametrize("stop", [0, 1, statistical.FEWEST_ROWS - 1])
def test_with_too_few_rows_of_train_the_last_value_stands_in(method: Any, stop: int) -> None:
    u = walk(20)
    said = method(history(u, stop))(np.array([9, 19]))[..., 0]
    np.testing.assert_array_equal(said, np.repeat(u[[9, 19]][:, None], H, axis=1))


@pytest.mark.parametrize("method", [ets, arima])
@pytest.mark.parametrize("season", [1, 4, 30])
def test_short_series_are_fitted_without_a_warning(method: Any, season: int) -> None:
    u = seasonal(24)
    said = method(history(u, 12, season))(np.array([11, 20, 23]))  # warnings are errors here
    assert said.shape == (3, H, 1)
    assert np.isfinite(said).all()


@pytest.mark.parametrize("method", [ets, arima])
def test_series_and_channels_are_forecast_each_by_itself(method: Any) -> None:
    a, b = walk(40, seed=3), stationary()[:45]
    joined = np.concatenate((np.stack((a, a[::-1]), axis=1), np.stack((b, b[::-1]), axis=1)))
    many: Method = method(History(joined, np.array([0, 40, 85]), np.array([30, 75]), 1, H))
    rows = np.array([30, 39, 70, 84])
    said = many(rows)
    for c, order in enumerate((1, -1)):
        np.testing.assert_allclose(said[:2, :, c], method(history(a[::order], 30))(rows[:2])[..., 0], rtol=1e-12)
        np.testing.assert_allclose(said[2:, :, c], method(history(b[::order], 35))(rows[2:] - 40)[..., 0], rtol=1e-12)


@pytest.mark.parametrize(("method", "rows"), [(ets, "FITTED_ROWS"), (arima, "FITTED_ROWS"), (arima, "FITTED_SEASONS")])
def test_constants_are_fitted_on_the_newest_rows_of_train(
    method: Any, rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistical, rows, 40 if rows == "FITTED_ROWS" else 10)
    season = 4 if rows == "FITTED_SEASONS" else 1
    u = seasonal() if season > 1 else walk()
    said = method(history(u, 60, season))(np.array([59, 70]))
    cut = method(history(u[20:], 40, season))(np.array([39, 50]))
    np.testing.assert_array_equal(said, cut)


def test_a_season_too_long_for_a_state_is_left_to_steps() -> None:
    u = seasonal(60, m=12)
    monkey = statistical.LONGEST_SEASON + 1
    np.testing.assert_array_equal(
        arima(history(u, 50, monkey))(np.array([49, 55])), arima(history(u, 50, 1))(np.array([49, 55]))
    )
