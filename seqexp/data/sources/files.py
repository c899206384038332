"""Finding and reading table files: CSV in its dialects, plain or gzipped, and Parquet.

Numbers are read in chunks straight into arrays, so a file needs little more memory than its values.
"""

from __future__ import annotations

import csv
import difflib
import glob
import gzip
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from seqexp.data.panel import Ints
from seqexp.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".tsv", ".txt", ".data", ".parquet", ".pq")
_SNIFFED_BYTES = 65_536
_CHUNK_ROWS = 1_000_000


@dataclass(frozen=True)
class Table:
    """One file's rows, as read."""

    frame: pd.DataFrame
    path: Path
    first_line: int
    """The line of the file that row 0 of the frame stands on (1 for Parquet: a row number then)."""

    def line(self, row: int) -> str:
        """`prices.csv line 17`, for messages."""
        unit = "row" if self.path.suffix in (".parquet", ".pq") else "line"
        return f"{self.path.name} {unit} {self.first_line + row}"

    def lines(self, rows: Ints) -> Callable[[int], str]:
        """The same for a series that is some of the rows."""
        return lambda row: self.line(int(rows[row]))


def expand(paths: Sequence[str], key: str = "data.path") -> list[Path]:
    """The table files meant by files, folders and globs, sorted by name within each.

    Raises:
        DataError: If one leads to no file.
    """
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            matches = sorted(p for p in path.iterdir() if p.is_file() and _ending(p) in ENDINGS)
            if not matches:
                raise DataError(f"{key}={text} is a folder without a table; looked for *{', *'.join(ENDINGS)}")
        elif path.is_file():
            matches = [path]
        elif glob.has_magic(text):
            matches = sorted(Path(p) for p in glob.glob(text, recursive=True) if os.path.isfile(p))
            if not matches:
                raise DataError(f"{key}={text} matches no file")
        else:
            raise DataError(f"{key}={text} does not exist{_nearest_file(path)}")
        found += [m for m in matches if m not in found]
    return found


def read_table(path: Path, *, header: str = "auto") -> Table:
    """Read one file: delimiter, decimal comma, encoding and header found by looking.

    Args:
        path: CSV or Parquet by its ending.
        header: Whether the first line names the columns: yes, no or auto.

    Raises:
        DataError: If it is empty, binary, or no table.
    """
    import pandas as pd

    if _ending(path) in (".parquet", ".pq"):
        try:
            frame = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read as Parquet: {_first_line(error)}") from None
        return _named(Table(frame, path, 1))
    dialect = _sniff(path)
    if header == "auto":
        header = "no" if dialect.first_row_is_data else "yes"
    options = {
        "sep": dialect.delimiter,
        "decimal": dialect.decimal,
        "encoding": dialect.encoding,
        "header": 0 if header == "yes" else None,
        "skipinitialspace": True,
    }
    try:
        chunks = list(pd.read_csv(path, chunksize=_CHUNK_ROWS, **options))
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read as a table: {_first_line(error)}") from None
    frame = pd.concat(chunks, ignore_index=True) if len(chunks) > 1 else chunks[0]
    if header == "no":
        frame.columns = [f"column{i + 1}" for i in range(frame.shape[1])]
    return _named(Table(frame, path, 2 if header == "yes" else 1))


def numbers(table: Table, column: str) -> pd.Series[float]:
    """A column as float64.

    Raises:
        DataError: At the first cell that is text, naming its line.
    """
    import pandas as pd

    values = table.frame[column]
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return values.astype("float64")
    parsed = pd.to_numeric(values.astype("str").str.strip().replace({"": None}), errors="coerce")
    wrong = (parsed.isna() & values.notna() & ~values.astype("str").str.strip().str.lower().isin(_EMPTY)).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{table.line(row)}: column '{column}' must hold numbers, but has {str(values.iloc[row])!r}; correct the "
            "cell, or leave it empty and choose data.cleaning.non_finite"
        )
    return parsed.astype("float64")


_EMPTY = ("", "nan", "na", "n/a", "null", "none", "-", "?", ".", "<na>")


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    decimal: str
    encoding: str
    first_row_is_data: bool


def _sniff(path: Path) -> _Dialect:
    try:
        with _open(path) as file:
            sample = file.read(_SNIFFED_BYTES)
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not sample.strip():
        raise DataError(f"{path} is empty; a table needs a line of column names and rows under it")
    if b"\x00" in sample:
        raise DataError(f"{path} is a binary file; data is read from CSV (.csv, .csv.gz) or Parquet (.parquet)")
    try:
        sample.decode("utf-8-sig")
        encoding = "utf-8-sig"
    except UnicodeDecodeError as error:
        # A multi-byte letter cut by the end of the sample is no sign of another encoding.
        encoding = "utf-8-sig" if error.start > len(sample) - 4 else "latin-1"
    lines = sample.decode(encoding, errors="replace").splitlines()
    lines = [line for line in (lines if len(sample) < _SNIFFED_BYTES else lines[:-1]) if line.strip()] or lines
    delimiter = _delimiter(lines[:50])
    decimal = "," if delimiter != "," and any(re.search(r"\d,\d", line) for line in lines[1:50]) else "."
    first = next(csv.reader([lines[0]], delimiter=delimiter))
    return _Dialect(delimiter, decimal, encoding, all(_is_datum(cell) for cell in first))


def _delimiter(lines: list[str]) -> str:
    """The candidate that splits the lines into most columns, equally many in each."""
    best, most = ",", 1
    for candidate in (",", ";", "\t", "|", " "):
        counts = [len(row) for row in csv.reader(lines, delimiter=candidate, skipinitialspace=True)]
        columns = min(counts, default=1)
        if columns > most and max(counts) == columns and not (candidate == " " and most > 1):
            best, most = candidate, columns
    return best


def _is_datum(cell: str) -> bool:
    cell = cell.strip().replace(",", ".")
    if cell.lower() in _EMPTY:
        return True
    try:
        float(cell)
    except ValueError:
        return bool(re.match(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", cell))
    return True


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def _named(table: Table) -> Table:
    """Check that there are rows, and that columns have names that tell them apart."""
    frame = table.frame
    frame.columns = [str(c).strip() for c in frame.columns]
    doubled = [c for c in frame.columns if list(frame.columns).count(c) > 1]
    if doubled:
        raise DataError(f"{table.path} has two columns named '{doubled[0]}'; rename one")
    if not len(frame):
        raise DataError(f"{table.path} has column names but no rows")
    return table


def _ending(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()


def _nearest_file(path: Path) -> str:
    try:
        names = os.listdir(path.parent)
    except OSError:
        return f"; there is no folder {path.parent} either"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean '{path.parent / near[0]}'?" if near else ""


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
