"""Losses against torch's and by hand; metrics against scikit-learn's, each on all targets one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.utils.class_weight import compute_class_weight
from support import sections
from torch import Tensor

from seqexp.data.batch import IGNORED, SequenceBatch
from seqexp.tasks import classification as module
from seqexp.tasks.better import HIGHER_IS_BETTER
from seqexp.tasks.classification import ClassificationTask, balanced_weights, calibration_error

NAN = pytest.approx(float("nan"), nan_ok=True)


def task(classes: int = 3, counts: list[int] | None = None, *, each_step: bool = False, **changes: Any):
    return ClassificationTask(
        sections.task("classification", **changes), tuple("abcdefgh"[:classes]),
        np.array(counts or [1] * classes), each_step=each_step,
    )  # fmt: skip


def labels(*targets: int) -> SequenceBatch:
    n = len(targets)
    return SequenceBatch(torch.ones(n, 2, dtype=torch.long), torch.full((n,), 2), torch.tensor(targets), n)


def steps() -> SequenceBatch:
    """Sequences of 3 steps and of 1."""
    targets = torch.tensor([[0, 1, 2], [1, IGNORED, IGNORED]])
    return SequenceBatch(torch.ones(2, 3, dtype=torch.long), torch.tensor([3, 1]), targets, 4)


def logits(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def said(m: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (M, K) that know something of the truth (M)."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, m)
    scores = rng.normal(size=(m, classes)) + 1.2 * (truth[:, None] == np.arange(classes))
    p = np.exp(2 * scores)
    return p / p.sum(axis=1, keepdims=True), truth


def test_the_loss_is_the_mean_of_minus_log_p() -> None:
    outputs = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    assert task().loss(outputs, labels(0, 2)).item() == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2)


def test_balanced_weights_are_scikit_learns() -> None:
    y = np.repeat([0, 1, 2], [10, 3, 7])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=y)
    np.testing.assert_allclose(balanced_weights(np.bincount(y)), expected)
    np.testing.assert_allclose(balanced_weights(np.bincount(y, minlength=5)), [*expected, 0, 0])


def test_with_balanced_weights_each_class_counts_as_much() -> None:
    outputs = torch.log(torch.tensor([[0.6, 0.4]] * 4))
    loss = task(2, [3, 1], class_weights="balanced").loss(outputs, labels(0, 0, 0, 1))
    assert loss.item() == pytest.approx(-(np.log(0.6) + np.log(0.4)) / 2)


def test_a_weighted_loss_does_not_depend_on_who_shares_a_batch() -> None:
    of = task(3, [5, 3, 2], class_weights="balanced")
    outputs, truth = logits(10, 3), [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
    parts = [of.loss(outputs[i : i + 2], labels(*truth[i : i + 2])).item() for i in range(0, 10, 2)]
    assert np.mean(parts) == pytest.approx(of.loss(outputs, labels(*truth)).item(), rel=1e-6)


def test_label_smoothing_spreads_a_share_of_the_target() -> None:
    outputs = torch.log(torch.tensor([[0.7, 0.2, 0.1]]))
    expected = -(0.8 * np.log(0.7) + 0.1 * np.log(0.2) + 0.1 * np.log(0.1))  # 0.3 over three classes
    assert task(label_smoothing=0.3).loss(outputs, labels(0)).item() == pytest.approx(expected)


def test_steps_of_padding_are_in_no_loss_and_in_no_gradient() -> None:
    outputs = logits(2, 3, 3).requires_grad_()
    loss = task(each_step=True, label_smoothing=0.1).loss(outputs, steps())
    own = torch.cat((outputs[0], outputs[1, :1]))
    expected = torch.nn.functional.cross_entropy(own, torch.tensor([0, 1, 2, 1]), label_smoothing=0.1)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.backward()
    assert outputs.grad is not None
    assert outputs.grad[1, 1:].abs().sum() == 0


def test_answers_are_probabilities_without_padding_by_sequence_then_step() -> None:
    outputs = logits(2, 3, 3)
    answers = task(each_step=True).answers(outputs, steps())
    assert answers.dtype == np.float64
    expected = torch.cat((outputs[0], outputs[1, :1])).double().softmax(-1).numpy()
    np.testing.assert_allclose(answers, expected, rtol=1e-14)
    np.testing.assert_allclose(
        task().answers(outputs[0], labels(0, 1, 2)), outputs[0].double().softmax(-1).numpy(), rtol=1e-14
    )


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_every_metric_is_scikit_learns(classes: int) -> None:
    p, y = said(400, classes)
    guess = p.argmax(axis=1)
    one_hot = np.eye(classes)[y]
    binary = classes == 2
    expected = {
        "accuracy": metrics.accuracy_score(y, guess),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, guess),
        "macro_f1": metrics.f1_score(y, guess, average="macro"),
        "weighted_f1": metrics.f1_score(y, guess, average="weighted"),
        "mcc": metrics.matthews_corrcoef(y, guess),
        "auc": metrics.roc_auc_score(y, p[:, 1] if binary else p, multi_class="ovr"),
        "average_precision": metrics.average_precision_score(one_hot, p),
        "log_loss": metrics.log_loss(y, p),
        "brier": ((p[:, 1] - y) ** 2).mean() if binary else ((p - one_hot) ** 2).sum(axis=1).mean(),
        "calibration_error": slow_calibration_error(p, y),
    }
    score = task(classes).score(p, y)
    assert score == pytest.approx(expected, rel=1e-9)
    assert tuple(score) == task(classes).metric_names


def slow_calibration_error(p: np.ndarray, y: np.ndarray) -> float:
    """Guo et al. 2017, equation 3, bin by bin."""
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    error = 0.0
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def test_calibration_error_by_hand() -> None:
    # two at 0.9, one right; two at 0.6, both right: 1/2 |0.5 - 0.9| + 1/2 |1 - 0.6|
    assert calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([1.0, 0, 1, 1])) == pytest.approx(0.4)
    assert calibration_error(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0


def test_a_class_that_does_not_come_is_left_out_of_means_over_classes() -> None:
    p, y = said(200, 3)
    wide = np.concatenate((p, np.zeros((200, 2))), axis=1)
    assert task(5).score(wide, y) == pytest.approx(task(3).score(p, y), rel=1e-12)


def test_where_truth_has_one_class_what_is_undefined_is_nan_without_a_warning() -> None:
    p, _ = said(20, 3)
    score = task().score(p, np.zeros(20, dtype=np.int64))
    undefined = {"balanced_accuracy", "mcc", "auc", "average_precision"}
    assert {name for name, value in score.items() if np.isnan(value)} == undefined
    assert score["accuracy"] == (p.argmax(axis=1) == 0).mean()


def test_answers_that_are_no_numbers_have_no_metrics() -> None:
    p, y = said(20, 3)
    p[3] = np.nan
    assert task().score(p, y) == dict.fromkeys(task().metric_names, NAN)


def test_of_many_targets_some_are_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    p, y = said(9000, 3)
    exact = task().score(p, y)
    monkeypatch.setattr(module, "MOST_RANKED", 9000)
    some = task().score(p, y)
    assert some == task().score(p, y)
    assert some["auc"] != exact["auc"]
    assert some == pytest.approx(exact, abs=0.02)


def test_detail_has_each_class_and_who_is_taken_for_whom() -> None:
    p = np.eye(3)[[0, 0, 1, 1, 1, 0]]
    y = np.array([0, 0, 0, 1, 1, 2])
    assert task().detail(p, y) == {
        "classes": ["a", "b", "c"],
        "confusion": [[2, 1, 0], [0, 2, 0], [1, 0, 0]],
        "per_class": {
            "a": pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3}),
            "b": pytest.approx({"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}),
            "c": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        },
    }


@pytest.mark.parametrize(("p", "brier"), [([0.8, 0.2], 0.04), ([0.7, 0.2, 0.1], 0.09 + 0.04 + 0.01)])
def test_losses_of_a_target_by_hand(p: list[float], brier: float) -> None:
    right = task(len(p)).losses(np.array([p]), np.array([0]))
    assert {n: v.item() for n, v in right.items()} == pytest.approx(
        {"correct": 1.0, "log_loss": -np.log(p[0]), "brier": brier}
    )


def test_a_class_said_to_be_impossible_costs_much_but_not_everything() -> None:
    losses = task(2).losses(np.array([[1.0, 0.0]]), np.array([1]))
    assert losses["log_loss"].item() == pytest.approx(52 * np.log(2))
    assert losses["correct"].item() == 0


def test_it_is_known_which_metrics_are_better_when_higher() -> None:
    assert set(task().metric_names) - set(HIGHER_IS_BETTER) == {"log_loss", "brier", "calibration_error"}
