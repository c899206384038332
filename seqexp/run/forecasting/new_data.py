"""Forecasts from new data with a trained model: the same columns, scaled as in training, in the user's units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from seqexp.config.schema import Experiment
from seqexp.config.schema.data import StocksData
from seqexp.data.build_target import make_target
from seqexp.data.panel import Panel
from seqexp.data.scaling import Scale, fit
from seqexp.data.sources import stocks, table
from seqexp.data.target import LevelTarget
from seqexp.data.windows import WindowSource, scaled_covariates
from seqexp.errors import DataError
from seqexp.run.forecasting.predictions import frame
from seqexp.run.forecasting.problem import parts
from seqexp.tasks.forecasting import Predictor
from seqexp.tasks.metrics import Forecast

if TYPE_CHECKING:
    import pandas as pd


def predict(
    experiment: Experiment,
    model: nn.Module,
    payload: Mapping[str, Any],
    source: Path,
    say: Callable[[str], None],
) -> pd.DataFrame:
    """Forecast the steps that follow each series of a file.

    Args:
        experiment: What the model was trained by.
        model: The trained model.
        payload: Its checkpoint: what was fitted on train, and the spread of its residuals.
        source: The new data, with the columns of the training data.
        say: Is told what the user should know.

    Returns:
        A row for each series, step and channel: `series`, `time`, `step`, (`target`,) `forecast` and the bounds of
        the intervals `lower_80`, `upper_80`, `lower_95`, `upper_95`; for a direction, `probability_of_rise`.

    Raises:
        DataError: If columns are missing, or the history is too short.
    """
    data, task = parts(experiment)
    preprocessing = payload["preprocessing"]
    horizon = data.horizon
    panel = _load(experiment, preprocessing, source)
    target, covariates = _scaled(experiment, panel, preprocessing, say)
    rows = WindowSource(
        target, covariates, known=len(panel.known_names), window=data.window, lags=task.lags,
        device=next(model.parameters()).device,
    )  # fmt: skip
    rows.input_scale = preprocessing["input_scale"].to(rows.device)
    origins = panel.offsets[1:] - 1 - horizon
    predictor = Predictor(task, rows)
    calibration = payload["calibration"]
    pieces = [
        predictor.forecast(model, origins[i : i + experiment.trainer.eval_batch_size], calibration)
        for i in range(0, len(origins), experiment.trainer.eval_batch_size)
    ]
    forecast = Forecast(np.concatenate([p.point for p in pieces]), np.concatenate([p.quantiles for p in pieces]))
    return frame(panel, origins, forecast, predictor.levels, binary=target.binary)


def _load(experiment: Experiment, preprocessing: Mapping[str, Any], source: Path) -> Panel:
    data, task = parts(experiment)
    changes: dict[str, Any] = {"path": (str(source),), "start": None, "season": preprocessing["season"]}
    reach = max(task.lags, default=0)
    changes["window"] = data.window + reach
    horizon = data.horizon
    columns = preprocessing["columns"]
    if isinstance(data, StocksData):
        features = tuple(columns["observed"]) if data.features == ("auto",) else data.features
        bars = data.model_copy(update={**changes, "tickers": (), "features": features})
        panel = stocks.load(bars, ahead=horizon, frequency=preprocessing["frequency"])
    else:
        targets = tuple(columns["target"]) if data.multivariate else data.target
        rows = data.model_copy(update={**changes, "test_path": (), "target": targets})
        panel = table.load(rows, ahead=horizon, frequency=preprocessing["frequency"])
    if list(panel.observed_names) != columns["observed"] or list(panel.known_names) != columns["known"]:
        raise DataError(f"{source} gives other features than the run was trained on: {', '.join(panel.observed_names)}")
    last = panel.offsets[1:] - 1 - horizon
    for s, row in enumerate(last):
        window = panel.observed[row - data.window + 1 : row + 1]
        if not np.isfinite(window).all():
            name = panel.observed_names[int(np.argmin(np.isfinite(window).all(axis=0)))]
            length = int(row - panel.offsets[s] + 1)
            raise DataError(
                f"series '{panel.names[s]}' has {length} rows, too short a history: feature '{name}' has no value in "
                f"the first of the last {data.window}; give more rows before them"
            )
    return panel


def _scaled(
    experiment: Experiment, panel: Panel, preprocessing: Mapping[str, Any], say: Callable[[str], None]
) -> tuple[LevelTarget, torch.Tensor]:
    """The target and the covariates, with the scales of training; an unknown series gets its own."""
    data, _ = parts(experiment)
    target = make_target(panel, data, preprocessing["target"]["anchor"])
    trained = list(preprocessing["series"])
    unknown = [name for name in panel.names if name not in trained]
    ends = panel.offsets[1:] - data.horizon
    per_series = len(preprocessing["target"]["scale"]["center"]) > 1
    if unknown and per_series:
        say(f"note: {len(unknown)} series were not in training ({', '.join(unknown[:3])}); scaled by their own history")
    own = target.fitted(list(zip(panel.offsets[:-1], ends, strict=True)), data.scaling)
    target.scale = _merged(Scale.from_state(preprocessing["target"]["scale"]), own, trained, panel.names)
    values = np.concatenate((panel.observed, panel.known), axis=1)
    blocks = [values[a:b] for a, b in zip(panel.offsets[:-1], ends, strict=True)]
    covariate_scale = _merged(
        Scale.from_state(preprocessing["covariates"]),
        fit(blocks, data.scaling.features, data.scaling.scope), trained, panel.names,
    )  # fmt: skip
    covariates, _ = scaled_covariates(panel, None, covariate_scale, data.scaling)
    return target, covariates


def _merged(trained: Scale, own: Scale, names: list[str], wanted: tuple[str, ...]) -> Scale:
    """The trained scale of each series by name; of one not known, its own."""
    if len(trained.center) == 1:
        return trained
    rows = [(trained, names.index(name)) if name in names else (own, s) for s, name in enumerate(wanted)]
    return Scale(np.stack([scale.center[i] for scale, i in rows]), np.stack([scale.scale[i] for scale, i in rows]))
