"""The model of sequences by themselves: its shapes, what it reads, and that padding is nothing to it."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from support.sections import embedding, recurrent
from torch import Tensor

from seqexp.data.batch import SequenceBatch
from seqexp.data.spec import ExampleSpec, Keys, Labels, Number, Tokens, Vectors
from seqexp.models.sequence_model import SequenceModel

TOKENS, VECTORS = Tokens(11), Vectors(3)
LENGTHS = [6, 1, 4, 3]


def made(spec: ExampleSpec, kind: str = "gru", *, words: dict[str, Any] | None = None, **changes: Any) -> SequenceModel:
    torch.manual_seed(0)
    section = embedding(**{"size": 5} | (words or {})) if isinstance(spec.inputs, Tokens) else None
    return SequenceModel(recurrent(kind, **{"hidden_sizes": [4]} | changes), section, spec).double().eval()


def batch(inputs: Tokens | Vectors, *, more: int = 0, garbage: bool = False) -> SequenceBatch:
    """Four sequences of 6, 1, 4 and 3 steps, and so many steps of padding more; always the same ones."""
    drawn = np.random.default_rng(0)
    steps = max(LENGTHS) + more
    made: Tensor
    if isinstance(inputs, Tokens):
        made = torch.full((4, steps), 7 if garbage else 0)
        for row, n in enumerate(LENGTHS):
            made[row, :n] = torch.from_numpy(drawn.integers(2, inputs.vocabulary, n))
    else:
        made = torch.full((4, steps, inputs.features), 9.0 if garbage else 0.0, dtype=torch.float64)
        for row, n in enumerate(LENGTHS):
            made[row, :n] = torch.from_numpy(drawn.normal(size=(n, inputs.features)))
    return SequenceBatch(made, torch.tensor(LENGTHS), torch.zeros(4, dtype=torch.long), 4)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("inputs", [TOKENS, VECTORS])
@pytest.mark.parametrize(
    ("targets", "shape"),
    [
        (Labels(3), (4, 3)),
        (Labels(3, each_step=True), (4, 6, 3)),
        (Keys(8), (4, 6, 8)),
        (Number(), (4, 1)),
    ],
)
def test_scores_are_of_sequences_or_of_their_steps(
    kind: str, inputs: Tokens | Vectors, targets: Labels | Keys | Number, shape: tuple[int, ...]
) -> None:
    assert made(ExampleSpec(inputs, targets), kind, bidirectional=True)(batch(inputs)).shape == shape


def test_it_is_embedding_then_stack_then_a_linear_map() -> None:
    model, some = made(ExampleSpec(TOKENS, Labels(3)), "lstm", readout="last"), batch(TOKENS)
    assert model.embedding is not None
    for row, n in enumerate(LENGTHS):
        vectors = model.embedding.weight[some.inputs[row, :n]]
        outputs, _ = model.stack.layers[0](vectors)
        expected = model.head.weight @ outputs[-1] + model.head.bias
        torch.testing.assert_close(model(some)[row], expected)


class TestAutomaticReadout:
    def test_is_the_maximum_over_the_steps_of_tokens(self) -> None:
        spec, some = ExampleSpec(TOKENS, Labels(3)), batch(TOKENS)
        assert torch.equal(made(spec, readout="auto")(some), made(spec, readout="max")(some))
        assert not torch.allclose(made(spec, readout="auto")(some), made(spec, readout="last")(some))

    def test_is_the_last_step_of_numbers(self) -> None:
        spec, some = ExampleSpec(VECTORS, Number()), batch(VECTORS)
        assert torch.equal(made(spec, readout="auto")(some), made(spec, readout="last")(some))
        assert not torch.allclose(made(spec, readout="auto")(some), made(spec, readout="max")(some))


PADDED = [
    *product(["rnn", "lstm", "gru"], ["last", "mean", "max", "attention"], [False, True], [TOKENS, VECTORS], [False]),
    *product(["gru"], ["last"], [False, True], [TOKENS, VECTORS], [True]),
]


def graded(model: SequenceModel, some: SequenceBatch) -> tuple[Tensor, dict[str, Tensor]]:
    """Scores of all steps that are no padding (or of all sequences), and the gradients of a function of them."""
    model.zero_grad()
    scores = model(some)
    if model.spec.each_step:
        scores = torch.cat([scores[row, :n] for row, n in enumerate(LENGTHS)])
    weights = torch.linspace(-1, 2, scores.numel(), dtype=scores.dtype).view_as(scores)
    ((scores * weights).sum() + scores.square().sum()).backward()
    return scores.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("kind", "readout", "both", "inputs", "each_step"), PADDED)
def test_padding_more_changes_no_score_and_no_gradient(
    *, kind: str, readout: str, both: bool, inputs: Tokens | Vectors, each_step: bool
) -> None:
    model = made(
        ExampleSpec(inputs, Labels(3, each_step)), kind, readout=readout, bidirectional=both, hidden_sizes=[4, 4],
        layer_norm=True, residual=True,
    )  # fmt: skip
    scores, gradients = graded(model, batch(inputs))
    assert {"head.weight", "stack.layers.0.weight_hh_l0"} <= gradients.keys()
    for more, garbage in ((1, False), (9, False), (9, True)):
        other, others = graded(model, batch(inputs, more=more, garbage=garbage))
        torch.testing.assert_close(other, scores, rtol=1e-12, atol=1e-12)
        for name, gradient in gradients.items():
            torch.testing.assert_close(others[name], gradient, rtol=1e-10, atol=1e-12, msg=name)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("readout", ["last", "mean", "max", "attention"])
def test_company_changes_no_score(kind: str, readout: str) -> None:
    """A sequence says alone, without any padding, what it says among longer ones."""
    model, some = made(ExampleSpec(TOKENS, Labels(3)), kind, readout=readout, bidirectional=True), batch(TOKENS)
    together = model(some)
    for row, n in enumerate(LENGTHS):
        alone = SequenceBatch(some.inputs[row : row + 1, :n], torch.tensor([n]), some.targets[:1], 1)
        torch.testing.assert_close(model(alone)[0], together[row], rtol=1e-12, atol=1e-12)


def test_dropouts_are_part_of_training_alone() -> None:
    spec, some = ExampleSpec(TOKENS, Labels(3)), batch(TOKENS)
    model = made(spec, words={"dropout": 0.5, "locked_dropout": 0.5}, dropout=0.5, variational_dropout=0.5)
    assert torch.equal(model(some), made(spec)(some))
    model.train()
    assert not torch.equal(model(some), model(some))


def test_dropout_takes_of_what_is_read() -> None:
    model = made(ExampleSpec(VECTORS, Number()), dropout=0.5, hidden_sizes=[400]).train()
    with torch.no_grad():
        model.head.weight.fill_(1.0)
        model.head.bias.zero_()
    some = batch(VECTORS)
    read = model.stack.read(model.stack(some.inputs, lengths=some.lengths)[0], some.lengths)
    torch.manual_seed(5)
    said = model(some)
    torch.manual_seed(5)
    torch.testing.assert_close(said[:, 0], torch.nn.functional.dropout(read, 0.5).sum(dim=1))
