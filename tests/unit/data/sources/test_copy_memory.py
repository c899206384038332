from __future__ import annotations

import math

import numpy as np
import pytest
from support.sections import data

from seqexp.data.sources.copy_memory import load
from seqexp.data.spec import ExampleSpec, Labels, Tokens


@pytest.mark.parametrize("length", [1, 2, 13])
def test_ten_digits_a_long_nothing_and_the_sign_to_say_them(length: int) -> None:
    made = load(data("copy_memory", length=length, train=30, valid=4, test=3))
    assert made.spec == ExampleSpec(Tokens(11), Labels(10, each_step=True))
    assert made.classes == tuple("0123456789")
    for split in made.splits.values():
        assert set(split.lengths) == {length + 20}
        for tokens, target in zip(*(a.reshape(-1, length + 20) for a in (split.values, split.targets)), strict=True):
            symbols = tokens - 1  # token 0 is padding
            digits = symbols[:10].tolist()
            assert set(digits) <= set(range(1, 9))
            assert symbols.tolist() == [*digits, *[0] * (length - 1), *[9] * 11]
            assert target.tolist() == [*[0] * (length + 10), *digits]
    assert (made.splits["train"].values.dtype, made.splits["train"].targets.dtype) == (np.int32, np.int64)


def test_all_eight_digits_are_drawn_alike() -> None:
    digits = load(data("copy_memory", length=1, train=2000)).splits["train"].values.reshape(-1, 21)[:, :10]
    counts = np.bincount(digits.ravel(), minlength=11)
    assert counts[[0, 1, 10]].tolist() == [0, 0, 0]
    assert np.abs(counts[2:10] - 2500).max() < 5 * math.sqrt(20_000 / 8 * 7 / 8)


def test_the_floor_is_the_cross_entropy_of_knowing_when_but_not_what() -> None:
    # zeros are certain; each of the last ten steps is one of eight digits, ln 8 nats
    assert load(data("copy_memory", length=1000, train=1)).floor == {"memoryless": 10 * math.log(8) / 1020}


def test_a_split_is_a_function_of_the_seed_and_its_size() -> None:
    one, longer, other = (
        load(data("copy_memory", length=3, train=train, valid=9, test=9, seed=seed)).splits
        for train, seed in ((9, 1), (12, 1), (9, 2))
    )
    np.testing.assert_array_equal(one["test"].values, longer["test"].values)
    assert not np.array_equal(one["test"].values, other["test"].values)
    assert not np.array_equal(one["test"].values, one["valid"].values)
