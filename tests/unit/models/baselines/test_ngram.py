"""n-gram models: against nltk, against counts by hand, and as distributions."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.lm import KneserNeyInterpolated
from nltk.lm.smoothing import KneserNey as NltkSmoothing
from nltk.util import everygrams

from seqexp.models.baselines.ngram import KneserNey, estimated_discounts, unigram

V = 6


def text(length: int, seed: int = 0, kinds: int = V) -> np.ndarray:
    """Tokens that follow each other unevenly; the first few come again, so each n-gram has one before it."""
    drawn = np.random.default_rng(seed)
    steps = drawn.choice([1, 1, 1, 2, 3], length)
    made = np.cumsum(steps) % kinds
    return np.concatenate((made, made[:8]))


def test_a_token_has_its_share_with_one_added_to_each() -> None:
    logs = unigram(np.array([0, 1, 1, 2]), 4)(np.array([3, 1, 0, 3]))
    np.testing.assert_allclose(np.exp(logs), [3 / 8, 2 / 8, 1 / 8])


class _Uniform(NltkSmoothing):
    """nltk's, with single words resting on 1 / V, as ours do."""

    def unigram_score(self, word: str) -> float:
        count, total = self._continuation_counts(word)
        kinds = sum(1 for w in self.counts.unigrams if self._continuation_counts(w)[0])
        return (max(count - self.discount, 0.0) + self.discount * kinds / V) / total


@pytest.mark.parametrize("order", [2, 3, 4])
def test_it_is_nltks_model(order: int) -> None:
    train, test = text(60, kinds=V - 1), text(25, seed=5)
    theirs = KneserNeyInterpolated(order, discount=0.4)
    theirs.fit([everygrams([str(t) for t in train], max_len=order)], [str(t) for t in range(V)])
    theirs.estimator = _Uniform(theirs.vocab, theirs.counts, order, 0.4)
    ours = KneserNey(train, V, order=order, discounts=(0.4, 0.4, 0.4))
    words = [str(t) for t in test]
    expected = [theirs.unmasked_score(words[i], tuple(words[max(i - order + 1, 0) : i])) for i in range(1, len(words))]
    assert len(set(expected)) >= 10
    np.testing.assert_allclose(np.exp(ours(test)), expected, rtol=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    order=st.integers(1, 5), length=st.integers(1, 80), seed=st.integers(0, 99),
    context=st.lists(st.integers(0, V - 1), min_size=1, max_size=6),
)  # fmt: skip
def test_what_may_follow_has_probability_one_together(order: int, length: int, seed: int, context: list[int]) -> None:
    model = KneserNey(np.random.default_rng(seed).integers(0, V - 1, length), V, order=order)
    each = [math.exp(model(np.array([*context, word]))[-1]) for word in range(V)]
    assert min(each) > 0
    assert math.isclose(sum(each), 1.0, rel_tol=1e-9)


def test_pairs_by_hand() -> None:
    """a b a c a b, D = 1/2: c(a) = 3 as a context, before b, c, b; before b stands a alone, before a stand b, c."""
    a, b, c = 0, 1, 2
    model = KneserNey(np.array([a, b, a, c, a, b]), 3, order=2, discounts=(0.5, 0.5, 0.5))
    # continuation counts: a 2 (after b, c), b 1, c 1 of 4; each unlike word takes 1/2, so 3/2 of 4 go to 1/3
    single = {a: 1.5 / 4 + 1.5 / 4 / 3, b: 0.5 / 4 + 1.5 / 4 / 3, c: 0.5 / 4 + 1.5 / 4 / 3}
    left = 2 * 0.5 / 3  # b and c follow a
    expected = [1.5 / 3 + left * single[b], 0.5 / 1 + 0.5 * single[a], 0.5 / 3 + left * single[c]]
    np.testing.assert_allclose(np.exp(model(np.array([a, b, a, c]))), expected)


def test_a_context_never_seen_is_left_out() -> None:
    train = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    model, pairs = (KneserNey(train, 4, order=n) for n in (3, 2))
    seen = model(np.array([3, 1, 2]))[-1]
    assert seen == model(np.array([2, 1, 2]))[-1]  # neither 3 1 nor 2 1 was ever read
    assert seen != model(np.array([0, 1, 2]))[-1]
    assert np.isfinite(pairs(np.array([3, 3]))).all()


def test_discounts_are_those_of_the_counts_of_counts() -> None:
    """n_1 = 4, n_2 = 2, n_3 = 1, n_4 = 1: Y = 4 / (4 + 2 * 2) = 1/2."""
    found = estimated_discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4, 9]))
    assert found == pytest.approx((1 - 2 * 0.5 * 2 / 4, 2 - 3 * 0.5 * 1 / 2, 3 - 4 * 0.5 * 1 / 1))
    assert estimated_discounts(np.array([7, 8])) == pytest.approx((0.5, 0.5, 0.5))


def test_it_finds_nearly_all_there_is_to_find_when_it_remembers_enough() -> None:
    drawn = np.random.default_rng(0)
    made = [0, 0]
    for noise in drawn.random(6_000):
        made.append((made[-2] + 1) % 5 if noise < 0.9 else int(noise * 1e6) % 5)
    train, test = np.array(made[:5_000]), np.array(made[5_000:])
    one, two, three = (-KneserNey(train, 5, order=n)(test).mean() for n in (1, 2, 3))
    # right is said with 0.92, each other of four with 0.02
    entropy = -0.92 * math.log(0.92) - 0.08 * math.log(0.02)
    assert 0.8 * entropy < three < 1.2 * entropy
    assert min(one, two) > 1.5


def test_a_million_tokens_take_seconds() -> None:
    tokens = np.random.default_rng(0).zipf(1.6, 1_000_000) % 60
    began = time.process_time()
    KneserNey(tokens, 60, order=5)(tokens[:100_000])
    assert time.process_time() - began < 20
