"""What a forecast is made of: a point, quantiles, a distribution; its loss, and the quantiles it says.

Shapes: N windows, h steps, C channels, P parameters, Q levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqexp.config.schema.task import Forecasting
from seqexp.data.panel import Floats
from seqexp.tasks import losses


@dataclass(frozen=True)
class Head:
    """One form of forecast."""

    parameters: int
    """P"""
    loss: Callable[[Tensor, Tensor], Tensor]
    """(N, h, C, P) and targets (N, h, C) to the mean loss."""
    point: Callable[[Floats], Floats]
    """(N, h, C, P) to the point forecast (N, h, C)."""
    quantiles: Callable[[Floats], Floats] | None
    """(N, h, C, P) to (N, h, C, Q), rising; None for a point, whose spread is read off validation."""


def build_head(config: Forecasting, levels: Sequence[float], *, binary: bool) -> Head:
    """The head a task asks for.

    Args:
        config: The task.
        levels: The Q quantile levels.
        binary: Whether the target is a yes or no: then the head is one probability, whatever was asked.
    """
    if binary:
        return Head(1, losses.bernoulli_nll, _logistic, None)
    q = np.array(levels)
    match config.head:
        case "point":
            return Head(1, _point_loss(config), _first, None)
        case "quantile":
            tensor = torch.tensor(levels)
            middle = list(levels).index(0.5)
            return Head(
                len(levels), lambda p, y: losses.pinball(p, y, tensor.to(p)),
                lambda p: np.sort(p, axis=-1)[..., middle], lambda p: np.sort(p, axis=-1),
            )  # fmt: skip
        case "gaussian":
            return Head(2, losses.gaussian_nll, _first, lambda p: _gaussian_quantiles(p, q))
        case "student_t":
            return Head(3, losses.student_t_nll, _first, lambda p: _student_t_quantiles(p, q))


def _point_loss(config: Forecasting) -> Callable[[Tensor, Tensor], Tensor]:
    match config.loss:
        case "mse":
            return losses.mse
        case "mae":
            return losses.mae
        case "huber":
            return lambda p, y: losses.huber(p, y, config.huber_delta)


def _first(parameters: Floats) -> Floats:
    return parameters[..., 0]


def _logistic(parameters: Floats) -> Floats:
    result: Floats = 1.0 / (1.0 + np.exp(-np.clip(parameters[..., 0], -500, 500)))
    return result


def _gaussian_quantiles(parameters: Floats, q: Floats) -> Floats:
    """The normal distribution's: mu + sigma Phi^-1(q)."""
    from scipy.special import ndtri

    mean, scale = losses.gaussian(torch.from_numpy(parameters))
    result: Floats = mean.numpy()[..., None] + scale.numpy()[..., None] * ndtri(q)
    return result


def _student_t_quantiles(parameters: Floats, q: Floats) -> Floats:
    """Student's: mu + sigma t_nu^-1(q)."""
    from scipy.special import stdtrit

    mean, scale, freedom = (p.numpy()[..., None] for p in losses.student_t(torch.from_numpy(parameters)))
    result: Floats = mean + scale * stdtrit(freedom, q)
    return result
