"""Losses, one equation a function.

Shapes: targets (N, h, C): batch, horizon, channels. Parameters (N, h, C, P) as a head gives them. Each loss is the
mean over all elements.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def mse(parameters: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error, (y - y^)^2. P = 1."""
    return F.mse_loss(parameters[..., 0], targets)


def mae(parameters: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error, |y - y^|. P = 1."""
    return F.l1_loss(parameters[..., 0], targets)


def huber(parameters: Tensor, targets: Tensor, delta: float) -> Tensor:
    """Huber (1964): half the square up to delta, straight beyond. P = 1."""
    return F.huber_loss(parameters[..., 0], targets, delta=delta)


def pinball(parameters: Tensor, targets: Tensor, levels: Tensor) -> Tensor:
    """Quantile loss, max(q (y - y^), (q - 1)(y - y^)), mean over levels (Koenker and Bassett 1978). P = levels."""
    error = targets.unsqueeze(-1) - parameters
    return torch.maximum(levels * error, (levels - 1) * error).mean()


def gaussian_nll(parameters: Tensor, targets: Tensor) -> Tensor:
    """-log N(y; mu, sigma^2) with P = (mu, raw sigma)."""
    mean, scale = gaussian(parameters)
    return (0.5 * ((targets - mean) / scale) ** 2 + torch.log(scale) + 0.5 * math.log(2 * math.pi)).mean()


def student_t_nll(parameters: Tensor, targets: Tensor) -> Tensor:
    """-log t(y; mu, sigma, nu), the location-scale Student distribution, with P = (mu, raw sigma, raw nu)."""
    mean, scale, freedom = student_t(parameters)
    z = (targets - mean) / scale
    return (
        torch.lgamma(freedom / 2)
        - torch.lgamma((freedom + 1) / 2)
        + 0.5 * torch.log(math.pi * freedom)
        + torch.log(scale)
        + (freedom + 1) / 2 * torch.log1p(z**2 / freedom)
    ).mean()


def bernoulli_nll(parameters: Tensor, targets: Tensor) -> Tensor:
    """-log of the probability given to what happened, with P = logit and targets 0 or 1."""
    return F.binary_cross_entropy_with_logits(parameters[..., 0], targets)


SMALLEST_SCALE = 1e-4


def gaussian(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation: sigma = softplus(raw) + 1e-4."""
    return parameters[..., 0], F.softplus(parameters[..., 1]) + SMALLEST_SCALE


def student_t(parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Location, scale and degrees of freedom: nu = 2 + softplus(raw), so that the variance exists."""
    return (
        parameters[..., 0],
        F.softplus(parameters[..., 1]) + SMALLEST_SCALE,
        2.0 + F.softplus(parameters[..., 2]),
    )
