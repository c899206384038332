"""From an `Experiment` to a problem: data loaded, split, scaled; the task over it; the model that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqexp.config.schema import Experiment
from seqexp.config.schema.data import StocksData
from seqexp.data.build_target import build_target
from seqexp.data.panel import Panel
from seqexp.data.sources import stocks, table
from seqexp.data.spec import Continuous, Horizon, SequenceSpec
from seqexp.data.split import SPLITS, Borders, describe_sizes, split_panel
from seqexp.data.target import LevelTarget
from seqexp.data.windows import TrainingOrder, Windows, WindowSource, origins_of, scaled_covariates
from seqexp.errors import DataError
from seqexp.models.forecaster import Forecaster
from seqexp.tasks.forecasting import ForecastingTask, Predictor, Splits
from seqexp.training import precision
from seqexp.training.loop import Plan
from seqexp.training.optim import Optimizer
from seqexp.training.state import TrainState, load_weights

_SCALED_WINDOWS = 2_000
"""Training windows on which the size of inputs is judged."""


@dataclass(frozen=True)
class Problem:
    """All that is fixed before training: data, task, order."""

    experiment: Experiment
    panel: Panel
    task: ForecastingTask
    order: TrainingOrder
    device: torch.device
    preprocessing: dict[str, Any]
    """What was fitted on train, as plain values, for the checkpoint."""

    def build_model(self) -> nn.Module:
        """A new model, initialised from the global generator."""
        return Forecaster(self.experiment.model, self.task.spec).to(self.device)

    def describe(self) -> dict[str, Any]:
        """Fingerprint and shape of the data, for provenance."""
        return {
            "fingerprint": self.panel.fingerprint,
            "series": len(self.panel.names),
            "rows": int(self.panel.offsets[-1]),
            "first": str(self.panel.times.min()),
            "last": str(self.panel.times.max()),
            "windows": {s: len(getattr(self.task.splits, s)) for s in ("train", "valid", "test")},
        }


def load_panel(experiment: Experiment) -> Panel:
    """Read the experiment's data.

    Raises:
        DataError: If it is not as it must be.
        ConfigError: If something asked for is not in it.
    """
    data = experiment.data
    return stocks.load(data) if isinstance(data, StocksData) else table.load(data)


def build_problem(experiment: Experiment, device: torch.device) -> Problem:
    """Load, split, fit on train, and set up the task.

    Raises:
        DataError: If the data is not as it must be, or too short for one window in each split.
        ConfigError: If something asked for is not in it.
    """
    panel = load_panel(experiment)
    data, trainer = experiment.data, experiment.trainer
    borders = split_panel(panel, data.split)
    target = build_target(panel, data, experiment.task, borders)
    covariates, scale = scaled_covariates(panel, borders, None, data.scaling)
    source = build_source(experiment, target, covariates, device)
    splits = Splits(*(Windows(source, split_origins(experiment, panel, borders, name)) for name in SPLITS))
    stride = max(1, len(splits.train) // _SCALED_WINDOWS)
    source.fit_input_scale(torch.from_numpy(splits.train.origins[::stride].astype(np.int64)).to(device))
    task = ForecastingTask(Predictor(experiment.task, source), splits, borders)
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
    return Problem(experiment, panel, task, order, device, preprocessing)


def build_source(
    experiment: Experiment, target: LevelTarget, covariates: torch.Tensor, device: torch.device
) -> WindowSource:
    """The rows on the device."""
    known = len(target.panel.known_names)
    return WindowSource(
        target,
        covariates,
        known=known,
        window=experiment.data.window,
        lags=experiment.task.lags,
        device=device,
    )


def split_origins(experiment: Experiment, panel: Panel, borders: Borders, split: str) -> NDArray[np.int32]:
    """The last row of each window of a split.

    Raises:
        DataError: If there is none.
    """
    data = experiment.data
    origins = origins_of(
        panel,
        borders,
        split,
        shape=(data.window, data.horizon),
        reach=max(experiment.task.lags, default=0),
        stride=data.stride if split == "train" else 1,
    )
    if not len(origins):
        lags = f", task.lags of up to {max(experiment.task.lags)}" if experiment.task.lags else ""
        raise DataError(
            f"{split} has no whole window: data.window={data.window}{lags} and data.horizon={data.horizon} do not "
            f"fit into {describe_sizes(borders)}; make them smaller, or the split's part larger"
        )
    return origins


def trained_model(experiment: Experiment, payload: Mapping[str, Any], device: torch.device) -> nn.Module:
    """The model a checkpoint holds, in evaluation mode, with averaged weights where there are any.

    Raises:
        CheckpointError: If it belongs to another model.
    """
    spec = payload["preprocessing"]["spec"]
    model = Forecaster(experiment.model, SequenceSpec(Continuous(**spec["inputs"]), Horizon(**spec["targets"])))
    load_weights(model, {**payload["model"], **payload["average"]})
    return model.to(device).eval()


def new_state(problem: Problem) -> TrainState:
    """A model and everything around it, untrained, from the seeded generators."""
    experiment = problem.experiment
    model = problem.build_model()
    average = None
    if experiment.trainer.ema_decay:
        average = {name: p.detach().clone() for name, p in model.named_parameters()}
    return TrainState(
        model,
        Optimizer(list(model.parameters()), experiment.optimizer),
        precision.loss_scaler(experiment.trainer.precision, problem.device),
        average,
    )


def plan_of(problem: Problem) -> Plan:
    """The plan of an experiment's training."""
    experiment = problem.experiment
    return Plan(experiment.trainer, experiment.scheduler, experiment.optimizer.lr, problem.order.steps_per_epoch)
