"""Sequences by themselves as a problem: loaded, split, tokenised; the task over them; the model that fits it.

Shapes: N sequences, M targets that are no padding, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqexp.config.schema import Experiment
from seqexp.config.schema.sequences import (
    AddingData,
    CopyMemoryData,
    DigitsData,
    GenesData,
    MusicData,
    SequenceData,
    TextData,
)
from seqexp.config.schema.task import Classification, PolyphonicMusic, Regression
from seqexp.data import sequence_data
from seqexp.data.batch import SequenceBatch
from seqexp.data.panel import Floats, Ints
from seqexp.data.sequence_order import SequenceOrder
from seqexp.data.sequences import SequenceSource
from seqexp.data.spec import ExampleSpec, Keys, Labels, Number, Tokens, Vectors
from seqexp.data.split import SPLITS
from seqexp.data.tokenizer import Vocabulary
from seqexp.data.vectors import given_vectors
from seqexp.models.sequence_model import SequenceModel
from seqexp.run.problem import Record, Told, evaluation_limit
from seqexp.tasks.examples import ExampleTask
from seqexp.training.state import TrainState


@dataclass(frozen=True)
class SequenceProblem:
    """Sequences, the task over them, their order."""

    experiment: Experiment
    data: sequence_data.SequenceData
    task: ExampleTask
    sources: Mapping[str, SequenceSource]
    """Of each split."""
    order: SequenceOrder
    device: torch.device
    vectors: Tensor | None = None
    """Where a new model's embedding begins (V, E)."""
    unit = "sequences"

    @cached_property
    def preprocessing(self) -> dict[str, Any]:
        """What was fitted on train and the shapes, as plain values, for the checkpoint."""
        return {**self.data.preprocessing, "classes": list(self.data.classes), "spec": plain_spec(self.data.spec)}

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of a validation, besides the loss."""
        return self.task.metric_names

    @property
    def notes(self) -> Sequence[str]:
        """What was dropped, cut, or not understood."""
        return self.data.notes

    @property
    def sizes(self) -> dict[str, int]:
        """Sequences of each split."""
        return {name: len(self.data.splits[name]) for name in SPLITS}

    def build_model(self) -> nn.Module:
        """A new model, initialised from the global generator, its vectors from a file where one is given."""
        model = new_model(self.experiment, self.preprocessing)
        if self.vectors is not None and model.embedding is not None:
            model.embedding.load(self.vectors)
        return model.to(self.device)

    def loss(self, state: TrainState, batch: SequenceBatch) -> Tensor:
        """The mean loss over a batch."""
        # Under autocast a model may answer in half precision, which is too coarse for logarithms.
        return self.task.loss(state.model(batch).float(), batch)

    def validate(self, state: TrainState) -> dict[str, float]:
        """Metrics on the validation split."""
        split, size, limit = evaluation_limit(self.experiment)
        total, answers, chosen = 0.0, [], []
        for indices in self.sources[split].batches(size, limit):
            batch = self.sources[split].batch(indices)
            outputs = state.model(batch).float()
            total += float(self.task.loss(outputs, batch)) * len(batch)
            answers.append(self.task.answers(outputs, batch))
            chosen.append(indices)
        said, truth = np.concatenate(answers), self.truth(split, np.concatenate(chosen))
        return {"loss": total / len(truth), **self.task.score(said, truth)}

    def truth(self, split: str, indices: Ints) -> Any:
        """The targets (M, ...) of some sequences, one after another."""
        sequences = self.data.splits[split]
        if not self.data.spec.each_step:
            return sequences.targets[indices]
        return np.concatenate([sequences.targets[sequences.offsets[i] : sequences.offsets[i + 1]] for i in indices])

    def answers(self, model: nn.Module, split: str) -> Floats:
        """What a model in evaluation mode says of a split, in the order of the data (M, ...)."""
        _, size, limit = evaluation_limit(self.experiment)
        source = self.sources[split]
        made: dict[int, Floats] = {}
        for indices in source.batches(size, limit):
            batch = source.batch(indices)
            said = self.task.answers(model(batch).float(), batch)
            counts = source.lengths[indices] if self.data.spec.each_step else np.ones(len(indices), np.int64)
            made |= dict(zip(indices.tolist(), np.split(said, np.cumsum(counts)[:-1]), strict=True))
        return np.concatenate([made[i] for i in sorted(made)])

    def scored(self, split: str) -> Ints:
        """The numbers of the sequences of a split that are scored: all, unless batches are limited."""
        _, size, limit = evaluation_limit(self.experiment)
        return np.arange(len(self.data.splits[split]) if limit is None else min(self.sizes[split], size * limit))

    def describe(self) -> dict[str, Any]:
        """Fingerprint and shape of the data, for provenance."""
        return {
            "fingerprint": self.data.fingerprint,
            "sequences": self.sizes,
            "classes": list(self.data.classes),
            **self.data.facts,
        }

    def test(
        self, model: nn.Module, payload: Mapping[str, Any], split: str, *, keep: Path, losses: Path | None, told: Told
    ) -> list[Record]:
        """Score a trained model, then every classical method, on the very same sequences."""
        del payload  # nothing of it but the weights counts
        from seqexp.run.sequences.results import records

        return records(self, model, split, keep=keep, losses=losses, told=told)


def build_problem(
    experiment: Experiment, device: torch.device, fitted: Mapping[str, Any] | None = None
) -> SequenceProblem:
    """Load, split, fit on train, and set up the task.

    Raises:
        DataError: If the data is not as it must be.
        ConfigError: If something asked for is not in it.
    """
    data, trainer = load(experiment, fitted), experiment.trainer
    config = sequences_of(experiment)
    each_step = data.spec.each_step
    sources = {name: SequenceSource(data.splits[name], each_step=each_step, device=device) for name in SPLITS}
    order = SequenceOrder(
        sources["train"], config.batching, seed=experiment.seed, batch_size=trainer.batch_size,
        accumulate=trainer.accumulate, steps_per_epoch=trainer.steps_per_epoch or trainer.limit_batches,
        first_batches=trainer.overfit_batches,
    )  # fmt: skip
    vectors = None
    if isinstance(experiment.task, Classification) and experiment.task.embedding.vectors and fitted is None:
        words = Vocabulary.from_state(data.preprocessing["vocabulary"])
        vectors, note = given_vectors(experiment.task.embedding, words, experiment.seed)
        data = replace(data, notes=(*data.notes, note))
    return SequenceProblem(experiment, data, _task(experiment, data), sources, order, device, vectors)


def sequences_of(experiment: Experiment) -> SequenceData:
    """The data section of an experiment over sequences by themselves."""
    assert isinstance(experiment.data, SequenceData)
    return experiment.data


def load(experiment: Experiment, fitted: Mapping[str, Any] | None = None) -> sequence_data.SequenceData:
    """Read the experiment's data and fit what is fitted on train, or take it from a run that goes on.

    Raises:
        DataError: If it is not as it must be.
    """
    match sequences_of(experiment):
        case TextData() as config:
            from seqexp.data.sources import text

            return text.load(config, fitted)
        case GenesData() as config:
            from seqexp.data.sources import genes

            return genes.load(config)
        case AddingData() as config:
            from seqexp.data.sources import adding

            return adding.load(config)
        case CopyMemoryData() as config:
            from seqexp.data.sources import copy_memory

            return copy_memory.load(config)
        case DigitsData() as config:
            from seqexp.data.sources import digits

            return digits.load(config)
        case MusicData() as config:
            from seqexp.data.sources import music

            return music.load(config)


def new_model(experiment: Experiment, preprocessing: Mapping[str, Any]) -> SequenceModel:
    """A model of the shapes that a checkpoint's preprocessing has."""
    embedding = experiment.task.embedding if isinstance(experiment.task, Classification) else None
    return SequenceModel(experiment.model, embedding, _spec_from(preprocessing["spec"]))


def task_of(experiment: Experiment, classes: tuple[str, ...], counts: Ints, *, each_step: bool) -> ExampleTask:
    """The task of an experiment.

    Args:
        experiment: What was asked for.
        classes: Names of the K classes.
        counts: How often each is in train (K).
        each_step: Whether there is a target at every step.
    """
    match experiment.task:
        case Classification() as config:
            from seqexp.tasks.classification import ClassificationTask

            return ClassificationTask(config, classes, counts, each_step=each_step)
        case Regression() as config:
            from seqexp.tasks.regression import RegressionTask

            return RegressionTask(config)
        case PolyphonicMusic() as config:
            from seqexp.tasks.polyphonic_music import PolyphonicTask

            return PolyphonicTask(config)
        case _:
            raise AssertionError(f"{experiment.task.name} is no task over sequences by themselves")


def _task(experiment: Experiment, data: sequence_data.SequenceData) -> ExampleTask:
    targets = data.splits["train"].targets
    counts = np.bincount(targets, minlength=len(data.classes)) if data.classes else np.empty(0, np.int64)
    return task_of(experiment, data.classes, counts, each_step=data.spec.each_step)


_KINDS: dict[str, Any] = {k.__name__: k for k in (Tokens, Vectors, Labels, Number, Keys)}


def plain_spec(spec: ExampleSpec) -> dict[str, Any]:
    """A spec as plain values."""
    return {
        "inputs": [type(spec.inputs).__name__, asdict(spec.inputs)],
        "targets": [type(spec.targets).__name__, asdict(spec.targets)],
    }


def _spec_from(values: Mapping[str, Any]) -> ExampleSpec:
    inputs, targets = (_KINDS[kind](**shape) for kind, shape in (values["inputs"], values["targets"]))
    return ExampleSpec(inputs, targets)
