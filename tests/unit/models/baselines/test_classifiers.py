"""What is counted by hand; what is fitted against scikit-learn's own pipelines and the textbook's formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as scikit_learns
from sklearn.pipeline import make_pipeline

from seqexp.models.baselines import classifiers as module
from seqexp.models.baselines.classifiers import (
    PENALTIES,
    SMOOTHINGS,
    fit_linear,
    log_loss,
    ngrams,
    numbers,
    positions,
    windows,
)
from seqexp.models.baselines.labelled import Labelled

V, K = 6, 3


def tokens(*pieces: list[int]) -> list[np.ndarray]:
    return [np.array(p, np.int32) for p in pieces]


def drawn(s: int, seed: int, *, length: int | None = None) -> Labelled:
    """Sequences in which a class's own token is the likelier."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, s)
    share = np.eye(V)[y + 2] + 0.5
    pieces = [rng.choice(V, length or rng.integers(2, 9), p=p / p.sum()).astype(np.int32) for p in share]
    return Labelled(pieces, y)


TRAIN, VALID, TEST = drawn(120, 0), drawn(60, 1), drawn(40, 2)


def test_ngrams_are_counted_up_to_the_longest() -> None:
    train = Labelled(tokens([1, 2, 1, 2], [3]), np.array([0, 1]))
    x = ngrams(train, 2, classes=2, weighted=False)(tokens([1, 2, 1, 2], [3, 2, 1, 1, 5])).toarray()
    # 1, 1 2, 2, 2 1 and 3, in an order of its own
    assert sorted(map(tuple, x.T)) == sorted([(2, 2), (2, 0), (2, 1), (1, 1), (0, 1)])


def test_ngrams_beyond_the_most_are_the_rarest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WEIGHTS", 6)
    train = Labelled(tokens([1, 1, 1, 2, 2, 3]), np.array([0]))
    assert ngrams(train, 1, classes=3, weighted=False)(train.pieces).toarray().tolist() in ([[3, 2]], [[2, 3]])
    assert sorted(ngrams(train, 1, classes=2, weighted=False)(train.pieces).toarray()[0]) == [1, 2, 3]


def test_no_two_ngrams_have_one_number() -> None:
    every = [p for n in (1, 2, 3) for p in itertools.product(range(40), repeat=n)]
    flat = np.array([0, *range(40), 0])
    assert len(np.unique(module._grams([np.array(p) for p in every], 3)[0])) == 40 + 40**2 + 40**3
    assert len(module._grams([flat], 100)[0]) == 42 * 43 / 2


def test_positions_are_one_hot_and_padding_is_nothing() -> None:
    train = Labelled(tokens([1, 2], [3, 2]), np.array([0, 1]))
    x = positions(train, 2)(tokens([3, 2], [1], [2, 2, 2]))
    np.testing.assert_array_equal(x.toarray(), [[0, 1, 1], [1, 0, 0], [0, 0, 1]])  # 1 or 3 first, 2 second


def test_numbers_are_scaled_by_feature_over_train() -> None:
    train = Labelled([np.array([[1.0, 5], [3, 5]], np.float32), np.array([[5.0, 5], [7, 5]], np.float32)], np.zeros(2))
    x = numbers(train, 2)([np.array([[4.0, 6], [9, 5]], np.float32)])
    np.testing.assert_allclose(x, [[0, 1, 5 / np.sqrt(5), 0]])  # mean 4, variance 5; the second never changes


def test_a_window_is_the_token_and_two_on_either_side() -> None:
    train = Labelled(tokens([1, 2, 3], [4]), np.zeros(4, np.int64))
    around = module._around(train.pieces, 5).toarray().reshape(4, 5, 5).argmax(axis=2)
    assert around.tolist() == [[0, 0, 1, 2, 3], [0, 1, 2, 3, 0], [1, 2, 3, 0, 0], [0, 0, 4, 0, 0]]
    assert module._around(train.pieces, 5).sum() == 4 * 5
    x = windows(train, 5, classes=2)(tokens([4]))
    assert x.shape == (1, 14)  # of 25, those that come
    assert x.sum() == 5


def test_logistic_regression_is_scikit_learns_on_tf_idf_with_the_penalty_best_on_valid() -> None:
    def text(some: Labelled) -> list[str]:
        return [" ".join(map(str, p)) for p in some.pieces]

    best, least = None, np.inf
    for c in PENALTIES:
        vectorizer = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2))
        pipeline = make_pipeline(vectorizer, LogisticRegression(C=c, max_iter=100)).fit(text(TRAIN), TRAIN.targets)
        loss = scikit_learns(VALID.targets, pipeline.predict_proba(text(VALID)))
        if loss < least:
            best, least = pipeline, loss
    assert best is not None
    features = ngrams(TRAIN, 2, classes=K, weighted=True)
    ours = fit_linear("logistic", features, TRAIN, VALID, classes=K)(TEST.pieces)
    np.testing.assert_allclose(ours, best.predict_proba(text(TEST)), atol=1e-4)
    assert (ours.argmax(axis=1) == TEST.targets).mean() > 0.6


def test_naive_bayes_is_the_textbooks() -> None:
    """log p(k) + sum over tokens of log((n_kv + alpha) / (n_k + alpha V))  (Manning et al. 2008, equation 13.4)."""

    def counts(some: Labelled) -> np.ndarray:
        return np.stack([np.bincount(p, minlength=V) for p in some.pieces])

    def textbook(alpha: float, some: Labelled) -> np.ndarray:
        n = np.stack([counts(TRAIN)[TRAIN.targets == k].sum(axis=0) for k in range(K)]) + alpha
        logs = counts(some) @ np.log(n / n.sum(axis=1, keepdims=True)).T + np.log(np.bincount(TRAIN.targets) / 120)
        p = np.exp(logs - logs.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    best = min(SMOOTHINGS, key=lambda a: scikit_learns(VALID.targets, textbook(a, VALID)))
    features = ngrams(TRAIN, 1, classes=K, weighted=False)
    ours = fit_linear("naive_bayes", features, TRAIN, VALID, classes=K)(TEST.pieces)
    np.testing.assert_allclose(ours, textbook(best, TEST), rtol=1e-9)


def test_a_class_that_never_came_has_no_probability() -> None:
    features = ngrams(TRAIN, 1, classes=K + 2, weighted=False)
    said = fit_linear("logistic", features, TRAIN, VALID, classes=K + 2)(TEST.pieces)
    assert said.shape == (40, K + 2)
    assert said[:, K:].sum() == 0
    np.testing.assert_allclose(said.sum(axis=1), 1)


def test_the_log_loss_it_chooses_by_is_scikit_learns() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(K), 50)
    y = np.random.default_rng(1).integers(0, K, 50)
    assert log_loss(p, y) == pytest.approx(scikit_learns(y, p))
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(52 * np.log(2))
