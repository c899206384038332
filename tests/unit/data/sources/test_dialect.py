from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.data.sources.dialect import Dialect, Place, sniff
from seqexp.errors import DataError


def sniffed(tmp_path: Path, content: bytes | str, name: str = "rows.csv") -> Dialect:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return sniff(path)


@pytest.mark.parametrize(
    ("text", "delimiter", "decimal", "first"),
    [
        ("a,b\n1.5,2\n3,4\n", ",", ".", ("a", "b")),
        ("a;b\n1,5;2\n3;4\n", ";", ",", ("a", "b")),
        ("a\tb\n1,5\t2\n", "\t", ",", ("a", "b")),
        ("a|b\n1.5|2\n", "|", ".", ("a", "b")),
        ("a b\n1.5 2\n", " ", ".", ("a", "b")),
        ("date,b\n2020-01-01 00:00:00,2\n2020-01-01 01:00:00,3\n", ",", ".", ("date", "b")),  # not the space
        ("date;b\n01.02.2020 10:00;1,5\n02.02.2020 10:00;2,5\n", ";", ",", ("date", "b")),
        ('"a, or b","c"\n1,2\n', ",", ".", ("a, or b", "c")),
        ("a, b\n1, 2\n", ",", ".", ("a", "b")),
        ("price\n1.5\n2\n", ",", ".", ("price",)),
        ("a,b,c\n1,2\n3,4,5\n", ",", ".", ("a", "b", "c")),  # a short row
        ("\n\n a ; b \n1;2\n", ";", ".", ("a", "b")),
    ],
)
def test_delimiter_and_decimal_mark_are_found(
    tmp_path: Path, text: str, delimiter: str, decimal: str, first: tuple[str, ...]
) -> None:
    found = sniffed(tmp_path, text)
    assert (found.delimiter, found.decimal, found.first_row) == (delimiter, decimal, first)


@settings(max_examples=60, deadline=None)
@given(
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    columns=st.integers(2, 6),
    rows=st.integers(1, 60),
    number=st.floats(-1e6, 1e6),
)
def test_any_table_of_numbers_is_understood(
    tmp_path_factory: pytest.TempPathFactory, delimiter: str, columns: int, rows: int, number: float
) -> None:
    comma = delimiter != ","
    cell = f"{number:.3f}".replace(".", "," if comma else ".")
    names = [f"c{i}" for i in range(columns)]
    text = "\n".join([delimiter.join(names), *[delimiter.join([cell] * columns)] * rows])
    found = sniffed(tmp_path_factory.mktemp("t"), text)
    assert (found.delimiter, found.decimal, found.first_row) == (delimiter, "," if comma else ".", tuple(names))


@pytest.mark.parametrize(
    ("content", "encoding", "first"),
    [
        ("größe,b\n1,2\n".encode(), "utf-8-sig", "größe"),
        (b"\xef\xbb\xbf" + "größe,b\n1,2\n".encode(), "utf-8-sig", "größe"),  # no mark in the name
        ("größe,b\n1,2\n".encode("latin-1"), "latin-1", "größe"),
        (b"a,b\r\n1,2\r\n", "utf-8-sig", "a"),
    ],
)
def test_encodings_are_found(tmp_path: Path, content: bytes, encoding: str, first: str) -> None:
    found = sniffed(tmp_path, content)
    assert (found.encoding, found.first_row[0]) == (encoding, first)


@pytest.mark.parametrize("shift", range(4))
def test_a_letter_cut_by_the_end_of_the_sample_is_no_other_encoding(tmp_path: Path, shift: int) -> None:
    text = "a,b\n" + "x" * shift + "\n" + "é,1\n" * 20_000
    assert sniffed(tmp_path, text).encoding == "utf-8-sig"


@pytest.mark.parametrize(
    ("row", "data"),
    [
        (("1", "2.5"), True), (("2020-01-01", "1e3"), True), (("1/2/2020", "-"), True), (("1949-01", "112"), True),
        (("1,5", ""), True), (("01.02.2020 10:00", "nan"), True), (("-3", "inf"), True),
        (("date", "1"), False), (("a", "b"), False), (("1", "H1"), False), (("V1", "V2"), False),
    ],
)  # fmt: skip
def test_a_first_row_of_numbers_and_dates_names_nothing(row: tuple[str, ...], data: bool) -> None:
    assert Dialect(",", ".", "utf-8-sig", row).first_row_is_data is data


@pytest.mark.parametrize("content", [b"", b"\n \n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"rows\.csv is empty; a table needs a line of column names and rows under it"):
        sniffed(tmp_path, content)


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a binary file; data is read from CSV .* or Parquet"):
        sniffed(tmp_path, b"PK\x03\x04\x00\x00\x01")


@pytest.mark.parametrize("damage", ["cut", "cut short", "no gzip", "flipped"])
def test_a_broken_gz_is_refused(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 100, mtime=0)
    content = {
        "cut": whole[:-9], "cut short": whole[:5], "no gzip": b"a,b\n1,2\n",
        "flipped": whole[:20] + bytes([whole[20] ^ 255]) + whole[21:],
    }[damage]  # fmt: skip
    with pytest.raises(DataError, match=r"rows\.csv\.gz cannot be read: "):
        sniffed(tmp_path, content, "rows.csv.gz")


def test_a_file_that_cannot_be_opened_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv cannot be read: No such file or directory"):
        sniff(tmp_path / "gone.csv")


# Which line a row stands on.


@pytest.mark.parametrize(
    ("text", "skipped", "lines"),
    [
        ("a,b\n1,2\n3,4\n", 1, [2, 3]),
        ("a,b\n1,2\n3,4", 1, [2, 3]),  # the last line has no end
        ("1,2\n3,4\n", 0, [1, 2]),
        ("a,b\n\n1,2\n\n\n3,4\n", 1, [3, 6]),  # blank lines
        ('a,b\n"x\ny",2\n"z",4\n', 1, [2, 4]),  # a line break inside quotes
        ('a,b\n"x\n\ny",2\n\n"z",4\n', 1, [2, 6]),
        ("\n\na,b\n1,2\n3,4\n", 1, [4, 5]),
        ("a,b\r\n\r\n1,2\r\n3,4\r\n", 1, [3, 4]),
        ("a,b\n1,2\n3,4\n\n\n", 1, [2, 3]),
    ],
)
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_rows_are_named_by_their_lines(tmp_path: Path, text: str, skipped: int, lines: list[int], ending: str) -> None:
    path = tmp_path / f"rows{ending}"
    content = text.encode()
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    place = Place(path, len(lines), skipped=skipped, delimiter=",")
    assert [place(row) for row in range(len(lines))] == [f"rows{ending} line {line}" for line in lines]


def test_rows_without_lines_are_counted(tmp_path: Path) -> None:
    assert Place(tmp_path / "rows.parquet", 10)(3) == "rows.parquet row 4"


def test_a_file_that_is_gone_by_then_is_counted_by_records(tmp_path: Path) -> None:
    assert Place(tmp_path / "rows.csv", 10, skipped=1, delimiter=",")(3) == "rows.csv line 5"
