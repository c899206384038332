from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.data.order import Passes, mixed, permutation

SEEDS = st.integers(0, 2**32 - 1)
EPOCHS = st.integers(0, 10_000)


@settings(max_examples=50, deadline=None)
@given(samples=st.integers(0, 300), seed=SEEDS, epoch=EPOCHS)
def test_an_epoch_is_a_permutation_of_all_samples(samples: int, seed: int, epoch: int) -> None:
    order = permutation(samples, seed, epoch)
    assert order.dtype == torch.int32
    assert sorted(order.tolist()) == list(range(samples))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, epoch=EPOCHS, other=SEEDS)
def test_the_order_depends_on_seed_and_epoch_alone(seed: int, epoch: int, other: int) -> None:
    expected = permutation(100, seed, epoch)
    torch.manual_seed(other)
    before = torch.random.get_rng_state()
    permutation(100, other, epoch)
    assert torch.equal(permutation(100, seed, epoch), expected)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_near_seeds_and_epochs_have_unlike_orders() -> None:
    orders = {tuple(permutation(50, seed, epoch).tolist()) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400
    means = torch.stack([permutation(1000, seed, 0)[:10].float() for seed in range(200)]).mean(dim=0)
    # 200 draws from 0..999 have a mean of 499.5 with a standard error of 20.4
    assert ((means - 499.5).abs() < 5 * 20.4).all()


def test_mixed_is_splitmix64() -> None:
    # the first outputs of the generator seeded with 1234567, as its authors' C code and others' ports print them
    outputs = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [mixed(step, 1234566) for step in (1, 2, 3, 4)] == [output >> 1 for output in outputs]
    assert all(0 <= mixed(seed, 2**40) < 2**63 for seed in (0, 1, 2**32 - 1))


@pytest.mark.parametrize(
    ("per_pass", "accumulate", "updates"),
    [
        (4, 1, [[0], [1], [2], [3]]),
        (4, 2, [[0, 1], [2, 3]]),
        (5, 2, [[0, 1], [2, 3], [4]]),  # the last update has what is left
        (2, 3, [[0, 1]]),
    ],
)
def test_an_epoch_that_is_a_pass_has_each_batch_once(per_pass: int, accumulate: int, updates: list[list[int]]) -> None:
    passes = Passes(per_pass, accumulate, None)
    assert passes.steps_per_epoch == len(updates)
    for epoch in (0, 3):
        assert [passes.of(epoch, step) for step in range(len(updates))] == [[(epoch, b) for b in u] for u in updates]


def test_epochs_of_so_many_updates_go_through_passes_without_a_gap() -> None:
    passes = Passes(3, accumulate=2, steps=2)
    assert passes.steps_per_epoch == 2
    # two epochs of two updates of two batches: eight batches in a row, three to a pass
    assert [b for epoch in (0, 1) for step in (0, 1) for b in passes.of(epoch, step)] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1),
    ]  # fmt: skip
