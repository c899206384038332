"""What a text table looks like: its delimiter, decimal mark, encoding, header; and which line a row stands on."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from seqexp.data.panel import Ints
from seqexp.errors import DataError

_SNIFFED_BYTES = 65_536
_DELIMITERS = ("\t", ";", "|", ",", " ")
"""The comma after those that stand beside decimal commas; the space last, since it stands inside dates too."""
EMPTY = ("", "nan", "na", "n/a", "null", "none", "-", "?", ".", "<na>")
"""Cells, in lower case, that say there is no number."""


@dataclass(frozen=True)
class Dialect:
    """How a text table is written."""

    delimiter: str
    decimal: str
    encoding: str
    first_row: tuple[str, ...]

    @property
    def first_row_is_data(self) -> bool:
        """Whether the first row looks like numbers and dates, not names."""
        return all(_is_datum(cell) for cell in self.first_row)


def sniff(path: Path) -> Dialect:
    """Look at the beginning of a file.

    Raises:
        DataError: If it is empty, binary or cannot be read.
    """
    try:
        with open_table(path) as file:
            sample = file.read(_SNIFFED_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not sample.removeprefix(b"\xef\xbb\xbf").strip():
        raise DataError(f"{path} is empty; a table needs a line of column names and rows under it")
    if b"\x00" in sample:
        raise DataError(f"{path} is a binary file; data is read from CSV (.csv, .csv.gz) or Parquet (.parquet)")
    try:
        sample.decode("utf-8-sig")
        encoding = "utf-8-sig"
    except UnicodeDecodeError as error:
        # A multi-byte letter cut by the end of the sample is no sign of another encoding.
        cut = len(sample) == _SNIFFED_BYTES and error.start > len(sample) - 4
        encoding = "utf-8-sig" if cut else "latin-1"
    lines = sample.decode(encoding, errors="replace").splitlines()
    lines = [line for line in (lines if len(sample) < _SNIFFED_BYTES else lines[:-1]) if line.strip()] or lines
    delimiter = _delimiter(lines[:50])
    decimal = "," if delimiter != "," and any(re.search(r"\d,\d", line) for line in lines) else "."
    first = next(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    return Dialect(delimiter, decimal, encoding, tuple(cell.strip() for cell in first))


def open_table(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked."""
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


class Place:
    """Names rows of a file for messages, `prices.csv line 17`, without holding on to their values.

    Args:
        path: The file.
        rows: How many there are.
        skipped: Lines above the first row.
        delimiter: Of a text table; None: rows are counted instead of lines.
    """

    def __init__(self, path: Path, rows: int, *, skipped: int = 0, delimiter: str | None = None) -> None:
        self._path, self._rows, self._skipped, self._delimiter = path, rows, skipped, delimiter

    def __call__(self, row: int) -> str:
        """The place of a row."""
        if self._delimiter is None:
            return f"{self._path.name} row {row + 1}"
        record = row + self._skipped
        starts = self._starts
        line = int(starts[record]) if starts is not None and record < len(starts) else record + 1
        return f"{self._path.name} line {line}"

    @cached_property
    def _starts(self) -> Ints | None:
        """The line on which each record starts; None where each is one line, and none is blank."""
        assert self._delimiter is not None
        try:
            with open_table(self._path) as file:
                lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
            if self._rows + self._skipped - lines in (0, 1):  # the last line may have no end
                return None
            with io.TextIOWrapper(open_table(self._path), encoding="latin-1", newline="") as text:
                return _starts_of(text, self._delimiter)
        except (OSError, EOFError, zlib.error, csv.Error):
            return None


def _starts_of(text: io.TextIOWrapper, delimiter: str) -> Ints:
    reader, starts, before = csv.reader(text, delimiter=delimiter, skipinitialspace=True), [], 0
    for record in reader:
        if len(record) > 1 or (record and record[0].strip()):  # pandas skips blank lines
            starts.append(before + 1)
        before = reader.line_num
    return np.array(starts, dtype=np.int64)


def _delimiter(lines: list[str]) -> str:
    """The first candidate that splits all lines equally often; else the one that splits each into most."""
    counts = {}
    for candidate in _DELIMITERS:
        counts[candidate] = [len(r) for r in csv.reader(lines, delimiter=candidate, skipinitialspace=True)]
        if min(counts[candidate]) == max(counts[candidate]) > 1:
            return candidate
    best = max(_DELIMITERS, key=lambda candidate: min(counts[candidate]))
    return best if min(counts[best]) > 1 else ","


def _is_datum(cell: str) -> bool:
    cell = cell.strip().replace(",", ".")
    if cell.lower() in EMPTY:
        return True
    try:
        float(cell)
    except ValueError:
        return bool(re.match(r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?", cell))
    return True
