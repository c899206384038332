"""The textbook cells: by hand, by torch's own cells, and by the gate-by-gate equations in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqexp.models.equations import Weights, gru_cell, lstm_cell, rnn_cell

N, D, H = 3, 4, 5


def numbers(*rows: list[float] | float) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def of(cell: nn.RNNCellBase) -> Weights:
    return Weights(cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


class TestByHand:
    """D = H = 1, N = 1, so that every term can be written out."""

    x, h, c = numbers([0.5]), numbers([-1.0]), numbers([2.0])

    def test_rnn(self) -> None:
        w = Weights(numbers([3.0]), numbers([0.25]), numbers(0.1), numbers(-0.2))
        assert rnn_cell(self.x, self.h, w).item() == pytest.approx(math.tanh(3 * 0.5 - 0.25 + 0.1 - 0.2), abs=1e-15)

    def test_relu_rnn(self) -> None:
        w = Weights(numbers([3.0]), numbers([0.25]), numbers(0.1), numbers(-0.2))
        assert rnn_cell(self.x, self.h, w, torch.relu).item() == pytest.approx(1.15, abs=1e-15)
        assert rnn_cell(-self.x, self.h, w, torch.relu).item() == 0.0

    def test_lstm(self) -> None:
        # gates in the order i, f, candidate, o; each is w_x * 0.5 + w_h * -1 + b
        w = Weights(
            numbers([1.0], [2.0], [3.0], [4.0]), numbers([0.1], [0.2], [0.3], [0.4]),
            numbers(0.01, 0.02, 0.03, 0.04), numbers(0.5, 0.6, 0.7, 0.8),
        )  # fmt: skip
        i, f = sigmoid(0.5 - 0.1 + 0.51), sigmoid(1.0 - 0.2 + 0.62)
        candidate, o = math.tanh(1.5 - 0.3 + 0.73), sigmoid(2.0 - 0.4 + 0.84)
        cell = f * 2.0 + i * candidate
        new_h, new_c = lstm_cell(self.x, self.h, self.c, w)
        assert new_c.item() == pytest.approx(cell, abs=1e-15)
        assert new_h.item() == pytest.approx(o * math.tanh(cell), abs=1e-15)

    @pytest.mark.parametrize("reset_after", [True, False])
    def test_gru(self, reset_after: bool) -> None:
        # gates in the order r, z, candidate
        w = Weights(
            numbers([1.0], [2.0], [3.0]), numbers([0.1], [0.2], [0.3]),
            numbers(0.01, 0.02, 0.03), numbers(0.5, 0.6, 0.7),
        )  # fmt: skip
        r, z = sigmoid(0.5 - 0.1 + 0.51), sigmoid(1.0 - 0.2 + 0.62)
        recurrent = r * (0.3 * -1.0 + 0.7) if reset_after else 0.3 * (r * -1.0) + 0.7
        candidate = math.tanh(1.5 + 0.03 + recurrent)
        expected = (1 - z) * candidate + z * -1.0
        assert gru_cell(self.x, self.h, w, reset_after=reset_after).item() == pytest.approx(expected, abs=1e-15)


class TestAgainstTorch:
    """Values and the gradients of every input and parameter, in float64."""

    @pytest.fixture(autouse=True)
    def _inputs(self) -> None:
        torch.manual_seed(0)
        self.x = torch.randn(N, D, dtype=torch.float64, requires_grad=True)
        self.h = torch.randn(N, H, dtype=torch.float64, requires_grad=True)
        self.c = torch.randn(N, H, dtype=torch.float64, requires_grad=True)

    def same(self, ours: Tensor, theirs: Tensor, leaves: list[Tensor]) -> None:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
        weights = torch.randn_like(theirs)
        pairs = zip(
            torch.autograd.grad(ours, leaves, weights), torch.autograd.grad(theirs, leaves, weights), strict=True
        )
        for mine, expected in pairs:
            torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
    def test_rnn(self, nonlinearity: str) -> None:
        cell = nn.RNNCell(D, H, nonlinearity=nonlinearity, dtype=torch.float64)
        activation = torch.tanh if nonlinearity == "tanh" else torch.relu
        self.same(
            rnn_cell(self.x, self.h, of(cell), activation), cell(self.x, self.h), [self.x, self.h, *cell.parameters()]
        )

    def test_lstm(self) -> None:
        cell = nn.LSTMCell(D, H, dtype=torch.float64)
        ours = torch.cat(lstm_cell(self.x, self.h, self.c, of(cell)))
        theirs = torch.cat(cell(self.x, (self.h, self.c)))
        self.same(ours, theirs, [self.x, self.h, self.c, *cell.parameters()])

    def test_gru(self) -> None:
        cell = nn.GRUCell(D, H, dtype=torch.float64)
        self.same(gru_cell(self.x, self.h, of(cell)), cell(self.x, self.h), [self.x, self.h, *cell.parameters()])


def test_gru_that_resets_before_the_product_is_cho_et_al() -> None:
    """Equations 5 to 8 of Cho et al. (2014), one matrix a gate, in NumPy. Their z keeps the past."""
    generator = np.random.default_rng(1)
    w_r, w_z, w = (generator.normal(size=(H, D)) for _ in range(3))
    u_r, u_z, u = (generator.normal(size=(H, H)) for _ in range(3))
    b_r, b_z, b = (generator.normal(size=H) for _ in range(3))
    x, h = generator.normal(size=(N, D)), generator.normal(size=(N, H))
    expected = np.empty((N, H))
    for n in range(N):
        r = 1 / (1 + np.exp(-(w_r @ x[n] + u_r @ h[n] + b_r)))
        z = 1 / (1 + np.exp(-(w_z @ x[n] + u_z @ h[n] + b_z)))
        candidate = np.tanh(w @ x[n] + u @ (r * h[n]) + b)
        expected[n] = z * h[n] + (1 - z) * candidate
    weights = Weights(
        *(torch.from_numpy(np.concatenate(parts)) for parts in ((w_r, w_z, w), (u_r, u_z, u), (b_r, b_z, b))),
        torch.zeros(3 * H, dtype=torch.float64),
    )
    ours = gru_cell(torch.from_numpy(x), torch.from_numpy(h), weights, reset_after=False)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=0, atol=1e-13)
    after = gru_cell(torch.from_numpy(x), torch.from_numpy(h), weights, reset_after=True)
    assert (after - ours).abs().max() > 1e-3  # the two candidates do differ
