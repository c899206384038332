"""The classical methods for sequences by themselves: what a network must be better than.

Shapes: S sequences, T steps, K classes, C keys, M targets (sequences, or steps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqexp.config.schema.task import Classification, PolyphonicMusic, Regression, TaskConfig
from seqexp.data.panel import Floats
from seqexp.data.spec import ExampleSpec, Tokens, Vectors
from seqexp.models.baselines.classifiers import MOST_WEIGHTS, Features, fit_linear, ngrams, numbers, positions, windows
from seqexp.models.baselines.labelled import Answer, Labelled, Pieces

MOST_TOKENS = 10_000_000
"""Tokens that sequences are fitted on at the most."""
MOST_NUMBERS = 20_000_000
"""Numbers likewise."""
MOST_STEPS = 200_000
"""Steps with a label each likewise."""
RIDGE_PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)


def fit_baselines(
    config: TaskConfig,
    spec: ExampleSpec,
    train: tuple[Pieces, NDArray[Any]],
    valid: tuple[Pieces, NDArray[Any]],
    working: Callable[[str], None],
) -> Iterator[tuple[str, Answer | str]]:
    """Each baseline that is asked for: its name in the table, and itself fitted or why it is left out.

    Args:
        config: Which, and the longest n-gram.
        spec: What goes in and comes out.
        train: Sequences and targets they are fitted on, as `Labelled` has them.
        valid: Those that a penalty or a smoothing is chosen on.
        working: Told what is under way.
    """
    fitted, chosen = Labelled(*train), Labelled(*valid)
    for name in config.baselines:
        shown = "memoryless" if name == "majority" and spec.each_step and fitted.length is not None else name
        working(f"baseline {shown}")
        match config:
            case Classification():
                yield shown, _classifier(name, config, spec, fitted, chosen)
            case Regression():
                yield shown, _mean(fitted) if name == "mean" else _ridge(spec, fitted, chosen)
            case PolyphonicMusic():
                yield shown, _frequencies(fitted) if name == "frequencies" else _repeat(spec, fitted)


def _classifier(name: str, config: Classification, spec: ExampleSpec, train: Labelled, valid: Labelled) -> Answer | str:
    classes = spec.outputs
    if name == "majority":
        return _shares(train, classes, spec.each_step)
    if spec.each_step:
        train, valid = train.some(MOST_STEPS, each_step=True), valid.some(MOST_STEPS, each_step=True)
    else:
        train, valid = train.some(_most(spec)), valid.some(_most(spec))
    if len(np.unique(train.targets)) < 2:
        return "what it would be fitted on has one class only"
    features = _features(name, config, spec, train)
    if isinstance(features, str):
        return features
    return fit_linear("naive_bayes" if name == "naive_bayes" else "logistic", features, train, valid, classes=classes)


def _features(name: str, config: Classification, spec: ExampleSpec, train: Labelled) -> Features | str:
    """What a method reads, or why it cannot."""
    match spec.inputs:
        case Tokens(vocabulary) if spec.each_step:
            if name == "one_hot":
                return "it gives one label to a sequence, and here every step has one"
            return windows(train, vocabulary, classes=spec.outputs)
        case Tokens() if name == "one_hot":
            if train.length is None:
                return _unequal(train)
            features = positions(train, train.length)
            weights = features(train.pieces[:1]).shape[1] * spec.outputs
            return features if weights <= MOST_WEIGHTS else f"it would have {weights} weights"
        case Tokens():
            return ngrams(train, config.ngrams, classes=spec.outputs, weighted=name == "logistic")
        case Vectors():
            if name != "logistic" or spec.each_step:
                return "it reads tokens, and the data has numbers"
            return _unequal(train) if train.length is None else numbers(train, train.length)


def _shares(train: Labelled, classes: int, each_step: bool) -> Answer:
    """The share of each class in train, whatever the sequence says.

    Where every step has a label and all sequences one length, it is the share at that step: all that can be said
    without memory. To it is added one sequence of the overall shares, lest a class that never came be impossible.
    """
    share = np.bincount(train.targets, minlength=classes) / len(train.targets)
    if not each_step:
        return lambda pieces: np.tile(share, (len(pieces), 1))
    steps = train.length
    if steps is None:
        return lambda pieces: np.tile(share, (sum(len(p) for p in pieces), 1))
    where = np.arange(len(train.targets)) % steps
    counts = np.bincount(where * classes + train.targets, minlength=steps * classes).reshape(steps, classes)
    by_step = (counts + share) / (len(train.pieces) + 1)

    def answer(pieces: Pieces) -> Floats:
        beyond = max(len(p) for p in pieces) - steps
        known = np.concatenate((by_step, np.tile(share, (beyond, 1)))) if beyond > 0 else by_step
        return np.concatenate([known[: len(p)] for p in pieces])

    return answer


def _mean(train: Labelled) -> Answer:
    mean = float(train.targets.astype(np.float64).mean())
    return lambda pieces: np.full(len(pieces), mean)


def _ridge(spec: ExampleSpec, train: Labelled, valid: Labelled) -> Answer | str:
    """Ridge regression on the numbers of all steps, with the penalty that errs least on valid."""
    from sklearn.linear_model import Ridge

    if not isinstance(spec.inputs, Vectors):
        return "it reads numbers, and the data has tokens"
    if train.length is None:
        return _unequal(train)
    train, valid = train.some(_most(spec)), valid.some(_most(spec))
    features = numbers(train, len(train.pieces[0]))
    x, x_valid = features(train.pieces), features(valid.pieces)
    best: Any = None
    least = np.inf
    for penalty in RIDGE_PENALTIES:
        model = Ridge(alpha=penalty, solver="cholesky").fit(x, train.targets.astype(np.float64))
        error = float(((model.predict(x_valid) - valid.targets) ** 2).mean())
        if best is None or error < least:
            best, least = model, error
    return lambda pieces: np.asarray(best.predict(features(pieces)), dtype=np.float64)


def _frequencies(train: Labelled) -> Answer:
    """How often each key sounds in train, one step with and one without it added."""
    share = (train.targets.sum(axis=0, dtype=np.float64) + 1) / (len(train.targets) + 2)
    return lambda pieces: np.tile(share, (sum(len(p) for p in pieces), 1))


def _repeat(spec: ExampleSpec, train: Labelled) -> Answer | str:
    """How often each key sounds after a step in which it did, and after one in which it did not, add-one likewise."""
    if not (isinstance(spec.inputs, Vectors) and spec.inputs.features == spec.outputs):
        return "it needs to read the keys themselves"
    before = np.concatenate(train.pieces) > 0.5
    after = train.targets > 0.5
    on, off = (((after & held).sum(axis=0) + 1) / (held.sum(axis=0) + 2) for held in (before, ~before))  # (C) each
    return lambda pieces: np.where(np.concatenate(pieces) > 0.5, on, off)


def _most(spec: ExampleSpec) -> int:
    """Steps that are fitted on at the most."""
    return MOST_TOKENS if isinstance(spec.inputs, Tokens) else MOST_NUMBERS // spec.inputs.features


def _unequal(train: Labelled) -> str:
    lengths = [len(p) for p in train.pieces]
    return f"it needs sequences of one length, and they have {min(lengths)} to {max(lengths)} steps"
