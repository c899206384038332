"""How well a trained model foretells a new text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from seqexp.config.schema import Experiment
from seqexp.data.batch import StreamBatch
from seqexp.data.panel import Ints
from seqexp.data.sources import language
from seqexp.errors import DataError
from seqexp.run.language.problem import parts, vocabulary_of
from seqexp.tasks.language_modelling import BLOCK, SplitLoss, score

if TYPE_CHECKING:
    import pandas as pd

_STRETCH = 2_048
"""Tokens read at a time."""


def predict(
    experiment: Experiment, model: nn.Module, payload: Mapping[str, Any], source: Path, say: Callable[[str], None]
) -> pd.DataFrame:
    """Score a text file from its beginning to its end, with the state carried through.

    Args:
        experiment: What the model was trained by.
        model: The trained model.
        payload: Its checkpoint, with the vocabulary.
        source: The file.
        say: Is told perplexity and bits per character of all of it.

    Returns:
        A row for each thousand tokens: `example`, `first_token`, `nll` (the mean, in nats) and `perplexity`.

    Raises:
        DataError: If it is empty, binary, or in another encoding.
    """
    import pandas as pd

    vocabulary, characters = vocabulary_of(payload), 0
    made = []
    for piece in language.read_pieces(source, parts(experiment)[0].encoding):
        made.append(vocabulary.encode(piece))
        characters += len(piece)
    tokens = np.concatenate(made).astype(np.int64)
    if len(tokens) < 2:
        raise DataError(f"{source} has {len(tokens)} tokens, but needs two at the least, one to read and one to say")
    found = SplitLoss(len(tokens), characters)
    score(model, _batches(tokens, next(model.parameters()).device), found)
    metrics, (blocks, means) = found.metrics(), found.blocks()
    say(f"perplexity {metrics['perplexity']:,.4g}, {metrics['bits_per_character']:.4g} bits per character")
    with np.errstate(over="ignore"):
        perplexity = np.exp(means)
    return pd.DataFrame({"example": blocks, "first_token": blocks * BLOCK, "nll": means, "perplexity": perplexity})


def _batches(tokens: Ints, device: torch.device) -> Iterator[tuple[StreamBatch, Ints]]:
    for start in range(0, len(tokens) - 1, _STRETCH):
        row = torch.from_numpy(tokens[start : start + _STRETCH + 1])[None].to(device)
        yield StreamBatch(row[:, :-1], row[:, 1:], first=start == 0), np.array([start])
