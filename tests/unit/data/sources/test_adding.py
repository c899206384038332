from __future__ import annotations

import numpy as np
import pytest
from support.sections import data

from seqexp.data.sources.adding import load
from seqexp.data.spec import ExampleSpec, Number, Vectors

SPLITS = ("train", "valid", "test")


def test_the_target_is_the_sum_of_the_two_marked_numbers() -> None:
    made = load(data("adding", length=7, train=50, valid=4, test=3))
    assert made.spec == ExampleSpec(Vectors(2), Number())
    assert [len(made.splits[s]) for s in SPLITS] == [50, 4, 3]
    for split in made.splits.values():
        assert split.values.dtype == split.targets.dtype == np.float32
        assert set(split.lengths) == {7}
        for sequence, target in zip(split.values.reshape(-1, 7, 2), split.targets, strict=True):
            numbers, marks = sequence.T
            assert sorted(marks) == [0, 0, 0, 0, 0, 1, 1]
            assert target == np.float32(numbers[marks == 1].sum())
            assert 0 <= numbers.min() <= numbers.max() < 1


def test_marks_fall_on_every_pair_of_steps_alike() -> None:
    made = load(data("adding", length=4, train=12_000))
    marks = made.splits["train"].values.reshape(-1, 4, 2)[..., 1]
    pairs, counts = np.unique(marks, axis=0, return_counts=True)
    assert len(pairs) == 6
    assert np.abs(counts - 2000).max() < 5 * np.sqrt(12_000 * 1 / 6 * 5 / 6)


def test_always_saying_one_has_the_variance_of_two_uniform_numbers() -> None:
    made = load(data("adding", length=5, train=40_000))
    said = np.square(made.splits["train"].targets - 1.0)
    assert made.floor == {"always_one": 2 / 12}
    assert abs(said.mean() - 2 / 12) < 5 * said.std() / np.sqrt(len(said))


def test_a_split_is_a_function_of_the_seed_and_its_size() -> None:
    one, again, longer, other = (
        load(data("adding", length=5, train=train, valid=20, test=20, seed=seed))
        for train, seed in ((20, 1), (20, 1), (30, 1), (20, 2))
    )
    assert one.fingerprint == again.fingerprint
    assert len({one.fingerprint, longer.fingerprint, other.fingerprint}) == 3
    for split in ("valid", "test"):
        np.testing.assert_array_equal(one.splits[split].values, longer.splits[split].values)
        assert not np.array_equal(one.splits[split].values, other.splits[split].values)
    assert not np.array_equal(one.splits["valid"].values, one.splits["test"].values)


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_shortest_sequence_is_the_sum_of_all(seed: int) -> None:
    split = load(data("adding", length=2, seed=seed)).splits["test"]
    np.testing.assert_array_equal(split.values.reshape(-1, 2, 2)[..., 0].sum(axis=1), split.targets)
