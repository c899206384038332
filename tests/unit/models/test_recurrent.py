"""The fast stack is held to the textbook cells scanned over time: values and gradients, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sections import recurrent
from torch import Tensor, nn

from seqexp.models.equations import Weights, gru_cell, lstm_cell, rnn_cell
from seqexp.models.kernels.layer import available
from seqexp.models.recurrent import RecurrentStack, State

KINDS = ("rnn", "lstm", "gru")


def scan(layer: nn.RNNBase, direction: int, x: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """One direction of one layer by the equations: outputs (N, T, H) and the final state, (N, H) each."""
    suffix = "_l0_reverse" if direction else "_l0"
    w = Weights(*(getattr(layer, name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))
    steps = range(x.shape[1])
    outputs: list[Tensor] = [x] * x.shape[1]
    for t in reversed(steps) if direction else steps:
        if isinstance(layer, nn.LSTM):
            state = list(lstm_cell(x[:, t], state[0], state[1], w))
        elif isinstance(layer, nn.GRU):
            state = [gru_cell(x[:, t], state[0], w)]
        else:
            assert isinstance(layer, nn.RNN)
            state = [rnn_cell(x[:, t], state[0], w, torch.tanh if layer.nonlinearity == "tanh" else torch.relu)]
        outputs[t] = state[0]
    return torch.stack(outputs, dim=1), state


def normalised(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Layer normalisation over the last axis (Ba et al. 2016, equation 4)."""
    centered = x - x.mean(dim=-1, keepdim=True)
    return centered / (centered.square().mean(dim=-1, keepdim=True) + norm.eps).sqrt() * norm.weight + norm.bias


def by_the_equations(stack: RecurrentStack, x: Tensor, states: list[State] | None) -> tuple[Tensor, list[State]]:
    config, finals = stack.config, []
    for index, layer in enumerate(stack.layers):
        assert isinstance(layer, nn.RNNBase)
        outputs, ends = [], []
        for direction in range(stack.directions):
            if states is not None:
                begin = [s[direction] for s in states[index]]
            elif config.initial_state == "learned":
                begin = [s[direction].expand(len(x), -1) for s in stack.initial[index]]
            else:
                begin = [x.new_zeros(len(x), layer.hidden_size) for _ in range(2)]
            output, end = scan(layer, direction, x, begin)
            outputs.append(output)
            ends.append(end)
        above = torch.cat(outputs, dim=-1)
        finals.append(tuple(torch.stack(parts) for parts in zip(*ends, strict=True)))
        if config.residual and above.shape == x.shape:
            above = above + x
        x = normalised(above, stack.norms[index]) if config.layer_norm else above  # type: ignore[arg-type]
    return x, finals


def read_by_hand(stack: RecurrentStack, outputs: Tensor) -> Tensor:
    match stack.config.readout:
        case "mean":
            return sum(outputs[:, t] for t in range(outputs.shape[1])) / outputs.shape[1]  # type: ignore[return-value]
        case "max":
            return outputs.max(dim=1).values
        case _:  # forward units ended at the last step, backward ones at the first
            size = stack.config.hidden_sizes[-1]
            return torch.stack([outputs[:, -1 if j < size else 0, j] for j in range(stack.width)], dim=-1)


def made(kind: str, features: int = 3, **changes: Any) -> RecurrentStack:
    return RecurrentStack(recurrent(kind, **changes), features).double().eval()


@settings(deadline=None, max_examples=40)
@given(data=st.data())
@pytest.mark.parametrize("kernel", ["torch", "fused"])
@pytest.mark.parametrize("kind", [*KINDS, "relu"])
def test_values_and_gradients_are_those_of_the_equations(kind: str, kernel: str, data: st.DataObject) -> None:
    if kernel == "fused" and not available():
        pytest.skip("no C++ compiler")
    relu = {"nonlinearity": "relu"} if kind == "relu" else {}
    size = st.integers(1, 4)
    features, hidden = data.draw(size), data.draw(st.lists(size, min_size=1, max_size=3))
    torch.manual_seed(data.draw(st.integers(0, 1000)))
    stack = made(
        "rnn" if kind == "relu" else kind, features, hidden_sizes=hidden,
        bidirectional=data.draw(st.booleans()), residual=data.draw(st.booleans()),
        layer_norm=data.draw(st.booleans()), initial_state=data.draw(st.sampled_from(["zero", "learned"])),
        readout=data.draw(st.sampled_from(["last", "mean", "max"])), kernel=kernel, **relu,
    )  # fmt: skip
    assert (stack._fused is not None) == (kernel == "fused")
    with torch.no_grad():  # what begins as zeros or ones says little
        for parameter in [*stack.initial, *stack.norms.parameters()]:
            parameter.normal_()
    x = torch.randn(data.draw(size), data.draw(st.integers(1, 6)), features, dtype=torch.float64, requires_grad=True)
    outputs, finals = stack(x)
    expected, expected_finals = by_the_equations(stack, x, None)
    pairs = [
        (outputs, expected), (stack.read(outputs), read_by_hand(stack, expected)),
        *((a, b) for ours, theirs in zip(finals, expected_finals, strict=True)
          for a, b in zip(ours, theirs, strict=True)),
    ]  # fmt: skip
    leaves = [x, *stack.parameters()]
    losses = [torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)]
    for pair in pairs:
        torch.testing.assert_close(*pair, rtol=0, atol=1e-10)
        weights = torch.randn_like(pair[1])
        losses = [loss + (value * weights).sum() for loss, value in zip(losses, pair, strict=True)]
    gradients = [torch.autograd.grad(loss, leaves, allow_unused=True) for loss in losses]
    for mine, theirs in zip(*gradients, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_stack_of_several_sizes_has_torchs_layers_of_those_sizes(kind: str, bidirectional: bool) -> None:
    stack = made(kind, 5, hidden_sizes=[8, 4], bidirectional=bidirectional)
    k = 1 + bidirectional
    assert [(layer.input_size, layer.hidden_size) for layer in stack.layers] == [(5, 8), (8 * k, 4)]
    assert stack.width == 4 * k
    outputs, finals = stack(torch.randn(2, 7, 5, dtype=torch.float64))
    assert outputs.shape == (2, 7, 4 * k)
    assert [[tuple(s.shape) for s in state] for state in finals] == [
        [(k, 2, size)] * (2 if kind == "lstm" else 1) for size in (8, 4)
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("initial_state", ["zero", "learned"])
@settings(deadline=None, max_examples=10)
@given(cut=st.integers(1, 8))
def test_state_carried_over_a_cut_equals_one_long_pass(kind: str, initial_state: str, cut: int) -> None:
    torch.manual_seed(3)
    stack = made(kind, hidden_sizes=[4, 3], initial_state=initial_state, layer_norm=True)
    with torch.no_grad():
        for parameter in stack.initial:
            parameter.normal_()
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    whole, ends = stack(x)
    first, between = stack(x[:, :cut])
    second, final = stack(x[:, cut:], between)
    torch.testing.assert_close(torch.cat((first, second), dim=1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(final, ends, rtol=0, atol=1e-12)
    forgetful, _ = stack(x[:, cut:])
    assert (forgetful[:, 0] - whole[:, cut]).abs().max() > 1e-4  # it does matter


@pytest.mark.parametrize("kind", KINDS)
def test_learned_initial_state_begins_at_zero_and_is_a_parameter_of_each_layer(kind: str) -> None:
    stack = made(kind, hidden_sizes=[4, 3], initial_state="learned", bidirectional=True)
    states = 2 if kind == "lstm" else 1
    assert {n: tuple(p.shape) for n, p in stack.named_parameters() if n.startswith("initial")} == {
        "initial.0": (states, 2, 4),
        "initial.1": (states, 2, 3),
    }
    assert all((p == 0).all() for p in stack.initial)
    assert not [n for n, _ in made(kind).named_parameters() if n.startswith("initial")]


class TestDropout:
    """What a layer is fed, seen from outside by a hook."""

    @staticmethod
    def fed(stack: RecurrentStack, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The inputs of each layer, and its outputs."""
        inputs: list[Tensor] = []
        outputs: list[Tensor] = []

        def note(_: nn.Module, given: tuple[Tensor, ...], said: tuple[Tensor, ...]) -> None:
            inputs.append(given[0])
            outputs.append(said[0])

        for layer in stack.layers:
            layer.register_forward_hook(note)
        with torch.no_grad():
            stack(x)
        return inputs, outputs

    def mask(self, stack: RecurrentStack, index: int) -> Tensor:
        """The mask on the inputs of a layer, (N, T, D)."""
        x = torch.ones(200, 6, 8, dtype=torch.float64)
        inputs, outputs = self.fed(stack, x)
        return inputs[index] / (outputs[index - 1] if index else x)

    @pytest.mark.parametrize("kind", KINDS)
    def test_between_layers_element_by_element(self, kind: str) -> None:
        torch.manual_seed(0)
        stack = made(kind, 8, hidden_sizes=[8, 8], dropout=0.25).train()
        assert (self.mask(stack, 0) == 1).all()
        mask = self.mask(stack, 1)
        torch.testing.assert_close(mask[mask > 0], torch.full_like(mask[mask > 0], 1 / 0.75))
        assert float((mask == 0).double().mean()) == pytest.approx(0.25, abs=0.02)  # 9600 draws: 4.5 sigma
        assert (mask[:, 0] != mask[:, 1]).any()

    @pytest.mark.parametrize("index", [0, 1])
    def test_variational_has_one_mask_for_all_steps_and_another_for_each_sample(self, index: int) -> None:
        torch.manual_seed(0)
        mask = self.mask(made("gru", 8, hidden_sizes=[8, 8], variational_dropout=0.4).train(), index)
        torch.testing.assert_close(mask, mask[:, :1].expand_as(mask))
        assert (mask[0] != mask[1:]).any(dim=(1, 2)).double().mean() > 0.9
        torch.testing.assert_close(mask[mask > 0], torch.full_like(mask[mask > 0], 1 / 0.6))
        assert float(mask[:, 0].mean()) == pytest.approx(1.0, abs=0.1)  # 1600 draws: 5 sigma

    def test_both_at_once_multiply(self) -> None:
        torch.manual_seed(0)
        mask = self.mask(made("rnn", 8, hidden_sizes=[8, 8], dropout=0.5, variational_dropout=0.2).train(), 1)
        torch.testing.assert_close(mask[mask > 0], torch.full_like(mask[mask > 0], 1 / 0.4))
        assert float((mask == 0).double().mean()) == pytest.approx(0.6, abs=0.06)

    @pytest.mark.parametrize("kind", KINDS)
    def test_nothing_is_dropped_in_evaluation(self, kind: str) -> None:
        stack = made(kind, 8, hidden_sizes=[8, 8], dropout=0.5, variational_dropout=0.5)
        before = torch.get_rng_state()
        assert (self.mask(stack, 0) == 1).all()
        assert (self.mask(stack, 1) == 1).all()
        assert torch.equal(torch.get_rng_state(), before)  # and no random number is drawn

    @pytest.mark.parametrize("kind", KINDS)
    def test_values_and_gradients_in_training_are_those_of_the_equations_with_the_same_masks(self, kind: str) -> None:
        torch.manual_seed(0)
        stack = made(kind, 4, hidden_sizes=[4, 4], dropout=0.3, variational_dropout=0.4, residual=True).train()
        x = torch.randn(5, 6, 4, dtype=torch.float64, requires_grad=True)
        masks: list[Tensor] = []
        for layer in stack.layers:
            layer.register_forward_hook(lambda _, given, said: masks.append(given[0].detach()))  # noqa: ARG005
        outputs, _ = stack(x)
        expected = x
        for layer, fed in zip(stack.layers, masks, strict=True):
            mask = torch.where(fed == 0, 0.0, fed / expected.detach())
            zeros = [x.new_zeros(5, 4), x.new_zeros(5, 4)]
            expected = scan(layer, 0, expected * mask, zeros)[0] + expected  # residuals pass by the masks
        torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-10)
        leaves, weights = [x, *stack.layers.parameters()], torch.randn_like(outputs)
        pairs = (torch.autograd.grad(o, leaves, weights) for o in (outputs, expected))
        for mine, theirs in zip(*pairs, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)

    def test_one_layer_has_no_between(self) -> None:
        stack = made("lstm", dropout=0.5)
        x = torch.randn(2, 4, 3, dtype=torch.float64)
        assert torch.equal(stack.train()(x)[0], stack.eval()(x)[0])


class TestInitialWeights:
    @pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
    def test_recurrent_weights_are_orthogonal_gate_by_gate(self, kind: str, gates: int) -> None:
        stack = made(kind, hidden_sizes=[6, 5], bidirectional=True)
        weights = {n: p for n, p in stack.named_parameters() if "weight_hh" in n}
        assert len(weights) == 4
        for weight in weights.values():
            assert weight.shape[0] == gates * weight.shape[1]
            for gate in weight.chunk(gates):
                identity = torch.eye(len(gate), dtype=torch.float64)
                torch.testing.assert_close(gate @ gate.T, identity, rtol=0, atol=1e-6)  # made in float32

    @pytest.mark.parametrize("kind", KINDS)
    def test_without_it_they_are_torchs_uniform(self, kind: str) -> None:
        torch.manual_seed(5)
        stack = made(kind, 3, hidden_sizes=[16], orthogonal=False)
        torch.manual_seed(5)
        plain = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind](3, 16, batch_first=True).double()
        for name, theirs in plain.named_parameters():
            kept = torch.ones(len(theirs), dtype=torch.bool)
            kept[16:32] = not (kind == "lstm" and name.startswith("bias"))  # the forget gate's is set
            assert torch.equal(stack.layers[0].get_parameter(name)[kept], theirs[kept]), name

    def test_forget_gate_bias_sums_to_its_value(self) -> None:
        stack = made("lstm", hidden_sizes=[6, 5], bidirectional=True, forget_gate_bias=1.5)
        for layer, size in zip(stack.layers, (6, 5), strict=True):
            for suffix in ("_l0", "_l0_reverse"):
                total = layer.get_parameter("bias_ih" + suffix) + layer.get_parameter("bias_hh" + suffix)
                assert (total[size : 2 * size] == 1.5).all()
                assert (total[:size] != 0).all()  # torch's, not ours to set
                assert (total[2 * size :] != 0).all()
