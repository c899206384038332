"""`tests/unit/models/test_recurrent.py` holds whole stacks over the kernels to the equations; here: the interface."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqexp.models.kernels.layer import run_layer
from seqexp.models.recurrent import _weights


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
    y, final = run_layer(layer, x, state, weights=_weights(layer, 0.0))
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(final, end if isinstance(end, tuple) else (end,), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_relu_is_no_tanh() -> None:
    layer = nn.RNN(3, 5, nonlinearity="relu", batch_first=True)
    x = torch.randn(2, 6, 3)
    y, _ = run_layer(layer, x, None, weights=_weights(layer, 0.0))
    torch.testing.assert_close(y, layer(x)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_rows_of_other_lengths_are_what_torch_packs(kind: type[nn.RNNBase]) -> None:
    torch.manual_seed(0)
    layer, x, lengths = kind(3, 5, batch_first=True, bidirectional=True), torch.randn(3, 6, 3), torch.tensor([4, 6, 1])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, end = layer(packed)
    y, final = run_layer(layer, x, None, weights=_weights(layer, 0.0), lengths=lengths)
    torch.testing.assert_close(y, nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)[0], rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(final, end if isinstance(end, tuple) else (end,), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
