"""Exponential smoothing and ARIMA, series by series: constants fitted on train, states carried through to any row.

statsmodels does the fitting and the filtering; a forecast from each row is then read off that row's state, so
thousands of forecast origins cost one pass.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from seqexp.data.panel import Floats, Ints
from seqexp.models.baselines.history import History, Method

FITTED_ROWS = 1_500
"""The newest rows of train that constants are fitted on: more hardly move them and take minutes."""
FITTED_SEASONS = 20
"""The newest seasons of train that a seasonal ARIMA is fitted on: its state is as long as the season."""
LONGEST_SEASON = 24
"""Longer seasons make ARIMA's state too large to filter; it then differences by steps alone."""

FEWEST_ROWS = 10
"""Below so many rows of train nothing is fitted, and the last value stands in."""

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
        stop = int(history.train_stop[s] - a)
        for c in range(channels):
            u = history.u[a:b, c]
            with quietly():
                fitted[s, c] = fit(u, stop, history) if stop >= FEWEST_ROWS else _as_before(u, history.horizon)

    def forecast(origins: Ints) -> Floats:
        result = np.empty((len(origins), history.horizon, channels))
        series = np.searchsorted(history.offsets, origins, side="right") - 1
        for s in np.unique(series):
            at = series == s
            for c in range(channels):
                result[at, :, c] = fitted[int(s), c](origins[at] - history.offsets[s])
        return result

    return forecast


def _as_before(u: Floats, horizon: int, season: int = 1, change: float = 0.0) -> Fitted:
    """The last season again, each time with the same change; with a season of one step, the last value."""
    ahead = np.arange(horizon)
    back, seasons = ahead % season - season + 1, ahead // season + 1
    return lambda rows: u[np.maximum(rows[:, None] + back, 0)] + seasons * change


class Smoothing(NamedTuple):
    """One form of exponential smoothing with its constants."""

    options: dict[str, Any]
    """trend, damped_trend, seasonal and seasonal_periods, as statsmodels has them."""
    constants: dict[str, Any]
    """Rates and initial states, by statsmodels' names."""


def _fit_ets(u: Floats, stop: int, history: History) -> Fitted:
    start = max(0, stop - FITTED_ROWS)
    chosen = best_smoothing(u[start:stop], history.season)
    if chosen is None:
        return _as_before(u, history.horizon)
    return _carry_smoothing(u, start, chosen, history)


def best_smoothing(train: Floats, season: int) -> Smoothing | None:
    """The form of least AICc; None where none fits, as on a series that never changes."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    seasonal = season > 1 and len(train) >= 3 * season
    trends = [(None, False), ("add", False), ("add", True)]
    best, least = None, np.inf
    for (trend, damped), phase in product(trends, (None, "add") if seasonal else (None,)):
        options: dict[str, Any] = {"trend": trend, "damped_trend": damped, "seasonal": phase}
        options |= {"seasonal_periods": season} if phase else {}
        result = ExponentialSmoothing(train, initialization_method="estimated", **options).fit()
        if np.isfinite(result.aicc) and result.aicc < least:
            best, least = Smoothing(options, result.params), result.aicc
    return best


def _carry_smoothing(u: Floats, start: int, chosen: Smoothing, history: History) -> Fitted:
    """Smooth from row `start` on, and forecast from each row's level, slope and season."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    options, p = chosen
    known = {"initial_level": p["initial_level"]}
    known |= {"initial_trend": p["initial_trend"]} if options["trend"] else {}
    known |= {"initial_seasonal": p["initial_seasons"]} if options["seasonal"] else {}
    through = ExponentialSmoothing(u[start:], initialization_method="known", **options, **known).fit(
        smoothing_level=p["smoothing_level"],
        smoothing_trend=p["smoothing_trend"] if options["trend"] else None,
        smoothing_seasonal=p["smoothing_seasonal"] if options["seasonal"] else None,
        damping_trend=p["damping_trend"] if options["damped_trend"] else None,
        optimized=False,
    )
    level, slope, phase = (np.asarray(x, dtype=np.float64) for x in (through.level, through.trend, through.season))
    steps = np.arange(1, history.horizon + 1)
    damped = np.cumsum(p["damping_trend"] ** steps) if options["damped_trend"] else steps
    m = history.season
    back = (steps - 1) % m - m + 1

    def forecast(rows: Ints) -> Floats:
        at = np.maximum(rows - start, 0)
        result = level[at][:, None] + (slope[at][:, None] * damped if options["trend"] else 0.0)
        if options["seasonal"]:
            result = result + phase[np.maximum(at[:, None] + back, 0)]
        return np.broadcast_to(result, (len(rows), len(steps)))

    return forecast


class Arima(NamedTuple):
    """One ARIMA with its constants."""

    options: dict[str, Any]
    """order, seasonal_order and trend, as statsmodels has them."""
    parameters: Floats
    size: float
    """What the series is divided by, so that the optimiser meets numbers of the order of 1."""


def _fit_arima(u: Floats, stop: int, history: History) -> Fitted:
    m = history.season if 1 < history.season <= LONGEST_SEASON and stop >= 4 * history.season else 1
    start = max(0, stop - (FITTED_SEASONS * m if m > 1 else FITTED_ROWS))
    train = u[start:stop]
    still = train[m:] - train[:-m] if m > 1 else train
    if np.ptp(still) <= 1e-9 * np.abs(train).max():  # but for rounding, every season is the one before plus a constant
        return _as_before(u, history.horizon, m, float(still.mean()) if m > 1 else 0.0)
    chosen = best_arima(train, still, m)
    return _as_before(u, history.horizon) if chosen is None else _carry_arima(u, start, chosen, history.horizon)


def best_arima(train: Floats, still: Floats, season: int) -> Arima | None:
    """The order of least AICc, differenced where the Dickey-Fuller test finds a unit root; None where none fits.

    Args:
        train: Rows to fit on.
        still: The same, with the season taken out.
        season: m; 1 where there is none.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    from statsmodels.tsa.stattools import adfuller

    d = int(adfuller(still, maxlag=min(10, len(still) // 4))[1] > 0.05)
    seasonal = (0, 1, 1, season) if season > 1 else (0, 0, 0, 0)
    with_season = [(1, d, 1), (2, d, 1)]
    without = [(0, d, 0), (0, d, 1), (1, d, 0), (1, d, 1), (2, d, 1), (2, d, 2)]
    size = float(np.std(still))
    trend = "c" if d == 0 and season == 1 else "n"
    best, least = None, np.inf
    for order in with_season if season > 1 else without:
        options = {"order": order, "seasonal_order": seasonal, "trend": trend}
        # Differencing first, and not inside the state, makes the fit four times as fast and no worse.
        result = SARIMAX(train / size, simple_differencing=True, **options).fit(disp=False, maxiter=50)
        if np.isfinite(result.aicc) and result.aicc < least:
            best, least = Arima(options, result.params, size), result.aicc
    return best


def _carry_arima(u: Floats, start: int, chosen: Arima, horizon: int) -> Fitted:
    """Filter from row `start` on, and forecast from each row's state."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    through = SARIMAX(u[start:] / chosen.size, **chosen.options)
    through.update(chosen.parameters)
    system = through.ssm.filter()
    states = system.predicted_state[:, 1:]  # (state, rows): the state after each row
    transition, design = system.transition[..., 0], system.design[..., 0]
    drift, offset = system.state_intercept[:, 0], system.obs_intercept[:, 0]

    def forecast(rows: Ints) -> Floats:
        state = states[:, np.maximum(rows - start, 0)]
        ahead = []
        for _ in range(horizon):
            ahead.append((design @ state + offset[:, None])[0])
            state = transition @ state + drift[:, None]
        return chosen.size * np.stack(ahead, axis=1)

    return forecast


@contextmanager
def quietly() -> Iterator[None]:
    """One thread, since the matrices are tiny, and no remarks on convergence: what did not converge is still scored."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
