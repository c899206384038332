"""Volatility of daily returns, the classical ways: last month's, EWMA, HAR and GARCH.

A method forecasts, for each step k, the root of the mean daily variance over the days up to k. Constants are fitted
on train; variances are then carried through to any row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seqexp.data.panel import Floats, Ints
from seqexp.models.baselines.history import History, Method

RISK_METRICS_DECAY = 0.94
HAR_DAYS = (1, 5, 22)
FEWEST_RETURNS = 100
"""Below so many returns of train GARCH is not fitted: its recursion alone begins with the mean of the first 75."""


def last_month(history: History, base: Floats) -> Method:
    """The realised volatility of the last month, for every step.

    Args:
        history: u is the absolute return.
        base: (R, 1), the last month's root mean square of u at each row.
    """
    return lambda origins: np.repeat(base[origins][:, None], history.horizon, axis=1)


def ewma(history: History) -> Method:
    """Exponentially weighted mean of squared returns, decay 0.94 (RiskMetrics 1996)."""
    import pandas as pd

    variance = np.empty(len(history.u))
    for a, b in zip(history.offsets[:-1], history.offsets[1:], strict=True):
        squares = pd.Series(history.u[a:b, 0] ** 2)
        variance[a:b] = squares.ewm(alpha=1 - RISK_METRICS_DECAY, adjust=False).mean()
    return lambda origins: np.sqrt(np.repeat(variance[origins][:, None, None], history.horizon, axis=1))


def har(history: History) -> Method:
    """Heterogeneous autoregression: linear in the volatility of the last day, week and month (Corsi 2009), pooled.

    Where train has too few rows to fit it, it is last month's volatility.
    """
    from sklearn.linear_model import LinearRegression

    past = np.stack([_mean_square(history, days) for days in HAR_DAYS], axis=1) ** 0.5  # (R, 3)
    models = []
    for k in range(1, history.horizon + 1):
        x, y = [], []
        for a, stop in zip(history.offsets[:-1], history.train_stop, strict=True):
            rows = np.arange(a + HAR_DAYS[-1], stop - k)
            ahead = np.add.accumulate(history.u[a:stop, 0] ** 2)
            y.append(np.sqrt((ahead[rows + k - a] - ahead[rows - a]) / k))
            x.append(past[rows])
        enough = sum(map(len, x)) >= HAR_DAYS[-1]
        models.append(LinearRegression().fit(np.concatenate(x), np.concatenate(y)) if enough else None)

    def forecast(origins: Ints) -> Floats:
        now = past[origins]
        said = np.stack([now[:, -1] if m is None else m.predict(now) for m in models], axis=1)[..., None]
        result: Floats = np.maximum(said, 0.0)
        return result

    return forecast


def garch(history: History, returns: Floats, *, asymmetric: bool) -> Method:
    """GARCH(1,1) (Bollerslev 1986), or GJR-GARCH (Glosten et al. 1993), with Student errors, series by series.

    Where train has too few rows to fit it, it is last month's volatility.

    Args:
        history: What there is of each series.
        returns: (R), daily log returns with their sign.
        asymmetric: Whether falls raise the variance more than rises.
    """
    month = _mean_square(history, HAR_DAYS[-1]) ** 0.5  # (R)
    fitted = []
    for a, b, stop in zip(history.offsets[:-1], history.offsets[1:], history.train_stop, strict=True):
        known = int(stop - a - 1)  # the first row of a series has no return
        if known < FEWEST_RETURNS:
            fitted.append(_constant(month[a + 1 : b], history.horizon))
        else:
            fitted.append(_fit_garch(returns[a + 1 : b], known, history.horizon, asymmetric=asymmetric))

    def forecast(origins: Ints) -> Floats:
        series = np.searchsorted(history.offsets, origins, side="right") - 1
        result = np.empty((len(origins), history.horizon, 1))
        for s in np.unique(series):
            at = series == s
            result[at, :, 0] = fitted[int(s)](origins[at] - history.offsets[s] - 1)
        return result

    return forecast


def _constant(volatility: Floats, horizon: int) -> Callable[[Ints], Floats]:
    return lambda rows: np.repeat(volatility[np.maximum(rows, 0)][:, None], horizon, axis=1)


def _fit_garch(returns: Floats, stop: int, horizon: int, *, asymmetric: bool) -> Callable[[Ints], Floats]:
    from arch import arch_model

    from seqexp.models.baselines.statistical import quietly

    percent = 100 * returns  # the optimiser wants numbers of the order of 1
    options = {
        "mean": "Constant",
        "vol": "GARCH",
        "p": 1,
        "o": int(asymmetric),
        "q": 1,
        "dist": "t",
        "rescale": False,
    }
    first = stop - 2
    with quietly():
        # show_warning: arch sets its own filter, which would override ours.
        constants = arch_model(percent[:stop], **options).fit(disp="off", show_warning=False).params
        through = arch_model(percent, **options).fix(constants)
        variance = through.forecast(horizon=horizon, start=first, reindex=False).variance.to_numpy()
    mean = np.sqrt(np.cumsum(variance, axis=1) / np.arange(1, horizon + 1)) / 100
    return lambda rows: mean[np.maximum(rows - first, 0)]


def _mean_square(history: History, days: int) -> Floats:
    """Mean of u^2 over the last `days` rows at each row, or over what there is of them in the series (R)."""
    result = np.empty(len(history.u))
    # Sums run within a series, so that nothing in one rounds another's.
    for a, b in zip(history.offsets[:-1], history.offsets[1:], strict=True):
        total = np.concatenate(([0.0], np.cumsum(history.u[a:b, 0] ** 2)))
        stop = np.arange(1, b - a + 1)
        start = np.maximum(stop - days, 0)
        result[a:b] = (total[stop] - total[start]) / (stop - start)
    return result
