"""Generated text: what may be drawn, that it is drawn as the model says, and what is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from support.corpora import prose
from support.sections import data, recurrent, task
from torch import Tensor

from seqexp.data.tokenizer import Vocabulary
from seqexp.errors import ConfigError
from seqexp.models.language_model import LanguageModel
from seqexp.run.language.generation import filtered, generate

TOKENIZER = data("language").tokenizer
PLAIN: dict[str, Any] = {"length": 20, "temperature": 1.0, "top_k": None, "top_p": None, "seed": 1}


def vocabulary(kind: str = "character") -> Vocabulary:
    config = TOKENIZER.model_copy(update={"kind": kind, "vocabulary_size": 300})
    return Vocabulary.fit([prose(60)], config, end_of_line=True)


def model(words: Vocabulary, spread: float = 1.0) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(
        recurrent("gru", hidden_sizes=[8]), task("language_modelling", initial_range=spread), words.size
    ).eval()


def kept(probabilities: list[float], **options: Any) -> list[float]:
    """Probabilities after filtering."""
    logs = torch.tensor(probabilities).log()
    found: Tensor = filtered(logs, **{"temperature": 1.0, "top_k": None, "top_p": None} | options).softmax(0)
    return [round(p, 4) for p in found.tolist()]


def test_filters_by_hand() -> None:
    p = [0.1, 0.4, 0.2, 0.3]
    assert kept(p) == p
    assert kept(p, top_k=2) == [0, 0.5714, 0, 0.4286]
    assert kept(p, top_k=9) == p
    assert kept(p, top_p=0.7) == [0, 0.5714, 0, 0.4286]  # 0.4 and 0.3 are enough
    assert kept(p, top_p=0.71) == [0, 0.4444, 0.2222, 0.3333]
    assert kept(p, top_p=0.01) == [0, 1, 0, 0]  # the likeliest always stays
    assert kept(p, top_p=1.0) == p
    assert kept(p, top_k=3, top_p=0.7) == [0, 0.5714, 0, 0.4286]  # of 4/9, 3/9, 2/9 the first two
    assert kept(p, temperature=0.5) == [0.0333, 0.5333, 0.1333, 0.3]  # squares, of 0.3
    assert kept(p, temperature=0.0) == [0, 1, 0, 0]
    assert sorted(kept([0.25] * 4, top_k=1)) == [0, 0, 0, 1]


@pytest.mark.parametrize("kind", ["character", "byte", "word", "bpe", "unigram"])
def test_the_prompt_stays_and_is_gone_on_with(kind: str) -> None:
    words = vocabulary(kind)
    lm = model(words)
    text = generate(lm, words, "the cat sat", **PLAIN)
    assert text.startswith("the cat sat")
    assert len(text) > len("the cat sat") + 10
    assert generate(lm, words, "the cat sat", **PLAIN) == text
    assert generate(lm, words, "the cat sat", **PLAIN | {"seed": 2}) != text
    assert "< pad >" not in text
    assert "<unk>" not in text


def test_the_likeliest_by_hand() -> None:
    """Temperature 0: the model read from the beginning for every token, without what the state carries."""
    words = vocabulary()
    lm, tokens = model(words), vocabulary().encode("the cat").tolist()
    for _ in range(9):
        with torch.no_grad():
            logs = lm.log_probabilities(lm(torch.tensor([tokens])).outputs[:, -1])[0]
        tokens.append(2 + int(logs[2:].argmax()))
    assert generate(lm, words, "the cat", **PLAIN | {"length": 9, "temperature": 0.0}) == words.decode(tokens)


def test_tokens_are_drawn_as_often_as_the_model_says() -> None:
    words = vocabulary()
    lm, prompt = model(words, 0.3), words.encode("the")
    with torch.no_grad():
        p = lm.log_probabilities(lm(torch.from_numpy(prompt)[None].long()).outputs[:, -1])[0].exp()
    drawn = Counter(generate(lm, words, "the", **PLAIN | {"length": 1, "seed": s})[3:] for s in range(1_500))
    best = 2 + int(p[2:].argmax())
    expected = float(p[best] / p[2:].sum())
    # 1,500 draws: within four standard errors
    assert abs(drawn[words.token(best)] / 1_500 - expected) < 4 * (expected * (1 - expected) / 1_500) ** 0.5


@pytest.mark.parametrize("kind", ["character", "word"])
def test_no_prompt_begins_a_line(kind: str) -> None:
    words = vocabulary(kind)
    assert len(generate(model(words), words, "", **PLAIN)) > 10


def test_a_prompt_of_unknown_letters_is_read_all_the_same() -> None:
    words = vocabulary()
    assert generate(model(words), words, "жжж", **PLAIN).startswith("жжж")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("length", 0, "--length must be at least 1 token, but is 0"),
        ("temperature", -0.1, r"--temperature must be 0 .* or more, but is -0.1"),
        ("temperature", float("nan"), r"--temperature must be .* but is nan"),
        ("top_k", 0, "--top-k must be at least 1, but is 0"),
        ("top_p", 0.0, "--top-p must be above 0 and at most 1, but is 0.0"),
        ("top_p", 1.1, "--top-p must be above 0 and at most 1, but is 1.1"),
    ],
)
def test_numbers_out_of_range_are_refused(option: str, value: float, message: str) -> None:
    words = vocabulary()
    with pytest.raises(ConfigError, match=message):
        generate(model(words), words, "a", **PLAIN | {option: value})
