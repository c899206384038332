"""Forecasting: from windows to losses, metrics and predictions in the user's own units.

Shapes: N windows, h steps, C channels, P parameters of the head, Q quantile levels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqexp.config.schema.task import Forecasting
from seqexp.data.batch import ForecastBatch
from seqexp.data.panel import Floats, Ints, series_of
from seqexp.data.spec import Horizon, SequenceSpec
from seqexp.data.split import Borders
from seqexp.data.windows import Windows, WindowSource
from seqexp.tasks.heads import build_head
from seqexp.tasks.metrics import (
    DIRECTION_METRICS,
    FORECAST_METRICS,
    INTERVALS,
    Forecast,
    ForecastScores,
    Scales,
    direction_metrics,
    seasonal_scales,
    variances,
)

MOST_RESIDUALS = 20_000
"""Validation windows from which the spread of point forecasts is read; more say nothing new."""


@dataclass(frozen=True)
class Splits:
    """The windows of each split."""

    train: Windows
    valid: Windows
    test: Windows


class Predictor:
    """From a model's outputs to forecasts in the user's units.

    Args:
        config: Head, loss, levels.
        source: The rows.
    """

    def __init__(self, config: Forecasting, source: WindowSource) -> None:
        self.config, self.source, self.target = config, source, source.target
        self.levels = levels_of(config)
        self.head = build_head(config, self.levels, binary=self.target.binary)

    def forecast(self, model: nn.Module, origins: Ints, calibration: Tensor | None) -> Forecast:
        """What a model says of the windows that end at some rows.

        Args:
            model: In evaluation mode.
            origins: The last row of each window (N).
            calibration: The spread of a point forecast (h, C, Q).
        """
        batch = self.source.gather(torch.from_numpy(origins).to(self.source.device), targets=False)
        spread = calibration.double().numpy() if calibration is not None else None
        return self.from_parameters(model(batch).float().cpu().double().numpy(), origins, spread)

    def from_parameters(self, parameters: Floats, origins: Ints, residuals: Floats | None) -> Forecast:
        """The head's parameters (N, h, C, P) as a forecast."""
        point = self.head.point(parameters)
        if self.head.quantiles is None:
            return self.from_points(point, origins, residuals)
        return Forecast(
            self.target.to_user(point, origins), self.target.to_user(self.head.quantiles(parameters), origins)
        )

    def from_points(self, z: Floats, origins: Ints, residuals: Floats | None, units: Floats | None = None) -> Forecast:
        """Point forecasts with the spread of their residuals around them.

        Args:
            z: Learned values (N, h, C).
            origins: The last row of each window (N).
            residuals: Their quantiles (h, C, Q); None: a probability, which has no spread.
            units: What residuals of each series are measured in (S, C); None: 1.
        """
        quantiles = z[..., None]
        if residuals is not None:
            quantiles = quantiles + residuals * self.units(origins, units)[..., None]
        return Forecast(self.target.to_user(z, origins), self.target.to_user(quantiles, origins))

    def units(self, origins: Ints, units: Floats | None) -> Floats:
        """The unit of each window's residuals (N, 1, C)."""
        if units is None:
            return np.ones((1, 1, 1))
        return units[series_of(self.target.panel.offsets, origins)][:, None]


class ForecastingTask:
    """What is learned from windows, and how well.

    Args:
        predictor: Head and rows.
        splits: The windows.
        borders: Where the splits are.
    """

    def __init__(self, predictor: Predictor, splits: Splits, borders: Borders) -> None:
        self.predictor, self.splits, self.borders = predictor, splits, borders
        self.source, self.target, self.head = predictor.source, predictor.target, predictor.head
        self._scales = {split: self._scales_before(split) for split in ("valid", "test")}

    @property
    def spec(self) -> SequenceSpec:
        """The shape of the problem."""
        channels = self.target.u.shape[1]
        return SequenceSpec(self.source.spec, Horizon(self.target.horizon, channels, self.head.parameters))

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of a validation, besides the loss."""
        if self.target.binary:
            return DIRECTION_METRICS
        return tuple(n for n in FORECAST_METRICS if n != "qlike" or self.target.positive)

    def loss(self, model: nn.Module, batch: ForecastBatch) -> Tensor:
        """The mean loss over a batch."""
        # Under autocast a model may answer in half precision, which is too coarse for a density's logarithms.
        return self.head.loss(model(batch).float(), batch.targets)

    def validate(
        self, model: nn.Module, windows: Windows, *, size: int, limit: int | None
    ) -> tuple[dict[str, float], Tensor | None]:
        """Metrics on windows, and the quantiles of residuals that give point forecasts their spread (h, C, Q)."""
        outputs: list[tuple[Ints, Floats]] = []
        total = 0.0
        for origins in windows.batches(size, limit):
            batch = self.source.gather(torch.from_numpy(origins).to(self.source.device))
            parameters = model(batch).float()
            total += float(self.head.loss(parameters, batch.targets)) * len(batch)
            outputs.append((origins, parameters.cpu().double().numpy()))
        every = np.concatenate([origins for origins, _ in outputs])
        residuals = None
        if self.head.quantiles is None and not self.target.binary:
            residuals = self.residual_quantiles(self.head.point(np.concatenate([p for _, p in outputs])), every)
        forecasts = ((o, self.predictor.from_parameters(p, o, residuals)) for o, p in outputs)
        metrics = {"loss": total / len(every), **self.score(forecasts, "valid").overall()}
        return metrics, None if residuals is None else torch.from_numpy(residuals)

    def residual_quantiles(self, points: Floats, origins: Ints, units: Floats | None = None) -> Floats:
        """Quantiles of what came minus what was forecast, at each step and channel (h, C, Q).

        Args:
            points: Learned values (N, h, C).
            origins: The last row of each window (N).
            units: What residuals of each series are measured in (S, C); None: 1, learned units.
        """
        stride = max(1, -(-len(origins) // MOST_RESIDUALS))
        some = origins[::stride]
        residuals = (self.target.learned(some) - points[::stride]) / self.predictor.units(some, units)
        quantiles = np.quantile(residuals, self.predictor.levels, axis=0)
        result: Floats = np.moveaxis(quantiles, 0, -1)
        return result

    def score(self, forecasts: Iterable[tuple[Ints, Forecast]], split: str) -> ForecastScores | DirectionScores:
        """Compare forecasts with what came, each with the last rows of its windows."""
        scores: ForecastScores | DirectionScores
        if self.target.binary:
            scores = DirectionScores()
        else:
            scores = ForecastScores(
                self.target.horizon, self.predictor.levels, tuple(sorted(set(self.predictor.config.quantiles))),
                self._scales[split], positive=self.target.positive,
            )  # fmt: skip
        for origins, forecast in forecasts:
            series = series_of(self.target.panel.offsets, origins)
            scores.add(self.target.truth(origins), forecast, self.target.reference(origins), series)
        return scores

    def _scales_before(self, split: str) -> Scales:
        stop, _ = self.borders.rows(split)
        target = self.target.series()
        absolute, square = seasonal_scales(target, self.borders.start, stop, self.target.panel.season)
        return Scales(absolute, square, variances(target, *self.borders.rows("train")))


class DirectionScores:
    """Metrics of the probability of a rise."""

    def __init__(self) -> None:
        self._truth: list[Any] = []
        self._said: list[Floats] = []

    def add(self, truth: Floats, forecast: Forecast, last: Floats, series: Ints) -> None:
        """Score some windows."""
        del last, series
        self._truth.append(truth > 0.5)
        self._said.append(forecast.point)

    def overall(self) -> dict[str, float]:
        """Every metric over all windows, steps and channels."""
        return direction_metrics(np.concatenate(self._truth), np.concatenate(self._said))

    def by_step(self) -> dict[str, list[float]]:
        """Every metric at each step of the horizon."""
        truth, said = np.concatenate(self._truth), np.concatenate(self._said)
        steps = [direction_metrics(truth[:, k], said[:, k]) for k in range(truth.shape[1])]
        return {name: [step[name] for step in steps] for name in steps[0]}


def levels_of(config: Forecasting) -> tuple[float, ...]:
    """The quantile levels that are forecast: those asked for, the median, and the borders of the intervals."""
    return tuple(sorted({*config.quantiles, 0.5, *(q for pair in INTERVALS.values() for q in pair)}))
