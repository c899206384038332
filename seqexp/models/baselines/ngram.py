"""n-gram models: how often each token comes, and interpolated Kneser-Ney.

nltk has the same model, but counts in Python: a million tokens take it many minutes. Here n-grams are numbers, counted
by sorting and found by bisection, all at once.

Shapes: R tokens to learn from, U unlike n-grams, L tokens to score, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqexp.data.panel import Floats, Ints

_LEAST_DISCOUNT = 0.1
"""Where counts say less, as those of a few letters do, something must be left for what was never seen."""
LogProbabilities = Callable[[Ints], Floats]
"""Of tokens (L), the log probability of each but the first, after all before it (L - 1)."""


def unigram(tokens: Ints, vocabulary: int) -> LogProbabilities:
    """How often each token comes, with one added to each count (Laplace): p(w) = (c(w) + 1) / (R + V).

    Args:
        tokens: To learn from (R).
        vocabulary: V.
    """
    counts = np.bincount(tokens, minlength=vocabulary) + 1
    logs = np.log(counts / counts.sum())
    return lambda text: logs[text[1:]]


@dataclass(frozen=True)
class _Order:
    """All n-grams of one length; an n-gram is the number of its context, times V, plus its last word."""

    keys: NDArray[np.int64]
    """Sorted (U)."""
    discounted: Floats
    """(c - D(c)) / the context's count, of each n-gram (U)."""
    left: Floats
    """What discounts leave for shorter contexts: gamma, of each context; 1 where it was never seen."""


class KneserNey:
    """Interpolated Kneser-Ney, modified to have a discount for counts of 1, of 2 and of more (Chen and Goodman 1999).

    p(w | h) = max(c(h w) - D(c(h w)), 0) / c(h) + gamma(h) p(w | h without its first word), where the longest n-grams
    are counted as they come, shorter ones by how many unlike words come before them, and single words rest on 1 / V.

    Args:
        tokens: To learn from (R).
        vocabulary: V.
        order: n, the longest n-gram.
        discounts: D(1), D(2) and D(3+) of each length; None: estimated from how many n-grams are how rare.
    """

    def __init__(
        self, tokens: Ints, vocabulary: int, *, order: int, discounts: tuple[float, float, float] | None = None
    ) -> None:
        self._vocabulary = vocabulary
        words = tokens.astype(np.int64)
        keys: list[NDArray[np.int64]] = []
        number = np.zeros(len(words) + 1, dtype=np.int64)  # of the n-gram that begins at each position
        counts: list[NDArray[np.int64]] = []
        for n in range(1, min(order, len(words)) + 1):
            made = number[: len(words) - n + 1] * vocabulary + words[n - 1 :]
            unlike, first, its, count = np.unique(made, return_index=True, return_inverse=True, return_counts=True)
            if n > 1:  # by how many words come before: each unlike n-gram counts once for its end
                counts[-1] = np.bincount(number[first + 1], minlength=len(keys[-1]))
            keys.append(unlike)
            counts.append(count)
            number = its
        sizes = [1, *map(len, keys)]
        self._orders = [
            _order(k, c, vocabulary, contexts, discounts) for k, c, contexts in zip(keys, counts, sizes, strict=False)
        ]

    def __call__(self, text: Ints) -> Floats:
        """The log probability of each token (L) but the first, after up to n - 1 before it (L - 1)."""
        words = text.astype(np.int64)
        p = np.full(len(words), 1.0 / self._vocabulary)
        context = np.zeros(len(words), dtype=np.int64)  # of the word at each position; -1: never seen
        for order in self._orders:
            seen = context >= 0
            key = context * self._vocabulary + words
            place = np.minimum(np.searchsorted(order.keys, key), len(order.keys) - 1)
            found = seen & (order.keys[place] == key)
            gamma = np.where(seen, order.left[context], 1.0)
            p = np.where(found, order.discounted[place], 0.0) + gamma * p
            ended = np.where(found, place, -1)
            context = np.concatenate(([-1], ended[:-1]))
        logs: Floats = np.log(p[1:])
        return logs


def _order(
    keys: NDArray[np.int64], counts: NDArray[np.int64], vocabulary: int, contexts: int,
    discounts: tuple[float, float, float] | None,
) -> _Order:  # fmt: skip
    """The shares of n-grams of one length, and what is left, from their counts (U)."""
    of = keys // vocabulary
    discount = np.array((0.0, *(discounts or estimated_discounts(counts))))[np.minimum(counts, 3)]
    totals = np.bincount(of, weights=counts, minlength=contexts)
    taken = np.bincount(of, weights=np.minimum(discount, counts), minlength=contexts)
    known = totals > 0
    left = np.where(known, taken / np.where(known, totals, 1.0), 1.0)
    share = np.maximum(counts - discount, 0.0) / np.where(known, totals, 1.0)[of]
    return _Order(keys, share, left)


def estimated_discounts(counts: NDArray[np.int64]) -> tuple[float, float, float]:
    """D(1), D(2) and D(3+) from how many n-grams come once, twice, ... (Chen and Goodman 1999; n_i come i times).

    D(i) = i - (i + 1) Y n_(i+1) / n_i, Y = n_1 / (n_1 + 2 n_2). Where there are too few unlike n-grams for that, as of
    single letters, it is Y, the one discount of Ney et al. 1994, or a half; and at least 0.1.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
    y = n[1] / (n[1] + 2 * n[2]) if n[1] and n[2] else 0.5
    found = [i - (i + 1) * y * n[i + 1] / n[i] if n[i] and n[i + 1] else y for i in (1, 2, 3)]
    one, two, more = (float(np.clip(d, _LEAST_DISCOUNT, i)) for i, d in enumerate(found, start=1))
    return one, two, more
