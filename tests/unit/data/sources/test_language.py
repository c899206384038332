"""Running text: where it is cut, what is fitted to which part, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.corpora import prose
from support.sections import data

from seqexp.data.sources import language
from seqexp.data.sources.language import LanguageCorpus, cut, load
from seqexp.errors import ConfigError, DataError

TOKENIZER = data("language").tokenizer.model_dump()


def loaded(folder: Path, text: str | None = None, *, tokenizer: dict[str, Any] | None = None, **changes: Any) -> Any:
    if text is not None:
        (folder / "corpus.txt").write_text(text)
    options = {"path": str(folder / "corpus.txt"), "cache": str(folder / "cache"), **changes}
    return load(data("language", tokenizer=TOKENIZER | (tokenizer or {}), **options))


def text_of(found: LanguageCorpus, split: str) -> str:
    tokens = found.corpus.splits[split]
    return found.corpus.vocabulary.decode(tokens[0 : len(tokens)].tolist())


def test_shares_are_cut_from_the_end_where_a_line_begins(tmp_path: Path) -> None:
    text = "".join(f"line number {i:3}\n" for i in range(100))  # 16 characters each
    found = loaded(tmp_path, text, valid=0.1, test=0.2)
    assert [text_of(found, s).count("\n") for s in ("train", "valid", "test")] == [70, 10, 20]
    assert text_of(found, "train") + text_of(found, "valid") + text_of(found, "test") == text
    other = loaded(tmp_path, text, valid=0.101, test=0.2)
    assert text_of(other, "train").endswith("line number  69\n")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text("ab \n", min_size=1, max_size=9), min_size=2, max_size=9), st.data()
)  # fmt: skip
def test_nothing_is_lost_where_a_text_is_cut(pieces: list[str], drawn: st.DataObject) -> None:
    whole = "".join(pieces)
    borders = sorted(drawn.draw(st.sets(st.integers(1, len(whole)), max_size=3)))
    made = list(cut(pieces, borders, len(whole)))
    assert "".join(text for _, text in made) == whole
    assert [part for part, _ in made] == sorted(part for part, _ in made)
    ends = [0]
    for part in range(len(borders)):
        ends.append(sum(len(text) for p, text in made if p <= part))
        following = [*borders, len(whole)][part + 1]
        assert borders[part] <= ends[-1] <= following
        assert ends[-1] == borders[part] or whole[ends[-1] - 1] == "\n"


def test_a_text_of_one_line_is_cut_in_it(tmp_path: Path) -> None:
    found = loaded(tmp_path, "abcdefghij" * 10, valid=0.1, test=0.1)
    assert [len(found.corpus.splits[s]) for s in ("train", "valid", "test")] == [80, 10, 10]


def test_pieces_give_what_the_whole_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines longer than a piece, too; words are not torn."""
    text = prose(40) + "word " * 99 + "\n" + prose(9)
    for kind in ("character", "word", "byte"):
        whole = loaded(tmp_path, text, tokenizer={"kind": kind})
        with monkeypatch.context() as small:
            small.setattr(language, "_PIECE", 64)
            (folder := tmp_path / kind).mkdir()
            pieces = loaded(folder, text, tokenizer={"kind": kind})
        assert len(text) > 64 * 10
        for split in ("valid", "test"):
            assert text_of(pieces, split) == text_of(whole, split)
        assert pieces.corpus.fingerprint == whole.corpus.fingerprint


def test_files_given_for_a_split_are_that_split(tmp_path: Path) -> None:
    for name in ("valid", "test"):
        (tmp_path / f"{name}.txt").write_text(prose(5, seed=len(name)))
    files = {f"{s}_path": str(tmp_path / f"{s}.txt") for s in ("valid", "test")}
    both = loaded(tmp_path, prose(50), **files)
    assert text_of(both, "train") == prose(50)
    assert text_of(both, "valid") == prose(5, seed=5)
    assert text_of(both, "test") == prose(5, seed=4)
    assert both.files["test"] == [str(tmp_path / "test.txt")]
    one = loaded(tmp_path, prose(50), test_path=files["test_path"], valid=0.5)
    assert text_of(one, "test") == prose(5, seed=4)
    assert text_of(one, "train") + text_of(one, "valid") == prose(50)
    assert abs(len(text_of(one, "valid")) - len(prose(50)) / 2) < 60


def test_files_are_one_text_each_from_a_new_line(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for name, text in (("a", "one"), ("b", "two\n"), ("c", "three" * 9)):
        (tmp_path / "texts" / f"{name}.txt").write_text(text)
    found = loaded(tmp_path, path=str(tmp_path / "texts"))
    assert "".join(text_of(found, s) for s in ("train", "valid", "test")) == "one\ntwo\n" + "three" * 9


def test_the_vocabulary_is_of_train_alone(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("unheard words\n" * 3)
    found = loaded(tmp_path, "seen words\n" * 50, tokenizer={"kind": "word"}, test_path=str(tmp_path / "test.txt"))
    assert found.corpus.splits["test"].unknown == 3
    assert [found.corpus.vocabulary.token(i) for i in range(2, found.corpus.vocabulary.size)] == ["\n", "seen", "words"]
    assert any("3 of the 9 tokens of test (33.33%) are unknown" in note for note in found.notes)


def test_published_words_are_taken_as_they_stand(tmp_path: Path) -> None:
    found = loaded(tmp_path, "N <unk> don't stop\n" * 50, tokenizer={"kind": "word"})
    assert found.corpus.splits["train"][0:5].tolist()[1] == found.corpus.vocabulary.unknown
    assert text_of(found, "train").startswith("N <unk> don't stop")
    assert any("taken as they stand between spaces" in note for note in found.notes)
    assert loaded(tmp_path, "don't stop\n" * 50, tokenizer={"kind": "word"}).corpus.vocabulary.size == 2 + 5


@pytest.mark.parametrize(
    "changes", [{"valid": 0.06}, {"end_of_line": False}, {"encoding": "latin-1"}, {"tokenizer": {"lowercase": True}}]
)  # fmt: skip
def test_what_changes_the_tokens_changes_the_fingerprint(tmp_path: Path, changes: dict[str, Any]) -> None:
    one = loaded(tmp_path, prose(50)).corpus.fingerprint
    assert loaded(tmp_path, None, **changes).corpus.fingerprint != one
    assert loaded(tmp_path, prose(50) + "x").corpus.fingerprint != one
    assert loaded(tmp_path, prose(50), bptt=9).corpus.fingerprint == one


def test_the_second_time_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = loaded(tmp_path, prose(50))
    monkeypatch.setattr(language.Vocabulary, "fit", None)
    again = loaded(tmp_path)
    assert again.corpus.fingerprint == first.corpus.fingerprint
    assert text_of(again, "test") == text_of(first, "test")


def test_the_same_text_in_two_splits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text(prose(50))
    with pytest.raises(DataError, match=r"test.txt is in test, but the same text is in train \(.*corpus.txt\)"):
        loaded(tmp_path, prose(50), test_path=str(tmp_path / "test.txt"))


@pytest.mark.parametrize(
    ("text", "changes", "error", "message"),
    [
        ("ab", {}, DataError, r"train has 1 tokens, but needs two"),
        ("abcdefgh", {}, DataError, r"valid has \d tokens, but needs two at the least"),
        (prose(9), {"valid": 0.5, "test": 0.5}, ConfigError, "data.valid and data.test must leave something for train"),
        (
            prose(9),
            {"tokenizer": {"kind": "bpe", "vocabulary_size": 9}},
            ConfigError,
            "vocabulary_size must be at least",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    tmp_path: Path, text: str, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        loaded(tmp_path, text, **changes)


def test_a_line_of_ten_million_letters(tmp_path: Path) -> None:
    found = loaded(tmp_path, "ab" * 5_000_000, tokenizer={"kind": "character"})
    assert len(found.corpus.splits["train"]) == 9_000_000


def test_python_has_a_text_of_its_own_in_which_no_paragraph_stands_twice(tmp_path: Path) -> None:
    found = loaded(tmp_path, path=None)
    text = "".join(text_of(found, s) for s in ("train", "valid", "test"))
    assert len(text) > 200_000
    assert len(set(text.split("\n\n"))) == len(text.split("\n\n"))
    assert found.files["train"][0].startswith("the documentation of Python 3.")
    assert json.dumps(found.files)
