from __future__ import annotations

import pytest
import torch
from torch import nn

from seqexp.training.precision import autocast, loss_scaler

CPU = torch.device("cpu")


def test_float32_is_left_as_it_is() -> None:
    with autocast("float32", CPU):
        assert not torch.is_autocast_enabled("cpu")
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_products_are_made_in_half_precision_inside_and_not_after(precision: str, dtype: torch.dtype) -> None:
    ones = torch.ones(2, 2)
    with autocast(precision, CPU):
        assert (ones @ ones).dtype == dtype
    assert (ones @ ones).dtype == torch.float32


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_what_runs_below_it_is_as_before_afterwards_even_after_an_error(precision: str) -> None:
    before = torch._C._get_mkldnn_enabled()
    with pytest.raises(ValueError, match="inside"), autocast(precision, CPU):
        raise ValueError("inside")
    assert torch._C._get_mkldnn_enabled() == before
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_recurrence_runs_in_it_on_any_processor(kind: type[nn.RNNBase], precision: str) -> None:
    torch.manual_seed(0)
    layer, x = kind(3, 4, batch_first=True), torch.randn(2, 5, 3)
    exact = layer(x)[0]
    with autocast(precision, CPU):
        near = layer(x)[0].float()
    near.sum().backward()
    torch.testing.assert_close(near, exact, rtol=0, atol=0.02)  # bf16 has 8 bits
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def test_only_fp16_needs_a_scaler() -> None:
    assert loss_scaler("float32", CPU) is None
    assert loss_scaler("bf16", CPU) is None
    scaler = loss_scaler("fp16", CPU)
    assert scaler is not None
    assert scaler.is_enabled()
