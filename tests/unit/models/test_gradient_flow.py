from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from support.sections import recurrent
from torch import Tensor, nn

from seqexp.data.batch import SequenceBatch
from seqexp.data.spec import ExampleSpec, Number, Vectors
from seqexp.errors import ConfigError
from seqexp.models.equations import Weights, gru_cell, lstm_cell, rnn_cell
from seqexp.models.gradient_flow import gradient_flow
from seqexp.models.kernels.layer import available
from seqexp.models.sequence_model import SequenceModel

N, T = 3, 6


def example(name: str, **changes: Any) -> tuple[SequenceModel, SequenceBatch]:
    torch.manual_seed(0)
    model = SequenceModel(recurrent(name, **changes), None, ExampleSpec(Vectors(2), Number()))
    return model, SequenceBatch(torch.randn(N, T, 2), torch.full((N,), T), torch.randn(N), N)


def squared(model: nn.Module, batch: SequenceBatch) -> Tensor:
    return (model(batch)[:, 0] - batch.targets).square().mean()


def by_the_equations(model: SequenceModel, batch: SequenceBatch) -> list[list[float]]:
    """Every state of every layer is one tensor here, so its gradient is all that arrives at it."""
    x, kept = list(batch.inputs.unbind(dim=1)), []
    for layer in model.stack.layers:
        assert isinstance(layer, nn.RNNBase)
        w = Weights(*(getattr(layer, f"{n}_l0") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))
        h = c = torch.zeros(N, layer.hidden_size)
        states = []
        for step in x:
            if isinstance(layer, nn.LSTM):
                h, c = lstm_cell(step, h, c, w)
            else:
                h = gru_cell(step, h, w) if isinstance(layer, nn.GRU) else rnn_cell(step, h, w)
            h.retain_grad()
            states.append(h)
        kept.append(states)
        x = states
    read = x[-1] if model.stack.config.readout == "last" else torch.stack(x).mean(dim=0)
    (model.head(read)[:, 0] - batch.targets).square().mean().backward()  # type: ignore[no-untyped-call]
    norms = [[float(h.grad.norm()) for h in states] for states in kept if all(h.grad is not None for h in states)]
    model.zero_grad()
    return norms


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("readout", ["last", "mean"])
@pytest.mark.parametrize("kernel", ["torch", "fused"])
def test_the_norms_are_those_of_the_textbook_cells(name: str, readout: str, kernel: str) -> None:
    if kernel == "fused" and not available():
        pytest.skip("needs a C++ compiler")
    model, batch = example(name, hidden_sizes=[5, 4], readout=readout, kernel=kernel)
    norms = gradient_flow(model, lambda m: squared(m, batch))
    assert norms.shape == (2, T)
    np.testing.assert_allclose(norms, by_the_equations(model, batch), rtol=1e-4)


def test_a_linear_recurrence_shrinks_by_its_weight_at_every_step() -> None:
    """h_t = relu(0.5 h_{t-1} + x_t), all positive, L = h_T: dL/dh_t = 0.5 ** (T - t)."""
    model, batch = example("rnn", nonlinearity="relu", hidden_sizes=[1])
    layer = model.stack.layers[0]
    assert isinstance(layer, nn.RNN)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(0.0)
        layer.weight_hh_l0.fill_(0.5)
        layer.bias_ih_l0.fill_(1.0)
        model.head.weight.fill_(1.0)
    norms = gradient_flow(model, lambda m: m(batch).sum())
    np.testing.assert_allclose(norms, [[math.sqrt(N) * 0.5 ** (T - t) for t in range(1, T + 1)]], rtol=1e-6)


@pytest.mark.parametrize(
    "changes", [{"residual": True, "hidden_sizes": [4, 4]}, {"layer_norm": True}, {"initial_state": "learned"},
                {"readout": "max"}, {"readout": "attention"}]
)  # fmt: skip
def test_step_by_step_the_loss_is_the_same(changes: dict[str, Any]) -> None:
    model, batch = example("lstm", **changes)
    batch = SequenceBatch(batch.inputs, torch.tensor([2, T, 4]), batch.targets, N)
    seen: list[float] = []

    def loss(m: nn.Module) -> Tensor:
        value = squared(m, batch)
        seen.append(value.item())
        return value

    gradient_flow(model, loss)
    assert seen == [pytest.approx(squared(model.eval(), batch).item(), rel=1e-5)]


def test_nothing_arrives_behind_a_row_s_end() -> None:
    model, batch = example("gru")
    batch = SequenceBatch(batch.inputs, torch.tensor([2, 4, 1]), batch.targets, N)
    norms = gradient_flow(model, lambda m: squared(m, batch))[0]
    assert (norms[:4] > 0).all()
    assert norms[4:].tolist() == [0.0] * (T - 4)


def test_nothing_is_changed() -> None:
    model, batch = example("lstm", hidden_sizes=[4, 4], dropout=0.5, variational_dropout=0.3, weight_drop=0.2)
    model.train()
    squared(model, batch).backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    before, weights = torch.get_rng_state(), [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        first, again = (gradient_flow(model, lambda m: squared(m, batch)) for _ in range(2))
    np.testing.assert_array_equal(first, again)  # dropout is off
    assert torch.equal(before, torch.get_rng_state())
    assert all(m.training for m in model.modules())
    assert type(model.stack).__name__ == "RecurrentStack"
    assert all(torch.equal(p, w) for p, w in zip(model.parameters(), weights, strict=True))
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True) if p.grad is not None)
    assert len(gradients) == len(weights)


def test_two_directions_have_no_order() -> None:
    model, batch = example("gru", bidirectional=True)
    with pytest.raises(ConfigError, match=r"diagnostics=gradient_flow needs model\.bidirectional=false"):
        gradient_flow(model, lambda m: squared(m, batch))
