"""Reading DNA and RNA from files: FASTA, CSV, and the format of the UCI repository; plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seqexp.config.schema.sequences import GenesData
from seqexp.data.dna import AMBIGUOUS, BASES
from seqexp.data.sources.dialect import sniff
from seqexp.errors import ConfigError, DataError, first_line

FASTA_ENDINGS = (".fasta", ".fa", ".fna", ".ffn", ".frn", ".fas")
ENDINGS = (*FASTA_ENDINGS, ".csv", ".tsv", ".txt", ".data")
SEQUENCE_COLUMNS = ("sequence", "sequences", "seq", "dna", "rna", "nucleotides")
LABEL_COLUMNS = ("label", "labels", "class", "classes", "target", "category", "type", "y")

_UCI = re.compile(r"\s*([^,]*?)\s*,\s*([^,]*?)\s*,\s*([^,]*?)\s*")
# A first row with one of these has no names of columns.
_NUCLEOTIDES = re.compile(f"[{BASES}U]{{4,}}|[{BASES}U{AMBIGUOUS}]{{8,}}", re.IGNORECASE)
_LETTERS = re.compile(f"[{BASES}U{AMBIGUOUS}\\s]+", re.IGNORECASE)
_LOOKED_AT = 50
"""Rows from which the column of sequences is guessed."""


class Record(NamedTuple):
    """One sequence as it was read."""

    text: str
    label: str
    """Empty where none was asked for."""
    place: str
    """`promoters.fasta line 3 (ECK120016719)`"""


def read_records(path: Path, config: GenesData, *, labelled: bool) -> list[Record]:
    """The sequences of a file, in its order.

    Args:
        path: The file.
        config: Its format, columns, and where the label is.
        labelled: Whether each must have a label; else what has none is taken, one sequence a line too.

    Raises:
        DataError: If it is empty, binary, or not in its format.
        ConfigError: If a named column is not there, or none can be found.
    """
    lines = _lines(path)
    match config.format if config.format != "auto" else _format(path, lines):
        case "fasta":
            records = list(_fasta(path, lines, config.label_pattern if labelled else None))
        case "uci":
            records = list(_uci(path, lines))
        case _:
            records = list(_csv(path, lines, config, labelled=labelled))
    if not records:
        raise DataError(f"{path} has no sequences")
    return records


def _lines(path: Path) -> list[str]:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or first_line(error)}") from None
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise DataError(f"{path} is empty; it needs sequences in FASTA, CSV or `class, name, sequence` lines")
    if b"\x00" in data:
        raise DataError(f"{path} is a binary file; sequences are read from FASTA, CSV or UCI text (.gz too)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return re.split(r"\r\n|\n|\r", text)


def _format(path: Path, lines: Sequence[str]) -> str:
    first = next(line for line in lines if line.strip())
    ending = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if first.startswith((">", ";")) or ending.lower() in FASTA_ENDINGS:
        return "fasta"
    uci = _UCI.fullmatch(first)
    return "uci" if uci and _NUCLEOTIDES.fullmatch("".join(uci[3].split())) else "csv"


def _fasta(path: Path, lines: Sequence[str], pattern: str | None) -> Iterator[Record]:
    """Records of a header and any number of lines; those that begin with a semicolon are comments."""
    stem = (Path(path.stem) if path.suffix == ".gz" else path).stem
    header: tuple[int, str] | None = None
    pieces: list[str] = []
    for number, line in enumerate([*lines, ">"], 1):
        if line.startswith(">"):
            if header is not None:
                yield _record(path, header, "".join(pieces), pattern, stem)
            header, pieces = (number, line[1:].strip()), []
        elif line.strip() and not line.startswith(";"):
            if header is None:
                raise DataError(f"{path.name} line {number} has letters before the first header, a line with '>'")
            pieces.append(line)


def _record(path: Path, header: tuple[int, str], text: str, pattern: str | None, stem: str) -> Record:
    number, name = header
    place = f"{path.name} line {number}" + (f" ({_short(name.split()[0])})" if name else "")
    if pattern is None:
        return Record(text, stem, place)
    found = re.search(pattern, name)
    if found is None or not (found[1] or "").strip():
        raise DataError(f"{place} has no label: data.label_pattern={pattern} finds none in {_short(name)!r}")
    return Record(text, found[1].strip(), place)


def _uci(path: Path, lines: Sequence[str]) -> Iterator[Record]:
    """Lines of `class, name, sequence`, with blanks anywhere."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = _UCI.fullmatch(line)
        if cells is None or not cells[1]:
            raise DataError(f"{path.name} line {number} is {_short(line)!r}, but must be `class, name, sequence`")
        yield Record(cells[3], cells[1], f"{path.name} line {number}" + (f" ({_short(cells[2])})" if cells[2] else ""))


def _csv(path: Path, lines: Sequence[str], config: GenesData, *, labelled: bool) -> Iterator[Record]:
    rows = _rows(path, lines)
    first = [cell.strip() for cell in rows[0][1]]
    named = not any(_NUCLEOTIDES.fullmatch("".join(cell.split())) for cell in first)
    names = first if named else [f"column{i + 1}" for i in range(len(first))]
    rows = rows[1:] if named else rows
    if not rows:
        raise DataError(f"{path} has column names but no rows")
    for number, cells in rows:
        if len(cells) != len(names):
            raise DataError(f"{path.name} line {number} has {len(cells)} cells, but the first line has {len(names)}")
    sequence = _sequence_column(path, names, [cells for _, cells in rows[:_LOOKED_AT]], config.sequence_column)
    label = _label_column(path, names, sequence, config.label_column) if labelled else None
    for number, cells in rows:
        text = "" if label is None else cells[label].strip()
        if label is not None and not text:
            raise DataError(
                f"{path.name} line {number} has no label in column '{names[label]}'; fill it in, or remove it"
            )
        yield Record(cells[sequence], text, f"{path.name} line {number}")


def _rows(path: Path, lines: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Cells of each line that is not blank, with its number."""
    delimiter = sniff(path).delimiter
    limit = csv.field_size_limit(max(map(len, lines)) + 1)  # a gene may be longer than Python's limit of a cell
    try:
        reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, skipinitialspace=True)
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as CSV: {first_line(error)}") from None
    finally:
        csv.field_size_limit(limit)


def _sequence_column(path: Path, names: Sequence[str], rows: Sequence[Sequence[str]], asked: str | None) -> int:
    if asked is not None:
        return _named(path, names, asked, "data.sequence_column")
    if (column := _first_of(names, SEQUENCE_COLUMNS)) is not None:
        return column
    if len(names) == 1:
        return 0
    # By content: of the columns that are mostly nucleotides, the longest; a wrong letter is named later.
    letters = [sum(len(row[i]) for row in rows) for i in range(len(names))]
    found = [sum(_LETTERS.fullmatch(row[i]) is not None for row in rows) for i in range(len(names))]
    columns = [i for i, count in enumerate(found) if 2 * count > len(rows)]
    if not columns:
        raise ConfigError(
            f"{path}: none of the columns {_listed(names)} holds DNA or RNA; name it with data.sequence_column=NAME"
        )
    return max(columns, key=lambda i: letters[i])


def _label_column(path: Path, names: Sequence[str], sequence: int, asked: str | None) -> int:
    if asked is not None:
        return _named(path, names, asked, "data.label_column")
    if (found := _first_of(names, LABEL_COLUMNS)) is not None:
        return found
    others = [i for i in range(len(names)) if i != sequence]
    if len(others) == 1:
        return others[0]
    if not others:
        raise DataError(f"{path} has a column of sequences only; training needs one of labels too")
    raise ConfigError(
        f"{path}: which of the columns {_listed(names)} is the label? Name it with data.label_column=NAME"
    )


def _named(path: Path, names: Sequence[str], asked: str, key: str) -> int:
    if asked not in names:
        raise ConfigError(f"{key}={asked} is no column of {path}; it has {_listed(names)}")
    return names.index(asked)


def _first_of(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    lower = [name.lower() for name in names]
    return next((lower.index(name) for name in wanted if name in lower), None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{_short(name)}'" for name in names[:20])


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
