"""Sequences for tests: small files of them, and models that say what a test wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqexp.data.batch import SequenceBatch


def fasta(path: Path, letters: str, count: int = 20) -> Path:
    """So many sequences of 10 to 14 letters, drawn from these; the same every time."""
    drawn = np.random.default_rng(len(letters))
    rows = ["".join(drawn.choice(list(letters), drawn.integers(10, 15))) for _ in range(count)]
    path.write_text("".join(f">{path.stem}{i}\n{row}\n" for i, row in enumerate(rows)))
    return path


def tagged(path: Path, sentences: int = 30) -> Path:
    """Words with a tag each, sentences of 2 to 7 words; a word that begins with a capital is a name."""
    drawn = np.random.default_rng(0)
    words = ["went", "saw", "to", "house", "Anna", "Boris", "Clara", "with"]
    pieces = [drawn.choice(words, drawn.integers(2, 8)) for _ in range(sentences)]
    lines = ["\n".join(f"{w} {'NAME' if w[0].isupper() else 'O'}" for w in piece) for piece in pieces]
    path.write_text("\n\n".join(lines) + "\n")
    return path


class Says(nn.Module):
    """A model whose outputs are a function of the inputs, step by step, or of the sum over a sequence's steps."""

    def __init__(self, function: Callable[[Tensor], Tensor], *, each_step: bool) -> None:
        super().__init__()
        self._function, self._each_step = function, each_step
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Outputs (N, K) or (N, T, K)."""
        x = batch.inputs.double()
        x = x[..., None] if x.ndim == 2 else x
        return self._function(x if self._each_step else x.sum(dim=1))


def constant(*outputs: float, each_step: bool = False) -> Says:
    """A model that always says the same."""
    said = torch.tensor(outputs, dtype=torch.float64)
    return Says(lambda x: said.expand(*x.shape[:-1], len(outputs)), each_step=each_step)


def state_of(model: nn.Module) -> Any:
    """All that a validation looks at of a training's state."""
    return SimpleNamespace(model=model.eval())
