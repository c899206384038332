"""The textbook cells, one small function each, as the literature writes them.

Nothing trains on these: they are what the fast layers are held to, values and gradients, in the tests.

Shapes: N batch, T steps, D features, H hidden. Weights are laid out as torch does, gates one above the other:
`w_x` (gates * H, D), `w_h` (gates * H, H), `b_x` and `b_h` (gates * H), so a cell takes a layer's own parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Weights(NamedTuple):
    """The parameters of one layer in one direction."""

    w_x: Tensor
    w_h: Tensor
    b_x: Tensor
    b_h: Tensor


def rnn_cell(x: Tensor, h: Tensor, w: Weights, activation: Callable[[Tensor], Tensor] = torch.tanh) -> Tensor:
    """The plain recurrence: h_t = tanh(W_h h_{t-1} + W_x x_t + b).

    Elman (1990), "Finding structure in time"; Goodfellow, Bengio, Courville (2016), equations 10.8 and 10.9.

    Args:
        x: Input (N, D).
        h: Previous state (N, H).
        w: Weights, one gate.
        activation: tanh, or relu (Le, Jaitly, Hinton 2015).

    Returns:
        The state h_t (N, H).
    """
    return activation(h @ w.w_h.T + x @ w.w_x.T + w.b_x + w.b_h)


def lstm_cell(x: Tensor, h: Tensor, c: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    """Long short-term memory.

        i, f, o = sigmoid(W [h_{t-1}, x_t] + b)     input, forget and output gates
        c~      = tanh(W_c [h_{t-1}, x_t] + b_c)    candidate
        c_t     = f * c_{t-1} + i * c~              cell update
        h_t     = o * tanh(c_t)

    Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber, Cummins (2000).

    Args:
        x: Input (N, D).
        h: Previous output (N, H).
        c: Previous cell (N, H).
        w: Weights, four gates in torch's order i, f, c~, o.

    Returns:
        h_t and c_t, (N, H) each.
    """
    i, f, candidate, o = (h @ w.w_h.T + x @ w.w_x.T + w.b_x + w.b_h).chunk(4, dim=-1)
    i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
    c = f * c + i * torch.tanh(candidate)
    return o * torch.tanh(c), c


def gru_cell(x: Tensor, h: Tensor, w: Weights, *, reset_after: bool = True) -> Tensor:
    """Gated recurrent unit.

        r, z = sigmoid(W [h_{t-1}, x_t] + b)                    reset and update gates
        h~   = tanh(W_x x_t + b_x + r * (W_h h_{t-1} + b_h))    candidate, reset after the product
        h~   = tanh(W_x x_t + b_x + W_h (r * h_{t-1}) + b_h)    candidate, reset before it
        h_t  = (1 - z) * h~ + z * h_{t-1}                       interpolation

    Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder", equations 5 to 8, resets before
    the product; cuDNN and torch reset after it (their candidate is the one of version 3 of that paper's preprint).

    Args:
        x: Input (N, D).
        h: Previous state (N, H).
        w: Weights, three gates in torch's order r, z, h~.
        reset_after: Which candidate.

    Returns:
        The state h_t (N, H).
    """
    x_r, x_z, x_n = (x @ w.w_x.T + w.b_x).chunk(3, dim=-1)
    w_r, w_z, w_n = w.w_h.chunk(3)
    b_r, b_z, b_n = w.b_h.chunk(3)
    r = torch.sigmoid(x_r + h @ w_r.T + b_r)
    z = torch.sigmoid(x_z + h @ w_z.T + b_z)
    recurrent = r * (h @ w_n.T + b_n) if reset_after else (r * h) @ w_n.T + b_n
    candidate = torch.tanh(x_n + recurrent)
    return (1 - z) * candidate + z * h
