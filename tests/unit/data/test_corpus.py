"""The cache of tokens: what is in it, who may write it, and what happens to a broken one."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.corpora import prose
from support.sections import data

from seqexp.data import corpus
from seqexp.data.corpus import TokenFile, open_corpus, smallest, user_cache
from seqexp.data.tokenizer import Vocabulary
from seqexp.errors import DataError

TEXT = {"train": prose(60), "valid": prose(9, seed=1), "test": prose(9, seed=2)}
TOKENIZER = data("language").tokenizer
FINGERPRINT = "ab" * 32


def pieces() -> Iterator[tuple[str, str]]:
    for split, text in TEXT.items():
        half = len(text) // 2
        yield from ((split, text[:half]), (split, text[half:]))


def fit(texts: Iterable[str]) -> Vocabulary:
    return Vocabulary.fit(texts, TOKENIZER)


def never() -> Iterator[tuple[str, str]]:
    raise AssertionError("read again")


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    made = open_corpus(tmp_path / "a" / "b", FINGERPRINT, pieces, fit)
    again = open_corpus(tmp_path / "a" / "b", FINGERPRINT, never, fit)
    for found in (made, again):
        for split, text in TEXT.items():
            tokens = found.splits[split]
            assert found.vocabulary.decode(tokens[0 : len(tokens)].tolist()) == text
            assert (tokens.characters, tokens.unknown) == (len(text), 0)
    assert again.vocabulary.state() == Vocabulary.fit([TEXT["train"]], TOKENIZER).state()
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == [f"corpus-{FINGERPRINT[:32]}"]


@pytest.mark.parametrize(
    ("vocabulary", "format"), [(256, "uint8"), (257, "uint16"), (65_536, "uint16"), (65_537, "int32")]
)
def test_tokens_take_the_smallest_format_that_holds_them(vocabulary: int, format: str) -> None:
    assert smallest(vocabulary) == format
    assert np.iinfo(format).max >= vocabulary - 1


def place(folder: Path) -> Path:
    return folder / f"corpus-{FINGERPRINT[:32]}"


@pytest.mark.parametrize("damage", ["cut", "flip", "about", "gone", "vocabulary", "other"])
def test_a_broken_cache_is_written_anew(tmp_path: Path, damage: str) -> None:
    open_corpus(tmp_path, FINGERPRINT, pieces, fit)
    train, about = place(tmp_path) / "train.bin", place(tmp_path) / "corpus.json"
    match damage:
        case "cut":
            train.write_bytes(train.read_bytes()[:-1])
        case "flip":
            train.write_bytes(b"\x05" + train.read_bytes()[1:])
        case "about":
            about.write_text(about.read_text()[:-9])
        case "vocabulary":
            about.write_text(about.read_text().replace('"lowercase": false', '"lowercase": true'))
        case "other":
            about.write_text(about.read_text().replace(FINGERPRINT, "cd" * 32))
        case "gone":
            train.unlink()
    found = open_corpus(tmp_path, FINGERPRINT, pieces, fit)
    assert found.vocabulary.decode(found.splits["train"][0:9_999].tolist()) == TEXT["train"]
    open_corpus(tmp_path, FINGERPRINT, never, fit)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_text_that_ends_in_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, str]]:
        yield "train", "some text"
        raise DataError("byte 9 is wrong")

    with pytest.raises(DataError, match="byte 9 is wrong"):
        open_corpus(tmp_path, FINGERPRINT, broken, fit)
    assert list(tmp_path.iterdir()) == []


def _open(folder: Path, together: Any) -> None:
    together.wait()
    found = open_corpus(folder, FINGERPRINT, pieces, fit)
    assert found.vocabulary.decode(found.splits["test"][0:9_999].tolist()) == TEXT["test"]


def test_many_processes_may_want_it_at_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    together = fork.Barrier(6)
    workers = [fork.Process(target=_open, args=(tmp_path, together)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [w.exitcode for w in workers] == [0] * 6
    open_corpus(tmp_path, FINGERPRINT, never, fit)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write the tokens to .*Not a directory; .*data.cache=FOLDER"):
        open_corpus(tmp_path / "file" / "cache", FINGERPRINT, pieces, fit)


def test_what_killed_processes_left_is_removed_a_day_later(tmp_path: Path) -> None:
    old, new = tmp_path / "corpus-00.7.1.tmp", tmp_path / "corpus-00.8.1.tmp"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (1, 1))
    open_corpus(tmp_path, FINGERPRINT, pieces, fit)
    assert not old.exists()
    assert new.exists()


def test_the_cache_is_where_the_platform_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert user_cache() == Path("/elsewhere/seqexp")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(corpus.sys, "platform", "linux")
    assert user_cache() == Path.home() / ".cache" / "seqexp"
    monkeypatch.setattr(corpus.sys, "platform", "darwin")
    assert user_cache() == Path.home() / "Library" / "Caches" / "seqexp"
    monkeypatch.setattr(corpus.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert user_cache() == Path("/local/seqexp/Cache")


def test_a_split_without_tokens_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "none.bin").write_bytes(b"")
    assert len(TokenFile(tmp_path / "none.bin", np.dtype("uint8"), characters=0, unknown=0)) == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's account of memory")
def test_reading_a_long_text_keeps_little_of_it_in_memory(tmp_path: Path) -> None:
    size = 256 << 20
    with (path := tmp_path / "long.bin").open("wb") as file:
        file.truncate(size)  # zeros, which take no room on the disk

    def mapped() -> int:
        found = re.search(r"RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert found
        return int(found[1]) << 10

    before, most = mapped(), 0
    tokens = TokenFile(path, np.dtype("uint8"), characters=size, unknown=0)
    for start in range(0, size, 1 << 20):
        assert tokens[start : start + (1 << 20)].sum() == 0
        most = max(most, mapped())
    assert most - before < 48 << 20
