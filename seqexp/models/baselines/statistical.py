"""Exponential smoothing and ARIMA, series by series: constants fitted on train, states carried through to any row.

statsmodels does the fitting and the filtering; a forecast from each row is then read off that row's state, so
thousands of forecast origins cost one pass.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from seqexp.data.panel import Floats, Ints
from seqexp.models.baselines.history import History, Method

FITTED_ROWS = 1_500
"""The newest rows of train that constants are fitted on: more hardly move them and take minutes."""
FITTED_SEASONS = 20
"""The newest seasons of train that a seasonal ARIMA is fitted on: its state is as long as the season."""
LONGEST_SEASON = 24
"""Longer seasons make ARIMA's state too large to filter; it then differences by steps alone."""

Fitted = Callable[[Ints], Floats]
"""Rows of one series, counted from its start (N), to forecasts (N, h)."""


def ets(history: History) -> Method:
    """Exponential smoothing (Holt 1957, Winters 1960): level, damped trend and additive season as AIC decides."""
    return _by_series(history, _fit_ets)


def arima(history: History) -> Method:
    """ARIMA (Box and Jenkins 1970), with a seasonal difference and moving average where there is a season."""
    return _by_series(history, _fit_arima)


def _by_series(history: History, fit: Callable[[Floats, int, History], Fitted]) -> Method:
    """Fit each series and channel by itself."""
    channels = history.u.shape[1]
    fitted: dict[tuple[int, int], Fitted] = {}
    for s, (a, b) in enumerate(zip(history.offsets[:-1], history.offsets[1:], strict=True)):
        for c in range(channels):
            with quietly():
                fitted[s, c] = fit(history.u[a:b, c], int(history.train_stop[s] - a), history)

    def forecast(origins: Ints) -> Floats:
        result = np.empty((len(origins), history.horizon, channels))
        series = np.searchsorted(history.offsets, origins, side="right") - 1
        for s in np.unique(series):
            at = series == s
            for c in range(channels):
                result[at, :, c] = fitted[int(s), c](origins[at] - history.offsets[s])
        return result

    return forecast


def _fit_ets(u: Floats, stop: int, history: History) -> Fitted:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    m = history.season
    train = u[max(0, stop - FITTED_ROWS) : stop]
    seasonal = m > 1 and len(train) >= 3 * m
    forms = [(trend, season) for trend in (None, "add") for season in ((None, "add") if seasonal else (None,))]
    best, least = None, np.inf
    for trend, season in forms:
        options: dict[str, Any] = {"trend": trend, "damped_trend": trend is not None, "seasonal": season}
        options |= {"seasonal_periods": m} if season else {}
        result = ExponentialSmoothing(train, initialization_method="estimated", **options).fit()
        if np.isfinite(result.aicc) and result.aicc < least:
            best, least = (options, result.params), result.aicc
    if best is None:
        return lambda rows: np.repeat(u[rows][:, None], history.horizon, axis=1)
    options, p = best
    start = max(0, stop - FITTED_ROWS)
    known = {"initial_level": p["initial_level"]}
    known |= {"initial_trend": p["initial_trend"]} if options["trend"] else {}
    known |= {"initial_seasonal": p["initial_seasons"]} if options["seasonal"] else {}
    through = ExponentialSmoothing(u[start:], initialization_method="known", **options, **known).fit(
        smoothing_level=p["smoothing_level"],
        smoothing_trend=p["smoothing_trend"] if options["trend"] else None,
        smoothing_seasonal=p["smoothing_seasonal"] if options["seasonal"] else None,
        damping_trend=p["damping_trend"] if options["trend"] else None,
        optimized=False,
    )
    level, slope, phase = (np.asarray(x, dtype=np.float64) for x in (through.level, through.trend, through.season))
    steps = np.arange(1, history.horizon + 1)
    damped = np.cumsum(p["damping_trend"] ** steps) if options["trend"] else np.zeros(len(steps))
    back = (steps - 1) % m - m + 1

    def forecast(rows: Ints) -> Floats:
        at = np.maximum(rows - start, 0)
        result = level[at][:, None] + (slope[at][:, None] * damped if options["trend"] else 0.0)
        if options["seasonal"]:
            result = result + phase[np.maximum(at[:, None] + back, 0)]
        return np.broadcast_to(result, (len(rows), len(steps)))

    return forecast


def _fit_arima(u: Floats, stop: int, history: History) -> Fitted:
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    from statsmodels.tsa.stattools import adfuller

    m = history.season if 1 < history.season <= LONGEST_SEASON and stop >= 4 * history.season else 1
    start = max(0, stop - (FITTED_SEASONS * m if m > 1 else FITTED_ROWS))
    train = u[start:stop]
    still = train[m:] - train[:-m] if m > 1 else train
    if np.ptp(still) == 0:
        return lambda rows: np.repeat(u[rows][:, None], history.horizon, axis=1)
    d = int(adfuller(still, maxlag=min(10, len(still) // 4))[1] > 0.05)
    seasonal = (0, 1, 1, m) if m > 1 else (0, 0, 0, 0)
    orders = [(1, d, 1), (2, d, 1)] if m > 1 else [(0, d, 0), (0, d, 1), (1, d, 0), (1, d, 1), (2, d, 1), (2, d, 2)]
    size = float(np.std(still)) or 1.0
    trend = "c" if d == 0 and m == 1 else "n"
    best, least = None, np.inf
    for order in orders:
        # Differencing first, and not inside the state, makes the fit four times as fast and no worse.
        model = SARIMAX(train / size, order=order, seasonal_order=seasonal, trend=trend, simple_differencing=True)
        result = model.fit(disp=False, maxiter=50)
        if np.isfinite(result.aicc) and result.aicc < least:
            best, least = (order, result.params), result.aicc
    if best is None:
        return lambda rows: np.repeat(u[rows][:, None], history.horizon, axis=1)
    through = SARIMAX(u[start:] / size, order=best[0], seasonal_order=seasonal, trend=trend)
    through.update(best[1])
    system = through.ssm.filter()
    states = system.predicted_state[:, 1:]  # (state, rows): the state after each row
    transition, design = system.transition[..., 0], system.design[..., 0]
    drift, offset = system.state_intercept[:, 0], system.obs_intercept[:, 0]

    def forecast(rows: Ints) -> Floats:
        state = states[:, np.maximum(rows - start, 0)]
        ahead = []
        for _ in range(history.horizon):
            ahead.append((design @ state + offset[:, None])[0])
            state = transition @ state + drift[:, None]
        return size * np.stack(ahead, axis=1)

    return forecast


@contextmanager
def quietly() -> Iterator[None]:
    """One thread, since the matrices are tiny, and no remarks on convergence: what did not converge is still scored."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
