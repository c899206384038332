"""Optimizers: torch's own update rules, without its `Optimizer` class.

Building a `torch.optim.Optimizer` imports torch._dynamo and sympy, which takes most of a second and 70 MB before
the first step. The rules themselves are plain functions, and fused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from seqexp.config.schema.training import NTASGD, SGD, Adagrad, Adam, AdamW, OptimizerConfig, RMSprop
from seqexp.errors import CheckpointError

Slots = dict[str, list[Tensor]]
"""What an optimizer remembers of each parameter, by name: `exp_avg`, `square_avg`, ..."""


class Optimizer:
    """The parameters, what is remembered of each, and the rule that updates them.

    Args:
        parameters: The weights to train.
        config: Which rule, with its constants.
    """

    def __init__(self, parameters: Sequence[Tensor], config: OptimizerConfig) -> None:
        self.parameters = [p for p in parameters if p.requires_grad]
        self.config = config
        self._rule = _RULES[type(config)]
        self.slots: Slots = {
            name: [torch.full_like(p, fill) for p in self.parameters] for name, fill in _slots(config).items()
        }
        # A tensor on the CPU costs a device-host copy in fused CUDA updates, so the count lives with the weights.
        self.slots["step"] = [torch.zeros((), device=p.device) for p in self.parameters]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameters as `torch.amp.GradScaler` looks for them."""
        return [{"params": self.parameters}]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the weights in place from their gradients, with learning rate `lr`."""
        used = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        slots = {name: [values[i] for i in used] for name, values in self.slots.items()}
        parameters = [self.parameters[i] for i in used]
        gradients = [g for p in parameters if (g := p.grad) is not None]
        self._rule(self.config, parameters, gradients, slots, lr)

    def state_dict(self) -> Slots:
        """What is remembered, as it stands."""
        return self.slots

    def load_state_dict(self, state: Slots) -> None:
        """Put back what `state_dict` gave.

        Raises:
            CheckpointError: If it belongs to another optimizer or another model.
        """
        shapes = {name: [tuple(v.shape) for v in values] for name, values in self.slots.items()}
        given = {name: [tuple(v.shape) for v in values] for name, values in state.items()}
        if shapes != given:
            raise CheckpointError("the checkpoint's optimizer state belongs to another optimizer or model")
        for name, values in self.slots.items():
            for mine, theirs in zip(values, state[name], strict=True):
                mine.copy_(theirs)


def _slots(config: OptimizerConfig) -> dict[str, float]:
    """The name and first value of each slot."""
    match config:
        case SGD():
            return {"momentum": 0.0} if config.momentum else {}
        case Adam() | AdamW():
            return {"exp_avg": 0.0, "exp_avg_sq": 0.0} | ({"max_exp_avg_sq": 0.0} if config.amsgrad else {})
        case RMSprop():
            optional = {"grad_avg": config.centered, "momentum": config.momentum > 0}
            return {"square_avg": 0.0} | {name: 0.0 for name, used in optional.items() if used}
        case Adagrad():
            return {"sum": 0.0}
        case NTASGD():
            return {}


def _sgd(c: SGD, parameters: list[Tensor], gradients: list[Tensor], slots: Slots, lr: float) -> None:
    momenta: list[Tensor | None] = [*slots["momentum"]] if c.momentum else [None] * len(parameters)
    sgd(
        parameters, gradients, momenta, fused=_fused(parameters), lr=lr, momentum=c.momentum, nesterov=c.nesterov,
        weight_decay=c.weight_decay, dampening=0.0, maximize=False,
    )  # fmt: skip


def _nt_asgd(c: NTASGD, parameters: list[Tensor], gradients: list[Tensor], slots: Slots, lr: float) -> None:
    """Plain descent: the average is kept beside the weights, by `TrainState`."""
    del slots
    sgd(
        parameters, gradients, [None] * len(parameters), fused=_fused(parameters), lr=lr, momentum=0.0, nesterov=False,
        weight_decay=c.weight_decay, dampening=0.0, maximize=False,
    )  # fmt: skip


def _adam(c: Adam | AdamW, parameters: list[Tensor], gradients: list[Tensor], slots: Slots, lr: float) -> None:
    adam(
        parameters, gradients, slots["exp_avg"], slots["exp_avg_sq"], slots.get("max_exp_avg_sq", []), slots["step"],
        fused=_fused(parameters), decoupled_weight_decay=isinstance(c, AdamW), amsgrad=c.amsgrad, beta1=c.beta1,
        beta2=c.beta2, lr=lr, weight_decay=c.weight_decay, eps=c.eps, maximize=False,
    )  # fmt: skip


def _rmsprop(c: RMSprop, parameters: list[Tensor], gradients: list[Tensor], slots: Slots, lr: float) -> None:
    rmsprop(
        parameters, gradients, slots["square_avg"], slots.get("grad_avg", []), slots.get("momentum", []),
        slots["step"], foreach=True, lr=lr, alpha=c.alpha, eps=c.eps, weight_decay=c.weight_decay,
        momentum=c.momentum, centered=c.centered,
    )  # fmt: skip


def _adagrad(c: Adagrad, parameters: list[Tensor], gradients: list[Tensor], slots: Slots, lr: float) -> None:
    fused = all(p.device.type == "cpu" for p in parameters)
    # The step count of adagrad must be on the CPU where the rule is not fused.
    adagrad(
        parameters, gradients, slots["sum"], slots["step"], fused=fused, foreach=not fused, lr=lr,
        weight_decay=c.weight_decay, lr_decay=c.lr_decay, eps=c.eps, maximize=False,
    )  # fmt: skip


def _fused(parameters: list[Tensor]) -> bool:
    return all(p.device.type in ("cpu", "cuda", "mps") for p in parameters)


_RULES: dict[type[OptimizerConfig], Callable[..., None]] = {
    SGD: _sgd,
    NTASGD: _nt_asgd,
    Adam: _adam,
    AdamW: _adam,
    RMSprop: _rmsprop,
    Adagrad: _adagrad,
}
