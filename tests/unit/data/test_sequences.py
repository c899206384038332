from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.data.batch import IGNORED
from seqexp.data.sequences import Sequences, SequenceSource

CPU = torch.device("cpu")


def of_tokens(*pieces: list[int], targets: list[int] | None = None) -> Sequences:
    labels = np.array(targets if targets is not None else range(len(pieces)), dtype=np.int64)
    return Sequences.joined([np.array(p, dtype=np.int32) for p in pieces], labels)


def test_sequences_lie_one_after_another() -> None:
    sequences = of_tokens([5, 6, 7], [8], [9, 5])
    assert sequences.values.tolist() == [5, 6, 7, 8, 9, 5]
    assert sequences.values.dtype == np.int32
    assert (sequences.offsets.tolist(), sequences.lengths.tolist(), len(sequences)) == ([0, 3, 4, 6], [3, 1, 2], 3)
    assert [sequences[i].tolist() for i in range(3)] == [[5, 6, 7], [8], [9, 5]]


def test_a_batch_by_hand() -> None:
    batch = SequenceSource(of_tokens([5, 6, 7], [8], [9, 5]), each_step=False, device=CPU).batch(np.array([2, 0, 1]))
    assert batch.inputs.tolist() == [[9, 5, 0], [5, 6, 7], [8, 0, 0]]
    assert batch.inputs.dtype == torch.int64
    assert (batch.lengths.tolist(), batch.targets.tolist(), len(batch)) == ([2, 3, 1], [2, 0, 1], 3)


def test_a_batch_is_as_wide_as_its_longest() -> None:
    source = SequenceSource(of_tokens([5, 6, 7], [8], [9, 5]), each_step=False, device=CPU)
    assert source.batch(np.array([1])).inputs.tolist() == [[8]]
    assert source.batch(np.array([1, 2])).inputs.tolist() == [[8, 0], [9, 5]]


def test_padded_steps_have_a_target_that_is_ignored() -> None:
    sequences = of_tokens([5, 6, 7], [8], targets=[1, 0, 2, 1])
    batch = SequenceSource(sequences, each_step=True, device=CPU).batch(np.array([1, 0]))
    assert batch.targets.tolist() == [[1, IGNORED, IGNORED], [1, 0, 2]]
    assert len(batch) == 4


SHAPES = {
    "a class of tokens": ((), np.int32, None),
    "a class a step of tokens": ((), np.int32, ()),
    "a number of vectors": ((3,), np.float32, None),
    "a class a step of vectors": ((2,), np.float32, ()),
    "keys a step of vectors": ((4,), np.float32, (4,)),
}


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from(sorted(SHAPES)), lengths=st.lists(st.integers(1, 7), min_size=1, max_size=9),
    draw=st.data(), seed=st.integers(0, 99),
)  # fmt: skip
def test_a_batch_is_what_a_plain_loop_makes(shape: str, lengths: list[int], draw: st.DataObject, seed: int) -> None:
    width, kind, each = SHAPES[shape]
    drawn = np.random.default_rng(seed)
    total = sum(lengths)
    values = drawn.integers(1, 50, (total, *width)).astype(kind)
    count = len(lengths) if each is None else total
    made: Any = drawn.integers(0, 3, (count, *(each or ())))
    floats = "number" in shape or "keys" in shape
    targets = made.astype(np.float32 if floats else np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    source = SequenceSource(Sequences(values, offsets, targets), each_step=each is not None, device=CPU)
    chosen = draw.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=6))
    batch = source.batch(np.array(chosen))
    longest = max(lengths[i] for i in chosen)
    inputs = np.zeros((len(chosen), longest, *width))
    expected = np.full((len(chosen), longest, *(each or ())), 0.0 if floats else IGNORED)
    for row, i in enumerate(chosen):
        inputs[row, : lengths[i]] = values[offsets[i] : offsets[i + 1]]
        if each is not None:
            expected[row, : lengths[i]] = targets[offsets[i] : offsets[i + 1]]
    np.testing.assert_array_equal(batch.inputs, inputs)
    np.testing.assert_array_equal(batch.targets, targets[chosen] if each is None else expected)
    assert batch.lengths.tolist() == [lengths[i] for i in chosen]
    assert batch.scored == (len(chosen) if each is None else sum(lengths[i] for i in chosen))
    assert batch.inputs.dtype == (torch.float32 if width else torch.int64)
    assert batch.targets.dtype == (torch.float32 if floats else torch.int64)


@pytest.mark.parametrize("repeat", [[0, 0], [1, 1]])
def test_a_batch_is_a_copy_that_may_be_written_to(repeat: list[int]) -> None:
    sequences = of_tokens([5, 6, 7], [8, 9])
    source = SequenceSource(sequences, each_step=False, device=CPU)
    source.batch(np.array(repeat)).inputs.fill_(1)
    assert sequences.values.tolist() == [5, 6, 7, 8, 9]
    assert source.batch(np.array([1, 0])).inputs.tolist() == [[8, 9, 0], [5, 6, 7]]


class TestBatches:
    @settings(max_examples=40, deadline=None)
    @given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=40), size=st.integers(1, 11))
    def test_each_sequence_comes_once_and_like_lengths_together(self, lengths: list[int], size: int) -> None:
        source = SequenceSource(of_tokens(*([1] * n for n in lengths)), each_step=False, device=CPU)
        batches = list(source.batches(size))
        assert [len(b) for b in batches[:-1]] == [size] * (len(batches) - 1)
        order = [int(i) for b in batches for i in b]
        assert order == sorted(range(len(lengths)), key=lambda i: (lengths[i], i))

    @pytest.mark.parametrize(("limit", "expected"), [(1, [[0, 1]]), (2, [[0, 1], [2, 3]]), (9, [[0, 1], [2, 3], [4]])])
    def test_limited_they_are_the_first_of_the_data(self, limit: int, expected: list[list[int]]) -> None:
        source = SequenceSource(of_tokens(*([1] * n for n in (5, 4, 3, 2, 1))), each_step=False, device=CPU)
        assert [b.tolist() for b in source.batches(2, limit)] == expected

    @pytest.mark.parametrize("limit", [None, 1])
    def test_long_ones_are_fewer_at_a_time(self, monkeypatch: pytest.MonkeyPatch, limit: int | None) -> None:
        monkeypatch.setattr("seqexp.data.sequences._MOST_STEPS", 12)
        source = SequenceSource(of_tokens(*([1] * n for n in (2, 2, 4, 4, 5, 20))), each_step=False, device=CPU)
        # the longest of six has 20 steps, more than 12: one at a time
        assert [b.tolist() for b in source.batches(6, limit)] == [[i] for i in range(6)]
        assert [b.tolist() for b in source.batches(3)] == [[0, 1, 2], [3], [4], [5]]
        assert [b.tolist() for b in source.batches(2)] == [[0, 1], [2, 3], [4], [5]]
