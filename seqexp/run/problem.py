"""What training is handed of a problem: data, model, loss, validation, test. Each family of tasks makes its own.

The families are `forecasting` (windows of series), `sequences` (texts, genes, music: each by itself) and `language`
(running text). A family is a package with the functions of `Family`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from seqexp.config.schema import Experiment
from seqexp.config.schema.task import Forecasting, LanguageModelling
from seqexp.training import precision
from seqexp.training.loop import Plan, TrainingData
from seqexp.training.optim import Optimizer
from seqexp.training.state import TrainState, load_weights

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]
"""One line of results: `of` (whose), `model` (whether the network), `split`, and the metrics."""


class Order(TrainingData, Protocol):
    """Training batches by position alone."""

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch."""


@dataclass(frozen=True)
class Told:
    """Who is told what, while something long is done."""

    say: Callable[[str], None]
    """What the user should know."""
    working: Callable[[str], None]
    """What is under way."""


class Problem(Protocol):
    """All that is fixed before training."""

    @property
    def experiment(self) -> Experiment:
        """What was asked for."""

    @property
    def device(self) -> torch.device:
        """Where the model is."""

    @property
    def order(self) -> Order:
        """The batches of training."""

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """What was fitted on train, as plain values and tensors, for the checkpoint."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of a validation, besides the loss."""

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of the data."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """How much there is in each split."""

    @property
    def unit(self) -> str:
        """What `sizes` counts: windows, sequences, tokens."""

    def build_model(self) -> nn.Module:
        """A new model, initialised from the global generator."""

    def loss(self, state: TrainState, batch: Any) -> Tensor:
        """The mean loss over a batch, in training."""

    def validate(self, state: TrainState) -> dict[str, float]:
        """Metrics on the validation split; the model is in evaluation mode."""

    def describe(self) -> dict[str, Any]:
        """Fingerprint and shape of the data, for provenance."""

    def test(
        self, model: nn.Module, payload: Mapping[str, Any], split: str, *, keep: Path, losses: Path | None, told: Told
    ) -> list[Record]:
        """Score a trained model, then every classical method, on the very same split.

        Args:
            model: Trained, in evaluation mode.
            payload: Its checkpoint.
            split: valid or test.
            keep: Where the model's answers are written as Parquet.
            losses: Where the losses of every single answer are written as Parquet; None: nowhere.
            told: Is told what is left out, and what is under way.
        """


class Family(Protocol):
    """What a family of tasks knows to do."""

    def build_problem(
        self, experiment: Experiment, device: torch.device, fitted: Mapping[str, Any] | None = None
    ) -> Problem:
        """Load, split, fit on train (or take what a run has fitted), and set up the task."""

    def new_model(self, experiment: Experiment, preprocessing: Mapping[str, Any]) -> nn.Module:
        """A model of the shapes that a checkpoint's preprocessing has."""

    def predict(
        self, experiment: Experiment, model: nn.Module, payload: Mapping[str, Any], source: Path,
        say: Callable[[str], None],
    ) -> pd.DataFrame:  # fmt: skip
        """What a trained model says of new data, as a table."""

    def describe(self, experiment: Experiment) -> dict[str, Any]:
        """Everything about the data, as plain values."""

    def render(self, description: Mapping[str, Any]) -> str:
        """A description as lines for a person."""


def family_of(experiment: Experiment) -> Family:
    """The family of an experiment's task; the others are not even imported."""
    match experiment.task:
        case Forecasting():
            from seqexp.run import forecasting

            return forecasting
        case LanguageModelling():
            from seqexp.run import language

            return language
        case _:
            from seqexp.run import sequences

            return sequences


def build_problem(experiment: Experiment, device: torch.device, fitted: Mapping[str, Any] | None = None) -> Problem:
    """Load, split, fit on train, and set up the task.

    Args:
        experiment: What was asked for.
        device: Where batches are made.
        fitted: The preprocessing in a checkpoint of a run that goes on: fitting again may not give the very same, as
            with the unigram tokenizer; None: nothing is fitted yet.

    Raises:
        DataError: If the data is not as it must be.
        ConfigError: If something asked for is not in it.
    """
    return family_of(experiment).build_problem(experiment, device, fitted)


def trained_model(experiment: Experiment, payload: Mapping[str, Any], device: torch.device) -> nn.Module:
    """The model a checkpoint holds, in evaluation mode, with averaged weights where there are any.

    Raises:
        CheckpointError: If it belongs to another model.
    """
    model = family_of(experiment).new_model(experiment, payload["preprocessing"])
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


def evaluation_limit(experiment: Experiment) -> tuple[str, int, int | None]:
    """On which split a validation is done, in batches of which size, and on how many of them at most."""
    trainer = experiment.trainer
    if trainer.overfit_batches is not None:
        return "train", trainer.batch_size, trainer.overfit_batches
    return "valid", trainer.eval_batch_size, trainer.limit_batches
