"""One update: forward, loss, backward, clip, step. Nothing in here waits for the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seqexp.config.schema.training import Trainer
from seqexp.training.precision import autocast
from seqexp.training.state import TrainState


class Sized(Protocol):
    """A batch: all that the loop knows of it is how many samples it holds."""

    def __len__(self) -> int: ...


Loss = Callable[[TrainState, Any], Tensor]
"""The mean loss of the state's model over the samples of a batch; it may read and write what the state carries."""


def train_step(
    state: TrainState, batches: Sequence[Sized], loss: Loss, *, lr: float, trainer: Trainer
) -> tuple[Tensor, Tensor | None]:
    """Make one update from one or more batches, whose gradients are averaged by samples.

    Returns:
        The mean loss, and the norm of the gradient before clipping (None where it is not clipped by norm).
    """
    samples = sum(len(batch) for batch in batches)
    device = state.optimizer.parameters[0].device
    state.optimizer.zero_grad()
    total: Tensor | None = None
    for batch in batches:
        with autocast(trainer.precision, device):
            value = loss(state, batch)
        if len(batches) > 1:
            value = value * (len(batch) / samples)
        (state.scaler.scale(value) if state.scaler else value).backward()  # type: ignore[no-untyped-call]
        total = value.detach() if total is None else total + value.detach()
    assert total is not None
    norm = _clip(state, trainer)
    if state.scaler:
        state.scaler.step(state.optimizer, lr)  # type: ignore[arg-type]
        state.scaler.update()
    else:
        state.optimizer.step(lr)
    if state.average is not None:
        _update_average(state, trainer.ema_decay)
    return total, norm


def _clip(state: TrainState, trainer: Trainer) -> Tensor | None:
    if trainer.clip_norm is None and trainer.clip_value is None:
        return None
    if state.scaler:
        state.scaler.unscale_(state.optimizer)  # type: ignore[arg-type]
    norm = None
    if trainer.clip_norm is not None:
        norm = nn.utils.clip_grad_norm_(state.optimizer.parameters, trainer.clip_norm)
    if trainer.clip_value is not None:
        nn.utils.clip_grad_value_(state.optimizer.parameters, trainer.clip_value)
    return norm


@torch.no_grad()
def _update_average(state: TrainState, decay: float) -> None:
    """Move the average towards the new weights: average += share (weights - average).

    Of an even average over the weights since `average_from` (Merity et al. 2018, algorithm 1), the share is one by
    their number. Of an exponential one it is 1 - min(decay, (1 + t) / (10 + t)): the early decay is smaller so that
    the first, random weights are soon forgotten (TensorFlow's rule).
    """
    assert state.average is not None
    t, begun = state.progress.step, state.progress.average_from
    share = 1.0 - min(decay, (1 + t) / (10 + t)) if begun is None else 1 / (t + 2 - begun)
    weights = [p.detach() for _, p in state.model.named_parameters()]
    torch._foreach_lerp_(list(state.average.values()), weights, share)
