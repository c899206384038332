"""How much of a loss reaches back to each step: the norm of dL/dh_t over t, where gradients vanish or do not.

Hochreiter (1991); Bengio, Simard, Frasconi (1994); Pascanu, Mikolov, Bengio (2013), equation 5.

Shapes: N batch, T steps, H hidden of a layer, L layers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqexp.data.panel import Floats
from seqexp.errors import ConfigError
from seqexp.models.recurrent import RecurrentStack, State


def gradient_flow(model: nn.Module, loss: Callable[[nn.Module], Tensor]) -> Floats:
    """The norm of the gradient that arrives at each layer's state at each step.

    The gradient is whole: what comes from the outputs and, through the recurrence, from all later steps. Dropout is
    off. Neither the model, nor its gradients, nor any generator is changed.

    Args:
        model: One with a recurrent stack in it, that reads in one direction.
        loss: The mean loss of a model such as this over one batch.

    Returns:
        Frobenius norms of dL/dh_t (N, H) for each layer and step, (L, T).

    Raises:
        ConfigError: If the stack reads in both directions.
    """
    model = copy.deepcopy(model).eval()
    stack = next(m for m in model.modules() if isinstance(m, RecurrentStack))
    if stack.directions == 2:
        raise ConfigError(
            "diagnostics=gradient_flow needs model.bidirectional=false: with two directions no step comes first"
        )
    for layer in stack.layers:
        layer.train()  # CUDA's layers have no gradient otherwise; they hold no dropout
    stack.__class__ = _OneByOne
    assert isinstance(stack, _OneByOne)
    stack.seen = []
    with torch.enable_grad():
        value = loss(model)
        flat = [h for step in stack.seen for layer in step for h in layer]
        gradients = iter(torch.autograd.grad(value, flat, allow_unused=True))
    norms = [[_norm([next(gradients) for _ in layer]) for layer in step] for step in stack.seen]
    return np.array(norms).T


class _OneByOne(RecurrentStack):
    """A stack that runs step by step, so that each layer's states can be seen on the way."""

    seen: list[list[tuple[Tensor, Tensor]]]
    """h_t of each step and layer, twice: as it goes up as the output, and as it goes on to the next step."""

    def forward(
        self, x: Tensor, states: list[State] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, list[State]]:
        """As `RecurrentStack` does."""
        outputs: list[Tensor] = []
        above: list[Tensor] = []

        def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            del module
            above.append(inputs[0])

        hooks = [norm.register_forward_pre_hook(note) for norm in self.norms]
        try:
            for t in range(x.shape[1]):
                above.clear()
                output, states = super().forward(x[:, t : t + 1], states)
                outputs.append(output)
                self.seen.append([(up, on[0]) for up, on in zip(above, states, strict=True)])
        finally:
            for hook in hooks:
                hook.remove()
        joined = torch.cat(outputs, dim=1)
        if lengths is not None:
            steps = torch.arange(joined.shape[1], device=joined.device)
            joined = joined.masked_fill((steps >= lengths[:, None])[..., None], 0.0)
        return joined, states or []


def _norm(parts: list[Tensor | None]) -> float:
    """Of the sum of what arrives by the output (N, 1, H) and by the next step (1, N, H); None is nothing."""
    arrived = [p.double().flatten() for p in parts if p is not None]
    return float(torch.stack(arrived).sum(dim=0).norm()) if arrived else 0.0
