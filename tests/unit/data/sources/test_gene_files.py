from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from support.sections import data

from seqexp.data.sources.gene_files import Record, read_records
from seqexp.errors import ConfigError, DataError


def read(path: Path, text: str | bytes, *, labelled: bool = True, **changes: Any) -> list[Record]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_records(path, data("genes", **changes), labelled=labelled)


def pairs(records: list[Record]) -> list[tuple[str, str]]:
    return [(r.text, r.label) for r in records]


FASTA = "; made up\n>one first of two\nACGT\nacg\n; a remark\n\nNNN\n>two|x\r\nGGUU\r\n"


def test_a_fasta_files_name_is_the_label_of_its_records(tmp_path: Path) -> None:
    assert read(tmp_path / "promoter.fasta", FASTA) == [
        Record("ACGTacgNNN", "promoter", "promoter.fasta line 2 (one)"),
        Record("GGUU", "promoter", "promoter.fasta line 8 (two|x)"),
    ]


def test_a_pattern_finds_the_label_in_a_fasta_header(tmp_path: Path) -> None:
    text = ">ECK1 SIGMA70 STRONG\nAC\n>ECK2 SIGMA24\nGT\n"
    assert pairs(read(tmp_path / "all.fa", text, label_pattern=r"(SIGMA\d+)")) == [("AC", "SIGMA70"), ("GT", "SIGMA24")]
    without = read(tmp_path / "all.fa", ">ECK9\nAC\n", labelled=False, label_pattern=r"(SIGMA\d+)")
    assert [r.text for r in without] == ["AC"]
    with pytest.raises(DataError, match=r"all.fa line 3 \(ECK2\) has no label: data.label_pattern=.* 'ECK2 weak'"):
        read(tmp_path / "all.fa", ">ECK1 SIGMA70\nAC\n>ECK2 weak\nGT\n", label_pattern=r"(SIGMA\d+)")


def test_a_header_without_letters_is_a_record_whose_lack_is_seen_later(tmp_path: Path) -> None:
    assert [r.text for r in read(tmp_path / "a.fa", ">one\n>two\nAC\n>\n")] == ["", "AC", ""]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("splice.data", "EI,    ATRINS-DONOR-521,       CCAGCTGCATC\nN, HUM-1,\tAAAACCCGGT\n\n"),
        ("splice.txt", "EI,ATRINS-DONOR-521,CCAGC TGCATC\nN,HUM-1,AAAACCCGGT"),
        ("splice.csv", "EI,ATRINS-DONOR-521,CCAGCTGCATC\r\nN,HUM-1,AAAACCCGGT\r\n"),
    ],
)
def test_uci_lines_are_known_by_their_content(tmp_path: Path, name: str, text: str) -> None:
    one, two = read(tmp_path / name, text)
    assert (one.text.replace(" ", ""), one.label, one.place) == (
        "CCAGCTGCATC",
        "EI",
        f"{name} line 1 (ATRINS-DONOR-521)",
    )
    assert (two.text, two.label) == ("AAAACCCGGT", "N")


@pytest.mark.parametrize("line", ["EI,HUM-1", ",HUM-1,ACGT", "EI,a,b,ACGT"])
def test_a_line_that_is_not_uci_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=f"x.data line 2 is '{line}', but must be `class, name, sequence`"):
        read(tmp_path / "x.data", f"EI,HUM,ACGTACGT\n{line}\n")


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("sequence,label\nACGT,-\nGGTT,+\n", {}),
        ("id,Class,Seq\n7,-,ACGT\n8,+,GGTT\n", {}),  # names are found in capitals, too
        ("id;kind;letters\n7;-;ACGT\n8;+;GGTT\n", {"label_column": "kind"}),  # letters: by content
        ("a\tb\nACGT\t-\nGGTT\t+\n", {}),  # only one other column
        ("a,dna,b\nx,ACGT,-\ny,GGTT,+\n", {"label_column": "b", "sequence_column": "dna"}),
        ("ACGT,-\nGGTT,+\n", {}),  # no header
        ("x,ACGT,-\ny,GGTT,+\n", {"label_column": "column3"}),
        ('sequence,label\n\n"ACGT","-"\n  \nGGTT,+', {}),
    ],
)
def test_columns_of_a_csv_are_found_by_name_or_content(tmp_path: Path, text: str, changes: dict[str, str]) -> None:
    assert pairs(read(tmp_path / "x.csv", text, **changes)) == [("ACGT", "-"), ("GGTT", "+")]


def test_places_of_a_csv_are_its_lines(tmp_path: Path) -> None:
    assert [r.place for r in read(tmp_path / "x.csv", "sequence,label\n\nAC,a\n\nGG,b\n")] == [
        "x.csv line 3",
        "x.csv line 5",
    ]


@pytest.mark.parametrize(
    ("text", "changes", "error", "says"),
    [
        ("sequence,label\nACGT,\n", {}, DataError, "x.csv line 2 has no label in column 'label'"),
        ("sequence,label\nACGT,a,b\n", {}, DataError, "x.csv line 2 has 3 cells, but the first line has 2"),
        ("sequence,label\n", {}, DataError, "column names but no rows"),
        ("sequence\nACGT\n", {}, DataError, "one of labels too"),
        ("dna,a,b\nACGT,x,y\n", {}, ConfigError, "columns 'dna', 'a', 'b' is the label.*data.label_column=NAME"),
        ("name,a\nx1,q\n", {}, ConfigError, "none of the columns 'name', 'a' holds DNA.*data.sequence_column=NAME"),
        ("dna,a\nACGT,x\n", {"label_column": "b"}, ConfigError, "data.label_column=b is no column of .*'dna', 'a'"),
        ("dna,a\nACGT,x\n", {"sequence_column": "b"}, ConfigError, "data.sequence_column=b is no column"),
    ],
)  # fmt: skip
def test_a_csv_that_cannot_be_understood_is_refused(
    tmp_path: Path, text: str, changes: dict[str, str], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        read(tmp_path / "x.csv", text, **changes)


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("x.txt", "ACGTAC\nGGTTAA\n", ["ACGTAC", "GGTTAA"]),
        ("x.csv", "sequence\nAC\nGG\n", ["AC", "GG"]),
        ("x.csv", "name,sequence\na,AC\nb,GG\n", ["AC", "GG"]),
        ("x.fa", ">a\nAC\n>b\nGG\n", ["AC", "GG"]),
    ],
)
def test_new_inputs_need_no_label(tmp_path: Path, name: str, text: str, wanted: list[str]) -> None:
    assert [r.text for r in read(tmp_path / name, text, labelled=False)] == wanted


def test_packed_files_are_as_good(tmp_path: Path) -> None:
    assert pairs(read(tmp_path / "promoter.fa.gz", gzip.compress(b">1\nACGT\n"))) == [("ACGT", "promoter")]
    assert pairs(read(tmp_path / "x.csv.gz", gzip.compress(b"sequence,label\nAC,a\n"))) == [("AC", "a")]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.fa", b"", "is empty"),
        ("x.csv", b" \n\n", "is empty"),
        ("x.fa", b">a\nAC\x00\x01", "is a binary file"),
        ("x.fa.gz", b"no gzip", "cannot be read"),
        ("x.fa.gz", gzip.compress(os.urandom(2_000))[:500], "cannot be read"),
        ("x.fa", b"ACGT\n>a\nACGT\n", "x.fa line 1 has letters before the first header"),
        ("x.fa", b"; only remarks\n", "has no sequences"),
    ],
)
def test_a_file_that_holds_no_sequences_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read(tmp_path / name, content)


def test_a_format_that_is_named_is_not_guessed(tmp_path: Path) -> None:
    assert pairs(read(tmp_path / "x.data", ">a\nACGT\n", format="fasta")) == [("ACGT", "x")]
    with pytest.raises(DataError, match="must be `class, name, sequence`"):
        read(tmp_path / "x.csv", "sequence,label\nACGT,a\n", format="uci")


def test_a_cell_may_be_as_long_as_a_chromosome(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    long = "ACGT" * 100_000
    assert pairs(read(tmp_path / "x.csv", f"sequence,label\n{long},a\n")) == [(long, "a")]
    assert csv.field_size_limit() == limit
