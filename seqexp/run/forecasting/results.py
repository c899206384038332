"""Test results of forecasters: the model and every baseline on the same windows, as records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from seqexp.data.panel import Ints
from seqexp.data.windows import Windows
from seqexp.run.forecasting import predictions, window_losses
from seqexp.run.forecasting.baselines import fit_baselines, spread_units
from seqexp.run.forecasting.problem import ForecastingProblem
from seqexp.run.forecasting.window_losses import Forecasts, Keep
from seqexp.run.problem import Record, Told
from seqexp.tasks.metrics import Forecast


def records(
    problem: ForecastingProblem, model: nn.Module, calibration: Tensor | None, split: str, *, keep: Path,
    losses: Path | None, told: Told,
) -> list[Record]:  # fmt: skip
    """Score a model, in evaluation mode, then every baseline, on a split.

    Args:
        problem: The data and the task.
        model: Trained.
        calibration: The spread of a point forecast.
        split: valid or test.
        keep: Where the model's forecasts are written as Parquet.
        losses: Where the losses of each window are written as Parquet; None: nowhere.
        told: Is told what is left out, and what is under way.
    """
    with window_losses.kept(losses, problem.task) if losses else nullcontext(_unkept) as through:
        made = ((o, problem.task.predictor.forecast(model, o, calibration)) for o in _origins(problem, split))
        name = problem.experiment.model.name
        first = _record(problem, split, name, through(name, predictions.kept(made, keep, problem.task)), model=True)
        return [first, *_baseline_records(problem, split, told, through)]


def _unkept(name: str, forecasts: Forecasts) -> Iterator[tuple[Ints, Forecast]]:
    del name
    yield from forecasts


def _baseline_records(problem: ForecastingProblem, split: str, told: Told, through: Keep) -> Iterator[Record]:
    task = problem.task
    for name, fitted in fit_baselines(problem, told.working):
        if isinstance(fitted, str):
            told.say(f"baseline {name} left out: {fitted}")
            continue
        residuals, units = None, spread_units(problem, name)
        if not task.target.binary:
            valid = np.concatenate(list(_origins(problem, "valid")))
            residuals = task.residual_quantiles(fitted(valid), valid, units)
        forecasts = ((o, task.predictor.from_points(fitted(o), o, residuals, units)) for o in _origins(problem, split))
        yield _record(problem, split, name, through(name, forecasts), model=False)


def _origins(problem: ForecastingProblem, split: str) -> Iterator[Ints]:
    """The windows of a split, batch by batch."""
    trainer = problem.experiment.trainer
    windows: Windows = getattr(problem.task.splits, split)
    return windows.batches(trainer.eval_batch_size, trainer.limit_batches)


def _record(
    problem: ForecastingProblem, split: str, name: str, forecasts: Iterable[tuple[Ints, Forecast]], *, model: bool
) -> Record:
    scores = problem.task.score(forecasts, split)
    return {"split": split, "of": name, "model": model, **scores.overall(), "by_step": scores.by_step()}
