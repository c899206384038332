"""Schedules against torch's own, and what is due when, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sections import scheduler

from seqexp.config.schema.training import SchedulerConfig
from seqexp.training.cadence import itstime, rate_factor

TOTAL, EPOCH = 24, 4
Build = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


def ours(config: SchedulerConfig, total: int = TOTAL, drops: int = 0) -> list[float]:
    return [rate_factor(config, step=s, steps_per_epoch=EPOCH, total=total, drops=drops) for s in range(total)]


def torchs(build: Build, lr: float = 1.0, every: int = 1) -> list[float]:
    """The rate in each update, with the schedule advanced after every so many."""
    descent = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)
    schedule, rates = build(descent), []
    for step in range(TOTAL):
        rates.append(descent.param_groups[0]["lr"])
        descent.step()
        if step % every == every - 1 and step + 1 < TOTAL:
            schedule.step()
    return rates


S = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    ("config", "build", "every"),
    [
        (scheduler("constant"), lambda o: S.ConstantLR(o, factor=1.0), 1),
        (scheduler("step", every_epochs=2, factor=0.3), lambda o: S.StepLR(o, step_size=2, gamma=0.3), EPOCH),
        (scheduler("cosine"), lambda o: S.CosineAnnealingLR(o, T_max=TOTAL - 1), 1),
        (scheduler("cosine", final_factor=0.2), lambda o: S.CosineAnnealingLR(o, T_max=TOTAL - 1, eta_min=0.2), 1),
        (
            scheduler("linear", final_factor=0.1),
            lambda o: S.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=TOTAL - 1),
            1,
        ),
        (
            scheduler("constant", warmup_steps=8),
            lambda o: S.LinearLR(o, start_factor=1 / 8, end_factor=1.0, total_iters=7),
            1,
        ),
        (
            scheduler("cosine", warmup_steps=5, final_factor=0.1),
            lambda o: S.SequentialLR(
                o,
                [S.LinearLR(o, start_factor=0.2, total_iters=4), S.CosineAnnealingLR(o, TOTAL - 6, eta_min=0.1)],
                milestones=[5],
            ),
            1,
        ),
        (
            # torch's rise ends at step pct_start * total - 1, ours at rise * (total - 1).
            scheduler("one_cycle", rise=(0.25 * TOTAL - 1) / (TOTAL - 1), start_factor=0.04, final_factor=0.0004),
            lambda o: S.OneCycleLR(
                o, max_lr=1.0, total_steps=TOTAL, pct_start=0.25, div_factor=25, final_div_factor=100
            ),
            1,
        ),
    ],
    ids=["constant", "step", "cosine", "cosine to a fifth", "linear", "warm-up", "warm-up, cosine", "one cycle"],
)
def test_a_schedule_is_torchs(config: SchedulerConfig, build: Build, every: int) -> None:
    assert ours(config) == pytest.approx(torchs(build, every=every), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("constant", "factor"), [(4, 0.5), (6, 1 / 1.2), (14, 1 / 1.15)], ids=["small", "medium", "large"]
)
def test_zarembas_schedule_is_constant_and_then_falls_each_epoch(constant: int, factor: float) -> None:
    """Zaremba, Sutskever and Vinyals (2014), section 4.1; the rate of epoch i, from 1, is factor^max(i - k, 0)."""
    config = scheduler("step", after_epochs=constant, every_epochs=1, factor=factor)
    rates = [rate_factor(config, step=s, steps_per_epoch=2, total=40) for s in range(40)]
    assert rates == pytest.approx([factor ** max(i - constant, 0) for i in range(1, 21) for _ in range(2)], rel=1e-12)


@pytest.mark.parametrize(("after", "drops"), [(None, "0011223"), (1, "0112233"), (2, "0011223"), (5, "0000011")])
def test_the_first_drop_may_have_its_own_time(after: int | None, drops: str) -> None:
    config = scheduler("step", after_epochs=after, every_epochs=2, factor=0.5)
    rates = [rate_factor(config, step=s, steps_per_epoch=1, total=7) for s in range(7)]
    assert rates == [0.5 ** int(n) for n in drops]


@pytest.mark.parametrize(("drops", "factor"), [(0, 1.0), (1, 0.5), (3, 0.125), (4, 0.1), (50, 0.1)])
def test_plateau_halves_with_each_drop_and_stops_falling(drops: int, factor: float) -> None:
    assert ours(scheduler("plateau", min_factor=0.1), drops=drops) == [factor] * TOTAL


def test_warm_up_goes_before_a_plateau_and_a_step() -> None:
    assert ours(scheduler("plateau", warmup_steps=2), drops=1)[:4] == [0.5, 1.0, 0.5, 0.5]
    # epochs are counted from the first update, warm-up or not
    assert ours(scheduler("step", warmup_steps=2, every_epochs=1, factor=0.1))[:5] == [0.5, 1.0, 1.0, 1.0, 0.1]


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_the_first_update_has_the_whole_rate_and_the_last_its_end(name: str) -> None:
    factors = ours(scheduler(name, final_factor=0.25))
    assert (factors[0], factors[-1]) == (1.0, pytest.approx(0.25, abs=1e-15))
    assert sorted(factors, reverse=True) == factors


def test_cosine_is_half_way_in_the_middle() -> None:
    assert rate_factor(scheduler("cosine"), step=5, steps_per_epoch=1, total=11) == pytest.approx(0.5, abs=1e-15)
    quarter = rate_factor(scheduler("cosine"), step=1, steps_per_epoch=1, total=5)
    assert quarter == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), total=st.integers(1, 40), extra=st.integers(0, 5))
@pytest.mark.parametrize("name", ["constant", "step", "cosine", "linear", "plateau", "one_cycle"])
def test_a_factor_lies_between_nothing_and_one_however_short_the_plan(
    name: str, data: st.DataObject, total: int, extra: int
) -> None:
    changes: dict[str, Any] = {} if name == "one_cycle" else {"warmup_steps": data.draw(st.integers(0, 50))}
    config = scheduler(name, **changes)
    for step in range(total + extra):  # the line after the last update shows a rate that is never used
        assert 0 <= rate_factor(config, step=step, steps_per_epoch=3, total=total, drops=step) <= 1


@pytest.mark.parametrize(
    ("every", "last", "due"),
    [(3, None, [3, 6, 9]), (3, 10, [3, 6, 9, 10]), (5, 10, [5, 10]), (None, 10, [10]), (None, None, []), (20, 7, [7])],
)
def test_something_is_due_every_so_many_steps_and_at_the_last(
    every: int | None, last: int | None, due: list[int]
) -> None:
    assert [step for step in range(1, 11) if itstime(step, every, last)] == due
