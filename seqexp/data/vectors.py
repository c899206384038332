"""Vectors of words that others have trained, in the text format of GloVe and word2vec."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqexp.config.schema.task import Embedding
from seqexp.data.tokenizer import Vocabulary
from seqexp.errors import ConfigError, DataError

_RANGE = 0.25
"""Words without a vector begin uniform in +-this, as in Kim (2014)."""
_FIRST = 2
"""The first token that is a word, after padding and unknown."""


def given_vectors(config: Embedding, vocabulary: Vocabulary, seed: int) -> tuple[Tensor, str]:
    """Where an embedding begins, by its configuration.

    Args:
        config: Names the file.
        vocabulary: Whose tokens are looked up.
        seed: Of what the file has not.

    Returns:
        (V, size), and what is to be said of it.

    Raises:
        ConfigError: If the file's vectors have another size.
        DataError: If it cannot be read, or does not suit.
    """
    assert config.vectors is not None
    vectors, found = read_vectors(config.vectors, vocabulary, config.size, seed)
    return torch.from_numpy(vectors), f"{found:,} of {vocabulary.size - _FIRST:,} tokens have a vector in the file"


def read_vectors(path: str | Path, vocabulary: Vocabulary, size: int, seed: int) -> tuple[NDArray[np.float32], int]:
    """The vectors of a vocabulary's tokens.

    Args:
        path: Lines of a word and its numbers, with or without a first line of counts; gzipped if it ends in `.gz`.
        vocabulary: Whose tokens are looked up as they are written; the first line of a word counts.
        size: Numbers of a vector.
        seed: Of the small random vectors of tokens that the file has not.

    Returns:
        (V, size): zeros for padding, the file's or random numbers for the others. And how many are the file's.

    Raises:
        ConfigError: If the file's vectors have another size.
        DataError: If it cannot be read, a line is malformed, or it has none of the tokens.
    """
    vectors = np.random.default_rng(seed).uniform(-_RANGE, _RANGE, (vocabulary.size, size)).astype(np.float32)
    vectors[0] = 0
    wanted = {vocabulary.token(i).encode(): i for i in range(_FIRST, vocabulary.size)}
    found = 0
    for number, line in _lines(Path(path), size):
        row = wanted.get(line.split(maxsplit=1)[0])
        parts = line.split() if row is not None else []
        if row is None or len(parts) > size + 1:
            continue  # not asked for, or a word with spaces in it, of which published files have a few
        try:
            if len(parts) <= size:
                raise ValueError
            vectors[row] = np.array(parts[1:], dtype=np.float32)
        except ValueError:
            raise DataError(f"{path} line {number} must have a word and {size} numbers after it") from None
        del wanted[parts[0]]
        found += 1
    if not found:
        raise DataError(
            f"{path} has none of the {vocabulary.size - _FIRST:,} tokens of the vocabulary; it must be of the same "
            "language, and data.tokenizer.kind must make words"
        )
    return vectors, found


def _lines(path: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """The lines that have a word, numbered from 1; the first of them has as many numbers as it must."""
    sized = False
    for number, line in enumerate(_raw(path), start=1):
        if not sized:
            parts = line.split()
            if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
                continue  # how many words, and of which size
            _check_size(path, line, size)
            sized = True
        if not line.isspace():
            yield number, line


def _check_size(path: Path, line: bytes, size: int) -> None:
    numbers = len(line.split()) - 1
    if b"\x00" in line or numbers < 1:
        raise DataError(f"{path} is not in the text format of GloVe and word2vec, which has a word and numbers a line")
    if numbers != size:
        raise ConfigError(f"task.embedding.size must be {numbers}, the size of the vectors in {path}, but is {size}")


def _raw(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"task.embedding.vectors={path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
