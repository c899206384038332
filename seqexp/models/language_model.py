"""A recurrent language model: embedding, stack, and how probable each token is to come next.

Shapes: N streams, T steps, M = N * T, E size of a token's vector, H width of the stack, V vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqexp.config.schema.model import GRU, LSTM, RNN
from seqexp.config.schema.task import LanguageModelling
from seqexp.errors import ConfigError
from seqexp.models.embedding import TokenEmbedding, locked_dropout
from seqexp.models.recurrent import RecurrentStack, State

_MOST_SCORES = 1 << 24
"""Scores of tokens that are in memory at a time; where there are more, they are made again for the gradient."""


class Read(NamedTuple):
    """What the stack made of some tokens."""

    outputs: Tensor
    """The last layer's (N, T, H)."""
    dropped: Tensor
    """The same with dropout, from which the next token is said (N, T, H)."""
    states: list[State]
    """Each layer's at the end."""


class LanguageModel(nn.Module):
    """Embedding, stack, and a softmax, tied to the embedding or adaptive if so asked.

    `model.dropout` is that of Zaremba et al. 2014: element by element, of the vectors of tokens, between layers and of
    the output. Those with one mask for all steps (Merity et al. 2018) have their own keys.

    Args:
        config: The stack and its options.
        task: Embedding, softmax, and how weights begin.
        vocabulary: V.

    Raises:
        ConfigError: If the stack looks ahead, or the embedding cannot be tied, or the clusters are none.
    """

    def __init__(self, config: LSTM | GRU | RNN, task: LanguageModelling, vocabulary: int) -> None:
        super().__init__()
        _check(config, task, vocabulary)
        self.embedding = TokenEmbedding(task.embedding, vocabulary)
        self.stack = RecurrentStack(_as_torch_begins(config), task.embedding.size)
        self.dropout = nn.Dropout(config.dropout)
        self.output_dropout = task.output_dropout
        self.decoder: nn.Linear | nn.AdaptiveLogSoftmaxWithLoss | None = None
        softmax, width = task.adaptive_softmax, self.stack.width
        if softmax.cutoffs:
            cutoffs = list(softmax.cutoffs)
            self.decoder = nn.AdaptiveLogSoftmaxWithLoss(width, vocabulary, cutoffs, div_value=softmax.factor)
        elif not task.tied:
            self.decoder = nn.Linear(width, vocabulary)
            nn.init.zeros_(self.decoder.bias)
        # The tied matrix has one name: under two, averaged weights and raw ones would be loaded over each other.
        self.bias = nn.Parameter(torch.zeros(vocabulary)) if task.tied else None
        if not task.tied:  # inputs of unit size are learned from sooner; a tied matrix must say little at the start
            nn.init.normal_(self.embedding.weight)
        if task.initial_range is not None:
            for parameter in self.parameters():
                if parameter.ndim > 1:
                    nn.init.uniform_(parameter, -task.initial_range, task.initial_range)

    def forward(self, tokens: Tensor, states: list[State] | None = None) -> Read:
        """Read some tokens.

        Args:
            tokens: (N, T)
            states: The state each layer starts from, as an earlier call returned it; None: the initial state.
        """
        outputs, states = self.stack(self.dropout(self.embedding(tokens)), states)
        dropped: Tensor = self.dropout(outputs)
        return Read(outputs, locked_dropout(dropped, self.output_dropout) if self.training else dropped, states)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The negative log likelihood of each target in nats (N, T), after outputs (N, T, H).

        Needs no memory for all M x V scores together where they are many.
        """
        rows, wanted = outputs.flatten(0, 1), targets.flatten()
        size = max(_MOST_SCORES // self.embedding.weight.shape[0], 1)
        if len(rows) <= size:
            return self._losses(rows, wanted).view(targets.shape)
        parts = [
            checkpoint(self._losses, r, w, use_reentrant=False, preserve_rng_state=False)
            if torch.is_grad_enabled()
            else self._losses(r, w)
            for r, w in zip(torch.split(rows, size), torch.split(wanted, size), strict=True)
        ]
        return torch.cat(parts).view(targets.shape)

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Of each token to come next (M, V), after outputs (M, H)."""
        if isinstance(self.decoder, nn.AdaptiveLogSoftmaxWithLoss):
            return self.decoder.log_prob(outputs)
        return torch.log_softmax(self._scores(outputs), dim=-1)

    def _scores(self, rows: Tensor) -> Tensor:
        """Before the softmax (M, V), of rows (M, H)."""
        if self.bias is not None:
            return nn.functional.linear(rows, self.embedding.weight, self.bias)
        assert isinstance(self.decoder, nn.Linear)
        scores: Tensor = self.decoder(rows)
        return scores

    def _losses(self, rows: Tensor, targets: Tensor) -> Tensor:
        """The loss of each row (M, H)."""
        if isinstance(self.decoder, nn.AdaptiveLogSoftmaxWithLoss):
            said: Tensor = self.decoder(rows, targets).output
            return -said
        return nn.functional.cross_entropy(self._scores(rows), targets, reduction="none")


def _as_torch_begins(config: LSTM | GRU | RNN) -> LSTM | GRU | RNN:
    """The stack's configuration, with PyTorch's own initial weights where nothing is said.

    Orthogonal ones and an open forget gate cost a character model 0.1 bits after 2,400 updates.
    """
    plain_relu = isinstance(config, RNN) and config.nonlinearity == "relu"
    own = {"orthogonal": plain_relu} if config.orthogonal is None else {}
    if isinstance(config, LSTM) and config.forget_gate_bias is None:
        return config.model_copy(update={**own, "forget_gate_bias": 0.0})
    return config.model_copy(update=own)


def _check(config: LSTM | GRU | RNN, task: LanguageModelling, vocabulary: int) -> None:
    size, width = task.embedding.size, config.hidden_sizes[-1]
    if task.tied and size != width:
        raise ConfigError(
            f"task.tied needs the last of model.hidden_sizes to be task.embedding.size, since both are one matrix, but "
            f"they are {width} and {size}; try task.embedding.size={width}"
        )
    cutoffs = task.adaptive_softmax.cutoffs
    if task.tied and cutoffs:
        raise ConfigError(
            "task.tied must be false with task.adaptive_softmax.cutoffs, whose clusters have matrices of other sizes; "
            "leave one of the two out"
        )
    if list(cutoffs) != sorted(set(cutoffs)) or (cutoffs and cutoffs[-1] >= vocabulary):
        raise ConfigError(
            f"task.adaptive_softmax.cutoffs must rise and stay below the {vocabulary} tokens of the vocabulary, but "
            f"are {list(cutoffs)}"
        )
    if any(width // task.adaptive_softmax.factor ** (i + 1) < 1 for i in range(len(cutoffs))):
        raise ConfigError(
            f"task.adaptive_softmax.factor={task.adaptive_softmax.factor:g} leaves nothing of {width} units after "
            f"{len(cutoffs)} clusters; try fewer cutoffs or a smaller factor"
        )
