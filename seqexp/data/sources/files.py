"""Finding and reading table files: CSV in its dialects, plain or gzipped, and Parquet.

Files are read piece by piece, and times parsed on the way, so that a file needs little more memory than its values.
"""

from __future__ import annotations

import difflib
import glob
import os
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.data.panel import Floats, Ints
from seqexp.data.sources.dialect import EMPTY, Dialect, Place, sniff
from seqexp.errors import DataError, first_line

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".tsv", ".txt", ".data", ".parquet", ".pq")
INDEX = "index"
"""The name of a column that has none, as pandas and R write the numbers of rows."""
_PIECE_CELLS = 500_000


@dataclass(frozen=True)
class Table:
    """One file's rows, as read."""

    frame: pd.DataFrame
    path: Path
    line: Callable[[int], str]
    """Names a row for messages: `prices.csv line 17`."""

    def lines(self, rows: Ints) -> Callable[[int], str]:
        """The same for a series that is some of the rows."""
        line = self.line
        return lambda row: line(int(rows[row]))


def expand(paths: Sequence[str], key: str = "data.path", *, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """The table files meant by files, folders and globs, sorted by name within each.

    Args:
        paths: As the user names them.
        key: Where they are named, for messages.
        endings: Of the files in a folder that are meant, with or without `.gz`.

    Raises:
        DataError: If one leads to no file.
    """
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            matches = sorted(p for p in path.iterdir() if p.is_file() and _is_table(p, endings))
            # A text beside tables is a licence or a readme.
            matches = [p for p in matches if _ending(p) not in (".txt", ".data")] or matches
            if not matches:
                raise DataError(f"{key}={text} is a folder without a table; looked for *{', *'.join(endings)}")
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


Shrink = Callable[["pd.DataFrame"], "pd.DataFrame"]


def read_table(path: Path, *, header: str = "auto", shrink: Shrink | None = None) -> Table:
    """Read one file: delimiter, decimal comma, encoding and header found by looking.

    Args:
        path: CSV or Parquet by its ending.
        header: Whether the first line names the columns: yes, no or auto.
        shrink: Makes a piece of a file smaller before it is kept, by parsing its times, say.

    Raises:
        DataError: If it is empty, binary, or no table.
    """
    if _ending(path) in (".parquet", ".pq"):
        try:
            frame = _joined(_parquet_pieces(path), shrink)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read as Parquet: {first_line(error)}") from None
        return _checked(Table(frame, path, Place(path, len(frame))))
    dialect = sniff(path)
    named = header == "yes" or (header == "auto" and not dialect.first_row_is_data)
    if named:
        _refuse_doubled(dialect.first_row, path)
    frame = _read_csv(path, dialect, named=named, shrink=shrink)
    place = Place(path, len(frame), skipped=int(named), delimiter=dialect.delimiter)
    return _checked(Table(frame, path, place))


def numbers(table: Table, column: str) -> Floats:
    """A column as float64 (R).

    Raises:
        DataError: At the first cell that is text, naming its line.
    """
    values = table.frame[column]
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
        return np.asarray(values, dtype=np.float64)
    parsed = parsed_numbers(values)
    text = values.astype("str").str.strip().str.lower()
    wrong = (parsed.isna() & values.notna() & ~text.isin(EMPTY)).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{table.line(row)}: column '{column}' must hold numbers, but has {shown(values.iloc[row])}; correct the "
            "cell, or leave it empty and choose data.cleaning.non_finite"
        )
    return np.asarray(parsed, dtype=np.float64)


def shown(value: object) -> str:
    """A cell for messages, shortened."""
    text = repr(str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def parsed_numbers(values: pd.Series[str]) -> pd.Series[float]:
    """Texts as float64, NaN where one is no number."""
    import pandas as pd

    return pd.to_numeric(values.astype("str").str.strip(), errors="coerce").astype("float64")


def _read_csv(path: Path, dialect: Dialect, *, named: bool, shrink: Shrink | None) -> pd.DataFrame:
    import pandas as pd

    options = {
        "sep": dialect.delimiter,
        "decimal": dialect.decimal,
        "header": 0 if named else None,
        "skipinitialspace": True,
        "na_values": [*EMPTY, *map(str.upper, EMPTY)],  # else one "?" would make text of a column of numbers
        "index_col": False,  # else a row with one cell too many would shift all names
        "low_memory": False,
        "chunksize": max(_PIECE_CELLS // max(len(dialect.first_row), 1), 1_000),
    }

    def read(encoding: str) -> pd.DataFrame:
        with pd.read_csv(path, encoding=encoding, **options) as pieces:
            return _joined((_with_names(piece, named=named) for piece in pieces), shrink)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                return read(dialect.encoding)
            except UnicodeDecodeError:  # the first letter that is not UTF-8 came after the part that was looked at
                return read("latin-1")
    except pd.errors.ParserWarning:
        raise DataError(
            f"{path} has rows with more cells than its first line, which has {len(dialect.first_row)}; each column "
            "needs a name"
        ) from None
    except (ValueError, OSError, EOFError, zlib.error) as error:
        if wide := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
            raise DataError(
                f"{path} line {wide[2]} has {wide[3]} cells, but the first line has {wide[1]}; each row needs one for "
                f"each column, and a cell with {dialect.delimiter!r} in it needs quotation marks"
            ) from None
        if "EOF inside string" in str(error):
            raise DataError(f"{path} has a quotation mark that is never closed; close it, or remove it") from None
        raise DataError(f"{path} cannot be read as a table: {first_line(error)}") from None


def _parquet_pieces(path: Path) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        _refuse_doubled(file.schema_arrow.names, path)
        size = max(_PIECE_CELLS // max(len(file.schema_arrow), 1), 1_000)
        for batch in file.iter_batches(batch_size=size, use_threads=False):
            # An index is a column like others.
            yield _with_names(batch.to_pandas(ignore_metadata=True), named=True)
    pa.default_memory_pool().release_unused()


def _joined(pieces: Iterable[pd.DataFrame], shrink: Shrink | None) -> pd.DataFrame:
    """One frame of all pieces, put together column by column, so that little is held twice."""
    import pandas as pd

    kept: dict[str, list[Any]] = {}
    for piece in pieces:
        small = piece if shrink is None else shrink(piece)
        for name, column in small.items():
            _append(kept.setdefault(str(name), []), column)
    columns = {}
    for name in list(kept):
        parts = [pd.Series(part, copy=False) for part in kept.pop(name)]
        columns[name] = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    return pd.DataFrame(columns, copy=False)


def _append(parts: list[Any], column: pd.Series[float]) -> None:
    """Let numbers and dates grow in place, which needs no second copy; keep others until all are there."""
    plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufM"
    if plain and parts and parts[-1].dtype == column.dtype:
        rows = len(parts[-1])
        parts[-1].resize(rows + len(column), refcheck=False)
        parts[-1][rows:] = column
    else:
        parts.append(np.array(column) if plain else column.copy())  # a view would keep the whole piece


def _with_names(frame: pd.DataFrame, *, named: bool) -> pd.DataFrame:
    """Columns named by the file, `column1`, `column2` where it names none; `index` for the numbers of rows."""
    names = [str(c).strip() if named else f"column{i + 1}" for i, c in enumerate(frame.columns)]
    if INDEX not in names:
        names = [re.sub(r"^(Unnamed: 0|__index_level_0__)$", INDEX, name) for name in names]
    return frame.set_axis(names, axis=1)


def _checked(table: Table) -> Table:
    if not len(table.frame):
        raise DataError(f"{table.path} has column names but no rows")
    return table


def _refuse_doubled(names: Sequence[str], path: Path) -> None:
    doubled = [name for name, count in Counter(map(str.strip, names)).items() if name and count > 1]
    if doubled:
        raise DataError(f"{path} has two columns named '{doubled[0]}'; rename one")


def _ending(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()


def _is_table(path: Path, endings: Sequence[str]) -> bool:
    return _ending(path) in endings and not path.name.startswith(".")


def _nearest_file(path: Path) -> str:
    try:
        names = os.listdir(path.parent)
    except OSError:
        return f"; there is no folder {path.parent} either"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean '{path.parent / near[0]}'?" if near else ""
