"""A layer of torch run by the fused kernels: its own parameters, the same mathematics.

Shapes: N batch, T steps, D features, H hidden, K directions (1 or 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqexp.models.kernels.build import default_variant, load
from seqexp.models.kernels.operator import recurrence


def available() -> bool:
    """Whether there are kernels here: a compiler, and a folder to compile into."""
    return load(default_variant()).library is not None


def run_layer(
    layer: nn.RNNBase,
    x: Tensor,
    state: tuple[Tensor, ...] | None,
    *,
    weights: Sequence[tuple[Tensor, Tensor, Tensor, Tensor]],
    lengths: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What `layer(x, state)` gives.

    Args:
        layer: One layer of an LSTM, GRU or RNN, batch first, in one direction or both.
        x: Inputs (N, T, D), on the CPU.
        state: (h,), or (h, c) of an LSTM, each (K, N, H); None: zeros.
        weights: w_x, w_h, b_x, b_h of each direction: the layer's own, or what is left of them.
        lengths: Steps of each row (N,); None: T for all.

    Returns:
        Outputs (N, T, K * H), zero behind the end of a row, and the final state of each row.
    """
    cell = f"rnn_{layer.nonlinearity}" if isinstance(layer, nn.RNN) else layer.mode.lower()
    outputs, finals = [], []
    for direction, own in enumerate(weights):
        h0, c0 = (None, None) if state is None else (state[0][direction], state[1][direction] if state[1:] else None)
        y, h, c = recurrence(cell, x, own, h0, c0, lengths=lengths, reverse=bool(direction))
        outputs.append(y)
        finals.append((h, c) if isinstance(layer, nn.LSTM) else (h,))
    ends = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1), ends
