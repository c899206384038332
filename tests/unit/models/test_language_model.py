"""The language model against torch's own layers and sums written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.sections import recurrent, task
from torch import Tensor, nn

from seqexp.errors import ConfigError
from seqexp.models import language_model
from seqexp.models.language_model import LanguageModel

V, E, H = 11, 5, 7


def made(kind: str = "lstm", *, model: dict[str, Any] | None = None, **changes: Any) -> LanguageModel:
    embedding = task("language_modelling").embedding.model_dump() | {"size": E} | changes.pop("embedding", {})
    config = recurrent(kind, **{"hidden_sizes": [H]} | (model or {}))
    return LanguageModel(config, task("language_modelling", embedding=embedding, **changes), V)


def tokens(n: int = 3, t: int = 6) -> Tensor:
    return torch.randint(V, (n, t), generator=torch.Generator().manual_seed(n * t))


def test_it_is_an_embedding_a_recurrence_and_a_softmax() -> None:
    model, x, y = made().eval(), tokens(), tokens(3, 6).flip(0)
    layer = model.stack.layers[0]
    hidden, _ = layer(nn.functional.embedding(x, model.embedding.weight))
    scores = hidden @ model.decoder.weight.T + model.decoder.bias
    expected = -scores.log_softmax(-1).gather(-1, y[..., None])[..., 0]
    read = model(x)
    torch.testing.assert_close(model.losses(read.dropped, y), expected)
    torch.testing.assert_close(model.log_probabilities(read.outputs[:, -1]), scores[:, -1].log_softmax(-1))


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_a_text_read_in_stretches_is_the_text_read_at_once(kind: str) -> None:
    model, x = made(kind, model={"hidden_sizes": [H, 4]}).eval(), tokens(2, 9)
    whole = model(x)
    first = model(x[:, :4])
    second = model(x[:, 4:], first.states)
    torch.testing.assert_close(torch.cat((first.outputs, second.outputs), dim=1), whole.outputs)
    for layer, expected in zip(second.states, whole.states, strict=True):
        torch.testing.assert_close(layer, expected)


def test_a_tied_embedding_is_the_output_matrix_and_learns_from_both_ends() -> None:
    model, x = made(tied=True, embedding={"size": H}), tokens()
    assert model.decoder is None
    read = torch.rand(2, H)
    said = torch.log_softmax(read @ model.embedding.weight.T + model.bias, dim=-1)
    torch.testing.assert_close(model.log_probabilities(read), said)
    assert sum(p.numel() for p in model.parameters()) == V * H + V + 4 * H * (H + H + 2)
    model.losses(model(x).dropped, x).sum().backward()
    unseen = next(t for t in range(V) if t not in x)
    assert model.embedding.weight.grad is not None
    assert model.embedding.weight.grad[unseen].abs().sum() > 0


@pytest.mark.parametrize("cutoffs", [(), (3, 6)])
def test_losses_in_parts_are_those_at_once_and_have_the_same_gradient(
    monkeypatch: pytest.MonkeyPatch, cutoffs: tuple[int, ...]
) -> None:
    model = made(adaptive_softmax={"cutoffs": cutoffs, "factor": 2.0})
    x, y = tokens(), tokens(3, 6).flip(1)

    def gradients() -> list[Tensor]:
        model.zero_grad()
        loss = model.losses(model(x).dropped, y)
        loss.mean().backward()
        return [loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]

    whole = gradients()
    calls: list[int] = []
    once = model._losses
    monkeypatch.setattr(language_model, "_MOST_SCORES", 4 * V)
    monkeypatch.setattr(model, "_losses", lambda rows, targets: calls.append(len(rows)) or once(rows, targets))
    parts = gradients()
    assert calls == [4, 4, 4, 4, 2, 2, 4, 4, 4, 4]  # forwards, and again for the gradient
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)
    with torch.no_grad():
        torch.testing.assert_close(model.losses(model(x).dropped, y), whole[0])


def test_an_adaptive_softmax_is_a_distribution_whose_parts_are_torchs() -> None:
    model = made(adaptive_softmax={"cutoffs": [3, 6], "factor": 2.0}).eval()
    read = model(tokens())
    logs = model.log_probabilities(read.outputs[:, -1])
    torch.testing.assert_close(logs.exp().sum(-1), torch.ones(3))
    losses = torch.stack([model.losses(read.outputs, torch.full((3, 6), w))[:, -1] for w in range(V)], dim=1)
    torch.testing.assert_close(-losses, logs)
    assert [tuple(p.shape) for p in model.decoder.tail[1].parameters()] == [(H // 4, H), (V - 6, H // 4)]


def test_weights_begin_in_their_range_and_biases_stay() -> None:
    model = made("lstm", initial_range=0.01)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            assert 0.005 < parameter.abs().max() <= 0.01, name
    said = made("lstm", initial_range=0.01, model={"forget_gate_bias": 2.0})
    assert torch.equal(said.stack.layers[0].bias_ih_l0[H : 2 * H], torch.full((H,), 2.0))
    assert torch.equal(model.stack.layers[0].bias_ih_l0[H : 2 * H], torch.zeros(H))
    assert torch.equal(model.decoder.bias, torch.zeros(V))


def test_vectors_of_tokens_begin_with_unit_size_unless_they_are_the_output_too() -> None:
    free = made(embedding={"size": 900}).embedding.weight
    assert 0.97 < free.std() < 1.03
    tied = made(tied=True, embedding={"size": H}).embedding.weight
    assert 0.05 < tied.abs().max() <= 0.1


def test_dropout_of_every_element_is_before_and_after_the_stack_and_between() -> None:
    model = made(model={"dropout": 0.5, "hidden_sizes": [H, H]})
    assert torch.equal(model.eval()(tokens()).dropped, model(tokens()).outputs)
    model.train()
    read = model(torch.zeros(40, 50, dtype=torch.long))
    share = (read.dropped == 0).float().mean()
    assert 0.48 < share < 0.52
    kept = read.dropped != 0
    torch.testing.assert_close(read.dropped[kept], 2 * read.outputs[kept])
    # one token and zero state, so that the first step differs from row to row by the dropout before it alone
    assert len(made(model={"dropout": 0.5}).train()(torch.zeros(20, 1, dtype=torch.long)).outputs.unique(dim=0)) > 5


def test_locked_dropout_of_the_output_has_one_mask_for_all_steps() -> None:
    model = made(output_dropout=0.5).train()
    dropped = model(tokens(8, 5)).dropped == 0
    assert torch.equal(dropped, dropped[:, :1].expand(-1, 5, -1))
    assert 0 < dropped.float().mean() < 1


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ({}, {"tied": True}, r"they are 7 and 5; try task.embedding.size=7"),
        (
            {"hidden_sizes": [9, 5]}, {"tied": True, "adaptive_softmax": {"cutoffs": [3], "factor": 4.0}},
            r"task.tied must be false with task.adaptive_softmax.cutoffs",
        ),
        ({}, {"adaptive_softmax": {"cutoffs": [3, 11], "factor": 2.0}}, r"below the 11 tokens .* are \[3, 11\]"),
        ({}, {"adaptive_softmax": {"cutoffs": [5, 3], "factor": 2.0}}, r"must rise .* are \[5, 3\]"),
        ({}, {"adaptive_softmax": {"cutoffs": [3, 5], "factor": 4.0}}, r"factor=4 leaves nothing of 7 units after 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(model: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(model=model, **changes)
