"""Tests of differences and intervals of means.

Shapes: T times, n seeds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST_TIMES = 8
FEWEST_SEEDS = 3


def enough(times: int, horizon: int) -> bool:
    """Whether a series of loss differences is long enough for `diebold_mariano`."""
    return times >= max(FEWEST_TIMES, 2 * horizon)


def diebold_mariano(difference: Floats, horizon: int) -> tuple[float, float]:
    """Whether two forecasts are equally good, with the small-sample correction.

    Diebold and Mariano (1995); Harvey, Leybourne and Newbold (1997), equations 5 and 9. The variance has the h-1
    autocovariances of overlapping forecasts; where they make it negative, Bartlett's weights, which cannot.

    Args:
        difference: The loss of one minus the loss of the other (T), in the order of time.
        horizon: h, at most T / 2.

    Returns:
        The corrected statistic and its two-sided p-value (Student-t with T - 1 degrees of freedom).
    """
    from scipy.special import stdtr

    count, mean = len(difference), float(difference.mean())
    centred = difference - mean
    if not difference.any():
        return 0.0, 1.0
    covariance = np.array([centred[k:] @ centred[: count - k] / count for k in range(horizon)])
    variance = float(covariance[0] + 2 * covariance[1:].sum())
    if variance <= 0:
        variance = float(covariance[0] + 2 * (1 - np.arange(1, horizon) / horizon) @ covariance[1:])
    if variance <= 0:  # every difference is the same
        return math.copysign(math.inf, mean), 0.0
    correction = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = mean / math.sqrt(variance / count) * math.sqrt(correction)
    return statistic, float(2 * stdtr(count - 1, -abs(statistic)))


def mcnemar(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """The p-value of the exact McNemar test (1947): whether two are right equally often.

    Args:
        one: Whether it was right, each time.
        other: The same of the other.
    """
    from statsmodels.stats.contingency_tables import mcnemar as exact

    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    if only_one + only_other == 0:
        return 1.0
    return float(exact([[0, only_one], [only_other, 0]], exact=True).pvalue)


def holm(p_values: list[float]) -> list[float]:
    """P-values adjusted for their number (Holm 1979)."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def interval(values: Floats) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of a mean: BCa (Efron 1987), or percentile where that is not defined.

    Args:
        values: One of each seed (n).

    Returns:
        Its ends; None with fewer than 3 seeds.
    """
    if len(values) < FEWEST_SEEDS:
        return None
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    import warnings

    from scipy.stats import bootstrap

    for method in ("BCa", "percentile"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a degenerate distribution is what the second method is for
            found = bootstrap((values,), np.mean, n_resamples=1999, method=method, random_state=0)
        low, high = found.confidence_interval
        if math.isfinite(low) and math.isfinite(high):
            return float(low), float(high)
    return None
