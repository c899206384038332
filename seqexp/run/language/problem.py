"""Language modelling as a problem: a text tokenised and split, batches that go on where the last ended, the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqexp.config.schema import Experiment
from seqexp.config.schema.sequences import LanguageData
from seqexp.config.schema.task import LanguageModelling
from seqexp.data.batch import StreamBatch
from seqexp.data.sources import language
from seqexp.data.sources.language import LanguageCorpus
from seqexp.data.split import SPLITS
from seqexp.data.stream_order import ScoredText, StreamOrder
from seqexp.data.tokenizer import Vocabulary
from seqexp.data.vectors import given_vectors
from seqexp.models.language_model import LanguageModel
from seqexp.run.problem import Record, Told, evaluation_limit
from seqexp.tasks.language_modelling import METRICS, SplitLoss, score, training_loss
from seqexp.training.state import TrainState


@dataclass(frozen=True)
class LanguageProblem:
    """A text, and the order in which it is read."""

    experiment: Experiment
    data: LanguageCorpus
    order: StreamOrder
    device: torch.device
    vectors: Tensor | None = None
    """Where a new model's embedding begins (V, E)."""
    unit = "tokens"
    metric_names = METRICS

    @cached_property
    def preprocessing(self) -> dict[str, Any]:
        """The vocabulary that was fitted on train, as plain values, for the checkpoint."""
        vocabulary = self.data.corpus.vocabulary
        return {"vocabulary": vocabulary.state(), "size": vocabulary.size}

    @property
    def notes(self) -> Sequence[str]:
        """How the text was read, and what is left out."""
        if not self.order.unread:
            return self.data.notes
        size = self.experiment.trainer.batch_size
        left = f"the last {self.order.unread} tokens of train are never read: they do not fill a row of {size} streams"
        return (*self.data.notes, left)

    @property
    def sizes(self) -> dict[str, int]:
        """Tokens of each split."""
        return {name: len(self.data.corpus.splits[name]) for name in SPLITS}

    def build_model(self) -> nn.Module:
        """A new model, initialised from the global generator, its vectors from a file where one is given."""
        model = new_model(self.experiment, self.preprocessing)
        if self.vectors is not None:
            model.embedding.load(self.vectors)
        return model.to(self.device)

    def loss(self, state: TrainState, batch: StreamBatch) -> Tensor:
        """The mean loss over a batch; the state goes on in the next."""
        config = parts(self.experiment)[1]
        loss, state.carried = training_loss(state.model, batch, state.carried, config)
        return loss

    def validate(self, state: TrainState) -> dict[str, float]:
        """Metrics on the validation split. What training carries over is left alone."""
        split = evaluation_limit(self.experiment)[0]
        tokens = self.data.corpus.splits[split]
        found = SplitLoss(len(tokens), tokens.characters)
        overfit = split == "train"
        score(state.model, self.order.first_pass() if overfit else self.scored(split).batches(self.device), found)
        return found.metrics()

    def scored(self, split: str) -> ScoredText:
        """What is scored of a split: all of it, unless batches are limited."""
        return ScoredText(self.data.corpus.splits[split], self.experiment.trainer.limit_batches)

    def describe(self) -> dict[str, Any]:
        """Fingerprint and shape of the data, for provenance."""
        corpus = self.data.corpus
        return {
            "fingerprint": corpus.fingerprint,
            "tokens": self.sizes,
            "characters": {name: corpus.splits[name].characters for name in SPLITS},
            "vocabulary": corpus.vocabulary.size,
        }

    def test(
        self, model: nn.Module, payload: Mapping[str, Any], split: str, *, keep: Path, losses: Path | None, told: Told
    ) -> list[Record]:
        """Score a trained model, then the n-gram models, on the very same tokens."""
        del payload  # nothing of it but the weights counts
        from seqexp.run.language.results import records

        return records(self, model, split, keep=keep, losses=losses, told=told)


def parts(experiment: Experiment) -> tuple[LanguageData, LanguageModelling]:
    """The two sections of an experiment that make it a language model."""
    data, task = experiment.data, experiment.task
    assert isinstance(data, LanguageData)
    assert isinstance(task, LanguageModelling)
    return data, task


def new_model(experiment: Experiment, preprocessing: Mapping[str, Any]) -> LanguageModel:
    """A model for the vocabulary that a checkpoint's preprocessing has.

    Raises:
        ConfigError: If it looks ahead, or its softmax does not fit.
    """
    return LanguageModel(experiment.model, parts(experiment)[1], int(preprocessing["size"]))


def vocabulary_of(payload: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary of a checkpoint."""
    return Vocabulary.from_state(payload["preprocessing"]["vocabulary"])


def build_problem(
    experiment: Experiment, device: torch.device, fitted: Mapping[str, Any] | None = None
) -> LanguageProblem:
    """Read, split, fit the vocabulary on train, tokenise, and set the order.

    Raises:
        DataError: If the text is not as it must be, or too short.
        ConfigError: If something asked for is not possible.
    """
    (config, task), trainer = parts(experiment), experiment.trainer
    data, vectors = language.load(config, fitted), None
    if task.embedding.vectors and fitted is None:
        vectors, note = given_vectors(task.embedding, data.corpus.vocabulary, experiment.seed)
        data = replace(data, notes=(*data.notes, note))
    order = StreamOrder(
        data.corpus.splits["train"], streams=trainer.batch_size, bptt=config.bptt, device=device,
        accumulate=trainer.accumulate, steps_per_epoch=trainer.steps_per_epoch or trainer.limit_batches,
        first_batches=trainer.overfit_batches,
    )  # fmt: skip
    return LanguageProblem(experiment, data, order, device, vectors)
