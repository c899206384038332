"""The kernels are held to torch's layers and to the textbook equations: values, gradients, bits, errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seqexp.models.equations import Weights, gru_cell
from seqexp.models.kernels.build import default_variant, load
from seqexp.models.kernels.call import CELLS
from seqexp.models.kernels.operator import recurrence

from .conftest import OTHERS
from .reference import Case, by_the_equations, distance, fused, gradients, made

FORMATS = [(torch.float32, 1e-5), (torch.float64, 1e-10)]


def both(case: Case, variant: str | None = None) -> float:
    """How far values and gradients are from the equations'."""
    ours, theirs = fused(case, variant), by_the_equations(case)
    far = distance(ours, theirs)
    return max(far, distance(gradients(ours, case.leaves), gradients(theirs, case.leaves)))


@pytest.fixture
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("cell", CELLS)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_float64_is_as_the_equations_say(cell: str, data: st.DataObject) -> None:
    N, T = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 7))
    lengths = data.draw(st.none() | st.lists(st.integers(0, T), min_size=N, max_size=N))
    case = made(
        cell, N, T, data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40)), seed=data.draw(st.integers(0, 99)),
        lengths=lengths, mask=data.draw(st.booleans()), reverse=data.draw(st.booleans()),
    )  # fmt: skip
    assert both(case) < 1e-10


@pytest.mark.parametrize("cell", CELLS)
@settings(deadline=None, max_examples=8)
@given(D=st.integers(1, 300), H=st.integers(1, 300), N=st.integers(1, 20), T=st.integers(1, 5))
def test_float32_is_as_the_equations_say(cell: str, D: int, H: int, N: int, T: int) -> None:
    case = made(cell, N, T, D, H, dtype=torch.float32)
    exact = made(cell, N, T, D, H)
    ours, theirs = fused(case), by_the_equations(exact)
    assert distance([o.double() for o in ours], theirs) < 1e-5
    # The gradient as a whole: of a gate that is shut it is the difference of numbers that float32 cannot tell apart.
    mine, right = (torch.cat([g.double().flatten() for g in gs]) for gs in
                   (gradients(ours, case.leaves), gradients(theirs, exact.leaves)))  # fmt: skip
    assert distance([mine], [right]) < 1e-5


@pytest.mark.parametrize(("dtype", "limit"), FORMATS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("size", [(64, 96, 5, 64), (70, 12, 33, 17), (1, 300, 4, 32), (3, 1, 1, 1)])
def test_torchs_layers_agree(cell: str, dtype: torch.dtype, limit: float, size: tuple[int, int, int, int]) -> None:
    N, T, D, H = size
    torch.manual_seed(4)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}.get(cell, nn.RNN)
    extra = {"nonlinearity": cell.removeprefix("rnn_")} if kind is nn.RNN else {}
    layer = kind(D, H, batch_first=True, dtype=dtype, **extra)  # type: ignore[arg-type]
    state = tuple(torch.randn(1, N, H, dtype=dtype, requires_grad=True) for _ in range(2 if cell == "lstm" else 1))
    x = torch.randn(N, T, D, dtype=dtype, requires_grad=True)
    y, end = layer(x, state if cell == "lstm" else state[0])
    theirs = [y, *(s[0] for s in (end if cell == "lstm" else (end,)))]
    weights = tuple(layer.parameters())
    assert len(weights) == 4
    got = recurrence(cell, x, weights, *(s[0] for s in state))
    ours = list(got[: len(theirs)])
    assert distance(ours, theirs) < limit
    leaves = [x, *state, *weights]
    assert distance(gradients(ours, leaves), gradients(theirs, leaves)) < limit


def test_without_a_mask_the_reference_is_the_textbooks_gru() -> None:
    case = made("gru_reset_before", 3, 1, 2, 5)
    expected = gru_cell(case.x[:, 0], case.h0, case.weights, reset_after=False)
    torch.testing.assert_close(by_the_equations(case)[1], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("variant", OTHERS)
@pytest.mark.parametrize("H", [1, 37, 64])
def test_every_instruction_set_agrees(cell: str, variant: str, H: int) -> None:
    case = made(cell, 27, 5, 19, H, dtype=torch.float32, lengths=[5, 0, 1] * 9, mask=True)
    ours, theirs = fused(case, variant), fused(case)
    assert distance(ours, theirs) < 1e-5
    assert distance(gradients(ours, case.leaves), gradients(theirs, case.leaves)) < 1e-5


class TestLengths:
    @pytest.mark.parametrize("cell", CELLS)
    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_row_is_what_it_is_alone(self, cell: str, reverse: bool) -> None:
        lengths = [4, 1, 0, 6, 1]
        case = made(cell, 5, 6, 3, 10, lengths=lengths, reverse=reverse)
        outputs = fused(case)
        for n, length in enumerate(lengths):
            alone = case._replace(
                x=case.x[n : n + 1, :length], lengths=None, h0=case.h0[n : n + 1],
                c0=None if case.c0 is None else case.c0[n : n + 1],
            )  # fmt: skip
            expected = fused(alone)
            assert torch.equal(outputs[0][n, :length], expected[0][0])  # bit for bit
            assert (outputs[0][n, length:] == 0).all()
            for ours, theirs in zip(outputs[1:], expected[1:], strict=True):
                assert torch.equal(ours[n], theirs[0])

    @pytest.mark.parametrize("cell", CELLS)
    def test_what_lies_behind_the_end_changes_nothing(self, cell: str) -> None:
        case = made(cell, 3, 5, 2, 4, lengths=[2, 5, 3])
        x = case.x.detach().clone()
        x[0, 2:], x[2, 3:] = torch.nan, torch.inf
        spoiled = case._replace(x=x.requires_grad_())
        for ours, theirs in zip(fused(spoiled), fused(case), strict=True):
            assert torch.equal(ours, theirs)
        ours, theirs = gradients(fused(spoiled), spoiled.leaves), gradients(fused(case), case.leaves)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        assert (ours[0][0, 2:] == 0).all()

    def test_no_steps_at_all_gives_the_state_back(self) -> None:
        case = made("lstm", 3, 4, 2, 5, lengths=[0, 0, 0])
        y, h, c = fused(case)
        assert case.c0 is not None
        assert (y == 0).all()
        assert torch.equal(h, case.h0)
        assert torch.equal(c, case.c0)
        weights = torch.randn_like(h)
        *of_inputs, of_h0, of_c0 = torch.autograd.grad((h * weights + 2 * c).sum() + y.sum(), case.leaves)
        assert all((g == 0).all() for g in of_inputs)
        assert torch.equal(of_h0, weights)
        assert (of_c0 == 2).all()


class TestBits:
    @pytest.mark.usefixtures("_threads_as_before")
    @pytest.mark.parametrize("cell", CELLS)
    @pytest.mark.parametrize("lengths", [None, [31 - i for i in range(29)]])
    def test_one_and_two_threads_and_the_next_time(self, cell: str, lengths: list[int] | None) -> None:
        case = made(cell, 29, 40, 50, 70, dtype=torch.float32, lengths=lengths)  # enough work for two threads
        found = []
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            outputs = fused(case)
            found.append([*outputs, *gradients(outputs, case.leaves)])
        for again in found[1:]:
            assert all(torch.equal(a, b) for a, b in zip(found[0], again, strict=True))

    def test_other_rows_change_nothing(self) -> None:
        case = made("gru", 13, 6, 9, 20, dtype=torch.float32)
        some = case._replace(x=case.x[3:8], h0=case.h0[3:8])
        for whole, part in zip(fused(case), fused(some), strict=True):
            assert torch.equal(whole[3:8], part)

    def test_a_view_in_time_major_order(self) -> None:
        case = made("lstm", 4, 6, 5, 8)
        major = case._replace(x=case.x.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_())
        assert not major.x.is_contiguous()
        ours, theirs = fused(major), fused(case)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        pairs = zip(gradients(ours, major.leaves), gradients(theirs, case.leaves), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)

    def test_with_and_without_gradients(self) -> None:
        case = made("lstm", 4, 6, 5, 8, dtype=torch.float32)
        with torch.no_grad():
            alone = fused(case)
        assert all(torch.equal(a, b) for a, b in zip(alone, fused(case), strict=True))

    def test_python_threads_may_call_at_once(self) -> None:
        case = made("gru", 16, 20, 32, 32)
        expected, found = fused(case), [[]] * 4

        def call(i: int) -> None:
            found[i] = fused(case)  # type: ignore[call-overload]

        threads = [threading.Thread(target=call, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(torch.equal(a, b) for one in found for a, b in zip(one, expected, strict=True))


class TestTorch:
    @pytest.mark.parametrize("cell", ["lstm", "gru"])
    def test_it_is_an_ordinary_operator(self, cell: str) -> None:
        case = made(cell, 3, 4, 2, 5, lengths=[4, 1, 3], mask=True)
        c0 = case.c0 if case.c0 is not None else case.x.new_empty(0)
        torch.library.opcheck(
            torch.ops.seqexp.recurrence.default,
            (case.x, case.h0, c0, *case.weights, case.lengths, case.mask, cell, False, 8, True, default_variant()),
        )

    def test_function_transforms(self) -> None:
        case = made("gru", 3, 4, 2, 5)

        def loss(leaves: list[Tensor]) -> Tensor:
            return recurrence("gru", leaves[0], (leaves[1], leaves[2], leaves[3], leaves[4]), leaves[5])[0].sum()

        found = torch.func.grad(loss)([leaf.detach() for leaf in case.leaves])
        expected = torch.autograd.grad(loss(case.leaves), case.leaves)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))

    def test_an_output_nobody_used_has_no_gradient(self) -> None:
        case = made("lstm", 3, 4, 2, 5)
        for index in range(3):
            ours = gradients([fused(case)[index]], case.leaves)
            assert distance(ours, gradients([by_the_equations(case)[index]], case.leaves)) < 1e-10

    def test_only_what_is_asked_for_is_computed(self) -> None:
        case = made("gru", 3, 4, 2, 5)
        fixed = Weights(*(w.detach() for w in case.weights))
        only_x = case._replace(weights=fixed, h0=case.h0.detach())
        (found,) = torch.autograd.grad(fused(only_x)[0].sum(), [only_x.x])
        (expected,) = torch.autograd.grad(fused(case)[0].sum(), [case.x])
        assert torch.equal(found, expected)

    def test_gradients_may_be_taken_twice_but_not_of_gradients(self) -> None:
        case = made("gru", 3, 4, 2, 5)
        y = fused(case)[0].square().sum()
        first = torch.autograd.grad(y, case.leaves, retain_graph=True)
        second = torch.autograd.grad(y, case.leaves, create_graph=True)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        with pytest.raises(RuntimeError, match="once_differentiable"):
            second[0].sum().backward()


class TestErrors:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"cell": "elman"}, "cell must be one of lstm, gru, .* but is elman"),
            ({"x": torch.zeros(3, 4)}, r"x must be \(N, T, D\) in float32 or float64 .* but is \(3, 4\) float32"),
            ({"x": torch.zeros(3, 4, 2, dtype=torch.float16)}, "float16"),
            (
                {"x": torch.zeros(3, 4, 7, dtype=torch.float64)},
                r"w_x must be \(15, 7\) float64 on cpu, but is \(15, 2\)",
            ),
            ({"h0": torch.zeros(3, 4, dtype=torch.float64)}, r"h0 must be \(3, 5\) float64"),
            ({"h0": torch.zeros(3, 5)}, r"h0 must be \(3, 5\) float64 on cpu, but is \(3, 5\) float32"),
            ({"c0": torch.zeros(3, 5, dtype=torch.float64)}, "c0 is for the LSTM alone"),
            ({"mask": torch.zeros(3, 6, dtype=torch.float64)}, r"mask must be \(3, 5\)"),
            ({"mask": torch.zeros(3, 5, dtype=torch.float64, requires_grad=True)}, "mask has no gradient"),
            ({"lengths": torch.tensor([1, 2])}, r"lengths must be whole numbers \(3,\)"),
            ({"lengths": torch.tensor([1.0, 2, 3])}, "lengths must be whole numbers"),
            ({"lengths": torch.tensor([1, 5, 2])}, "lengths must be from 0 to 4, but are from 1 to 5"),
            ({"lengths": torch.tensor([1, -1, 2])}, "lengths must be from 0 to 4"),
        ],
    )
    def test_say_what_is_wrong(self, change: dict[str, object], message: str) -> None:
        case = made("gru", 3, 4, 2, 5)._replace(**change)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=message):
            fused(case)

    def test_without_a_library_the_reason_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        missing = load(default_variant())._replace(library=None, reason="no fused kernels: no C++ compiler found")
        monkeypatch.setattr("seqexp.models.kernels.operator.load", lambda *_: missing)
        with pytest.raises(RuntimeError, match=r"no C\+\+ compiler found"):
            fused(made("gru", 3, 4, 2, 5))
