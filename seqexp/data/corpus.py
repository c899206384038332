"""Running text as tokens: written once to a cache folder, and read from there through a memory map.

However long the text is, it is never in memory as a whole. What was written is named by a fingerprint of the text and
of the way it was read, so another text never takes its place; it is written under another name and renamed, so many
processes may want it at once.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqexp.data.tokenizer import Vocabulary
from seqexp.errors import DataError

FORMAT = 1
"""The way tokens are written; another number is another place in the cache."""
_ABOUT = "corpus.json"
_DAY = 86_400
_RELEASED_EVERY = 1 << 22
"""Tokens after whose reading the pages of the map are given back: they would count as memory of the process."""

Pieces = Callable[[], Iterator[tuple[str, str]]]
"""Reads the text from its beginning: the name of a split, and some text of it, again and again."""


class TokenFile:
    """The tokens of one split, on the disk.

    Args:
        path: Where they are.
        dtype: Their format.
        characters: How many characters they were made of.
        unknown: How many of them are unknown.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], *, characters: int, unknown: int) -> None:
        self.characters, self.unknown = characters, unknown
        self._map: mmap.mmap | None = None
        self._read = 0
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size:  # an empty file cannot be mapped
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._tokens: NDArray[Any] = np.frombuffer(self._map or b"", dtype=dtype)

    def __len__(self) -> int:
        return len(self._tokens)

    def __getitem__(self, where: slice) -> NDArray[np.int64]:
        """Some tokens, in memory."""
        found: NDArray[np.int64] = self._tokens[where].astype(np.int64)
        self._release(len(found))
        return found

    def columns(self, streams: int, length: int, where: slice) -> NDArray[np.int64]:
        """The text as `streams` rows of `length` tokens, one going on where the last ends: some columns of it.

        Returns:
            Tokens (streams, T).
        """
        rows = self._tokens[: streams * length].reshape(streams, length)
        found: NDArray[np.int64] = rows[:, where].astype(np.int64)
        self._release(found.size)
        return found

    def _release(self, read: int) -> None:
        self._read += read
        if self._read >= _RELEASED_EVERY and self._map is not None and hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)
            self._read = 0


@dataclass(frozen=True)
class Corpus:
    """Running text, tokenised and split."""

    splits: Mapping[str, TokenFile]
    """train, valid and test"""
    vocabulary: Vocabulary
    fingerprint: str
    """Of the text and of how it was read, in hexadecimal digits."""


def open_corpus(folder: Path, fingerprint: str, pieces: Pieces, fit: Callable[[Iterable[str]], Vocabulary]) -> Corpus:
    """The tokens of a text from the cache; written first where they are not there, or damaged.

    Args:
        folder: The cache.
        fingerprint: Of the text and of how it is read.
        pieces: Reads it.
        fit: Finds the vocabulary of train.

    Raises:
        DataError: If the text is not as it must be, or the cache cannot be written.
    """
    place = folder / f"corpus-{fingerprint[:32]}"
    found = _opened(place, fingerprint)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _remove_leftovers(folder)
        temporary = folder / f"{place.name}.{os.getpid()}.{time.monotonic_ns()}.tmp"
        temporary.mkdir()
        try:
            _write(temporary, fingerprint, pieces, fit)
            _put_in_place(temporary, place, fingerprint)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"cannot write the tokens to {place}: {error.strerror or error}; make room, or name another folder with "
            "data.cache=FOLDER"
        ) from error
    found = _opened(place, fingerprint)
    if found is None:
        raise DataError(f"{place} was damaged as soon as it was written; name another folder with data.cache=FOLDER")
    return found


def user_cache() -> Path:
    """The user's cache folder, as the platform has it."""
    if said := os.environ.get("XDG_CACHE_HOME"):
        return Path(said) / "seqexp"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "seqexp"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "seqexp" / "Cache"
    return Path.home() / ".cache" / "seqexp"


def _opened(place: Path, fingerprint: str) -> Corpus | None:
    """What is there; None if it is not whole."""
    try:
        about = json.loads((place / _ABOUT).read_text(encoding="utf-8"))
        if about.pop("sha256") != _checksum(about) or about["fingerprint"] != fingerprint:
            return None
        dtype, splits = np.dtype(about["dtype"]), {}
        for name, said in about["splits"].items():
            path = place / f"{name}.bin"
            if path.stat().st_size != said["tokens"] * dtype.itemsize or _digest(path) != said["sha256"]:
                return None
            splits[name] = TokenFile(path, dtype, characters=said["characters"], unknown=said["unknown"])
        return Corpus(splits, Vocabulary.from_state(about["vocabulary"]), fingerprint)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _checksum(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(place: Path, fingerprint: str, pieces: Pieces, fit: Callable[[Iterable[str]], Vocabulary]) -> None:
    vocabulary = fit(text for split, text in pieces() if split == "train")
    dtype = np.dtype(smallest(vocabulary.size))
    writers: dict[str, _Writer] = {}
    try:
        for split, text in pieces():
            if split not in writers:
                writers[split] = _Writer(place / f"{split}.bin", dtype)
            writers[split].add(vocabulary.encode(text), len(text), vocabulary.unknown)
    finally:
        about = {split: writer.close() for split, writer in writers.items()}
    values = {"fingerprint": fingerprint, "dtype": dtype.name, "splits": about, "vocabulary": vocabulary.state()}
    with (place / _ABOUT).open("w", encoding="utf-8") as file:
        json.dump({**values, "sha256": _checksum(values)}, file)
        file.flush()
        os.fsync(file.fileno())


def smallest(vocabulary: int) -> str:
    """The smallest format that holds the tokens of a vocabulary."""
    return "uint8" if vocabulary <= 1 << 8 else "uint16" if vocabulary <= 1 << 16 else "int32"


class _Writer:
    """One split's tokens on their way to the disk."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._file = path.open("wb")
        self._dtype, self._hash = dtype, hashlib.sha256()
        self._tokens = self._characters = self._unknown = 0

    def add(self, tokens: NDArray[np.int32], characters: int, unknown: int) -> None:
        """Write what a piece of text became."""
        data = tokens.astype(self._dtype).tobytes()
        self._file.write(data)
        self._hash.update(data)
        self._tokens += len(tokens)
        self._characters += characters
        self._unknown += int((tokens == unknown).sum())

    def close(self) -> dict[str, Any]:
        """Make it durable, and say what it holds."""
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        return {
            "tokens": self._tokens, "characters": self._characters, "unknown": self._unknown,
            "sha256": self._hash.hexdigest(),
        }  # fmt: skip


def _put_in_place(temporary: Path, place: Path, fingerprint: str) -> None:
    """Rename; where another process was faster, what it wrote is the same."""
    try:
        temporary.rename(place)
    except OSError:
        if not place.exists():
            raise
        if _opened(place, fingerprint) is not None:
            return
        broken = temporary.with_name(f"{temporary.name}.broken.tmp")
        with suppress(FileNotFoundError):
            place.rename(broken)
        shutil.rmtree(broken, ignore_errors=True)
        with suppress(OSError):
            temporary.rename(place)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half written a day ago or earlier."""
    for leftover in folder.glob("corpus-*.tmp"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _DAY:
                shutil.rmtree(leftover, ignore_errors=True)
