"""The classical methods beside a run, on the very same windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from seqexp.data.panel import Floats, Ints
from seqexp.data.target import LevelTarget
from seqexp.data.volatility import VolatilityTarget
from seqexp.models.baselines import volatility
from seqexp.models.baselines.history import History, Method, drift, naive, seasonal_naive
from seqexp.models.baselines.ridge import logistic, ridge
from seqexp.models.baselines.statistical import arima, ets
from seqexp.run.forecasting.problem import ForecastingProblem, parts

Learned = Callable[[Ints], Floats]
"""Origins (N) to learned values z (N, h, C)."""

BY_SERIES = ("ets", "arima", "garch", "gjr_garch")
"""Methods that are fitted series by series, and slow for it."""


def fit_baselines(problem: ForecastingProblem, working: Callable[[str], None]) -> Iterator[tuple[str, Learned | str]]:
    """Each baseline that suits the target: its name, and itself fitted or why it is left out."""
    config, target = parts(problem.experiment)[1], problem.task.target
    methods = _for_direction(problem) if target.binary else _for_values(problem)
    if isinstance(target, VolatilityTarget):
        methods = _for_volatility(problem, target)
    for name in config.baselines:
        if name not in methods:
            continue
        said, fit = methods[name]
        working(f"baseline {said}")
        yield said, _left_out(problem, name) or fit()


Methods = dict[str, tuple[str, Callable[[], Learned]]]
"""The key of a method, to the name it has in the table and how it is fitted."""


def _for_values(problem: ForecastingProblem) -> Methods:
    methods = {"naive": naive, "drift": drift, "seasonal_naive": seasonal_naive, "ets": ets, "arima": arima}
    fits: Methods = {name: (name, partial(_fitted, problem, method)) for name, method in methods.items()}
    return fits | {"ridge": ("ridge", partial(_regression, problem))}


def _for_volatility(problem: ForecastingProblem, target: VolatilityTarget) -> Methods:
    returns = target.returns[:, 0]
    methods: dict[str, Callable[[History], Method]] = {
        "naive": lambda h: volatility.last_month(h, target.base),
        "ewma": volatility.ewma,
        "har": volatility.har,
        "garch": lambda h: volatility.garch(h, returns, asymmetric=False),
        "gjr_garch": lambda h: volatility.garch(h, returns, asymmetric=True),
    }
    fits: Methods = {name: (name, partial(_fitted, problem, method)) for name, method in methods.items()}
    return fits | {
        "naive": ("last_month", fits["naive"][1]),
        "ridge": ("ridge", partial(_regression, problem)),
    }


def _for_direction(problem: ForecastingProblem) -> Methods:
    return {
        "naive": ("majority", lambda: _majority(problem)),
        "ridge": ("logistic", partial(_regression, problem)),
    }


def _left_out(problem: ForecastingProblem, name: str) -> str | None:
    """Why a method is not run, in words; None where it is."""
    series, most = len(problem.panel.names), parts(problem.experiment)[1].series_by_series
    if name == "seasonal_naive" and problem.panel.season == 1:
        return "no season is known; give data.season"
    if name in BY_SERIES and series > most:
        return f"it is fitted series by series, and {series} are more than task.series_by_series={most}"
    return None


def spread_units(problem: ForecastingProblem, name: str) -> Floats | None:
    """The size of a method's residuals in each series (S, C), in learned units; None where it is 1 for all.

    Where the target is anchored on the last season, a learned unit is the size of seasonal changes. "As now" errs by
    the size of changes from step to step, which in a seasonal series is many times larger, and not in all the same.
    """
    target = problem.task.target
    if name not in ("naive", "drift") or target.anchor != "season":
        return None
    steps = LevelTarget(target.panel, horizon=target.horizon, anchor="last", logarithm=target.logarithm)
    ranges = list(zip(*problem.task.borders.rows("train"), strict=True))
    result: Floats = steps.fitted(ranges, parts(problem.experiment)[0].scaling).scale / target.scale.scale
    return np.broadcast_to(result, (len(target.panel.names), result.shape[1]))


def _fitted(problem: ForecastingProblem, method: Callable[[History], Method]) -> Learned:
    forecast = method(_history(problem))
    return lambda origins: problem.task.target.from_u(forecast(origins), origins)


def _history(problem: ForecastingProblem) -> History:
    target = problem.task.target
    return History(target.u, problem.panel.offsets, problem.task.borders.valid, problem.panel.season, target.horizon)


def _regression(problem: ForecastingProblem) -> Learned:
    """Ridge, or logistic regression for a direction, on the same anchored window that the network reads."""
    source = problem.task.source
    anchored = source.spec.anchored

    def design(origins: Ints) -> tuple[Floats, Floats]:
        batch = source.gather(torch.from_numpy(origins).to(source.device))
        x = batch.inputs[..., :anchored].flatten(1).cpu().double().numpy()
        return x, batch.targets.flatten(1).cpu().double().numpy()

    splits = problem.task.splits
    train, valid = (w.origins.astype(np.int64) for w in (splits.train, splits.valid))
    fitted = logistic(design, train) if problem.task.target.binary else ridge(design, train, valid)
    shape = (-1, problem.task.target.horizon, problem.panel.target.shape[1])
    if problem.task.target.binary:
        return lambda origins: _probability(fitted(origins)).reshape(shape)
    return lambda origins: fitted(origins).reshape(shape)


def _majority(problem: ForecastingProblem) -> Learned:
    """The share of rises in train, at each step of the horizon, whatever the window says."""
    train = problem.task.splits.train.origins.astype(np.int64)
    share = problem.task.target.truth(train).mean(axis=0)  # (h, C)
    return lambda origins: np.broadcast_to(share, (len(origins), *share.shape))


def _probability(log_odds: Floats) -> Floats:
    result: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return result
