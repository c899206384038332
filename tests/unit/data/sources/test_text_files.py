from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqexp.data.sources.text_files import Records, format_of, read_records
from seqexp.errors import DataError


def read(folder: Path, content: str | bytes, name: str, said: str = "auto") -> Records:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return read_records(path, form=format_of(path, said), encoding="auto")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", "csv"), ("a.CSV.gz", "csv"), ("a.tsv", "tsv"), ("a.jsonl.gz", "jsonl"), ("a.json", "jsonl"),
        ("a.parquet", "parquet"), ("a.conll", "conll"), ("a.txt", "lines"), ("stsa.binary.train", "lines"),
    ],
)  # fmt: skip
def test_the_format_is_told_by_the_ending_unless_said(name: str, form: str) -> None:
    assert format_of(Path(name), "auto") == form
    assert format_of(Path(name), "conll") == "conll"


TWO = {"label": ["pos", "neg"], "text": ["good, really", "bad"]}


@pytest.mark.parametrize(
    ("name", "content", "columns", "lines"),
    [
        ("a.csv", 'label,text\npos,"good, really"\n\nneg,bad\n', TWO, [2, 4]),
        ("a.csv.gz", 'label,text\npos,"good, really"\nneg,bad\n', TWO, [2, 3]),
        ("a.csv", "label;text\npos;good, really\nneg;bad\n", TWO, [2, 3]),
        (
            "a.csv",
            'label,text\npos,"a\nb"\nneg,"say ""no"""\n',
            {"label": ["pos", "neg"], "text": ["a\nb", 'say "no"']},
            [2, 4],
        ),
        (
            "a.csv",
            "pos,good\nneg,bad\npos,fine\n",
            {"column1": ["pos", "neg", "pos"], "column2": ["good", "bad", "fine"]},
            [1, 2, 3],
        ),
        ("a.csv", "1,good\n0,bad\n", {"column1": ["1", "0"], "column2": ["good", "bad"]}, [1, 2]),
        ("a.csv", "mood,words\npos,good\nneg,bad\n", {"mood": ["pos", "neg"], "words": ["good", "bad"]}, [2, 3]),
        ("a.tsv", "label\ttext\npos\tgood, really\nneg\tbad\n", TWO, [2, 3]),
        ("a.tsv", 'label\ttext\npos\t"good, really"\nneg\tbad\n', TWO, [2, 3]),
        ("a.txt", "pos good, really\nneg  bad \n", TWO, [1, 2]),
        (
            "a.txt",
            "it was good\t1\nit was bad\t0\n",
            {"column1": ["it was good", "it was bad"], "column2": ["1", "0"]},
            [1, 2],
        ),
        ("a.jsonl", '{"label": "pos", "text": "good, really"}\n\n{"text": "bad", "label": "neg"}\n', TWO, [1, 3]),
        ("a.json", '[{"label": "pos", "text": "good, really"},\n {"text": "bad", "label": "neg"}]', TWO, [1, 2]),
        ("a.jsonl", '{"text": "a"}\n{"label": 1}\n', {"text": ["a", None], "label": [None, 1]}, [1, 2]),
    ],
)
def test_records_of_each_format_are_read_with_their_lines(
    tmp_path: Path, name: str, content: str, columns: dict[str, Any], lines: list[int]
) -> None:
    records = read(tmp_path, content, name)
    assert records.columns == columns
    assert records.places == [f"{name} line {line}" for line in lines]


def test_parquet_is_read_by_rows(tmp_path: Path) -> None:
    pd.DataFrame(TWO).to_parquet(tmp_path / "a.parquet")
    records = read_records(tmp_path / "a.parquet", form="parquet", encoding="auto")
    assert (records.columns, records.places) == (TWO, ["a.parquet row 1", "a.parquet row 2"])


def test_words_and_their_tags_are_gathered_by_sentence(tmp_path: Path) -> None:
    content = "-DOCSTART- O\n\nThe DT\ncat NN\n\n\nIt PRP\n"
    records = read(tmp_path, content, "a.conll")
    assert records.tagged
    assert records.columns == {"column1": [["The", "cat"], ["It"]], "column2": [["DT", "NN"], ["PRP"]]}
    assert records.places == ["a.conll line 3", "a.conll line 7"]


def test_words_between_tabs_may_have_spaces_and_comments_are_left_out(tmp_path: Path) -> None:
    records = read(tmp_path, "# id\n1\tNew York\tPROPN\n2\t#\tSYM\n", "a.conllu")
    assert records.columns["column2"] == [["New_York", "#"]]


def test_quotation_marks_that_are_letters_are_read_as_they_stand(tmp_path: Path) -> None:
    records = read(tmp_path, 'text\tlabel\n"open\t1\nplain\t0\nends"\t1\n', "a.tsv")
    assert records.columns["text"] == ['"open', "plain", 'ends"']
    assert records.notes == ("a.tsv has quotation marks that do not enclose cells: they are read as they stand",)


def test_quotation_marks_of_speech_are_kept(tmp_path: Path) -> None:
    records = read(tmp_path, 'ham\t"Hello" she said\nspam\tbuy\nham\tyes\n', "a.txt")
    assert records.columns["column2"] == ['"Hello" she said', "buy", "yes"]
    assert read(tmp_path, 'text,label\n"Hello" she,a\nx,b\n', "a.csv").columns["label"] == ["a", "b"]


def test_columns_without_a_name_are_counted(tmp_path: Path) -> None:
    assert list(read(tmp_path, ",text,,label\n0,x,1,a\n", "a.csv").columns) == ["column1", "text", "column3", "label"]


def test_empty_lines_are_skipped_and_told(tmp_path: Path) -> None:
    records = read(tmp_path, "\npos a b\n\n\nneg c d\n", "a.txt")
    assert records.columns["text"] == ["a b", "c d"]
    assert records.notes == ("a.txt has 3 empty lines: skipped",)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.jsonl"])
def test_a_line_of_ten_million_characters_is_read(tmp_path: Path, name: str) -> None:
    long = "word " * 2_000_000
    rows = {
        "a.csv": f"label,text\npos,{long}\nneg,b\n",
        "a.tsv": f"label\ttext\npos\t{long}\nneg\tb\n",
        "a.txt": f"pos {long}\nneg b\n",
        "a.jsonl": f'{{"label": "pos", "text": "{long}"}}\n{{"label": "neg", "text": "b"}}\n',
    }
    start = time.process_time()
    records = read(tmp_path, rows[name], name)
    assert time.process_time() - start < 10
    assert len(records.columns["text"][0].strip()) == 9_999_999


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "label,text\npos,a,b\n",
            r"a\.csv line 2 has 3 cells, but the first line has 2; a cell with ',' in it",
        ),
        ("a.csv", 'label,text\npos,a\nneg,"b\npos,c\n', r"a\.csv line 3 has a quotation mark that is never closed"),
        ("a.csv", "text,text,label\na,b,c\n", r"a\.csv has two columns named 'text'"),
        ("a.csv", "text,label\n", r"a\.csv has no text; it is read as csv"),
        ("a.txt", "pos good\nneg\n", r"a\.txt line 2 is 'neg', but must have a label, a space and a text"),
        ("a.jsonl", '{"text": "a"}\n[1, 2]\n', r"a\.jsonl line 2 is '\[1, 2\]', but must be an object such as"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', r"a\.jsonl line 2 is not JSON: Expecting value"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl line 1 is not JSON"),
        ("a.conll", "The DT\ncat\n", r"a\.conll line 2 has 1 columns, but must have 2: a word and its tag"),
        ("a.conll", "The\ncat\n", r"a\.conll line 1 has 1 columns, but must have 2"),
        ("a.csv", b"\x00\x01\x02", r"a\.csv is a binary file"),
        ("a.parquet", b"no parquet", r"a\.parquet cannot be read as Parquet"),
        ("a.csv", "", r"a\.csv is empty"),
    ],
)
def test_what_is_not_of_the_format_is_refused_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content, name)


def test_a_table_of_no_rows_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"text": []}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet has no rows"):
        read_records(tmp_path / "a.parquet", form="parquet", encoding="auto")
