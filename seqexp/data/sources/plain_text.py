"""Text files read piece by piece as characters: which files, in which encoding, and where that is not so.

A file is looked at whole before anything is made of it, and never in memory as a whole.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqexp.data.sources.dialect import open_table
from seqexp.data.sources.files import expand
from seqexp.errors import ConfigError, DataError

ENDINGS = (".txt", ".text", ".tokens", ".md", ".rst", ".raw")
"""The files of a folder that are text."""
_BLOCK = 1 << 18
"""Bytes read at a time."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
"""What a file begins with where it says its encoding; UTF-32's begin with UTF-16's."""
_NATIVE = "cp1252"
"""What a text is read as that says nothing and is not UTF-8: Latin-1 with Windows's quotation marks."""


@dataclass(frozen=True)
class Text:
    """Some text that can be read again and again."""

    name: str
    blocks: Callable[[], Iterator[str]]
    digest: str
    """Of its bytes and their encoding."""
    characters: int
    note: str = ""
    """What the user should know."""


def text_files(paths: Sequence[str], key: str) -> list[Path]:
    """The files meant by files, folders and globs, sorted by name within each.

    Raises:
        DataError: If one leads to no file.
    """
    found: list[Path] = []
    for text in paths:
        if not Path(text).is_dir():
            found += expand([text], key)
            continue
        inside = sorted(p for p in Path(text).rglob("*") if p.is_file() and _is_text(p.relative_to(text)))
        if not inside:
            raise DataError(f"{key}={text} is a folder without a text; looked for *{', *'.join(ENDINGS)}, also .gz")
        found += inside
    return list(dict.fromkeys(found))


def _is_text(path: Path) -> bool:
    return _ending(path) in ENDINGS and not any(part.startswith(".") for part in path.parts)


def _ending(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()


def scanned(path: Path, encoding: str) -> Text:
    """Look at every byte of a file once.

    Raises:
        DataError: If it is empty, binary, or not in the encoding.
    """
    note = ""
    if encoding == "auto":
        chosen = _marked(path) or "utf-8"
        try:
            digest, characters = _scan(path, chosen)
        except _WrongEncodingError as error:
            if error.letters or chosen != "utf-8":
                raise
            chosen, note = _NATIVE, f"{path} is not UTF-8, and was read as {_NATIVE}; data.encoding names another"
            digest, characters = _scan(path, chosen)
    else:
        try:
            chosen = codecs.lookup(encoding).name
        except LookupError:
            raise ConfigError(
                f"data.encoding must be auto or the name of an encoding such as latin-1, but is '{encoding}'"
            ) from None
        digest, characters = _scan(path, chosen)
    if not characters:
        raise DataError(f"{path} is empty; a language model needs a text")
    return Text(str(path), lambda: _decoded(path, chosen), digest, characters, note)


def _marked(path: Path) -> str | None:
    """The encoding that a file's first bytes name."""
    start = next(_blocks(path), b"")
    return next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)


def _scan(path: Path, encoding: str) -> tuple[str, int]:
    """Digest of bytes and encoding, and how many characters there are, none where all are blank."""
    digest = hashlib.sha256(encoding.encode())
    characters, blank = 0, True
    for text in _decoded(path, encoding, digest.update):
        characters += len(text)
        blank = blank and not text.strip()
    return digest.hexdigest(), 0 if blank else characters


class _WrongEncodingError(DataError):
    """A byte that is none of the encoding."""

    letters = False
    """Whether letters of several bytes came before it, so that the encoding is right and the byte is wrong."""


def _decoded(path: Path, encoding: str, see: Callable[[bytes], None] = lambda _: None) -> Iterator[str]:
    """The characters of a file, every line's end as one."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("strict"), translate=True)
    done, letters = 0, False
    for block in _with_end(_blocks(path)):
        done += len(block)
        see(block)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            offset = done - len(error.object) + error.start
            wrong = _WrongEncodingError(
                f"{path}: byte {offset:,} (0x{error.object[error.start]:02x}) is not {encoding}: {error.reason}; name "
                "the file's encoding with data.encoding=NAME, or mend the byte"
            )
            wrong.letters = letters or not error.object[: error.start].isascii()
            raise wrong from None
        if "\x00" in text:
            raise DataError(
                f"{path} is a binary file: it has a byte of zero near byte {done - len(block) + text.index(chr(0)):,}; "
                "a language model reads text"
            )
        letters = letters or not text.isascii()
        yield text


def _with_end(blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield from blocks
    yield b""


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with open_table(path) as file:
            while block := file.read(_BLOCK):
                yield block
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
