"""The whole text of a file, whatever its encoding."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from pathlib import Path

from seqexp.config.explain import suggest
from seqexp.errors import ConfigError, DataError

_MARKS = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""Control characters that no text has."""


def read_text(path: Path, encoding: str) -> tuple[str, list[str]]:
    """The whole text of a file, every line ended by a newline, and a note where its encoding was guessed.

    Raises:
        DataError: If it cannot be read, is empty, binary, or in another encoding.
        ConfigError: If there is no such encoding.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    text, notes = _decoded(data, path, encoding)
    if not text.strip():
        raise DataError(f"{path} is empty; labelled text is read from it")
    if "\x00" in text or len(_MARKS.findall(text[:100_000])) > len(text[:100_000]) / 100:
        raise DataError(
            f"{path} is a binary file; text is read from CSV, TSV, JSON lines, Parquet or lines of `label text` (name "
            "the encoding in data.encoding if it is text such as utf-16)"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes


def _decoded(data: bytes, path: Path, encoding: str) -> tuple[str, list[str]]:
    if encoding != "auto":
        return _named(data, path, encoding)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        return data.decode("utf-8-sig" if encoding == "auto" else encoding), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if b"\x00" in data:
            return "\x00", []
        for guess in ("cp1252", "latin-1"):
            try:
                text = data.decode(guess)
            except UnicodeDecodeError:
                continue
            break
        return text, [f"{path.name} is not UTF-8 (line {line}): read as {guess}; data.encoding names another"]


def _named(data: bytes, path: Path, encoding: str) -> tuple[str, list[str]]:
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        known = ("utf-8", "utf-16", "latin-1", "cp1252", "ascii", "gb18030", "shift_jis", "koi8-r")
        raise ConfigError(
            f"data.encoding must be auto or an encoding of Python such as latin-1, but is '{encoding}'"
            f"{suggest(encoding, known)}"
        ) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} line {line} is not {encoding}: {error.reason}; choose another data.encoding, or auto"
        ) from None
    try:
        other = not data.isascii() and data.decode("utf-8-sig") != text
    except UnicodeDecodeError:
        other = False
    return text, [f"{path.name} is valid UTF-8, but read as {encoding}, as data.encoding says"] if other else []
