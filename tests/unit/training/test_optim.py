"""Every rule takes the very steps of torch's own optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch
from support.sections import optimizer
from torch import Tensor

from seqexp.errors import CheckpointError
from seqexp.training.optim import Optimizer

Theirs = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
LR = 0.02


def case(name: str, of: type[torch.optim.Optimizer], rename: dict[str, Any] | None = None, **changes: Any) -> Any:
    """Our changes to `conf/`, and the same in torch's words."""
    config = optimizer(name, **changes).model_dump(exclude={"name", "lr", "beta1", "beta2", "non_monotone"})
    said = {**config, "lr": LR, **(rename or {})}
    return pytest.param(name, changes, lambda p: of(p, **said), id=" ".join([name, *map(str, changes)]))


BETAS = {"betas": (0.9, 0.999)}
CASES = [
    case("sgd", torch.optim.SGD),
    case("sgd", torch.optim.SGD, momentum=0.0),
    case("sgd", torch.optim.SGD, nesterov=True, weight_decay=0.1),
    case("nt_asgd", torch.optim.SGD),
    case("nt_asgd", torch.optim.SGD, weight_decay=0.1),
    case("adam", torch.optim.Adam, BETAS),
    case("adam", torch.optim.Adam, BETAS, weight_decay=0.1, amsgrad=True),
    case("adam", torch.optim.Adam, {"betas": (0.5, 0.7)}, beta1=0.5, beta2=0.7, eps=0.01),
    case("adamw", torch.optim.AdamW, BETAS),
    case("adamw", torch.optim.AdamW, BETAS, weight_decay=0.3, amsgrad=True),
    case("rmsprop", torch.optim.RMSprop),
    case("rmsprop", torch.optim.RMSprop, momentum=0.9, centered=True, weight_decay=0.1),
    case("rmsprop", torch.optim.RMSprop, alpha=0.5, eps=0.1),
    case("adagrad", torch.optim.Adagrad),
    case("adagrad", torch.optim.Adagrad, lr_decay=0.1, weight_decay=0.1, eps=0.001),
]


def weights() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in ((3, 2), (4,), ())]


def descend(parameters: Sequence[Tensor], step: int) -> None:
    """Gradients of a bowl that turns from step to step."""
    for i, p in enumerate(parameters):
        p.grad = p.detach() * (i + 1) + torch.sin(p.detach() * 7 + step)


@pytest.mark.parametrize(("name", "changes", "theirs"), CASES)
def test_a_trajectory_is_that_of_torch(name: str, changes: dict[str, Any], theirs: Theirs) -> None:
    mine, other = weights(), weights()
    ours, torchs = Optimizer(mine, optimizer(name, **changes)), theirs(other)
    for step in range(25):
        lr = LR * (1 - step / 50)  # schedules change it
        descend(mine, step)
        descend(other, step)
        ours.step(lr)
        for group in torchs.param_groups:
            group["lr"] = lr
        torchs.step()
        for a, b in zip(mine, other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    assert (mine[0] - weights()[0]).abs().max() > 1e-3


@pytest.mark.parametrize(("name", "changes", "theirs"), CASES)
def test_put_back_into_a_new_optimizer_it_goes_on_bit_for_bit(
    name: str, changes: dict[str, Any], theirs: Theirs
) -> None:
    del theirs
    config = optimizer(name, **changes)
    mine = weights()
    ours = Optimizer(mine, config)
    for step in range(4):
        descend(mine, step)
        ours.step(LR)
    kept = {n: [v.clone() for v in values] for n, values in ours.state_dict().items()}
    copies = [p.detach().clone().requires_grad_() for p in mine]
    again = Optimizer(copies, config)
    again.load_state_dict(kept)
    for step in range(4, 8):
        for parameters, rule in ((mine, ours), (copies, again)):
            descend(parameters, step)
            rule.step(LR)
    for a, b in zip(mine, copies, strict=True):
        assert torch.equal(a, b)
    assert all(torch.equal(a, b) for n in kept for a, b in zip(ours.slots[n], again.slots[n], strict=True))


def test_a_weight_without_gradient_is_left_alone() -> None:
    mine = weights()
    ours = Optimizer(mine, optimizer("adam"))
    descend(mine, 0)
    mine[1].grad = None
    ours.step(LR)
    assert torch.equal(mine[1], weights()[1])
    assert [float(s) for s in ours.slots["step"]] == [1, 0, 1]
    assert not torch.equal(mine[0], weights()[0])


def test_frozen_weights_are_not_its_business() -> None:
    mine = weights()
    mine[0].requires_grad_(False)
    ours = Optimizer(mine, optimizer("sgd"))
    assert len(ours.parameters) == 2
    assert ours.param_groups == [{"params": ours.parameters}]


def test_zero_grad_forgets_the_gradients() -> None:
    mine = weights()
    descend(mine, 0)
    Optimizer(mine, optimizer("sgd")).zero_grad()
    assert [p.grad for p in mine] == [None, None, None]


@pytest.mark.parametrize("other", [("sgd", {}), ("adam", {"amsgrad": True}), ("rmsprop", {})])
def test_the_state_of_another_optimizer_is_refused(other: tuple[str, dict[str, Any]]) -> None:
    state = Optimizer(weights(), optimizer(other[0], **other[1])).state_dict()
    with pytest.raises(CheckpointError, match="belongs to another optimizer or model"):
        Optimizer(weights(), optimizer("adam")).load_state_dict(state)


def test_the_state_of_another_model_is_refused() -> None:
    state = Optimizer(weights()[:2], optimizer("adam")).state_dict()
    with pytest.raises(CheckpointError, match="belongs to another optimizer or model"):
        Optimizer(weights()[1:], optimizer("adam")).load_state_dict(state)
