"""A recurrence by the textbook cells, one step at a time, with everything the kernels take. And the cases to try."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqexp.models.equations import Weights, lstm_cell, rnn_cell
from seqexp.models.kernels.call import GATES
from seqexp.models.kernels.operator import recurrence

Three = tuple[Tensor, Tensor, Tensor]


class Case(NamedTuple):
    """What a recurrence is given. Leaves that ask for gradients: x, the weights, h0 and (LSTM) c0."""

    cell: str
    x: Tensor
    weights: Weights
    h0: Tensor
    c0: Tensor | None
    lengths: Tensor | None
    mask: Tensor | None
    reverse: bool

    @property
    def leaves(self) -> list[Tensor]:
        return [self.x, *self.weights, self.h0, *([self.c0] if self.c0 is not None else [])]


def made(
    cell: str, N: int, T: int, D: int, H: int, *, dtype: torch.dtype = torch.float64, seed: int = 0,
    lengths: Sequence[int] | None = None, mask: bool = False, reverse: bool = False,
) -> Case:  # fmt: skip
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, scale: float = 1.0) -> Tensor:
        values = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
        return values.to(dtype).requires_grad_()

    rows, scale = GATES[cell] * H, H**-0.5
    weights = Weights(drawn(rows, D, scale=scale), drawn(rows, H, scale=scale), drawn(rows), drawn(rows))
    kept = (torch.rand(N, H, generator=generator) < 0.7).to(dtype) / 0.7 if mask else None
    return Case(
        cell, drawn(N, T, D), weights, drawn(N, H), drawn(N, H) if cell == "lstm" else None,
        None if lengths is None else torch.tensor(lengths, dtype=torch.int64), kept, reverse,
    )  # fmt: skip


def fused(case: Case, variant: str | None = None) -> list[Tensor]:
    y, h, c = recurrence(
        case.cell, case.x, tuple(case.weights), case.h0, case.c0, lengths=case.lengths, mask=case.mask,
        reverse=case.reverse, variant=variant,
    )  # fmt: skip
    return [y, h, c] if case.cell == "lstm" else [y, h]


def by_the_equations(case: Case) -> list[Tensor]:
    N, T, _ = case.x.shape
    rows, h, c = torch.arange(N), case.h0, case.c0
    lengths = torch.full((N,), T) if case.lengths is None else case.lengths
    time = [(lengths - 1 - s if case.reverse else torch.full((N,), s)).clamp(0, max(T - 1, 0)) for s in range(T)]
    y = torch.zeros(N, T, case.h0.shape[1], dtype=case.x.dtype)
    for s in range(T):
        running = (lengths > s)[:, None]
        new_h, new_c = _step(case, case.x[rows, time[s]], h, c)
        h = torch.where(running, new_h, h)
        c = None if c is None or new_c is None else torch.where(running, new_c, c)
        here = torch.nn.functional.one_hot(time[s], T).to(h.dtype)[..., None] * running[..., None]
        y = y + here * new_h[:, None]
    return [y, h] if c is None else [y, h, c]


def _step(case: Case, x: Tensor, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
    seen = h if case.mask is None else h * case.mask
    match case.cell:
        case "lstm":
            assert c is not None
            return lstm_cell(x, seen, c, case.weights)
        case "rnn_tanh":
            return rnn_cell(x, seen, case.weights), None
        case "rnn_relu":
            return rnn_cell(x, seen, case.weights, torch.relu), None
        case _:
            return _gru(case, x, h, seen), None


def _gru(case: Case, x: Tensor, h: Tensor, seen: Tensor) -> Tensor:
    """As `gru_cell`, but what the weights see and what is carried on may differ."""
    w = case.weights
    x_r, x_z, x_n = (x @ w.w_x.T + w.b_x).chunk(3, dim=-1)
    w_r, w_z, w_n = w.w_h.chunk(3)
    b_r, b_z, b_n = w.b_h.chunk(3)
    r, z = torch.sigmoid(x_r + seen @ w_r.T + b_r), torch.sigmoid(x_z + seen @ w_z.T + b_z)
    after = case.cell == "gru"
    n = torch.tanh(x_n + (r * (seen @ w_n.T + b_n) if after else (r * seen) @ w_n.T + b_n))
    return (1 - z) * n + z * h


def gradients(outputs: list[Tensor], leaves: list[Tensor], seed: int = 1) -> list[Tensor]:
    """Of a loss that weighs every number of every output differently."""
    generator = torch.Generator().manual_seed(seed)
    loss = sum(
        ((o * torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype)).sum() for o in outputs),
        start=torch.zeros((), dtype=outputs[0].dtype),
    )
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if g is None else g for g, leaf in zip(found, leaves, strict=True)]


def distance(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """The largest difference, of tensor from tensor, relative to the largest number of the tensor."""
    worst = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        assert mine.dtype == other.dtype
        if mine.numel():
            scale = max(float(other.detach().abs().max()), 1e-3)
            worst = max(worst, float((mine.detach() - other.detach()).abs().max()) / scale)
    return worst
