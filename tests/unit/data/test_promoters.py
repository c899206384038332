"""What the made-up promoters are for: counts of k-mers cannot tell the classes apart, a rule of spacing can."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from seqexp.data.promoters import BOX_10, BOX_35, CLASSES, LENGTH, SPACINGS, promoters

COUNT = 3_000


@pytest.fixture(scope="module")
def made() -> tuple[list[str], np.ndarray]:
    sequences, labels = promoters(COUNT)
    return sequences, np.array([label == "promoter" for label in labels])


def matches(letters: str, box: str) -> np.ndarray:
    """How many letters of a box stand at each place."""
    return np.array([sum(a == b for a, b in zip(letters[i:], box, strict=False)) for i in range(len(letters) - 5)])


def test_fewer_are_the_first_of_more_and_half_are_promoters() -> None:
    sequences, labels = promoters(100)
    assert promoters(7) == (sequences[:7], labels[:7])
    assert Counter(labels) == {CLASSES[0]: 50, CLASSES[1]: 50}
    assert {len(s) for s in sequences} == {LENGTH}
    assert set("".join(sequences)) == set("ACGT")


def test_counts_of_kmers_fail(made: tuple[list[str], np.ndarray]) -> None:
    sequences, promoter = made
    counts = CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False).fit_transform(sequences)
    model = LogisticRegression(C=0.1, max_iter=1_000).fit(counts[: COUNT // 2], promoter[: COUNT // 2])
    assert model.score(counts[COUNT // 2 :], promoter[COUNT // 2 :]) < 0.6


def test_both_classes_hold_both_boxes_equally_often(made: tuple[list[str], np.ndarray]) -> None:
    sequences, promoter = made
    for box in (BOX_35, BOX_10):
        whole = np.array([box in letters for letters in sequences])
        assert whole.mean() > 0.3
        assert abs(whole[promoter].mean() - whole[~promoter].mean()) < 0.06


def test_a_rule_that_knows_the_spacing_tells_them_apart(made: tuple[list[str], np.ndarray]) -> None:
    sequences, promoter = made
    found = []
    for letters in sequences:
        first, second = matches(letters, BOX_35) >= 5, matches(letters, BOX_10) >= 5
        found.append(any((first[: -6 - spacing] & second[6 + spacing :]).any() for spacing in SPACINGS))
    assert (np.array(found) == promoter).mean() > 0.9
