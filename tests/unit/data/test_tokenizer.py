from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sections import data

from seqexp.config.schema.sequences import Tokenizer
from seqexp.data.tokenizer import PADDING, UNKNOWN, Vocabulary
from seqexp.errors import ConfigError

TEXTS = ["The cat sat on the mat.", "The dog ran; the cat didn't!", "the the the"]
KINDS = ("word", "character", "byte", "bpe", "unigram")


def config(kind: str, **changes: Any) -> Tokenizer:
    values = {"kind": kind, "lowercase": False, "vocabulary_size": 400, "min_count": 1, **changes}
    made = data("text", tokenizer=values).tokenizer
    assert isinstance(made, Tokenizer)
    return made


def tokens(vocabulary: Vocabulary, text: str) -> list[str]:
    return [vocabulary.token(i) for i in vocabulary.encode(text)]


def test_words_are_words_and_marks_the_commonest_first() -> None:
    vocabulary = Vocabulary.fit(TEXTS, config("word", lowercase=True))
    assert [vocabulary.token(i) for i in range(4)] == [PADDING, UNKNOWN, "the", "cat"]
    assert tokens(vocabulary, "The CAT didn't bark?!") == ["the", "cat", "didn", "'", "t", UNKNOWN, UNKNOWN]
    assert vocabulary.encode("The dog").dtype == np.int32
    assert vocabulary.decode(vocabulary.encode("the dog ran")) == "the dog ran"


def test_capital_letters_are_others_unless_said() -> None:
    vocabulary = Vocabulary.fit(TEXTS, config("word"))
    assert tokens(vocabulary, "The the THE") == ["The", "the", UNKNOWN]


def test_rare_words_and_those_beyond_the_size_are_unknown() -> None:
    # the 6 times; cat twice; all others once
    assert Vocabulary.fit(TEXTS, config("word", lowercase=True, min_count=2)).size == 2 + 2
    assert Vocabulary.fit(TEXTS, config("word", lowercase=True, vocabulary_size=3)).size == 3
    assert Vocabulary.fit(["aab", "b", "c"], config("character", min_count=2)).size == 2 + 2
    small = Vocabulary.fit(["aabbbc"], config("character", vocabulary_size=3))
    assert tokens(small, "abc") == [UNKNOWN, "b", UNKNOWN]


def test_the_end_of_a_line_can_be_a_word() -> None:
    vocabulary = Vocabulary.fit(["a b\nc\n"], config("word"), end_of_line=True)
    assert tokens(vocabulary, "a\n\nb c\n") == ["a", "\n", "\n", "b", "c", "\n"]
    assert vocabulary.decode(vocabulary.encode("a b\nc\n")) == "a b\nc\n"


def test_given_words_keep_their_marks() -> None:
    vocabulary = Vocabulary.fit(["U.S. isn't big"], config("word"), given_words=True)
    assert tokens(vocabulary, "isn't U.S. U.S") == ["isn't", "U.S.", UNKNOWN]


def test_what_is_written_as_unknown_is_unknown() -> None:
    vocabulary = Vocabulary.fit(["<unk> a <unk> b <unk>"], config("word"), given_words=True)
    assert vocabulary.size == 4
    assert vocabulary.encode("b <unk> c").tolist() == [3, 1, 1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [[], [""], ["a"]])
def test_little_text_makes_a_small_vocabulary(kind: str, texts: list[str]) -> None:
    vocabulary = Vocabulary.fit(texts, config(kind))
    assert vocabulary.size == (258 if kind in ("byte", "bpe") else 2 + len("".join(texts)))
    assert len(vocabulary.encode("")) == 0


def test_bytes_need_no_fit_and_know_everything() -> None:
    vocabulary = Vocabulary.fit([], config("byte"))
    assert vocabulary.size == 258
    assert vocabulary.encode("aé\n").tolist() == [97 + 2, 0xC3 + 2, 0xA9 + 2, 10 + 2]
    assert vocabulary.token(0xC3 + 2) == "<C3>"


def test_pairs_that_come_often_are_one_token() -> None:
    vocabulary = Vocabulary.fit(["abab abab abab"] * 5, config("bpe", vocabulary_size=262))
    assert vocabulary.size <= 262
    assert len(vocabulary.encode("abab")) < 4
    assert tokens(vocabulary, "zz") == ["z", "z"]  # nothing is unknown


@pytest.mark.parametrize("kind", ["character", "byte", "bpe", "unigram"])
def test_a_text_comes_back_as_it_was(kind: str) -> None:
    text = "  the cat\nsat on; the mat  \n"
    vocabulary = Vocabulary.fit([*TEXTS, text], config(kind))
    assert vocabulary.decode(vocabulary.encode(text)) == text


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_bytes_and_pairs_give_back_any_text(text: str) -> None:
    for vocabulary in (BYTES, PAIRS):
        assert vocabulary.decode(vocabulary.encode(text)) == text
        assert 0 not in vocabulary.encode(text)


BYTES = Vocabulary.fit([], config("byte"))
PAIRS = Vocabulary.fit(TEXTS, config("bpe"))


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_padding(kind: str) -> None:
    text = f"the {PADDING} <pad> cat"
    vocabulary = Vocabulary.fit([*TEXTS, text, text], config(kind))
    assert 0 not in vocabulary.encode(text)
    assert vocabulary.decode([0, 0]) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_plain_and_gives_the_same_vocabulary(kind: str) -> None:
    vocabulary = Vocabulary.fit(TEXTS, config(kind, lowercase=True))
    again = Vocabulary.from_state(json.loads(json.dumps(vocabulary.state())))
    assert again.size == vocabulary.size
    assert again.encode("The cat zzz").tolist() == vocabulary.encode("The cat zzz").tolist()
    assert [again.token(i) for i in range(again.size)] == [vocabulary.token(i) for i in range(vocabulary.size)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_token_is_below_the_size_and_many_texts_are_one_by_one(kind: str) -> None:
    vocabulary = Vocabulary.fit(TEXTS, config(kind))
    texts = [*TEXTS, *(f"the {i} 中文 é" for i in range(300))]
    found = vocabulary.encode_many(texts)
    assert [f.tolist() for f in found] == [vocabulary.encode(t).tolist() for t in texts]
    assert max(f.max() for f in found) < vocabulary.size


@pytest.mark.parametrize(("kind", "least"), [("word", 3), ("character", 3), ("bpe", 258), ("unigram", 3)])
def test_a_vocabulary_without_room_is_refused(kind: str, least: int) -> None:
    with pytest.raises(ConfigError, match=rf"data\.tokenizer\.vocabulary_size must be at least {least} with kind="):
        Vocabulary.fit(TEXTS, config(kind, vocabulary_size=least - 1))


def test_another_process_finds_the_same_words_and_pairs() -> None:
    code = (
        "import hashlib\n"
        "from seqexp.config.schema.sequences import Tokenizer; from seqexp.data.tokenizer import Vocabulary\n"
        f"texts = {[' '.join(TEXTS)] * 3 + ['d c b a', 'w x y z']!r}\n"
        "for kind in ('word', 'bpe'):\n"
        "    config = Tokenizer(kind=kind, lowercase=False, vocabulary_size=300, min_count=1)\n"
        "    print(hashlib.md5(Vocabulary.fit(texts, config).state()['stored'].encode()).hexdigest())\n"
    )
    ran = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    assert len(ran[0].stdout.split()) == 2
    assert ran[0].stdout == ran[1].stdout
