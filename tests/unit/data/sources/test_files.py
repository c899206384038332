from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqexp.data.sources import files
from seqexp.data.sources.files import Table, expand, numbers, read_table, shown
from seqexp.data.sources.times import early_dates
from seqexp.errors import DataError


def read(tmp_path: Path, content: str | bytes, name: str = "rows.csv", **options: Any) -> Table:
    path = tmp_path / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return read_table(path, **options)


def columns(table: Table) -> dict[str, list[Any]]:
    return {str(name): column.tolist() for name, column in table.frame.items()}


# Which files.


def test_files_folders_and_globs_are_found_in_order_and_once(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv.gz", "c.parquet", "d.TSV", "notes.md", ".hidden.csv", "LICENSE", "data.csv.zip"):
        (tmp_path / name).write_text("x")
    (tmp_path / "sub.csv").mkdir()
    (tmp_path / "sub.csv" / "deep.csv").write_text("x")

    def names(*paths: str) -> list[str]:
        return [p.name for p in expand([str(tmp_path / p) for p in paths])]

    assert names("") == ["a.csv.gz", "b.csv", "c.parquet", "d.TSV"]
    assert names("b.csv", "a.csv.gz", "b.csv") == ["b.csv", "a.csv.gz"]
    assert names("*.csv") == ["b.csv"]  # no folder, whatever its name
    assert names("**/*.csv") == ["b.csv", "deep.csv"]
    assert names("b.csv", "") == ["b.csv", "a.csv.gz", "c.parquet", "d.TSV"]
    assert names("notes.md") == ["notes.md"]  # what is named is taken
    (tmp_path / "readme.txt").write_text("x")
    assert "readme.txt" not in names("")
    assert names("*.txt") == ["readme.txt"]


def test_texts_of_a_folder_are_tables_where_there_is_nothing_else(tmp_path: Path) -> None:
    for name in ("b.txt", "a.data"):
        (tmp_path / name).write_text("x")
    assert [p.name for p in expand([str(tmp_path)])] == ["a.data", "b.txt"]


def test_a_long_cell_is_shown_in_part() -> None:
    assert shown("12x") == "'12x'"
    assert shown("9" * 1000) == "'" + 56 * "9" + "..."


def test_a_file_with_brackets_in_its_name_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("x")
    assert [p.name for p in expand([str(tmp_path / "a[1].csv")])] == ["a[1].csv"]


def test_a_path_that_leads_nowhere_is_told_its_nearest(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"price\.csv does not exist; did you mean '.*prices\.csv'\?"):
        expand([str(tmp_path / "price.csv")])
    with pytest.raises(DataError, match=r"^data\.test_path=.* does not exist; there is no folder .*nowhere either"):
        expand([str(tmp_path / "nowhere" / "x.csv")], "data.test_path")
    with pytest.raises(DataError, match=r"\*\.tsv matches no file"):
        expand([str(tmp_path / "*.tsv")])
    with pytest.raises(DataError, match=r"is a folder without a table; looked for \*\.csv, "):
        expand([str(tmp_path / "empty")])


# What is in them.


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("day,x\n2020-01-01,1.5\n2020-01-02,-2\n", "a.csv"),
        ("day;x\n2020-01-01;1,5\n2020-01-02;-2\n", "a.csv"),
        ("day\tx\n2020-01-01\t1.5\n2020-01-02\t-2\n", "a.tsv"),
        ("day|x\n2020-01-01|1.5\n2020-01-02|-2", "a.txt"),
        ("day, x\n2020-01-01, 1.5\n2020-01-02, -2\n", "a.csv"),
        ("\n day ,x\r\n\r\n2020-01-01,1.5\r\n\r\n2020-01-02,-2\r\n\r\n", "a.csv"),
        (b"\xef\xbb\xbfday,x\n2020-01-01,1.5\n2020-01-02,-2\n", "a.csv"),
        ('"day","x"\n"2020-01-01","1.5"\n"2020-01-02","-2"\n', "a.csv"),
        ("day,x\n2020-01-01,1.5\n2020-01-02,-2\n", "a.csv.gz"),
    ],
)
def test_a_table_is_read_however_it_is_written(tmp_path: Path, content: str | bytes, name: str) -> None:
    table = read(tmp_path, content, name)
    assert columns(table) == {"day": ["2020-01-01", "2020-01-02"], "x": [1.5, -2]}
    assert numbers(table, "x").tolist() == [1.5, -2]


def test_latin_1_is_read_wherever_its_first_letter_stands(tmp_path: Path) -> None:
    early = read(tmp_path, "größe,x\nä,1\n".encode("latin-1"))
    assert columns(early) == {"größe": ["ä"], "x": [1]}
    rows = "a,1\n" * 30_000  # beyond what is looked at
    late = read(tmp_path, b"name,x\n" + rows.encode() + "ä,2\n".encode("latin-1"))
    assert late.frame["name"].iloc[-1] == "ä"
    assert len(late.frame) == 30_001


@pytest.mark.parametrize(
    ("content", "header", "names"),
    [
        ("0.5,1.5\n0.6,1.6\n", "auto", ["column1", "column2"]),
        ("2020-01-01,1.5\n2020-01-02,1.6\n", "auto", ["column1", "column2"]),
        ("a,b\n1,2\n3,4\n", "auto", ["a", "b"]),
        ("2019,2020\n1,2\n3,4\n", "yes", ["2019", "2020"]),
        ("a,b\nc,d\n", "no", ["column1", "column2"]),
        (",x\n1,5\n2,6\n", "auto", ["index", "x"]),  # as pandas and R write the numbers of rows
    ],
)
def test_columns_are_named_by_the_file_or_counted(tmp_path: Path, content: str, header: str, names: list[str]) -> None:
    table = read(tmp_path, content, header=header)
    assert list(table.frame.columns) == names
    assert len(table.frame) == 2
    first_line = 1 if names[0] == "column1" else 2
    assert table.line(0) == f"rows.csv line {first_line}"


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table([[1], [2]], names=["x", "x"]), tmp_path / name)
        with pytest.raises(DataError, match="has two columns named 'x'; rename one"):
            read_table(tmp_path / name)
    else:
        with pytest.raises(DataError, match="has two columns named 'x'; rename one"):
            read(tmp_path, "x, x\n1,2\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n", r"rows\.csv has column names but no rows"),
        ("a,b\n1,2\n3,4,5\n", r"rows\.csv line 3 has 3 cells, but the first line has 2; each row needs"),
        ("a,b\n1,2,3\n4,5,6\n", r"rows\.csv has rows with more cells than its first line, which has 2; each column n"),
        ('a,b\n1,"2\n3,4\n', r"rows\.csv has a quotation mark that is never closed"),
    ],
)
def test_what_is_no_table_is_an_error_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)


def test_a_binary_cell_behind_what_is_looked_at_is_refused_with_its_line(tmp_path: Path) -> None:
    table = read(tmp_path, b"a,b\n" + b"1,2\n" * 20_000 + b"1,\x002\n")
    with pytest.raises(DataError, match=r"^rows\.csv line 20002: column 'b' must hold numbers, but has "):
        numbers(table, "b")


def test_a_gz_cut_off_behind_what_is_looked_at_is_refused(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    whole = gzip.compress(b"x\n" + "\n".join(map(str, drawn.random(50_000))).encode())
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"rows\.csv\.gz cannot be read as a table: "):
        read_table(path)


@pytest.mark.parametrize(("cell", "line"), [("abc", 3), ("1.2.3", 3), ("12 %", 3)])
def test_text_among_numbers_is_refused_with_its_line(tmp_path: Path, cell: str, line: int) -> None:
    table = read(tmp_path, f"day,x\n1,5\n2,{cell}\n3,\n4,n/a\n")
    with pytest.raises(
        DataError, match=rf"^rows\.csv line {line}: column 'x' must hold numbers, but has '{cell}'; cor"
    ):
        numbers(table, "x")


@pytest.mark.parametrize("cell", ["", "NaN", "NA", "n/a", "null", "None", "-", "?", ".", " ", "<NA>"])
def test_cells_that_say_there_is_no_number_are_missing(tmp_path: Path, cell: str) -> None:
    found = numbers(read(tmp_path, f"day,x\n1,5\n2,{cell}\n3,7\n"), "x")
    assert np.isnan(found[1])
    assert found[[0, 2]].tolist() == [5, 7]


@pytest.mark.parametrize("cell", ["?", "-", ".", "none", "N/A", "NULL", "None", ""])
def test_a_column_of_numbers_stays_one_with_a_cell_that_says_there_is_none(tmp_path: Path, cell: str) -> None:
    frame = read(tmp_path, f"day,x\n1,5\n2,{cell}\n3,7\n").frame
    assert str(frame["x"].dtype) == "float64"  # only such columns are forecast unless others are named


def test_lines_are_right_beside_blank_ones_and_breaks_in_quotes(tmp_path: Path) -> None:
    table = read(tmp_path, 'name,x\n\n"two\nlines",1\n\nb,oops\n')
    with pytest.raises(DataError, match=r"^rows\.csv line 6: .*'oops'"):
        numbers(table, "x")
    own = table.lines(np.array([1]))
    assert own(0) == "rows.csv line 6"


def test_infinities_are_numbers(tmp_path: Path) -> None:
    assert numbers(read(tmp_path, "x,y\ninf,1\n-inf,2\n1,3\n"), "x").tolist() == [np.inf, -np.inf, 1]


# Parquet.


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=3, unit="ns")
    frame = pd.DataFrame({"day": days, "x": [1.5, 2, np.nan], "n": [1, 2, 3], "s": ["a", "b", "c"]})
    path = tmp_path / "rows.parquet"
    frame.to_parquet(path)
    table = read_table(path)
    assert columns(table)["day"] == list(days)
    assert columns(table)["s"] == ["a", "b", "c"]
    np.testing.assert_array_equal(numbers(table, "x"), [1.5, 2, np.nan])
    assert numbers(table, "n").tolist() == [1, 2, 3]
    assert table.line(2) == "rows.parquet row 3"


@pytest.mark.parametrize("named", [True, False])
def test_the_index_of_parquet_is_a_column(tmp_path: Path, named: bool) -> None:
    days = pd.date_range("2020-01-01", periods=3, name="when" if named else None)
    pd.DataFrame({"x": [1, 2, 3]}, index=days).to_parquet(tmp_path / "rows.parquet")
    table = read_table(tmp_path / "rows.parquet")
    assert sorted(table.frame.columns) == sorted(["when" if named else "index", "x"])
    assert pd.to_datetime(table.frame["when" if named else "index"]).tolist() == list(days)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.parquet cannot be read as Parquet: ") as error:
        read_table(path)
    assert "\n" not in str(error.value)


def test_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"x": np.empty(0)}).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="has column names but no rows"):
        read_table(tmp_path / "rows.parquet")


# Piece by piece.


def test_pieces_give_what_one_piece_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 5_000  # pieces hold a thousand rows at least
    drawn = np.random.default_rng(0)
    frame = pd.DataFrame({
        "day": np.datetime_as_string(np.datetime64("2010-01-01") + np.arange(rows)),
        "x": drawn.normal(size=rows),
        "mixed": ["n/a" if i in (10, 4000) else str(i) for i in range(rows)],
        "late": [None] * (rows - 1) + ["7.5"],  # empty in all pieces but the last
        "whole": np.where(np.arange(rows) < 3500, np.arange(rows), np.nan),
        "name": [f"s{i % 3}" for i in range(rows)],
    })  # fmt: skip
    paths = [tmp_path / "rows.csv", tmp_path / "rows.parquet"]
    frame.to_csv(paths[0], index=False)
    frame.to_parquet(paths[1])
    for path in paths:
        monkeypatch.setattr(files, "_PIECE_CELLS", 500_000)
        whole = read_table(path, shrink=early_dates(path, None, None))
        monkeypatch.setattr(files, "_PIECE_CELLS", 1)
        pieces = read_table(path, shrink=early_dates(path, None, None))
        assert list(pieces.frame.columns) == list(whole.frame.columns)
        assert pieces.frame["day"].tolist() == whole.frame["day"].tolist()
        assert str(pieces.frame["day"].dtype) == "datetime64[ns]"
        assert pieces.frame["name"].tolist() == whole.frame["name"].tolist()
        for column in ("x", "mixed", "late", "whole"):
            np.testing.assert_array_equal(numbers(pieces, column), numbers(whole, column))
        np.testing.assert_allclose(numbers(pieces, "x"), frame["x"], rtol=1e-15)
        assert pieces.line(4999) == whole.line(4999)


def test_a_wrong_cell_in_a_late_piece_is_named_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PIECE_CELLS", 1)
    table = read(tmp_path, "day,x\n" + "".join(f"{i},{i}\n" for i in range(3000)) + "3000,wrong\n")
    with pytest.raises(DataError, match=r"^rows\.csv line 3002: column 'x' .* 'wrong'"):
        numbers(table, "x")


def test_a_date_that_is_none_in_a_late_piece_leaves_that_piece_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqexp.data.sources.times import parse_times

    monkeypatch.setattr(files, "_PIECE_CELLS", 1)
    days = np.datetime_as_string(np.datetime64("2010-01-01") + np.arange(2500)).tolist()
    days[2100] = "soon"
    path = tmp_path / "rows.csv"
    path.write_text("day,x\n" + "".join(f"{day},1\n" for day in days))
    table = read_table(path, shrink=early_dates(path, None, None))
    with pytest.raises(DataError, match=r"^rows\.csv line 2102: column 'day' must hold dates, but has 'soon'"):
        parse_times(table, "day", None)


def test_of_dates_in_a_format_the_wrong_one_is_named_though_other_pieces_are_dates_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqexp.data.sources.times import parse_times

    monkeypatch.setattr(files, "_PIECE_CELLS", 1)
    days = [day.strftime("%d.%m.%Y") for day in pd.date_range("2010-01-01", periods=2500)]
    path, form = tmp_path / "rows.csv", "%d.%m.%Y"
    for day, message in (("soon", r"^rows\.csv line 2102: .* has 'soon'"), ("01.01.2030", None)):
        days[2100] = day
        path.write_text("day,x\n" + "".join(f"{day},1\n" for day in days))
        table = read_table(path, shrink=early_dates(path, None, form))
        if message:
            with pytest.raises(DataError, match=message):
                parse_times(table, "day", form)
        else:
            assert str(parse_times(table, "day", form)[2100]).startswith("2030-01-01")


@pytest.mark.parametrize("kind", ["date32", "zone", "decimal", "dictionary"])
def test_other_types_of_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from seqexp.data.sources.times import parse_times

    monkeypatch.setattr(files, "_PIECE_CELLS", 1)
    days = pd.date_range("2010-01-01", periods=2500).to_pydatetime().tolist()
    types = {"date32": pa.date32(), "zone": pa.timestamp("us", tz="Europe/Berlin")}
    values = {"decimal": pa.array([1] * 2500, type=pa.decimal128(5, 2))}
    if kind == "zone":
        days = [pd.Timestamp(day, tz="Europe/Berlin") for day in days]
    columns = {"day": pa.array(days, type=types.get(kind)), "x": values.get(kind, pa.array([1.0] * 2500))}
    columns["name"] = pa.array(["a", "b"] * 1250)
    if kind == "dictionary":
        columns["name"] = columns["name"].dictionary_encode()
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    table = read_table(tmp_path / "rows.parquet", shrink=early_dates(tmp_path, None, None))
    expected = np.datetime64("2010-01-01") + np.arange(2500)
    assert (parse_times(table, "day", None) == expected).all()
    assert (numbers(table, "x") == 1).all()
    assert table.frame["name"].astype("str").tolist() == ["a", "b"] * 1250


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(DataError, match=r"rows\.csv cannot be read: Permission denied"):
        read_table(path)
