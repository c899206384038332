"""Each loss against scipy, scikit-learn or torch's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics
from torch import Tensor

from seqexp.tasks import losses

N, H, C = 6, 3, 2


def drawn(parameters: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        2 * torch.randn(N, H, C, parameters, generator=generator, dtype=torch.float64),
        2 * torch.randn(N, H, C, generator=generator, dtype=torch.float64),
    )


def softplus(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(x))


def test_point_losses_by_hand() -> None:
    said, came = torch.tensor([[[[1.0]], [[5.0]]]]), torch.tensor([[[1.5], [2.0]]])  # errors 0.5 and -3
    assert losses.mse(said, came).item() == pytest.approx((0.25 + 9) / 2)
    assert losses.mae(said, came).item() == pytest.approx((0.5 + 3) / 2)
    assert losses.huber(said, came, 1.0).item() == pytest.approx((0.125 + 1 * (3 - 0.5)) / 2)
    assert losses.huber(said, came, 2.0).item() == pytest.approx((0.125 + 2 * (3 - 1)) / 2)


def test_mse_and_mae_are_scikit_learns() -> None:
    said, came = drawn(1)
    a, b = came.flatten(), said.flatten()
    assert losses.mse(said, came).item() == pytest.approx(metrics.mean_squared_error(a, b), rel=1e-12)
    assert losses.mae(said, came).item() == pytest.approx(metrics.mean_absolute_error(a, b), rel=1e-12)


def test_pinball_is_scikit_learns_mean_over_levels() -> None:
    levels = (0.025, 0.1, 0.5, 0.9)
    said, came = drawn(4)
    expected = np.mean(
        [metrics.mean_pinball_loss(came.flatten(), said[..., i].flatten(), alpha=q) for i, q in enumerate(levels)]
    )
    ours = losses.pinball(said, came, torch.tensor(levels, dtype=torch.float64))
    assert ours.item() == pytest.approx(expected, rel=1e-12)


def test_pinball_at_the_median_is_half_the_absolute_error() -> None:
    said, came = drawn(1)
    half = losses.pinball(said, came, torch.tensor([0.5], dtype=torch.float64))
    assert half.item() == pytest.approx(losses.mae(said, came).item() / 2, rel=1e-12)


def test_pinball_is_least_at_the_quantile() -> None:
    came = torch.arange(1.0, 101.0).reshape(100, 1, 1)
    at = [float(losses.pinball(torch.full((100, 1, 1, 1), v), came, torch.tensor([0.9]))) for v in (80, 90.5, 99)]
    assert at[1] == min(at)
    assert at[1] == pytest.approx(
        (0.1 * sum(90.5 - i for i in range(1, 91)) + 0.9 * sum(i - 90.5 for i in range(91, 101))) / 100
    )


def test_gaussian_is_scipys() -> None:
    said, came = drawn(2)
    mean, raw = said.numpy()[..., 0], said.numpy()[..., 1]
    expected = -stats.norm.logpdf(came.numpy(), mean, softplus(raw) + 1e-4).mean()
    assert losses.gaussian_nll(said, came).item() == pytest.approx(expected, rel=1e-12)


def test_student_t_is_scipys() -> None:
    said, came = drawn(3)
    mean, raw, freedom = np.moveaxis(said.numpy(), -1, 0)
    expected = -stats.t.logpdf(came.numpy(), 2 + softplus(freedom), mean, softplus(raw) + 1e-4).mean()
    assert losses.student_t_nll(said, came).item() == pytest.approx(expected, rel=1e-12)


def test_student_t_with_many_degrees_of_freedom_is_gaussian() -> None:
    said, came = drawn(2)
    many = torch.cat((said, torch.full_like(said[..., :1], 1e6)), dim=-1)
    assert losses.student_t_nll(many, came).item() == pytest.approx(losses.gaussian_nll(said, came).item(), rel=1e-2)


def test_bernoulli_is_scikit_learns_log_loss() -> None:
    said, came = drawn(1)
    truth = (came > 0).double()
    expected = metrics.log_loss(truth.flatten(), torch.sigmoid(said).flatten())
    assert losses.bernoulli_nll(said, truth).item() == pytest.approx(expected, rel=1e-12)


LEVELS = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
LOSSES: list[tuple[int, Callable[[Tensor, Tensor], Tensor]]] = [
    (1, losses.mse), (1, losses.mae), (1, lambda p, y: losses.huber(p, y, 0.7)),
    (3, lambda p, y: losses.pinball(p, y, LEVELS.to(p))), (2, losses.gaussian_nll), (3, losses.student_t_nll),
    (1, lambda p, y: losses.bernoulli_nll(p, (y > 0).to(y))),
]  # fmt: skip
NAMES = ["mse", "mae", "huber", "pinball", "gaussian", "student_t", "bernoulli"]


@pytest.mark.parametrize(("parameters", "loss"), LOSSES, ids=NAMES)
def test_gradients_are_those_of_finite_differences(parameters: int, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    said, came = drawn(parameters, seed=3)
    assert torch.autograd.gradcheck(lambda p: loss(p, came), [said.requires_grad_()])


@pytest.mark.parametrize(("parameters", "loss"), LOSSES, ids=NAMES)
def test_extreme_parameters_in_float32_give_finite_loss_and_gradient(
    parameters: int, loss: Callable[[Tensor, Tensor], Tensor]
) -> None:
    for size in (-100.0, -20.0, 0.0, 20.0, 100.0):
        said = torch.full((1, 1, 1, parameters), size, requires_grad=True)
        came = torch.full((1, 1, 1), 3.0)
        value = loss(said, came)
        value.backward()
        assert said.grad is not None
        assert torch.isfinite(value)
        assert torch.isfinite(said.grad).all()


@pytest.mark.parametrize("raw", [-1e4, -50.0, 0.0, 50.0])
def test_a_scale_is_positive_and_a_variance_exists_whatever_the_network_says(raw: float) -> None:
    said = torch.full((1, 1, 1, 3), raw, dtype=torch.float64)
    assert losses.gaussian(said)[1].item() >= 1e-4
    _, scale, freedom = losses.student_t(said)
    assert scale.item() >= 1e-4
    assert freedom.item() >= 2
