"""Every method by hand or against scikit-learn, and every reason for which one is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from support import sections

from seqexp.data.spec import ExampleSpec, Keys, Labels, Number, Tokens, Vectors
from seqexp.models.baselines import examples as module
from seqexp.models.baselines.examples import RIDGE_PENALTIES, fit_baselines
from seqexp.models.baselines.labelled import Answer

Data = tuple[list[np.ndarray], np.ndarray]


def tokens(*pieces: list[int]) -> list[np.ndarray]:
    return [np.array(p, np.int32) for p in pieces]


def fitted(name: str, config: Any, spec: ExampleSpec, train: Data, valid: Data | None = None) -> Answer | str:
    config = config.model_copy(update={"baselines": (name,)})
    ((_, method),) = fit_baselines(config, spec, train, valid or train, lambda _: None)
    return method


def answers(name: str, config: Any, spec: ExampleSpec, train: Data, of: list[np.ndarray]) -> np.ndarray:
    method = fitted(name, config, spec, train)
    assert callable(method), method
    return method(of)


CLASSES = sections.task("classification")
SENTENCES = ExampleSpec(Tokens(9), Labels(2))
TAGS = ExampleSpec(Tokens(9), Labels(3, each_step=True))
CURVES = ExampleSpec(Vectors(2), Labels(2))
SHORT = (tokens([2, 3], [3, 2], [2, 4], [4, 2]), np.array([0, 1, 0, 1]))
UNEQUAL = (tokens([2], [3, 2], [2, 4, 5]), np.array([0, 1, 0]))
TAGGED = (tokens([2, 3], [4]), np.array([1, 1, 0]))
DRAWN = np.random.default_rng(0).normal(size=(60, 5, 2)).astype(np.float32)
CURVE = (list(DRAWN), (DRAWN[:, 2, 1] > 0).astype(np.int64))


def test_they_come_in_the_order_asked_for_and_are_announced() -> None:
    said: list[str] = []
    found = fit_baselines(CLASSES, SENTENCES, SHORT, SHORT, said.append)
    assert next(found)[0] == "majority"
    assert said == ["baseline majority"]  # the next is fitted when it is asked for
    assert [name for name, _ in found] == ["logistic", "naive_bayes", "one_hot"]


def test_the_majority_is_the_share_of_each_class() -> None:
    np.testing.assert_allclose(
        answers("majority", CLASSES, SENTENCES, UNEQUAL, tokens([5], [2, 2])), [[2 / 3, 1 / 3]] * 2
    )


def test_of_tags_it_is_their_share_at_every_step() -> None:
    said = answers("majority", CLASSES, TAGS, TAGGED, tokens([5], [2, 2]))
    np.testing.assert_allclose(said, [[1 / 3, 2 / 3, 0]] * 3)


def test_of_tags_of_sequences_of_one_length_it_is_the_share_at_each_step() -> None:
    train = (tokens([2, 3], [4, 5], [2, 2]), np.array([0, 1, 0, 2, 0, 1]))
    ((name, method),) = fit_baselines(
        CLASSES.model_copy(update={"baselines": ("majority",)}), TAGS, train, train, lambda _: None
    )
    assert name == "memoryless"
    assert callable(method)
    share = np.array([3, 2, 1]) / 6  # of all steps; one sequence of it is added
    first, second = (np.array([3, 0, 0]) + share) / 4, (np.array([0, 2, 1]) + share) / 4
    np.testing.assert_allclose(method(tokens([3], [3, 4, 5])), [first, first, second, share])


def test_without_memory_the_copy_task_costs_ten_times_log_8() -> None:
    rng, steps = np.random.default_rng(0), 30

    def drawn(size: int) -> Data:
        y = np.zeros((size, steps), np.int64)
        y[:, -10:] = rng.integers(1, 9, (size, 10))
        return list(np.ones((size, steps), np.int32)), y.ravel()

    train, (pieces, truth) = drawn(20_000), drawn(500)
    said = answers("majority", CLASSES, ExampleSpec(Tokens(11), Labels(10, each_step=True)), train, pieces)
    loss = -np.log(said[np.arange(len(truth)), truth]).mean()
    assert loss == pytest.approx(10 * np.log(8) / steps, rel=1e-3)


@pytest.mark.parametrize("name", ["logistic", "naive_bayes"])
def test_counted_ngrams_see_what_comes_after_what_only_with_two(name: str) -> None:
    both = (tokens(*[[2, 3], [3, 2]] * 10), np.array([0, 1] * 10))
    one, two = (CLASSES.model_copy(update={"ngrams": n}) for n in (1, 2))
    np.testing.assert_allclose(answers(name, one, SENTENCES, both, both[0]), 0.5, atol=1e-6)
    assert (answers(name, two, SENTENCES, both, both[0]).argmax(axis=1) == both[1]).all()


def test_one_hot_positions_see_what_stands_where() -> None:
    said = answers("one_hot", CLASSES, SENTENCES, SHORT, tokens([2, 5], [4, 2], [3, 2]))
    assert said.argmax(axis=1).tolist() == [0, 1, 1]


@pytest.mark.parametrize("name", ["logistic", "naive_bayes"])
def test_a_tag_is_told_from_the_tokens_around(name: str) -> None:
    """After 3 a 2 is tagged 1, after 4 it is tagged 2; nothing else is tagged."""
    train = (tokens(*[[3, 2, 5, 4, 2]] * 8, [2]), np.array([0, 1, 0, 0, 2] * 8 + [0]))
    said = answers(name, CLASSES, TAGS, train, tokens([3, 2, 5, 4, 2], [2]))
    assert said.shape == (6, 3)
    assert said.argmax(axis=1).tolist() == [0, 1, 0, 0, 2, 0]


def test_numbers_go_into_logistic_regression_in_one_row() -> None:
    method = fitted("logistic", CLASSES, CURVES, CURVE)
    assert callable(method)
    flat = DRAWN.reshape(60, -1)
    best = LogisticRegression(C=100, max_iter=100).fit((flat - flat.mean()) / flat.std(), CURVE[1])
    assert (method(CURVE[0]).argmax(axis=1) == best.predict((flat - flat.mean()) / flat.std())).all()


LENGTHS = "it needs sequences of one length, and they have 1 to 3 steps"
UNEVEN = ([DRAWN[0, :1], DRAWN[1, :3]], np.array([0, 1]))
READS_TOKENS, READS_NUMBERS = (
    "it reads tokens, and the data has numbers",
    "it reads numbers, and the data has tokens",
)
REGRESSION, MUSIC = sections.task("regression"), sections.task("polyphonic_music")


@pytest.mark.parametrize(
    ("name", "config", "spec", "train", "why"),
    [
        ("one_hot", CLASSES, SENTENCES, UNEQUAL, LENGTHS),
        ("one_hot", CLASSES, TAGS, TAGGED, "it gives one label to a sequence, and here every step has one"),
        ("one_hot", CLASSES, CURVES, CURVE, READS_TOKENS),
        ("naive_bayes", CLASSES, CURVES, CURVE, READS_TOKENS),
        ("logistic", CLASSES, CURVES, UNEVEN, LENGTHS),
        ("logistic", CLASSES, SENTENCES, (SHORT[0], np.zeros(4, np.int64)),
         "what it would be fitted on has one class only"),
        ("ridge", REGRESSION, ExampleSpec(Vectors(2), Number()), UNEVEN, LENGTHS),
        ("ridge", REGRESSION, ExampleSpec(Tokens(9), Number()), SHORT, READS_NUMBERS),
        ("repeat", MUSIC, ExampleSpec(Vectors(2), Keys(3)), UNEVEN, "it needs to read the keys themselves"),
    ],
)  # fmt: skip
def test_what_does_not_suit_is_left_out_with_the_reason(
    name: str, config: Any, spec: ExampleSpec, train: Data, why: str
) -> None:
    assert fitted(name, config, spec, train) == why


def test_too_many_weights_are_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WEIGHTS", 11)
    assert fitted("one_hot", CLASSES, SENTENCES, SHORT) == "it would have 12 weights"


@pytest.mark.parametrize(
    ("limit", "spec", "train"),
    [("MOST_TOKENS", SENTENCES, SHORT), ("MOST_STEPS", TAGS, TAGGED), ("MOST_NUMBERS", CURVES, CURVE)],
)
def test_there_is_a_limit_to_what_is_fitted_on(
    limit: str, spec: ExampleSpec, train: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(fitted("logistic", CLASSES, spec, train))
    monkeypatch.setattr(module, limit, 1)  # one sequence is left
    assert fitted("logistic", CLASSES, spec, train) == "what it would be fitted on has one class only"


def test_the_mean_is_that_of_train() -> None:
    said = answers(
        "mean", REGRESSION, ExampleSpec(Vectors(2), Number()), (list(DRAWN[:3]), np.array([1.0, 2, 6])), CURVE[0]
    )
    np.testing.assert_array_equal(said, np.full(60, 3.0))


def test_ridge_is_scikit_learns_with_the_penalty_best_on_valid() -> None:
    rng = np.random.default_rng(1)
    y = DRAWN[:, 1, 0] + 2 * DRAWN[:, 3, 1] + rng.normal(size=60).astype(np.float32)
    train, valid, test = ((list(DRAWN[a:b]), y[a:b]) for a, b in ((0, 30), (30, 45), (45, 60)))
    method = fitted("ridge", REGRESSION, ExampleSpec(Vectors(2), Number()), train, valid)
    assert callable(method)
    scale = DRAWN[:30].std(axis=(0, 1), dtype=np.float64)
    flat = (DRAWN / scale).reshape(60, -1)
    models = [Ridge(alpha=a).fit(flat[:30], y[:30]) for a in RIDGE_PENALTIES]
    best = min(models, key=lambda m: ((m.predict(flat[30:45]) - y[30:45]) ** 2).mean())
    np.testing.assert_allclose(method(test[0]), best.predict(flat[45:]), rtol=1e-4)


ROLL = [np.array([[1, 0], [1, 1], [0, 1]], np.float32), np.array([[0, 0]], np.float32)]
NEXT = np.array([[1, 1], [0, 1], [1, 0], [1, 0]], np.float32)
KEYS = ExampleSpec(Vectors(2), Keys(2))


def test_frequencies_are_how_often_each_key_sounds_with_add_one() -> None:
    said = answers("frequencies", MUSIC, KEYS, (ROLL, NEXT), [ROLL[0][:2]])
    np.testing.assert_allclose(said, [[4 / 6, 3 / 6]] * 2)


def test_repeat_is_how_often_it_sounds_after_it_did_and_after_it_did_not() -> None:
    said = answers("repeat", MUSIC, KEYS, (ROLL, NEXT), [np.array([[1, 1]]), np.array([[0, 0]])])
    # the first key sounded twice, and then once; the second twice, and then once. Silent: 2 of 2, and 1 of 2
    np.testing.assert_allclose(said, [[2 / 4, 2 / 4], [3 / 4, 2 / 4]])
