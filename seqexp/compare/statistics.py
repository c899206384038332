"""Tests of differences and intervals of means.

From `scipy.special` and not from `scipy.stats`, whose import takes longer than a thousand comparisons.

Shapes: T times, N examples, P pairs, n seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST_TIMES = 8
FEWEST_SEEDS = 3
RESAMPLES = 9_999
MOST_BLOCKS = 4_096
_AT_A_TIME = 1_000


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
    from scipy.special import bdtr

    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    return min(1.0, 2 * float(bdtr(min(only_one, only_other), only_one + only_other, 0.5)))


def randomisation(differences: Iterable[Floats]) -> list[float]:
    """P-values of the paired test by approximate randomisation: whether the mean of each difference is 0.

    Noreen (1989), section 2.3: were two equally good, the sign of each example's difference would be a coin's. All
    signs are tried where there are few examples, else 9,999 are drawn. A difference beyond all of them has the bound of
    Hoeffding (1963, theorem 2), so that it may stand when many are tested. Of many examples, neighbours share a coin.

    Args:
        differences: The loss of one minus that of the other, of P pairs on as many examples (N); at least one.
    """
    blocks = np.stack([_blocks(d) for d in differences])  # (P, N)
    scale = np.abs(blocks).sum(axis=1)
    observed = np.abs(blocks.sum(axis=1)) - 1e-6 * scale  # what rounding may take from a tie
    single = blocks.astype(np.float32).T
    beyond, drawn = np.zeros(len(blocks)), 0
    for signs in _coins(blocks.shape[1]):
        beyond += (np.abs(signs @ single) >= observed).sum(axis=0)
        drawn += len(signs)
    if drawn == 2 ** blocks.shape[1]:
        return [float(p) for p in beyond / drawn]
    square = np.maximum((blocks**2).sum(axis=1), 1e-300)
    bound = 2 * np.exp(-(np.maximum(observed, 0) ** 2) / (2 * square))
    p = (beyond + 1) / (drawn + 1)
    return [float(v) for v in np.where(beyond == 0, np.minimum(p, bound), p)]


def _blocks(difference: Floats) -> Floats:
    """Sums over neighbours, where there are many examples. What is not finite is left out."""
    starts = np.linspace(0, len(difference), min(len(difference), MOST_BLOCKS), endpoint=False).astype(int)
    sums: Floats = np.add.reduceat(np.where(np.isfinite(difference), difference, 0.0), starts)
    return sums


def _coins(count: int) -> Iterator[NDArray[np.float32]]:
    """Rows of -1 and 1: all there are, or as many as are drawn."""
    if 2**count <= RESAMPLES:
        bits = np.arange(2**count)[:, None] >> np.arange(count) & 1
        yield (2 * bits - 1).astype(np.float32)
        return
    rng = np.random.default_rng(0)
    for first in range(0, RESAMPLES, _AT_A_TIME):
        rows = min(_AT_A_TIME, RESAMPLES - first)
        yield rng.integers(0, 2, (rows, count), dtype=np.int8).astype(np.float32) * 2 - 1


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number (Holm 1979)."""
    p = np.array(p_values)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order])
    return [float(v) for v in np.minimum(adjusted, 1)]


def interval(values: Floats) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of a mean: BCa (Efron 1987; Efron and Tibshirani 1993, equations 14.10 to 14.15).

    Args:
        values: One of each seed (n).

    Returns:
        Its ends; None with fewer than 3 seeds.
    """
    from scipy.special import ndtr, ndtri

    if len(values) < FEWEST_SEEDS:
        return None
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    drawn = np.random.default_rng(0).integers(0, len(values), (1_999, len(values)))
    means, mean = values[drawn].mean(axis=1), values.mean()
    bias = ndtri(((means < mean).mean() + (means <= mean).mean()) / 2)
    influence = values - mean  # the jackknife's, but for a factor that falls out
    skew = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    z = bias + ndtri(np.array([0.025, 0.975]))
    low, high = np.quantile(means, ndtr(bias + z / (1 - skew * z)))
    return float(low), float(high)
