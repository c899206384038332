"""Metrics of forecasts, in the target's own units, gathered batch by batch.

Shapes: N windows, h steps of the horizon, C channels, Q quantile levels, S series. Everything is float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqexp.data.panel import Floats, Ints

INTERVALS = {80: (0.1, 0.9), 95: (0.025, 0.975)}
"""The central intervals that are scored: their levels."""
FORECAST_METRICS = (
    "mae", "rmse", "smape", "mase", "rmsse", "mse_scaled", "directional_accuracy", "crps", "wql",
    "coverage_80", "width_80", "coverage_95", "width_95", "qlike",
)  # fmt: skip
_ROWS_AT_A_TIME = 1_000_000
DIRECTION_METRICS = ("accuracy", "balanced_accuracy", "mcc", "auc", "log_loss", "brier", "rises")


@dataclass(frozen=True)
class Forecast:
    """Forecasts of some windows."""

    point: Floats
    """(N, h, C)"""
    quantiles: Floats
    """(N, h, C, Q)"""


@dataclass(frozen=True)
class Scales:
    """What errors are compared with, from the rows before the split that is scored. (S, C) each."""

    absolute: Floats
    """Mean |y_t - y_{t-m}|, for MASE (Hyndman and Koehler 2006). NaN where it is 0 or there is no season yet."""
    square: Floats
    """Mean (y_t - y_{t-m})^2, for RMSSE (Makridakis et al. 2022, M5)."""
    variance: Floats
    """Variance over train, for errors of the standardised target."""


def seasonal_scales(target: Floats, starts: Ints, stops: Ints, season: int) -> tuple[Floats, Floats]:
    """The in-sample errors of the seasonal naive forecast in each series: mean absolute and mean square.

    Args:
        target: (R, C).
        starts: (S) first row in-sample.
        stops: (S) one past the last.
        season: m; 1 compares with the step before.

    Returns:
        (S, C) each; NaN where a series never changed, or is not longer than m.
    """
    shape = (len(starts), target.shape[1])
    absolute, square = np.zeros(shape), np.zeros(shape)
    for s, (a, b) in enumerate(zip(starts, stops, strict=True)):
        for first in range(a + season, b, _ROWS_AT_A_TIME):
            rows = slice(first, min(first + _ROWS_AT_A_TIME, b))
            change = np.abs(target[rows] - target[first - season : rows.stop - season])
            absolute[s] += change.sum(axis=0)
            square[s] += (change**2).sum(axis=0)
        absolute[s] /= max(b - a - season, 1)
        square[s] /= max(b - a - season, 1)
    return np.where(absolute > 0, absolute, np.nan), np.where(square > 0, square, np.nan)


def variances(target: Floats, starts: Ints, stops: Ints) -> Floats:
    """The variance of some rows of each series (S, C); NaN where a series has none of them, or never changed."""
    variance = np.zeros((len(starts), target.shape[1]))
    for s, (a, b) in enumerate(zip(starts, stops, strict=True)):
        if b > a:
            mean = target[a:b].mean(axis=0)
            for first in range(a, b, _ROWS_AT_A_TIME):
                deviation = target[first : min(first + _ROWS_AT_A_TIME, b)] - mean
                variance[s] += (deviation**2).sum(axis=0) / (b - a)
    return np.where(variance > 0, variance, np.nan)


class ForecastScores:
    """Sums over windows, for every series, step and channel; metrics are read off them at the end.

    Args:
        horizon: h.
        levels: The Q quantile levels of the forecasts, rising.
        scored: The levels over which quantile losses are averaged.
        scales: What errors are compared with.
        positive: Whether the target is a volatility, for which QLIKE is defined.
    """

    def __init__(
        self,
        horizon: int,
        levels: tuple[float, ...],
        scored: tuple[float, ...],
        scales: Scales,
        *,
        positive: bool,
    ) -> None:
        self._levels = np.array(levels)
        self._scored = np.array([levels.index(q) for q in scored])
        self._bounds = {p: (levels.index(a), levels.index(b)) for p, (a, b) in INTERVALS.items()}
        self._scales = scales
        self._positive = positive
        series, channels = scales.absolute.shape
        shape = (series, horizon, channels)
        self._windows = np.zeros(series)
        self._sums = {name: np.zeros(shape) for name in _TERMS}
        for percent in INTERVALS:
            self._sums |= {f"inside_{percent}": np.zeros(shape), f"width_{percent}": np.zeros(shape)}
        self._pinball = np.zeros((*shape, len(scored)))

    def add(self, truth: Floats, forecast: Forecast, last: Floats, series: Ints) -> None:
        """Score some windows.

        Args:
            truth: What came (N, h, C).
            forecast: What was forecast.
            last: The value before the horizon that directions are told from (N, 1, C).
            series: Which series each window is of (N), grouped: equal numbers next to each other.
        """
        point, quantiles = forecast.point, forecast.quantiles
        error = truth - point
        rise, guess = np.sign(truth - last), np.sign(point - last)
        guess[np.isclose(point, last, rtol=1e-9, atol=0.0)] = 0  # "as now", but for rounding on the way to user units
        terms = {
            "absolute": np.abs(error),
            "square": error**2,
            "size": np.abs(truth),
            "smape": _smape(truth, point),
            "hit": (rise == guess) & (rise != 0),
            "moved": rise != 0,
            "guessed": guess != 0,
        }
        if self._positive:
            terms["qlike"] = _qlike(truth, point)
        for percent, (low, high) in self._bounds.items():
            terms[f"inside_{percent}"] = (quantiles[..., low] <= truth) & (truth <= quantiles[..., high])
            terms[f"width_{percent}"] = quantiles[..., high] - quantiles[..., low]
        starts = np.flatnonzero(np.append(True, series[1:] != series[:-1]))
        which = series[starts]
        for name, values in terms.items():
            self._sums[name][which] += np.add.reduceat(values.astype(np.float64), starts, axis=0)
        gap = truth[..., None] - quantiles[..., self._scored]
        q = self._levels[self._scored]
        self._pinball[which] += np.add.reduceat(np.maximum(q * gap, (q - 1) * gap), starts, axis=0)
        self._windows[which] += np.diff(np.append(starts, len(series)))

    def overall(self) -> dict[str, float]:
        """Every metric over all windows, steps and channels."""
        return self._metrics(slice(None))

    def by_step(self) -> dict[str, list[float]]:
        """Every metric at each step of the horizon."""
        steps = [self._metrics(slice(k, k + 1)) for k in range(self._pinball.shape[1])]
        return {name: [step[name] for step in steps] for name in steps[0]}

    def _metrics(self, steps: slice) -> dict[str, float]:
        used = self._windows > 0
        sums = {name: values[used, steps] for name, values in self._sums.items()}
        pinball = self._pinball[used, steps]
        series, horizon, channels = sums["absolute"].shape
        per_series = self._windows[used] * horizon  # terms in a series and channel
        count = per_series.sum() * channels
        mean = {name: float(values.sum() / count) for name, values in sums.items()}
        mae, mse = (sums[name].sum(axis=1) / per_series[:, None] for name in ("absolute", "square"))  # (S, C)
        scales = self._scales
        result = {
            "mae": mean["absolute"],
            "rmse": float(np.sqrt(mean["square"])),
            "smape": 100 * mean["smape"],
            "mase": _finite_mean(mae / scales.absolute[used]),
            "rmsse": _finite_mean(np.sqrt(mse / scales.square[used])),
            "mse_scaled": _finite_mean(mse / scales.variance[used], per_series[:, None]),
            "directional_accuracy": _share(sums["hit"], sums["moved"]) if sums["guessed"].any() else float("nan"),
            "crps": float(2 * pinball.sum() / (count * len(self._scored))),
            "wql": float(2 * pinball.sum() / len(self._scored) / max(sums["size"].sum(), 1e-300)),
        }
        for percent in INTERVALS:
            result[f"coverage_{percent}"] = mean[f"inside_{percent}"]
            result[f"width_{percent}"] = mean[f"width_{percent}"]
        if self._positive:
            result["qlike"] = mean["qlike"]
        del series
        return result


_TERMS = ("absolute", "square", "size", "smape", "hit", "moved", "guessed", "qlike")


def _smape(truth: Floats, point: Floats) -> Floats:
    """2 |y - y^| / (|y| + |y^|), 0 where both are 0: the M4 competition's, from 0 to 2."""
    size = np.abs(truth) + np.abs(point)
    return 2 * np.abs(truth - point) / np.where(size > 0, size, 1.0)


def _qlike(truth: Floats, point: Floats) -> Floats:
    """s^2/f^2 - log(s^2/f^2) - 1, s the realised and f the forecast volatility (Patton 2011, equation 9)."""
    ratio = np.maximum(truth, 1e-12) ** 2 / np.maximum(point, 1e-12) ** 2
    result: Floats = ratio - np.log(ratio) - 1
    return result


def _share(part: Floats, whole: Floats) -> float:
    total = float(whole.sum())
    return float(part.sum()) / total if total else float("nan")


def _finite_mean(values: Floats, weights: Floats | None = None) -> float:
    """Mean over the series and channels for which the scale is defined."""
    finite = np.isfinite(values)
    if not finite.any():
        return float("nan")
    weights = np.ones_like(values) if weights is None else np.broadcast_to(weights, values.shape)
    return float((values * weights)[finite].sum() / weights[finite].sum())


def direction_metrics(truth: NDArray[np.bool_], probability: Floats) -> dict[str, float]:
    """How well the probability of a rise tells rises from falls.

    Args:
        truth: Whether it rose (any shape).
        probability: What was said (the same shape).
    """
    from sklearn import metrics

    truth, probability = truth.ravel(), np.clip(probability.ravel(), 1e-12, 1 - 1e-12)
    said = probability > 0.5
    both = truth.any() and not truth.all()
    return {
        "accuracy": float((said == truth).mean()),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(truth, said)) if both else float("nan"),
        "mcc": float(metrics.matthews_corrcoef(truth, said)) if both else float("nan"),
        "auc": float(metrics.roc_auc_score(truth, probability)) if both else float("nan"),
        "log_loss": float(metrics.log_loss(truth, probability, labels=[False, True])),
        "brier": float(((probability - truth) ** 2).mean()),
        "rises": float(truth.mean()),
    }
