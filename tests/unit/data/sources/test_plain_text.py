"""Text files: which are found, in which encoding they are, and what is said of those that cannot be read."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from seqexp.data.sources import plain_text
from seqexp.data.sources.plain_text import scanned, text_files
from seqexp.errors import ConfigError, DataError


def read(path: Path, encoding: str = "auto") -> str:
    return "".join(scanned(path, encoding).blocks())


@pytest.fixture(params=[5, 1 << 18])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Bytes read at a time; with few, letters are cut in two."""
    monkeypatch.setattr(plain_text, "_BLOCK", request.param)
    return int(request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_encoding_is_found(tmp_path: Path, encoding: str, packed: bool) -> None:
    text = "naïve café\nœuvre – “deux”\n"
    path = tmp_path / f"a.txt{'.gz' if packed else ''}"
    raw = text.encode(encoding)
    path.write_bytes(gzip.compress(raw) if packed else raw)
    found = scanned(path, "auto")
    assert "".join(found.blocks()) == text
    assert "".join(found.blocks()) == text
    assert found.characters == len(text)
    assert ("was read as cp1252" in found.note) == (encoding == "cp1252")


@pytest.mark.usefixtures("block")
def test_lines_end_in_one_way(tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_bytes(b"one\r\ntwo\rthree\n")
    assert read(path) == "one\ntwo\nthree\n"


def test_a_named_encoding_is_taken_at_its_word(tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_bytes("é".encode())
    assert read(path, "latin-1") == "Ã©"
    assert scanned(path, "latin-1").digest != scanned(path, "auto").digest
    with pytest.raises(ConfigError, match=r"data.encoding must be auto or the name of an encoding .*, but is 'utf_9'"):
        scanned(path, "utf_9")


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("raw", "encoding", "message"),
    [
        (b"", "auto", "is empty; a language model needs a text"),
        (b" \n\r\n\t\n", "auto", "is empty; a language model needs a text"),
        (b"text\x00text", "auto", "is a binary file: it has a byte of zero near byte"),
        ("ééé ".encode() + b"\xff more", "auto", r"byte 7 \(0xff\) is not utf-8: invalid start byte; .*data.encoding"),
        (b"plain\xe9", "utf-8", r"byte 5 \(0xe9\) is not utf-8: unexpected end of data"),
        (b"plain\xe9", "ascii", r"byte 5 \(0xe9\) is not ascii: ordinal not in range"),
        (b"\x8f\x81", "auto", r"byte 0 \(0x8f\) is not cp1252"),
        (b"\xff\xfea\x00b", "auto", "byte 4 .* is not utf-16: truncated data"),
    ],
)
def test_what_is_no_text_is_refused_with_the_place(tmp_path: Path, raw: bytes, encoding: str, message: str) -> None:
    (path := tmp_path / "bad.txt").write_bytes(raw)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}.*{message}"):
        scanned(path, encoding)


@pytest.mark.parametrize("raw", [b"no gzip at all", gzip.compress(b"text" * 99, mtime=0)[:-9]])
def test_a_broken_archive_is_refused(tmp_path: Path, raw: bytes) -> None:
    (path := tmp_path / "bad.txt.gz").write_bytes(raw)
    with pytest.raises(DataError, match=r"bad.txt.gz cannot be read: "):
        scanned(path, "auto")


def test_a_folder_is_its_texts_by_name_and_no_more(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "c.txt.gz", "sub/d.text", "picture.png", "e.csv", ".hidden/f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = text_files([str(tmp_path), str(tmp_path / "b.txt"), str(tmp_path / "*.csv")], "data.path")
    assert [str(p.relative_to(tmp_path)) for p in found] == ["a.md", "b.txt", "c.txt.gz", "sub/d.text", "e.csv"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", r"data.path=.* is a folder without a text; looked for \*.txt, .*\.gz"),
        ("none*.txt", "matches no file"),
        ("corpsu.dat", "does not exist; did you mean .*corpus.dat"),
    ],
)
def test_paths_that_lead_nowhere_are_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "corpus.dat").write_text("x")
    with pytest.raises(DataError, match=message):
        text_files([str(tmp_path / name)], "data.path")
