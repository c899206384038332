"""Language modelling: the loss of a stretch of text, and the score of a whole split.

Shapes: N streams, T steps, H width of the model, L tokens of a split.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from seqexp.config.schema.task import LanguageModelling
from seqexp.data.batch import StreamBatch
from seqexp.data.panel import Floats, Ints

States = list[tuple[Tensor, ...]]
"""The state of each layer, each (K, N, H)."""

METRICS = ("perplexity", "bits_per_character")
BLOCK = 1_000
"""Tokens whose mean loss is kept."""


class SplitLoss:
    """The losses of a split's tokens, summed in blocks, in whatever order they come.

    Args:
        tokens: L, of which all but the first are scored.
        characters: How many characters they stand for.
    """

    def __init__(self, tokens: int, characters: int) -> None:
        self._characters_per_token = characters / tokens
        blocks = -(-(tokens - 1) // BLOCK)
        self._sums, self._counts = np.zeros(blocks), np.zeros(blocks, dtype=np.int64)

    def add(self, first: Ints, losses: Floats) -> None:
        """Some stretches.

        Args:
            first: The position of each stretch's first input (N).
            losses: Of the token after each input, in nats (N, T).
        """
        blocks = (first[:, None] + np.arange(losses.shape[1])) // BLOCK
        np.add.at(self._sums, blocks, losses)
        np.add.at(self._counts, blocks, 1)

    def metrics(self) -> dict[str, float]:
        """The mean loss of a token in nats, perplexity, and bits per character (nats / ln 2 x tokens / characters)."""
        loss = float(self._sums.sum() / self._counts.sum())
        return {
            "loss": loss,
            "perplexity": math.exp(loss) if loss < 700 else math.inf,
            "bits_per_character": loss / math.log(2) / self._characters_per_token,
        }

    def blocks(self) -> tuple[Ints, Floats]:
        """The number of each block that was scored, and its mean loss."""
        found = np.flatnonzero(self._counts)
        return found, self._sums[found] / self._counts[found]


def training_loss(
    model: nn.Module, batch: StreamBatch, carried: States | None, config: LanguageModelling
) -> tuple[Tensor, States]:
    """The mean loss of a batch, and the state in which the next goes on.

    Cross entropy, with activation regularisation (AR) alpha * mean((m * h_t)^2) and temporal activation regularisation
    (TAR) beta * mean((h_t - h_t-1)^2) of the last layer's outputs, m the mask of dropout (Merity et al. 2018, section
    4.6, as their code has it: means of squares).

    Args:
        model: A `LanguageModel`.
        batch: A stretch of each stream.
        carried: The state after the stretch before; not looked at where the streams begin.
        config: alpha and beta.
    """
    read = model(batch.inputs, None if batch.first else carried)
    loss: Tensor = model.losses(read.dropped, batch.targets).mean()  # type: ignore[operator]
    if config.activation_regularization:
        loss = loss + config.activation_regularization * read.dropped.square().mean()
    if config.temporal_regularization and read.outputs.shape[1] > 1:
        loss = loss + config.temporal_regularization * read.outputs.diff(dim=1).square().mean()
    return loss, [tuple(s.detach() for s in layer) for layer in read.states]


def score(model: nn.Module, batches: Iterable[tuple[StreamBatch, Ints]], into: SplitLoss) -> None:
    """Score text with the state carried from batch to batch.

    Args:
        model: A `LanguageModel`, in evaluation mode.
        batches: In order, with the position of each row's first input; a batch of fewer rows goes on with the last.
        into: Where the losses go.
    """
    states: States | None = None
    for batch, first in batches:
        if states is None or batch.first:
            states = None
        else:
            states = [tuple(s[:, -len(batch.inputs) :].contiguous() for s in layer) for layer in states]
        with torch.inference_mode():
            read = model(batch.inputs, states)
            losses: Tensor = model.losses(read.outputs, batch.targets)  # type: ignore[operator]
        states = read.states
        into.add(first, losses.cpu().double().numpy())
