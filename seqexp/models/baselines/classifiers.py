"""Linear classifiers of sequences: of counted n-grams, of one-hot positions, of plain numbers, of a window of tokens.

Shapes: S sequences, T steps, D features, V vocabulary, K classes, M targets (sequences, or steps).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seqexp.data.panel import Floats, Ints
from seqexp.models.baselines.labelled import Answer, Labelled, Pieces

Features = Callable[[Pieces], Any]
"""Sequences to a matrix (M, features), sparse or not."""

PENALTIES = (0.1, 1.0, 10.0, 100.0)
"""C of logistic regression, of which the best on valid is taken."""
ITERATIONS = 100
"""Of its solver at the most."""
SMOOTHINGS = (0.01, 0.1, 1.0)
"""alpha of naive Bayes, likewise."""
MOST_WEIGHTS = 500_000
"""Features times classes of a logistic regression at the most: its solver works on some twenty copies."""
AROUND = 2
"""Tokens on either side of the one that is labelled."""
_FACTOR = np.uint64(6364136223846793005)
"""Of a polynomial modulo 2^64, that spreads well (Knuth 1998, section 3.3.4, table 1)."""


def ngrams(train: Labelled, longest: int, *, classes: int, weighted: bool) -> Features:
    """Counts of n-grams of tokens, the commonest of train.

    Args:
        train: What n-grams there are.
        longest: Tokens of the longest n-gram.
        classes: K, which bounds how many n-grams are counted.
        weighted: TF-IDF in place of counts, rows of length 1 (Manning et al. 2008, section 6.2).
    """
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer

    known, times = np.unique(_grams(train.pieces, longest)[0], return_counts=True)
    known = np.sort(known[np.argsort(-times, kind="stable")[: _most_features(classes)]])

    def counts(pieces: Pieces) -> Any:
        grams, rows = _grams(pieces, longest)
        columns = np.minimum(np.searchsorted(known, grams), len(known) - 1)
        hit = known[columns] == grams
        return csr_matrix((np.ones(hit.sum()), (rows[hit], columns[hit])), shape=(len(pieces), len(known)))

    if not weighted:
        return counts
    weigh = TfidfTransformer().fit(counts(train.pieces))
    return lambda pieces: weigh.transform(counts(pieces))


def positions(train: Labelled, steps: int) -> Features:
    """One-hot vectors of the token at each position; longer sequences are cut, shorter ones end in nothing."""
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(handle_unknown="ignore", dtype=np.float64).fit(_square(train.pieces, steps))
    return lambda pieces: encoder.transform(_square(pieces, steps))


def numbers(train: Labelled, steps: int) -> Features:
    """The numbers (T, D) in one row, each of the D features scaled by its mean and deviation over train."""
    rows = _square(train.pieces, steps)  # (S, T, D)
    mean, deviation = rows.mean(axis=(0, 1)), rows.std(axis=(0, 1))
    scale = np.where(deviation > 0, deviation, 1.0)
    return lambda pieces: ((_square(pieces, steps) - mean) / scale).reshape(len(pieces), -1)


def windows(train: Labelled, vocabulary: int, *, classes: int) -> Features:
    """For each step, one-hot vectors of its token and the `AROUND` on either side, the commonest of train."""
    counts = np.asarray(_around(train.pieces, vocabulary).sum(axis=0)).ravel()
    common = np.sort(np.argsort(-counts, kind="stable")[: _most_features(classes)])
    kept = common[counts[common] > 0]
    return lambda pieces: _around(pieces, vocabulary)[:, kept]


def fit_linear(
    method: Literal["logistic", "naive_bayes"], features: Features, train: Labelled, valid: Labelled, *, classes: int
) -> Answer:
    """Logistic regression or multinomial naive Bayes, with the penalty or smoothing of the least log loss on valid.

    They are tried in order until that loss rises.

    Args:
        method: Which.
        features: What it reads.
        train: What it is fitted on.
        valid: What its one setting is chosen on.
        classes: K.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB

    models = {
        "logistic": [LogisticRegression(C=c, max_iter=ITERATIONS) for c in PENALTIES],
        "naive_bayes": [MultinomialNB(alpha=a) for a in SMOOTHINGS],
    }[method]
    x, x_valid = features(train.pieces), features(valid.pieces)
    best, least = None, np.inf
    for model in models:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not quite converged
            model.fit(x, train.targets)
        loss = log_loss(_shares(model, x_valid, classes), valid.targets)
        if best is not None and loss >= least:
            break  # past the best one, weaker penalties only take longer
        best, least = model, loss
    return lambda pieces: _shares(best, features(pieces), classes)


def log_loss(probabilities: Floats, truth: NDArray[Any]) -> float:
    """The mean of -log p of what came, p at least the smallest step of a float64 from 1."""
    right = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(right, np.finfo(np.float64).eps)).mean())


def _shares(model: Any, x: Any, classes: int) -> Floats:
    """A model's probabilities (M, K), 0 for classes that it never saw."""
    shares = np.zeros((x.shape[0], classes))
    shares[:, model.classes_] = model.predict_proba(x)
    return shares


def _most_features(classes: int) -> int:
    return max(1, MOST_WEIGHTS // (1 if classes == 2 else classes))


def _square(pieces: Pieces, steps: int) -> NDArray[Any]:
    """Sequences of one length (S, T) or (S, T, D): padded with 0, or cut."""
    first = pieces[0]
    rows = np.zeros((len(pieces), steps, *first.shape[1:]), dtype=np.float64 if first.ndim > 1 else first.dtype)
    for row, piece in zip(rows, pieces, strict=True):
        row[: len(piece)] = piece[:steps]
    return rows


def _grams(pieces: Pieces, longest: int) -> tuple[NDArray[np.uint64], Ints]:
    """A number for each n-gram, n = 1 ... longest, by which like ones are known, and the sequence it is of."""
    tokens = np.concatenate(pieces).astype(np.uint64) + np.uint64(1)
    of = np.repeat(np.arange(len(pieces)), [len(p) for p in pieces])
    grams, rows = [], []
    number = np.zeros(len(tokens), dtype=np.uint64)
    for n in range(min(longest, len(tokens))):
        starts = len(tokens) - n
        number = number[:starts] * _FACTOR + tokens[n:]  # modulo 2^64: that two meet is as good as impossible
        inside = of[:starts] == of[n:]
        grams.append(number[inside])
        rows.append(of[n:][inside])
    return np.concatenate(grams), np.concatenate(rows)


def _around(pieces: Pieces, vocabulary: int) -> Any:
    """A 1 for each of the tokens around a step, by where it stands: sparse (M, V (2 AROUND + 1)); 0 beyond the ends."""
    from scipy.sparse import csr_matrix

    gap = np.zeros(AROUND, dtype=np.int64)
    flat = np.concatenate([part for piece in pieces for part in (gap, piece, gap)])
    lengths = np.array([len(p) for p in pieces])
    starts = (lengths + 2 * AROUND).cumsum() - lengths - AROUND
    steps: Ints = np.repeat(starts - (lengths.cumsum() - lengths), lengths) + np.arange(lengths.sum())
    width = 2 * AROUND + 1
    columns = np.stack([flat[steps + o - AROUND] + o * vocabulary for o in range(width)], axis=1)
    rows = np.arange(0, columns.size + 1, width)
    return csr_matrix((np.ones(columns.size), columns.ravel(), rows), shape=(len(columns), width * vocabulary))
