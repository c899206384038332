"""The loss of a stretch, and the score of a split, against sums written out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from support.corpora import token_file
from support.sections import recurrent, task

from seqexp.data import stream_order
from seqexp.data.batch import StreamBatch
from seqexp.data.stream_order import ScoredText
from seqexp.models.language_model import LanguageModel
from seqexp.tasks.language_modelling import SplitLoss, score, training_loss

V = 7
CPU = torch.device("cpu")


def model(kind: str = "lstm", **changes: float) -> LanguageModel:
    return LanguageModel(recurrent(kind, hidden_sizes=[5, 6]), task("language_modelling", **changes), V).double()


def batch(*, first: bool, n: int = 3, t: int = 4) -> StreamBatch:
    return StreamBatch(torch.randint(V, (n, t)), torch.randint(V, (n, t)), first)


def test_the_state_goes_on_and_begins_anew_with_the_streams() -> None:
    lm, config = model(), task("language_modelling")
    one, two = batch(first=True), batch(first=False)
    loss, carried = training_loss(lm, one, None, config)
    assert all(not s.requires_grad for layer in carried for s in layer)
    on, _ = training_loss(lm, two, carried, config)
    states = lm(one.inputs).states
    torch.testing.assert_close(on, lm.losses(lm(two.inputs, states).outputs, two.targets).mean())
    again, _ = training_loss(lm, one, carried, config)
    assert torch.equal(again, loss)
    assert not torch.equal(on, training_loss(lm, StreamBatch(two.inputs, two.targets, True), carried, config)[0])


def test_no_gradient_flows_into_the_stretch_before() -> None:
    lm, config = model(), task("language_modelling")
    loss, carried = training_loss(lm, batch(first=True, t=1), None, config)
    del loss
    training_loss(lm, batch(first=False, t=1), carried, config)[0].backward()  # would fail if the graph went on


def test_regularisation_of_activations_and_of_their_changes() -> None:
    lm, one = model(output_dropout=0.5), batch(first=True)
    plain = task("language_modelling")
    both = task("language_modelling", activation_regularization=2.0, temporal_regularization=3.0)

    def seeded(config: object) -> torch.Tensor:
        torch.manual_seed(3)
        return training_loss(lm, one, None, config)[0]  # type: ignore[arg-type]

    torch.manual_seed(3)
    read = lm(one.inputs)
    alpha = 2.0 * (read.dropped**2).sum() / (3 * 4 * 6)
    beta = 3.0 * ((read.outputs[:, 1:] - read.outputs[:, :-1]) ** 2).sum() / (3 * 3 * 6)
    torch.testing.assert_close(seeded(both), seeded(plain) + alpha + beta)
    assert not torch.equal(read.dropped, read.outputs)


def test_a_stretch_of_one_step_has_no_changes() -> None:
    config = task("language_modelling", temporal_regularization=3.0)
    assert training_loss(model(), batch(first=True, t=1), None, config)[0].isfinite()


def test_metrics_by_hand() -> None:
    """Two of three tokens scored, 12 characters for four tokens: 1.5 nats a token, 3 characters a token."""
    found = SplitLoss(4, 12)
    found.add(np.array([0]), np.array([[1.0, 2.0]]))
    assert found.metrics() == pytest.approx(
        {"loss": 1.5, "perplexity": math.exp(1.5), "bits_per_character": 1.5 / math.log(2) / 3}
    )
    found.add(np.array([2]), np.array([[5_000.0]]))
    assert found.metrics()["perplexity"] == math.inf


def test_losses_are_kept_by_the_thousand_tokens() -> None:
    found = SplitLoss(3_001, 3_001)
    found.add(np.array([0, 1_990]), np.array([np.full(20, 2.0), np.full(20, 4.0)]))
    blocks, means = found.blocks()
    assert blocks.tolist() == [0, 1, 2]
    assert means.tolist() == [2.0, 4.0, 4.0]
    other = SplitLoss(3_001, 3_001)
    other.add(np.array([500]), np.ones((1, 10)))
    assert other.blocks()[0].tolist() == [0]


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_a_split_has_the_score_of_one_long_sequence(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is cut into batches, and nothing of it is left out."""
    lm, tokens = model(kind).eval(), token_file(tmp_path, 2_345)
    text = torch.from_numpy(tokens[0:2_345])[None]
    with torch.no_grad():
        expected = lm.losses(lm(text[:, :-1]).outputs, text[:, 1:]).mean()
    for steps in (2_048, 100, 7):
        monkeypatch.setattr(stream_order, "_SCORED_TOKENS", steps)
        found = SplitLoss(2_345, 2_345)
        score(lm, ScoredText(tokens).batches(CPU), found)
        assert found.metrics()["loss"] == pytest.approx(float(expected), rel=1e-12)


def test_streams_side_by_side_are_scored_each_from_its_own_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_order, "_SCORED_STREAM", 30)
    monkeypatch.setattr(stream_order, "_SCORED_TOKENS", 21)
    lm, tokens = model("lstm").eval(), token_file(tmp_path, 96)  # 3 streams of 31, and two more tokens of the last
    text = torch.from_numpy(tokens[0:96])
    total = 0.0
    with torch.no_grad():
        for start, stop in ((0, 31), (31, 62), (62, 95)):
            read = lm(text[None, start:stop])
            total += float(lm.losses(read.outputs, text[None, start + 1 : stop + 1]).sum())
    found = SplitLoss(96, 96)
    score(lm, ScoredText(tokens).batches(CPU), found)
    assert found.metrics()["loss"] == pytest.approx(total / 95, rel=1e-12)
