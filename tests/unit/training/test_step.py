"""One update: clipping and averaging as torch and the books have them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from support.sections import optimizer, trainer
from torch import Tensor, nn

from seqexp.training.optim import Optimizer
from seqexp.training.precision import loss_scaler
from seqexp.training.state import TrainState
from seqexp.training.step import train_step

CPU = torch.device("cpu")


def line(dtype: torch.dtype = torch.float64) -> nn.Linear:
    torch.manual_seed(4)
    return nn.Linear(3, 2, dtype=dtype)


def state_of(model: nn.Module, *, precision: str = "float32", average: bool = False, rule: str = "sgd") -> TrainState:
    kept = {n: p.detach().clone() for n, p in model.named_parameters()} if average else None
    config = optimizer(rule, momentum=0.0) if rule == "sgd" else optimizer(rule)
    return TrainState(model, Optimizer(list(model.parameters()), config), loss_scaler(precision, CPU), kept)


def data(count: int = 12, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, 5, generator=torch.Generator().manual_seed(1), dtype=dtype)


def squares(state: TrainState, batch: Tensor) -> Tensor:
    return errors(state.model, batch)


def errors(model: nn.Module, batch: Tensor) -> Tensor:
    return (model(batch[:, :3]) - batch[:, 3:]).square().mean()


def update(state: TrainState, batches: list[Tensor], *, lr: float = 0.1, **changes: Any) -> Any:
    return train_step(state, batches, squares, lr=lr, trainer=trainer(**{"clip_norm": None} | changes))


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def gradient(model: nn.Module, batch: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(errors(model, batch), list(model.parameters())))


def test_it_goes_down_the_gradient() -> None:
    model, batch = line(), data()
    before, slope = weights(model), torch.cat([g.flatten() for g in gradient(model, batch)])
    expected_loss = errors(model, batch).item()
    loss, norm = update(state_of(model), [batch], lr=0.3)
    torch.testing.assert_close(weights(model), before - 0.3 * slope, rtol=0, atol=1e-15)
    assert loss.item() == expected_loss
    assert not loss.requires_grad
    assert norm is None


@pytest.mark.parametrize("sizes", [[12], [4, 4, 4], [5, 5, 2], [1] * 12])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_micro_batches_of_any_sizes_equal_one_big_batch(sizes: list[int], clip: float | None) -> None:
    whole, parts = line(), line()
    loss, norm = update(state_of(whole, rule="adamw"), [data()], clip_norm=clip)
    summed, same = update(state_of(parts, rule="adamw"), list(data().split(sizes)), clip_norm=clip)
    torch.testing.assert_close(weights(parts), weights(whole), rtol=0, atol=1e-12)
    torch.testing.assert_close(summed, loss)
    assert (norm is None) == (same is None) == (clip is None)
    if clip is not None:
        torch.testing.assert_close(same, norm)


@pytest.mark.parametrize("limit", [1e-3, 0.5, 1e3])
def test_clipping_by_norm_shortens_the_gradient_to_the_limit(limit: float) -> None:
    model, batch = line(), data()
    before, slope = weights(model), torch.cat([g.flatten() for g in gradient(model, batch)])
    length = slope.norm()
    _, norm = update(state_of(model), [batch], clip_norm=limit)
    torch.testing.assert_close(norm, length)
    clipped = slope * min(1.0, limit / (float(length) + 1e-6))  # torch adds a millionth
    torch.testing.assert_close(weights(model), before - 0.1 * clipped, rtol=0, atol=1e-15)


@pytest.mark.parametrize("limit", [1e-3, 0.2, 1e3])
def test_clipping_by_value_cuts_each_element(limit: float) -> None:
    model, batch = line(), data()
    before, slope = weights(model), torch.cat([g.flatten() for g in gradient(model, batch)])
    _, norm = update(state_of(model), [batch], clip_value=limit)
    assert norm is None
    torch.testing.assert_close(weights(model), before - 0.1 * slope.clamp(-limit, limit), rtol=0, atol=1e-15)


def test_both_clippings_act_norm_first_as_torchs_would() -> None:
    model, twin, batch = line(), line(), data()
    errors(twin, batch).backward()
    nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
    nn.utils.clip_grad_value_(twin.parameters(), 0.1)
    torch.optim.SGD(twin.parameters(), lr=0.1).step()
    update(state_of(model), [batch], clip_norm=0.5, clip_value=0.1)
    torch.testing.assert_close(weights(model), weights(twin), rtol=0, atol=1e-15)


def test_the_average_forgets_its_beginning_fast_and_then_slowly() -> None:
    model = line()
    state = state_of(model, average=True)
    assert state.average is not None
    expected = weights(model)
    for t in range(30):
        state.progress.step = t
        update(state, [data()], ema_decay=0.6)
        decay = min(0.6, (1 + t) / (10 + t))  # 0.1, 2/11, 3/12, ... until 0.6 at t = 12.5
        expected = decay * expected + (1 - decay) * weights(model)
        torch.testing.assert_close(
            torch.cat([a.flatten() for a in state.average.values()]), expected, rtol=0, atol=1e-12
        )


def test_an_even_average_is_the_mean_of_all_weights_since_it_began() -> None:
    model = line()
    state = state_of(model)
    seen = []
    for t in range(9):
        if t == 4:
            state.begin_average()
            seen.append(weights(model))
        update(state, [data()])
        state.progress.step += 1
        seen += [weights(model)] if t >= 4 else []
        if state.average is not None:
            kept = torch.cat([a.flatten() for a in state.average.values()])
            torch.testing.assert_close(kept, torch.stack(seen).mean(dim=0), rtol=0, atol=1e-15)
    assert len(seen) == 6


class TestPrecision:
    def test_bf16_is_near_and_weights_stay_float32(self) -> None:
        models = {p: line(torch.float32) for p in ("float32", "bf16")}
        seen: list[torch.dtype] = []
        models["bf16"].register_forward_hook(lambda _m, _i, out: seen.append(out.dtype))
        for precision, model in models.items():
            update(state_of(model), [data(dtype=torch.float32)], precision=precision)
        assert seen == [torch.bfloat16]
        assert {p.dtype for p in models["bf16"].parameters()} == {torch.float32}
        exact, near = weights(models["float32"]), weights(models["bf16"])
        assert not torch.equal(near, exact)
        torch.testing.assert_close(near, exact, rtol=0, atol=2e-3)  # bf16 has 8 bits

    def test_fp16_clips_the_gradient_itself_and_not_its_scaled_copy(self) -> None:
        model, batch = line(torch.float32), data(dtype=torch.float32)
        length = torch.cat([g.flatten() for g in gradient(model, batch)]).norm()
        state, before = state_of(model, precision="fp16"), weights(model)
        _, norm = train_step(
            state, [batch], lambda s, b: squares(s, b) / 8, lr=0.1, trainer=trainer(precision="fp16", clip_norm=0.01)
        )
        assert norm is not None
        torch.testing.assert_close(norm, length / 8, rtol=5e-3, atol=0)  # fp16 has 11 bits
        assert float((weights(model) - before).norm()) == pytest.approx(0.1 * 0.01, rel=1e-3)

    def test_fp16_skips_an_overflowing_update_and_halves_its_scale(self) -> None:
        model = line(torch.float32)
        state = state_of(model, precision="fp16")
        assert state.scaler is not None
        before = weights(model)
        scale = state.scaler.get_scale()
        batch = data(dtype=torch.float32)
        loss, _ = train_step(
            state, [batch], lambda s, b: squares(s, b) * 1e36, lr=0.1, trainer=trainer(precision="fp16", clip_norm=None)
        )
        assert math.isfinite(float(loss))
        assert torch.equal(weights(model), before)
        assert state.scaler.get_scale() == scale / 2
        update(state, [batch], precision="fp16")
        assert not torch.equal(weights(model), before)
