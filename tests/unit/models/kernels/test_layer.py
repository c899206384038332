"""`tests/unit/models/test_recurrent.py` holds whole stacks over the kernels to the equations; here: the interface."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqexp.models.kernels.layer import run_layer


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("given", [False, True])
def test_it_gives_what_the_layer_gives(kind: type[nn.RNNBase], bidirectional: bool, given: bool) -> None:
    torch.manual_seed(0)
    layer, directions = kind(3, 5, batch_first=True, bidirectional=bidirectional), 1 + bidirectional
    x = torch.randn(4, 7, 3)
    state = tuple(torch.randn(directions, 4, 5) for _ in range(2 if kind is nn.LSTM else 1)) if given else None
    argument = None if state is None else state if len(state) > 1 else state[0]
    expected, end = layer(x, argument)
    y, final = run_layer(layer, x, state)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(final, end if isinstance(end, tuple) else (end,), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_relu_is_no_tanh() -> None:
    layer = nn.RNN(3, 5, nonlinearity="relu", batch_first=True)
    x = torch.randn(2, 6, 3)
    torch.testing.assert_close(run_layer(layer, x, None)[0], layer(x)[0], rtol=1e-5, atol=1e-6)
