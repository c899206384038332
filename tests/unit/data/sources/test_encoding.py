from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqexp.data.sources.encoding import read_text
from seqexp.errors import ConfigError, DataError, SeqexpError

TEXT = "naïve café\n“yes” – 5 €\n"


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["t.txt", "t.txt.gz"])
@pytest.mark.parametrize(
    ("written_as", "said", "notes"),
    [
        ("utf-8", "auto", []),
        ("utf-8-sig", "auto", []),
        ("utf-16", "auto", []),
        ("cp1252", "auto", ["{} is not UTF-8 (line 1): read as cp1252; data.encoding names another"]),
        ("utf-8", "utf8", []),
        ("utf-8-sig", "utf-8", []),
        ("utf-16-le", "utf-16-le", []),
        ("cp1252", "cp1252", []),
    ],
)
def test_text_is_read_in_its_encoding(tmp_path: Path, name: str, written_as: str, said: str, notes: list[str]) -> None:
    path = written(tmp_path / name, TEXT.encode(written_as))
    assert read_text(path, said) == (TEXT, [note.format(name) for note in notes])


def test_the_note_names_the_line_of_the_first_letter_that_is_not_utf_8(tmp_path: Path) -> None:
    text, notes = read_text(written(tmp_path / "t.txt", b"one\ntwo\nna\xefve\n"), "auto")
    assert (text, "line 3" in notes[0]) == ("one\ntwo\nnaïve\n", True)


def test_what_is_not_even_windows_is_latin_1(tmp_path: Path) -> None:
    assert read_text(written(tmp_path / "t.txt", b"\xe9 \x81\n"), "auto")[0] == "é \x81\n"


def test_an_encoding_that_is_named_against_the_evidence_is_told(tmp_path: Path) -> None:
    text, notes = read_text(written(tmp_path / "t.txt", "é".encode()), "latin-1")
    assert text == "Ã©"
    assert notes == ["t.txt is valid UTF-8, but read as latin-1, as data.encoding says"]


def test_lines_end_alike(tmp_path: Path) -> None:
    assert read_text(written(tmp_path / "t.txt", b"a\r\nb\rc\nd\xe2\x80\xa8e"), "auto")[0] == "a\nb\nc\nd\u2028e"


@pytest.mark.parametrize(
    ("content", "said", "kind", "message"),
    [
        (b"", "auto", DataError, r"t\.txt is empty"),
        (b" \n\n", "auto", DataError, r"t\.txt is empty"),
        (b"\xef\xbb\xbf", "auto", DataError, r"t\.txt is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "auto", DataError, r"t\.txt is a binary file; text is read from"),
        (b"a\x00b\n", "auto", DataError, r"t\.txt is a binary file"),
        (bytes(range(1, 32)) * 9, "auto", DataError, r"t\.txt is a binary file"),
        (
            b"one\nna\xefve\n",
            "utf-8",
            DataError,
            r"t\.txt line 2 is not utf-8: invalid continuation byte; choose anoth",
        ),
        ("é".encode(), "ascii", DataError, r"t\.txt line 1 is not ascii: ordinal not in range"),
        (
            b"a",
            "latin-11",
            ConfigError,
            r"data\.encoding must be auto or an encoding .* is 'latin-11'; did you mean 'lat",
        ),
        (
            b"a",
            "hex",
            ConfigError,
            r"data\.encoding must be auto or an encoding of Python such as latin-1, but is 'hex'",
        ),
    ],
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, content: bytes, said: str, kind: type[SeqexpError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        read_text(written(tmp_path / "t.txt", content), said)


def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt.gz").write_bytes(b"plain")
    with pytest.raises(DataError, match=r"t\.txt\.gz cannot be read: Not a gzipped file"):
        read_text(tmp_path / "t.txt.gz", "auto")
