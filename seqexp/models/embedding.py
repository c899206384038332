"""Tokens to vectors, with the two dropouts that suit them.

Shapes: N sequences, T steps, V vocabulary, E size of a vector.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqexp.config.schema.task import Embedding

_SPREAD = 0.1
"""Vectors begin uniform in +-this (Zaremba et al. 2014): torch's unit normal is too large beside their sums."""


class TokenEmbedding(nn.Module):
    """A vector for each token.

    Args:
        config: Size and dropouts.
        vocabulary: V; token 0 is padding.
    """

    def __init__(self, config: Embedding, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        start = torch.empty(vocabulary, config.size).uniform_(-_SPREAD, _SPREAD)
        self.weight = nn.Parameter(start, requires_grad=not (config.vectors and config.freeze))

    def load(self, vectors: Tensor) -> None:
        """Begin from given vectors (V, E)."""
        with torch.no_grad():
            self.weight.copy_(vectors)

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors (N, T, E) of tokens (N, T)."""
        weight: Tensor = self.weight
        if self.training and self.config.dropout:  # whole words, wherever they stand (Gal and Ghahramani 2016)
            kept = torch.ones(len(weight), 1, dtype=weight.dtype, device=weight.device)
            weight = weight * nn.functional.dropout(kept, self.config.dropout)
        vectors = nn.functional.embedding(tokens, weight)
        return locked_dropout(vectors, self.config.locked_dropout) if self.training else vectors


def locked_dropout(x: Tensor, share: float) -> Tensor:
    """Dropout of (N, T, E) with one mask for all steps of a sequence (Merity et al. 2018)."""
    if not share:
        return x
    mask = torch.ones(len(x), 1, x.shape[-1], dtype=x.dtype, device=x.device)
    return x * nn.functional.dropout(mask, share)
