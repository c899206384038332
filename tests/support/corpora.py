"""Texts for tests: made-up prose, and tokens on the disk without a text."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from seqexp.data.corpus import TokenFile

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree", "and", "then", "it", "saw", "me"]


def prose(lines: int, seed: int = 0) -> str:
    """Lines of some words each, the same every time."""
    drawn = random.Random(seed)
    return "".join(" ".join(drawn.choices(WORDS, k=drawn.randint(3, 9))) + ".\n" for _ in range(lines))


def token_file(folder: Path, count: int, *, kinds: int = 7, seed: int = 0, dtype: str = "uint8") -> TokenFile:
    """So many random tokens."""
    tokens = np.random.default_rng(seed).integers(2, kinds, count).astype(dtype)
    path = folder / f"{count}-{seed}.bin"
    path.write_bytes(tokens.tobytes())
    return TokenFile(path, np.dtype(dtype), characters=2 * count, unknown=0)
