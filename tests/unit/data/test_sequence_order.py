from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sections import batching

from seqexp.data.sequence_order import SequenceOrder
from seqexp.data.sequences import Sequences, SequenceSource

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=60)
BUCKETS = st.integers(1, 4)
LIMITS = st.none() | st.integers(1, 90)


def source_of(lengths: list[int]) -> SequenceSource:
    """Sequence i is full of the token i + 1."""
    pieces = [np.full(n, i + 1, dtype=np.int32) for i, n in enumerate(lengths)]
    targets = np.arange(len(lengths), dtype=np.int64)
    return SequenceSource(Sequences.joined(pieces, targets), each_step=False, device=torch.device("cpu"))


def order_of(lengths: list[int], *, bucket: int = 1, max_tokens: int | None = None, **more: Any) -> SequenceOrder:
    options = {"seed": 1, "batch_size": 4, "accumulate": 1, "steps_per_epoch": None, "first_batches": None} | more
    return SequenceOrder(source_of(lengths), batching(bucket=bucket, max_tokens=max_tokens), **options)


def epoch_of(order: SequenceOrder, epoch: int) -> list[list[int]]:
    return [order.indices(epoch, step) for step in range(order.steps_per_epoch)]


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, bucket=BUCKETS, limit=LIMITS, size=st.integers(1, 7), seed=st.integers(0, 2**32 - 1))
def test_every_pass_has_each_sequence_once_in_as_many_batches(
    lengths: list[int], bucket: int, limit: int | None, size: int, seed: int
) -> None:
    order = order_of(lengths, bucket=bucket, max_tokens=limit, batch_size=size, seed=seed)
    counts = set()
    for epoch in range(4):
        batches = epoch_of(order, epoch)
        counts.add(len([b for b in batches if b]))
        assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
        for step, batch in enumerate(batches):
            longest = max(lengths[i] for i in batch)
            if limit is None:
                assert len(batch) <= size
            else:
                assert len(batch) == 1 or len(batch) * longest <= limit
            (made,) = order.batches(epoch, step)
            assert made.inputs.shape == (len(batch), longest)
            assert made.targets.tolist() == batch
    assert counts == {order.steps_per_epoch}


@settings(max_examples=30, deadline=None)
@given(lengths=LENGTHS, bucket=BUCKETS, limit=LIMITS, seed=st.integers(0, 2**32 - 1), draw=st.data())
def test_the_order_is_a_function_of_seed_and_position_alone(
    lengths: list[int], bucket: int, limit: int | None, seed: int, draw: st.DataObject
) -> None:
    asked, fresh = (order_of(lengths, bucket=bucket, max_tokens=limit, seed=seed) for _ in range(2))
    before = torch.random.get_rng_state()
    places = st.tuples(st.integers(0, 3), st.integers(0, asked.steps_per_epoch - 1))
    for epoch, step in draw.draw(st.lists(places, min_size=1, max_size=8)):  # in any order, there and back
        expected = order_of(lengths, bucket=bucket, max_tokens=limit, seed=seed).indices(epoch, step)
        assert asked.indices(epoch, step) == expected
        assert fresh.batches(epoch, step)[0].targets.tolist() == expected
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("max_tokens", [None, 40])
def test_other_seeds_and_other_epochs_have_other_orders(max_tokens: int | None) -> None:
    lengths = [1 + i % 9 for i in range(50)]
    found = {
        str(epoch_of(order_of(lengths, bucket=3, max_tokens=max_tokens, seed=seed), epoch))
        for seed in (1, 2, 3) for epoch in (0, 1, 2)
    }  # fmt: skip
    assert len(found) == 9


def test_who_shares_a_batch_changes_from_pass_to_pass() -> None:
    order = order_of([5] * 40, bucket=5)
    assert {frozenset(b) for b in epoch_of(order, 0)} != {frozenset(b) for b in epoch_of(order, 1)}


def test_buckets_put_like_lengths_together_but_batches_in_any_order() -> None:
    lengths = list(np.random.default_rng(0).permutation(200) + 1)
    padded = {}
    for bucket in (1, 10, 50):
        batches = epoch_of(order_of(lengths, bucket=bucket), 0)
        padded[bucket] = sum(len(b) * max(lengths[i] for i in b) for b in batches) - sum(lengths)
        longest = [max(lengths[i] for i in b) for b in batches]
        assert longest != sorted(longest)
    # the whole set in one pool: each batch of four has lengths n, n+1, n+2, n+3, so 3 + 2 + 1 steps of padding
    assert padded[50] == 50 * 6
    assert padded[50] < padded[10] / 3 < padded[1] / 9


def test_a_sequence_longer_than_the_limit_is_a_batch_by_itself() -> None:
    batches = epoch_of(order_of([3, 100, 3, 3], max_tokens=24), 0)
    assert sorted(map(sorted, batches)) == [[0, 2, 3], [1]]


def test_with_a_limit_a_batch_has_as_many_as_fit() -> None:
    # grains of 8: a length of 3 counts as 8, so 64 steps hold eight of them, and four of up to 16
    batches = epoch_of(order_of([3] * 16 + [12] * 8, max_tokens=64), 0)
    assert sorted(len(b) for b in batches) == [4, 4, 8, 8]


def test_an_update_gathers_batches_and_epochs_may_be_shorter_than_a_pass() -> None:
    lengths = [1] * 20
    order = order_of(lengths, accumulate=2)
    assert order.steps_per_epoch == 3
    assert [len(order.batches(0, step)) for step in range(3)] == [2, 2, 1]
    short = order_of(lengths, steps_per_epoch=3, accumulate=1)
    assert short.steps_per_epoch == 3
    # five batches a pass, three an epoch: the first five updates are the first pass
    first = [i for epoch, step in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)] for i in short.indices(epoch, step)]
    assert sorted(first) == list(range(20))
    assert [short.indices(0, s) for s in range(3)] == epoch_of(order_of(lengths), 0)[:3]


@pytest.mark.parametrize("max_tokens", [None, 5])
def test_the_first_batches_are_those_of_the_data_in_its_order_every_time(max_tokens: int | None) -> None:
    order = order_of([9, 8, 7, 6, 5, 4], max_tokens=max_tokens, batch_size=2, first_batches=2)
    for epoch in (0, 5):
        assert epoch_of(order, epoch) == [[0, 1], [2, 3]]
    assert epoch_of(order_of([1, 1, 1], batch_size=2, first_batches=9), 0) == [[0, 1], [2]]
