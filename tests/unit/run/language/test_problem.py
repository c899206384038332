"""The problem as training is handed it: what is carried over, what is validated, what is said of the text."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support.corpora import prose

from seqexp.errors import ConfigError
from seqexp.run.language.problem import LanguageProblem, new_model, vocabulary_of
from seqexp.run.problem import family_of, new_state

Make = Callable[..., LanguageProblem]


def test_the_state_is_carried_from_update_to_update(problem: Make) -> None:
    made = problem()
    torch.manual_seed(1)
    state = new_state(made)
    assert state.carried is None
    (first,), (second,) = made.order.batches(0, 0), made.order.batches(0, 1)
    made.loss(state, first)
    after_first = state.carried
    loss = made.loss(state, second)
    states = state.model(first.inputs).states
    expected = state.model.losses(state.model(second.inputs, states).outputs, second.targets).mean()
    torch.testing.assert_close(loss, expected)
    assert state.carried is not after_first
    again = made.loss(state, first)  # the next pass: nothing of the last is left
    torch.testing.assert_close(again, made.loss(new_state_like(made, state), first))


def new_state_like(problem: LanguageProblem, state: object) -> object:
    fresh = new_state(problem)
    fresh.model.load_state_dict(state.model.state_dict())  # type: ignore[attr-defined]
    return fresh


def test_a_validation_leaves_alone_what_is_carried_and_the_generators(problem: Make) -> None:
    made = problem("model.dropout=0.5")
    state = new_state(made)
    made.loss(state, made.order.batches(0, 0)[0])
    before = [tuple(s.clone() for s in layer) for layer in state.carried or ()]
    drawn = torch.get_rng_state()
    state.model.eval()
    assert set(made.validate(state)) == {"loss", *made.metric_names}
    assert torch.equal(torch.get_rng_state(), drawn)
    for layer, old in zip(state.carried or (), before, strict=True):
        for one, other in zip(layer, old, strict=True):
            assert torch.equal(one, other)


def test_a_validation_is_of_the_whole_split(problem: Make) -> None:
    made = problem("trainer.eval_batch_size=3")
    state = new_state(made)
    state.model.eval()
    tokens = made.data.corpus.splits["valid"]
    text = torch.from_numpy(tokens[0 : len(tokens)])[None]
    with torch.no_grad():
        losses = state.model.losses(state.model(text[:, :-1]).outputs, text[:, 1:])
    metrics = made.validate(state)
    assert metrics["loss"] == pytest.approx(float(losses.double().mean()), rel=1e-6)
    assert metrics["bits_per_character"] == pytest.approx(metrics["loss"] / math.log(2))


def test_bits_are_of_characters_whatever_the_tokens(problem: Make) -> None:
    made = problem("data.tokenizer.kind=word", "data.bptt=5")
    state = new_state(made)
    state.model.eval()
    tokens, metrics = made.data.corpus.splits["valid"], made.validate(state)
    assert 3 < tokens.characters / len(tokens) < 6
    bits = metrics["loss"] / math.log(2) * len(tokens) / tokens.characters
    assert metrics["bits_per_character"] == pytest.approx(bits)


def test_what_is_learned_by_heart_is_validated(problem: Make) -> None:
    made = problem("trainer.overfit_batches=2")
    assert made.order.steps_per_epoch == 2
    state = new_state(made)
    state.model.eval()
    with torch.no_grad():
        losses = [made.loss(state, made.order.batches(0, step)[0]) for step in range(2)]
    assert made.validate(state)["loss"] == pytest.approx(float(sum(losses)) / 2, rel=1e-5)


def test_what_is_never_read_is_said(problem: Make) -> None:
    made = problem()
    size = made.sizes["train"]
    unread = (size - 1) % 7
    assert unread
    assert made.notes[-1].startswith(f"the last {unread} tokens of train are never read")
    assert made.order.unread == unread
    whole = problem(f"trainer.batch_size={1}")
    assert not any("never read" in note for note in whole.notes)


def test_a_checkpoint_has_all_that_a_model_and_its_text_need(problem: Make) -> None:
    made = problem("data.tokenizer.kind=bpe", "data.tokenizer.vocabulary_size=280", "data.bptt=5")
    payload = {"preprocessing": made.preprocessing}
    words = vocabulary_of(payload)
    assert words.decode(words.encode("the cat")) == "the cat"
    model = new_model(made.experiment, made.preprocessing)
    assert model.embedding.weight.shape == (words.size, 5)
    described = made.describe()
    assert described["fingerprint"] == made.data.corpus.fingerprint
    assert described["tokens"] == made.sizes
    assert described["vocabulary"] == words.size


def test_vectors_from_a_file_are_where_the_model_begins(problem: Make, tmp_path: Path) -> None:
    vectors = {"cat": [1.0, 2, 3, 4, 5], "dog": [5.0, 4, 3, 2, 1]}
    (tmp_path / "v.txt").write_text("".join(f"{w} {' '.join(map(str, v))}\n" for w, v in vectors.items()))
    made = problem(
        "data.tokenizer.kind=word", "data.bptt=5", f"task.embedding.vectors={tmp_path / 'v.txt'}",
        "task.embedding.freeze=true",
    )  # fmt: skip
    model = made.build_model()
    words = made.data.corpus.vocabulary
    for word, vector in vectors.items():
        token = int(words.encode(word)[0])
        np.testing.assert_allclose(model.embedding.weight[token].detach(), vector)
    assert not model.embedding.weight.requires_grad


def test_a_model_that_looks_ahead_is_refused(problem: Make) -> None:
    with pytest.raises(ConfigError, match="read backwards, the token to be said is seen before"):
        problem("model.bidirectional=true").build_model()


def test_the_family_has_all_its_functions(problem: Make) -> None:
    experiment = problem().experiment
    family = family_of(experiment)
    description = family.describe(experiment)
    lines = family.render(description).splitlines()
    assert description["splits"]["train"]["tokens"] == problem().sizes["train"]
    assert lines[0] == "data         language, for language modelling"
    assert any(line.startswith("vocabulary   20 tokens (character)") for line in lines)
    assert prose(400).startswith(description["begins"])
