"""Reading files of labelled text: CSV, TSV, JSON lines, Parquet, `label text` lines and CoNLL, plain or gzipped."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqexp.data.sources.encoding import read_text
from seqexp.data.sources.files import shown
from seqexp.errors import DataError, first_line

TEXT_NAMES = ("text", "sentence", "review", "content", "question", "title")
LABEL_NAMES = ("label", "class", "sentiment", "category", "target", "tag")
_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".conll": "conll",
    ".conllu": "conll",
    ".bio": "conll",
    ".iob": "conll",
}
ENDINGS = (*_FORMATS, ".txt", ".data")
"""Of the files in a folder that are read."""
_LARGEST_CELL = 2**31 - 1


@dataclass(frozen=True)
class Records:
    """What a file holds, column by column."""

    path: Path
    columns: dict[str, list[Any]]
    places: list[str]
    """Where each record stands: `train.csv line 12`."""
    notes: tuple[str, ...] = ()
    tagged: bool = False
    """Whether each record is a sentence of which every word has a tag: then cells are lists of words."""


def format_of(path: Path, said: str) -> str:
    """The format of a file: as said, or by its ending; lines where the ending says nothing."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix == ".lines":  # as standard input is, whatever the files of train were
        return "lines"
    return _FORMATS.get(suffix.lower(), "lines") if said == "auto" else said


def read_records(path: Path, *, form: str, encoding: str, names: Collection[str] = ()) -> Records:
    """Read one file.

    Args:
        path: The file, gzipped if it ends in `.gz`.
        form: One of the formats of `format_of`.
        encoding: auto or a name.
        names: Columns that the user names; a first row that has one is a header.

    Raises:
        DataError: If it is empty, binary, in another encoding, or not of the format.
        ConfigError: If there is no such encoding.
    """
    if form == "parquet":
        return _parquet(path)
    text, notes = read_text(path, encoding)
    records = _READERS[form](path, text, names)
    if not records.places:
        raise DataError(f"{path} has no text; it is read as {form}: see data.format")
    return Records(path, records.columns, records.places, (*notes, *records.notes), records.tagged)


def _csv(path: Path, text: str, names: Collection[str]) -> Records:
    start = [line for line in text[:65_536].split("\n")[:50] if line.strip()]
    delimiters = (",", "\t", ";", "|")

    def fits(delimiter: str) -> tuple[bool, bool, int]:
        rows = list(csv.reader(start, delimiter=delimiter, skipinitialspace=True))
        even = len({len(row) for row in rows}) == 1 and len(rows[0]) > 1
        known = {*names, *TEXT_NAMES, *LABEL_NAMES} & {cell.strip().lower() for cell in rows[0]}
        return (bool(known) and len(rows[0]) > 1, even, -delimiters.index(delimiter))

    return _separated(path, text, names, max(delimiters, key=fits))


def _tsv(path: Path, text: str, names: Collection[str]) -> Records:
    return _separated(path, text, names, "\t")


def _separated(path: Path, text: str, names: Collection[str], delimiter: str) -> Records:
    rows, lines, notes = _cells(path, text, delimiter)
    if _is_header(rows, names):
        header = [cell.strip() or f"column{i + 1}" for i, cell in enumerate(rows[0])]
        rows, lines = rows[1:], lines[1:]
        if doubled := [name for i, name in enumerate(header) if name in header[:i]]:
            raise DataError(f"{path} has two columns named '{doubled[0]}'; rename one")
    else:
        header = [f"column{i + 1}" for i in range(len(rows[0]))]
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise DataError(
                f"{path} line {line} has {len(row)} cells, but the first line has {len(header)}; a cell with "
                f"{delimiter!r} in it needs quotation marks"
            )
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    return Records(path, columns, [f"{path.name} line {line}" for line in lines], notes)


def _cells(path: Path, text: str, delimiter: str) -> tuple[list[list[str]], list[int], tuple[str, ...]]:
    """The rows that are not blank, and the line each begins on."""
    try:
        rows, lines = _parsed(text, delimiter=delimiter, strict=True)
        if not (delimiter == "\t" and any("\t" in cell for row in rows for cell in row)):
            return rows, lines, ()
    except csv.Error as error:
        unclosed = re.search(r"line (\d+): unexpected end", str(error))
        if unclosed and delimiter != "\t":
            raise DataError(
                f"{path} line {unclosed[1]} has a quotation mark that is never closed; close it, or remove it"
            ) from None
    if delimiter != "\t":
        return *_parsed(text, delimiter=delimiter), ()
    # Tables with tabs often have quotation marks that are just letters of the text.
    told = f"{path.name} has quotation marks that do not enclose cells: they are read as they stand"
    return *_parsed(text, delimiter=delimiter, quoting=csv.QUOTE_NONE), (told,)


def _parsed(
    text: str, *, delimiter: str, quoting: Any = csv.QUOTE_MINIMAL, strict: bool = False
) -> tuple[list[list[str]], list[int]]:
    before, limit = 0, csv.field_size_limit(_LARGEST_CELL)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=strict)
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                rows.append(row)
                lines.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        raise csv.Error(f"line {before + 1}: {error}") from None
    finally:
        csv.field_size_limit(limit)
    return rows, lines


def _is_header(rows: Sequence[Sequence[str]], names: Collection[str]) -> bool:
    """Whether the first row names the columns: it has a known name, or nothing that looks like data."""
    first = [cell.strip() for cell in rows[0]]
    if {*names, *TEXT_NAMES, *LABEL_NAMES} & {*first, *(cell.lower() for cell in first)}:
        return True
    below = [row for row in rows[1:] if len(row) == len(first)]
    again = any(cell in {row[i].strip() for row in below} for i, cell in enumerate(first))
    return bool(below) and not again and not any(re.fullmatch(r"[-+]?\d+(\.\d*)?", cell) for cell in first)


def _jsonl(path: Path, text: str, _: Collection[str]) -> Records:
    rows, places = [], []
    for line, row in _json_rows(path, text):
        if not isinstance(row, dict):
            raise DataError(
                f'{path} line {line} is {shown(json.dumps(row))}, but must be an object such as {{"text": "...", '
                '"label": "..."}'
            )
        rows.append(row)
        places.append(f"{path.name} line {line}")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return Records(path, {name: [row.get(name) for row in rows] for name in columns}, places)


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """Objects one a line, or one array of them: then their numbers."""
    if text.lstrip().startswith("["):
        rows = _json(path, 1, text)
        yield from ((i + 1, row) for i, row in enumerate(rows))
        return
    yield from ((i + 1, _json(path, i + 1, line)) for i, line in enumerate(text.split("\n")) if line.strip())


def _json(path: Path, line: int, text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        row = line + (error.lineno - 1 if isinstance(error, json.JSONDecodeError) else 0)
        raise DataError(f"{path} line {row} is not JSON: {first_line(error)}") from None


def _parquet(path: Path) -> Records:
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {first_line(error)}") from None
    if not len(table):
        raise DataError(f"{path} has no rows")
    columns = {str(name): table.column(name).to_pylist() for name in dict.fromkeys(table.column_names)}
    return Records(path, columns, [f"{path.name} row {i + 1}" for i in range(len(table))])


def _lines(path: Path, text: str, names: Collection[str]) -> Records:
    lines = [(i + 1, line.strip()) for i, line in enumerate(text.split("\n"))]
    kept = [(i, line) for i, line in lines if line]
    empty = len(lines) - len(kept) - text.endswith("\n")
    notes = (f"{path.name} has {empty} empty line{'s' if empty > 1 else ''}: skipped",) if empty else ()
    if all(line.count("\t") == 1 for _, line in kept):  # `text<tab>label` is as common as `label<tab>text`
        table = _separated(path, text, names, "\t")
        return replace(table, notes=(*notes, *table.notes))
    for i, line in kept:
        if len(line.split(maxsplit=1)) == 1:
            raise DataError(f"{path} line {i} is {shown(line)}, but must have a label, a space and a text")
    halves = [line.split(maxsplit=1) for _, line in kept]
    columns: dict[str, list[Any]] = {"label": [a for a, _ in halves], "text": [b for _, b in halves]}
    return Records(path, columns, [f"{path.name} line {i}" for i, _ in kept], notes)


def _conll(path: Path, text: str, _: Collection[str]) -> Records:
    """A word and what is known of it a line; columns are named column1, column2 and so on, or tag for the last."""
    sentences: list[list[list[str]]] = [[]]
    places: list[str] = []
    width = 0
    for i, line in enumerate(text.split("\n")):
        if not line.strip():
            sentences += [[]] if sentences[-1] else []
            continue
        if line.startswith("-DOCSTART-") or (line.startswith("#") and path.name.endswith((".conllu", ".conllu.gz"))):
            continue
        cells = [
            re.sub(r"\s", "_", c.strip()) for c in (line.strip("\n").split("\t") if "\t" in line else line.split())
        ]
        width = width or len(cells)
        if len(cells) != width or width < 2:
            raise DataError(
                f"{path} line {i + 1} has {len(cells)} columns, but must have {max(width, 2)}: a word and its tag, an "
                "empty line between sentences"
            )
        if not sentences[-1]:
            places.append(f"{path.name} line {i + 1}")
        sentences[-1].append(cells)
    full = [sentence for sentence in sentences if sentence]
    columns = {f"column{c + 1}": [[row[c] for row in sentence] for sentence in full] for c in range(width)}
    return Records(path, columns, places, tagged=True)


_READERS: dict[str, Callable[[Path, str, Collection[str]], Records]] = {
    "csv": _csv,
    "tsv": _tsv,
    "jsonl": _jsonl,
    "lines": _lines,
    "conll": _conll,
}
