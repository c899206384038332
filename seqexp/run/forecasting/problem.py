"""From an `Experiment` to a problem: data loaded, split, scaled; the task over it; the model that fits it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqexp.config.schema import Experiment
from seqexp.config.schema.data import StocksData, TableData
from seqexp.config.schema.task import Forecasting
from seqexp.data.batch import ForecastBatch
from seqexp.data.build_target import build_target
from seqexp.data.panel import Panel
from seqexp.data.sources import stocks, table
from seqexp.data.spec import Continuous, Horizon, SequenceSpec
from seqexp.data.split import SPLITS, Borders, describe_sizes, split_panel
from seqexp.data.target import LevelTarget
from seqexp.data.windows import TrainingOrder, Windows, WindowSource, origins_of, scaled_covariates
from seqexp.errors import DataError
from seqexp.models.forecaster import Forecaster
from seqexp.run.problem import Record, Told, evaluation_limit
from seqexp.tasks.forecasting import ForecastingTask, Predictor, Splits
from seqexp.training.state import TrainState

_SCALED_WINDOWS = 2_000
"""Training windows on which the size of inputs is judged."""


@dataclass(frozen=True)
class ForecastingProblem:
    """Windows, the task over them, their order."""

    experiment: Experiment
    panel: Panel
    task: ForecastingTask
    order: TrainingOrder
    device: torch.device
    preprocessing: dict[str, Any]
    """What was fitted on train, as plain values, for the checkpoint."""
    unit = "windows"

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of a validation, besides the loss."""
        return self.task.metric_names

    @property
    def notes(self) -> Sequence[str]:
        """What was found in the data; what is the same in many series is said once."""
        return summarised(self.panel.notes)

    @property
    def sizes(self) -> dict[str, int]:
        """Windows of each split."""
        return {s: len(getattr(self.task.splits, s)) for s in SPLITS}

    def build_model(self) -> nn.Module:
        """A new model, initialised from the global generator."""
        return new_model(self.experiment, self.preprocessing).to(self.device)

    def loss(self, state: TrainState, batch: ForecastBatch) -> Tensor:
        """The mean loss over a batch."""
        return self.task.loss(state.model, batch)

    def validate(self, state: TrainState) -> dict[str, float]:
        """Metrics on the validation split. The spread of a point forecast is read there too."""
        split, size, limit = evaluation_limit(self.experiment)
        windows: Windows = getattr(self.task.splits, split)
        metrics, state.calibration = self.task.validate(state.model, windows, size=size, limit=limit)
        return metrics

    def describe(self) -> dict[str, Any]:
        """Fingerprint and shape of the data, for provenance."""
        return {
            "fingerprint": self.panel.fingerprint,
            "series": len(self.panel.names),
            "rows": int(self.panel.offsets[-1]),
            "first": str(self.panel.times.min()),
            "last": str(self.panel.times.max()),
            "windows": self.sizes,
        }

    def test(
        self, model: nn.Module, payload: Mapping[str, Any], split: str, *, keep: Path, losses: Path | None, told: Told
    ) -> list[Record]:
        """Score a trained model, then every classical method, on the very same windows."""
        from seqexp.run.forecasting.results import records

        return records(self, model, payload["calibration"], split, keep=keep, losses=losses, told=told)


def summarised(notes: Sequence[str]) -> list[str]:
    """Notes that say the same of several series, said once."""
    same = Counter(note.partition(": ")[2] for note in notes)
    first = {note.partition(": ")[2]: note for note in reversed(notes)}
    found = []
    for text, count in same.items():
        others = f" (and {count - 1} other series)" if count > 1 else ""
        found.append(re.sub(r"; (\w+)$", rf"{others}; \1", first[text]) if others else first[text])
    return found


def parts(experiment: Experiment) -> tuple[StocksData | TableData, Forecasting]:
    """The two sections of an experiment that make it a forecast."""
    data, task = experiment.data, experiment.task
    assert isinstance(data, StocksData | TableData)
    assert isinstance(task, Forecasting)
    return data, task


def new_model(experiment: Experiment, preprocessing: Mapping[str, Any]) -> nn.Module:
    """A model of the shapes that a checkpoint's preprocessing has."""
    spec = preprocessing["spec"]
    return Forecaster(experiment.model, SequenceSpec(Continuous(**spec["inputs"]), Horizon(**spec["targets"])))


def load_panel(experiment: Experiment) -> Panel:
    """Read the experiment's data.

    Raises:
        DataError: If it is not as it must be.
        ConfigError: If something asked for is not in it.
    """
    data, _ = parts(experiment)
    return stocks.load(data) if isinstance(data, StocksData) else table.load(data)


def build_problem(
    experiment: Experiment, device: torch.device, fitted: Mapping[str, Any] | None = None
) -> ForecastingProblem:
    """Load, split, fit on train, and set up the task.

    Raises:
        DataError: If the data is not as it must be, or too short for one window in each split.
        ConfigError: If something asked for is not in it.
    """
    del fitted  # scales of the same rows are the same, bit for bit
    panel = load_panel(experiment)
    (data, config), trainer = parts(experiment), experiment.trainer
    borders = split_panel(panel, data.split)
    target = build_target(panel, data, config, borders)
    covariates, scale = scaled_covariates(panel, borders, None, data.scaling)
    source = build_source(experiment, target, covariates, device)
    splits = Splits(*(Windows(source, split_origins(experiment, panel, borders, name)) for name in SPLITS))
    stride = max(1, len(splits.train) // _SCALED_WINDOWS)
    source.fit_input_scale(torch.from_numpy(splits.train.origins[::stride].astype(np.int64)).to(device))
    task = ForecastingTask(Predictor(config, source), splits, borders)
    order = TrainingOrder(
        splits.train, seed=experiment.seed, batch_size=trainer.batch_size, accumulate=trainer.accumulate,
        steps_per_epoch=trainer.steps_per_epoch or trainer.limit_batches, first_batches=trainer.overfit_batches,
    )  # fmt: skip
    preprocessing = {
        "target": target.state(),
        "covariates": scale.state(),
        "input_scale": source.input_scale.cpu(),
        "frequency": panel.frequency,
        "season": panel.season,
        "series": list(panel.names),
        "spec": asdict(task.spec),
        "columns": {
            "target": list(panel.target_names),
            "observed": list(panel.observed_names),
            "known": list(panel.known_names),
        },
    }
    return ForecastingProblem(experiment, panel, task, order, device, preprocessing)


def build_source(
    experiment: Experiment, target: LevelTarget, covariates: torch.Tensor, device: torch.device
) -> WindowSource:
    """The rows on the device."""
    data, task = parts(experiment)
    known = len(target.panel.known_names)
    return WindowSource(
        target,
        covariates,
        known=known,
        window=data.window,
        lags=task.lags,
        device=device,
    )


def split_origins(experiment: Experiment, panel: Panel, borders: Borders, split: str) -> NDArray[np.int32]:
    """The last row of each window of a split.

    Raises:
        DataError: If there is none.
    """
    data, task = parts(experiment)
    origins = origins_of(
        panel,
        borders,
        split,
        shape=(data.window, data.horizon),
        reach=max(task.lags, default=0),
        stride=data.stride if split == "train" else 1,
    )
    if not len(origins):
        lags = f", task.lags of up to {max(task.lags)}" if task.lags else ""
        raise DataError(
            f"{split} has no whole window: data.window={data.window}{lags} and data.horizon={data.horizon} do not "
            f"fit into {describe_sizes(borders)}; make them smaller, or the split's part larger"
        )
    return origins
