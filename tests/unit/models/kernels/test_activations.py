"""Sigmoid and tanh of the kernels, near zero, far out and where there is no number."""

from __future__ import annotations

import pytest
import torch

from seqexp.models.kernels.call import CELLS
from seqexp.models.kernels.operator import recurrence

from .reference import by_the_equations, distance, fused, gradients, made


class TestActivations:
    """Seen through cells that do nothing else. float32: 2 units in the last place or so; float64: far under 1e-12."""

    VALUES = torch.cat((torch.linspace(-30, 30, 20011), torch.logspace(-7, 1.4, 5003), -torch.logspace(-7, 1.4, 5003)))

    @pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 4e-7), (torch.float64, 1e-14)])
    def test_tanh(self, dtype: torch.dtype, limit: float) -> None:
        x = self.VALUES.to(dtype)
        one, zero = torch.ones(1, 1, dtype=dtype), torch.zeros(1, dtype=dtype)
        y = recurrence("rnn_tanh", x[:, None, None], (one, one, zero, zero))[0].flatten().double()
        exact = torch.tanh(x.double())
        assert float(((y - exact) / exact.abs().clamp_min(1e-300)).abs()[exact != 0].max()) < limit

    @pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 4e-7), (torch.float64, 1e-14)])
    def test_sigmoid(self, dtype: torch.dtype, limit: float) -> None:
        x = self.VALUES.to(dtype)
        w = torch.tensor([[0.0], [1.0], [0.0]], dtype=dtype)  # r, z, n: with n = 0 and h0 = 1 the GRU's h is z
        zero = torch.zeros(3, dtype=dtype)
        ones = torch.ones(len(x), 1, dtype=dtype)
        y = recurrence("gru", x[:, None, None], (w, torch.zeros_like(w), zero, zero), ones)[0].flatten().double()
        exact = torch.sigmoid(x.double())
        assert float(((y - exact) / exact).abs().max()) < limit

    @pytest.mark.parametrize("cell", CELLS)
    def test_what_is_not_a_number_is_seen(self, cell: str) -> None:
        case = made(cell, 2, 3, 2, 9, dtype=torch.float32)
        x = case.x.detach().clone()
        x[0, 1, 0] = torch.nan
        y = fused(case._replace(x=x))[0]
        assert y[0, 1:].isnan().all()
        assert not y[1].isnan().any()

    @pytest.mark.parametrize("cell", CELLS)
    def test_huge_inputs_saturate(self, cell: str) -> None:
        case = made(cell, 4, 3, 2, 9, dtype=torch.float32)
        huge = case._replace(x=(case.x.detach() * 1e4).requires_grad_())
        outputs = fused(huge)
        assert distance(outputs, by_the_equations(huge)) < 1e-5
        assert all(g.isfinite().all() for g in gradients(outputs, huge.leaves))
