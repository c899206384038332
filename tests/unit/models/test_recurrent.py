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
from seqexp.training.precision import autocast

KINDS = ("rnn", "lstm", "gru")
READOUTS = ("last", "mean", "max", "attention")


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
        case "attention":
            assert stack.attention is not None
            w, b, v = stack.attention.parameters()
            weights = [torch.exp(torch.tanh(w @ y + b) @ v[0]) for row in outputs for y in row]  # equations 5 and 6
            e = torch.stack(weights).view(outputs.shape[:2])
            return torch.einsum("nt,nth->nh", e / e.sum(1, keepdim=True), outputs)  # equation 7
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
        readout=data.draw(st.sampled_from(READOUTS)), kernel=kernel, **relu,
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


class TestLengths:
    """Rows of unequal lengths: what lies behind the end of a row is nothing."""

    LENGTHS = (4, 1, 7, 2)

    @staticmethod
    def found(stack: RecurrentStack, x: Tensor, lengths: Tensor | None) -> list[Tensor]:
        """Outputs and read-out, and the gradients of a loss over both, of inputs and weights."""
        x = x.detach().clone().requires_grad_()
        outputs, _ = stack(x, lengths=lengths)
        read = stack.read(outputs, lengths)
        weights = torch.randn(len(x), 7, stack.width, generator=torch.Generator().manual_seed(2)).to(x.dtype)
        loss = (outputs[:, :7] * weights).sum() + (read * weights[:, 0]).sum()
        return [outputs, read, *torch.autograd.grad(loss, [x, *stack.parameters()])]

    @settings(deadline=None, max_examples=8)
    @given(data=st.data())
    @pytest.mark.parametrize("readout", READOUTS)
    @pytest.mark.parametrize("bidirectional", [False, True])
    @pytest.mark.parametrize("kind", [*KINDS, "relu"])
    @pytest.mark.parametrize("kernel", ["torch", "fused"])
    def test_more_padding_changes_nothing(
        self, kernel: str, kind: str, bidirectional: bool, readout: str, data: st.DataObject
    ) -> None:
        """To 1e-12 in float64, where only the order of sums may differ; padding itself is read by no one."""
        if kernel == "fused" and not available():
            pytest.skip("no C++ compiler")
        relu = {"nonlinearity": "relu"} if kind == "relu" else {}
        torch.manual_seed(data.draw(st.integers(0, 1000)))
        stack = made(
            "rnn" if relu else kind, hidden_sizes=[4, 4], bidirectional=bidirectional, readout=readout, kernel=kernel,
            layer_norm=data.draw(st.booleans()), residual=data.draw(st.booleans()),
            initial_state=data.draw(st.sampled_from(["zero", "learned"])), **relu,
        )  # fmt: skip
        lengths = torch.tensor(data.draw(st.lists(st.integers(1, 7), min_size=2, max_size=5)))
        x = torch.randn(len(lengths), 7, 3, dtype=torch.float64)
        behind = torch.arange(7) >= lengths[:, None]
        x[behind] = 0.0
        expected = self.found(stack, x, lengths)
        assert (expected[0][behind] == 0).all()
        assert (expected[2][behind] == 0).all()
        x[behind] = data.draw(st.sampled_from([-3.0, 1.0, 100.0]))
        more = torch.cat((x, torch.randn(len(x), data.draw(st.integers(0, 4)), 3, dtype=torch.float64)), dim=1)
        outputs, read, dx, *weights = self.found(stack, more, lengths)
        assert (outputs[:, 7:] == 0).all()
        assert (dx[:, 7:] == 0).all()
        for ours, theirs in zip((outputs[:, :7], read, dx[:, :7], *weights), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("readout", READOUTS)
    @pytest.mark.parametrize("bidirectional", [False, True])
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_row_is_what_it_is_alone(self, kind: str, bidirectional: bool, readout: str) -> None:
        torch.manual_seed(1)
        stack = made(kind, hidden_sizes=[4, 3], bidirectional=bidirectional, readout=readout, layer_norm=True)
        x, lengths = torch.randn(4, 7, 3, dtype=torch.float64), torch.tensor(self.LENGTHS)
        outputs, finals = stack(x, lengths=lengths)
        assert finals == []
        read = stack.read(outputs, lengths)
        for n, length in enumerate(self.LENGTHS):
            alone, _ = stack(x[n : n + 1, :length])
            torch.testing.assert_close(outputs[n, :length], alone[0], rtol=0, atol=1e-14)
            torch.testing.assert_close(read[n], read_by_hand(stack, alone)[0], rtol=0, atol=1e-14)

    @pytest.mark.parametrize("given", [False, True])
    @pytest.mark.parametrize("kind", [*KINDS, "relu"])
    def test_both_directions_are_those_of_a_packed_sequence(self, kind: str, given: bool) -> None:
        torch.manual_seed(1)
        relu = {"nonlinearity": "relu"} if kind == "relu" else {}
        stack = made("rnn" if relu else kind, hidden_sizes=[5], bidirectional=True, **relu)
        layer, lengths = stack.layers[0], torch.tensor(self.LENGTHS)
        x = torch.randn(4, 7, 3, dtype=torch.float64, requires_grad=True)
        state = tuple(torch.randn(2, 4, 5, dtype=torch.float64) for _ in range(1 + (kind == "lstm"))) if given else None
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        theirs, _ = layer(packed, None if state is None else state if kind == "lstm" else state[0])
        expected, _ = nn.utils.rnn.pad_packed_sequence(theirs, batch_first=True)
        outputs, _ = stack(x, None if state is None else [state], lengths)
        torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-14)
        weights, leaves = torch.randn_like(expected), [x, *stack.parameters()]
        pairs = (torch.autograd.grad(o, leaves, weights) for o in (outputs, expected))
        for mine, other in zip(*pairs, strict=True):
            torch.testing.assert_close(mine, other, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("readout", READOUTS)
    @pytest.mark.parametrize("bidirectional", [False, True])
    def test_where_no_row_is_shorter_the_bits_are_those_without_lengths(
        self, bidirectional: bool, readout: str
    ) -> None:
        torch.manual_seed(1)
        stack = made("lstm", hidden_sizes=[4, 3], bidirectional=bidirectional, readout=readout).float()
        x = torch.randn(3, 7, 3)
        pairs = zip(self.found(stack, x, torch.tensor([7, 7, 7])), self.found(stack, x, None), strict=True)
        assert all(torch.equal(ours, theirs) for ours, theirs in pairs)

    @pytest.mark.parametrize("kind", KINDS)
    def test_half_precision_reads_them_too(self, kind: str) -> None:
        torch.manual_seed(1)
        stack = made(kind, hidden_sizes=[4, 3], bidirectional=True, readout="attention", weight_drop=0.3).float()
        x, lengths = torch.randn(4, 7, 3), torch.tensor(self.LENGTHS)
        with autocast("bf16", x.device):
            near, _ = stack(x, lengths=lengths)
            read = stack.read(near, lengths)
            stack.train().read(stack(x, lengths=lengths)[0], lengths).sum().backward()
        exact, _ = stack.eval()(x, lengths=lengths)
        torch.testing.assert_close(near.float(), exact, rtol=0, atol=0.02)  # bf16 has 8 bits
        torch.testing.assert_close(read.float(), stack.read(exact, lengths), rtol=0, atol=0.02)


def test_attention_has_weights_only_where_it_is_chosen() -> None:
    shapes = {n: tuple(p.shape) for n, p in made("gru", readout="attention", hidden_sizes=[4]).named_parameters()}
    plain = {n: tuple(p.shape) for n, p in made("gru", hidden_sizes=[4]).named_parameters()}
    added = {"attention.0.weight": (4, 4), "attention.0.bias": (4,), "attention.2.weight": (1, 4)}
    assert shapes == plain | added


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

    @pytest.mark.parametrize("kernel", ["torch", "fused"])
    @pytest.mark.parametrize("bidirectional", [False, True])
    @pytest.mark.parametrize("kind", KINDS)
    def test_weight_drop_leaves_out_recurrent_weights_alone(self, kind: str, bidirectional: bool, kernel: str) -> None:
        if kernel == "fused" and not available():
            pytest.skip("no C++ compiler")
        torch.manual_seed(0)
        stack = made(kind, hidden_sizes=[6, 5], bidirectional=bidirectional, weight_drop=0.4, kernel=kernel).train()
        twin = made(kind, hidden_sizes=[6, 5], bidirectional=bidirectional, kernel=kernel)
        x = torch.randn(3, 4, 3, dtype=torch.float64)
        own = {n: p.detach().clone() for n, p in stack.named_parameters()}
        torch.manual_seed(7)
        outputs, _ = stack(x)
        gradients = torch.autograd.grad(outputs.sum(), list(stack.parameters()))
        assert all(torch.equal(p, own[n]) for n, p in stack.named_parameters())
        torch.manual_seed(7)
        masks = {n: nn.functional.dropout(torch.ones_like(p), 0.4) for n, p in own.items() if "weight_hh" in n}
        twin.load_state_dict({n: p * masks.get(n, 1.0) for n, p in own.items()})
        expected, _ = twin(x)
        torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-14)
        theirs = torch.autograd.grad(expected.sum(), list(twin.parameters()))
        for (name, _), mine, other in zip(stack.named_parameters(), gradients, theirs, strict=True):
            torch.testing.assert_close(mine, other * masks.get(name, 1.0), rtol=0, atol=1e-12)
        assert not torch.equal(stack(x)[0], outputs)  # another pass, another mask
        before = torch.get_rng_state()
        stack.eval()(x)
        assert torch.equal(torch.get_rng_state(), before)

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
