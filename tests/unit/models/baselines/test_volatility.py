from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from arch import arch_model

from seqexp.models.baselines import volatility
from seqexp.models.baselines.history import History
from seqexp.models.baselines.volatility import ewma, garch, har, last_month

H = 4


def simulated(rows: int, seed: int = 0) -> np.ndarray:
    """Daily returns of a GARCH process; the first row of a series has none."""
    generator = np.random.default_rng(seed)
    returns, variance = np.zeros(rows), 1e-4
    for t in range(1, rows):
        variance = 5e-6 + 0.1 * returns[t - 1] ** 2 + 0.85 * variance
        returns[t] = np.sqrt(variance) * generator.standard_t(6) / np.sqrt(6 / 4)
    return returns


def history(returns: np.ndarray, stop: int, horizon: int = H) -> History:
    return History(np.abs(returns)[:, None], np.array([0, len(returns)]), np.array([stop]), 1, horizon)


RETURNS = simulated(260)
STOP = 180


def trailing(u: np.ndarray, row: int, days: int) -> float:
    return float(np.sqrt(np.mean(u[max(0, row + 1 - days) : row + 1] ** 2)))


def test_last_month_is_repeated() -> None:
    base = np.array([0.1, 0.2, 0.3])[:, None]
    said = last_month(history(RETURNS, STOP), base)(np.array([2, 0]))
    assert said[..., 0].tolist() == [[0.3] * H, [0.1] * H]


def test_ewma_by_hand() -> None:
    u = np.array([0.01, 0.03, 0.02, 0.05, 0.04])
    said = ewma(History(u[:, None], np.array([0, 3, 5]), np.array([2, 4]), 1, 2))(np.array([0, 2, 4]))
    second = 0.94 * 0.01**2 + 0.06 * 0.03**2
    third = 0.94 * second + 0.06 * 0.02**2
    last = 0.94 * 0.05**2 + 0.06 * 0.04**2  # another series begins anew
    np.testing.assert_allclose(said[..., 0], np.sqrt([[0.01**2] * 2, [third] * 2, [last] * 2]), rtol=1e-12)


def har_rows(u: np.ndarray, stop: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Corsi's regressors, and the volatility of the next k days, for rows whose days to come lie in train."""
    rows = [t for t in range(22, len(u)) if t + k < stop]
    x = np.array([[trailing(u, t, d) for d in (1, 5, 22)] for t in rows])
    return x, np.array([np.sqrt(np.mean(u[t + 1 : t + 1 + k] ** 2)) for t in rows])


def test_har_is_least_squares_as_statsmodels_has_it() -> None:
    u = np.abs(RETURNS)
    rows = np.array([STOP - 1, STOP, 200, 259])
    said = har(history(RETURNS, STOP))(rows)[..., 0]
    now = sm.add_constant(np.array([[trailing(u, t, d) for d in (1, 5, 22)] for t in rows]))
    for k in range(1, H + 1):
        x, y = har_rows(u, STOP, k)
        fitted = sm.OLS(y, sm.add_constant(x)).fit()
        np.testing.assert_allclose(said[:, k - 1], np.maximum(fitted.predict(now), 0), rtol=1e-8)


def test_har_is_pooled_over_series() -> None:
    other = simulated(150, seed=5)
    both = np.abs(np.concatenate((RETURNS, other)))
    pooled = History(both[:, None], np.array([0, 260, 410]), np.array([STOP, 360]), 1, 1)
    parts = [har_rows(np.abs(RETURNS), STOP, 1), har_rows(np.abs(other), 100, 1)]
    x, y = (np.concatenate([p[i] for p in parts]) for i in (0, 1))
    weights = np.linalg.lstsq(np.column_stack((np.ones(len(x)), x)), y, rcond=None)[0]
    now = [1.0, *(trailing(np.abs(other), 140, d) for d in (1, 5, 22))]
    assert har(pooled)(np.array([400])).item() == pytest.approx(float(weights @ now), rel=1e-8)


def test_har_never_says_less_than_nothing() -> None:
    u = np.linspace(1.0, 0.01, 60)  # falling ever faster, its line goes on below 0
    said = har(history(u, 50))(np.arange(22, 60))
    assert (said >= 0).all()


def test_har_with_too_few_rows_is_last_months_volatility() -> None:
    u = np.abs(RETURNS[:45])
    said = har(history(RETURNS[:45], 30))(np.array([29, 44]))[..., 0]
    np.testing.assert_allclose(said, [[trailing(u, t, 22)] * H for t in (29, 44)], rtol=1e-12)


@pytest.mark.parametrize("asymmetric", [False, True])
class TestGarch:
    def test_from_a_row_it_is_archs_of_the_rows_up_to_there(self, asymmetric: bool) -> None:
        options: dict[str, Any] = {
            "mean": "Constant", "vol": "GARCH", "p": 1, "o": int(asymmetric), "q": 1, "dist": "t", "rescale": False
        }  # fmt: skip
        percent = 100 * RETURNS[1:]
        constants = arch_model(percent[: STOP - 1], **options).fit(disp="off").params
        rows = np.array([STOP - 1, STOP, 200, 259])
        said = garch(history(RETURNS, STOP), RETURNS, asymmetric=asymmetric)(rows)[..., 0]
        for row, ours in zip(rows, said, strict=True):
            forecast = arch_model(percent[:row], **options).fix(constants).forecast(horizon=H, reindex=False)
            daily = forecast.variance.to_numpy()[-1]
            expected = [np.sqrt(daily[:k].mean()) / 100 for k in range(1, H + 1)]
            np.testing.assert_allclose(ours, expected, rtol=1e-9)

    def test_its_variance_follows_the_equation(self, asymmetric: bool) -> None:
        """s2_{t+1} = omega + (alpha + gamma [e < 0]) e^2 + beta s2_t, from the variance that was said a day before."""
        fitted = garch(history(RETURNS, STOP, horizon=1), RETURNS, asymmetric=asymmetric)
        o = int(asymmetric)
        percent = 100 * RETURNS[1:]
        p = arch_model(percent[: STOP - 1], p=1, o=o, q=1, dist="t", rescale=False).fit(disp="off").params
        rows = np.arange(STOP, 259)
        s2 = (100 * fitted(rows)[:, 0, 0]) ** 2
        e = 100 * RETURNS[rows[1:]] - p["mu"]
        reaction = p["alpha[1]"] + (p["gamma[1]"] * (e < 0) if asymmetric else 0.0)
        np.testing.assert_allclose(s2[1:], p["omega"] + reaction * e**2 + p["beta[1]"] * s2[:-1], rtol=1e-9)

    def test_with_too_few_returns_it_is_last_months_volatility(self, asymmetric: bool) -> None:
        u = np.abs(RETURNS[:130])
        said = garch(history(RETURNS[:130], volatility.FEWEST_RETURNS), RETURNS[:130], asymmetric=asymmetric)
        rows = np.array([1, 99, 129])
        expected = [[trailing(u, t, 22)] * H for t in rows]
        np.testing.assert_allclose(said(rows)[..., 0], expected, rtol=1e-12)

    def test_series_are_fitted_each_by_itself(self, asymmetric: bool) -> None:
        other = simulated(200, seed=7)
        both = np.concatenate((RETURNS, other))
        joined = History(np.abs(both)[:, None], np.array([0, 260, 460]), np.array([STOP, 260 + 150]), 1, H)
        rows = np.array([STOP, 259, 260 + 150, 459])
        said = garch(joined, both, asymmetric=asymmetric)(rows)
        alone = garch(history(RETURNS, STOP), RETURNS, asymmetric=asymmetric)(rows[:2])
        second = garch(history(other, 150), other, asymmetric=asymmetric)(rows[2:] - 260)
        np.testing.assert_array_equal(said, np.concatenate((alone, second)))

    def test_returns_that_never_change_are_forecast_without_a_warning(self, asymmetric: bool) -> None:
        still = np.zeros(160)
        said = garch(history(still, 120), still, asymmetric=asymmetric)(np.array([119, 150]))
        assert np.isfinite(said).all()
        assert (said < 1e-2).all()
