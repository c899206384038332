from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics
from support import sections

from seqexp.data.batch import SequenceBatch
from seqexp.tasks.regression import RegressionTask

SAID, CAME = [1.0, 5.0, 2.0], [1.5, 2.0, 2.0]  # errors 0.5, 3 and 0


def batch() -> SequenceBatch:
    return SequenceBatch(torch.zeros(3, 4, 2), torch.full((3,), 4), torch.tensor(CAME), 3)


@pytest.mark.parametrize(
    ("loss", "expected"), [("mse", (0.25 + 9) / 3), ("mae", 3.5 / 3), ("huber", (0.125 + 2 * (3 - 1)) / 3)]
)
def test_losses_by_hand(loss: str, expected: float) -> None:
    task = RegressionTask(sections.task("regression", loss=loss, huber_delta=2.0))
    assert task.loss(torch.tensor(SAID)[:, None], batch()).item() == pytest.approx(expected)


def test_answers_are_the_numbers() -> None:
    answers = RegressionTask(sections.task("regression")).answers(torch.tensor(SAID)[:, None], batch())
    assert answers.dtype == np.float64
    np.testing.assert_array_equal(answers, SAID)


def test_metrics_are_scikit_learns() -> None:
    task = RegressionTask(sections.task("regression"))
    rng = np.random.default_rng(0)
    said, came = rng.normal(size=50), rng.normal(size=50).astype(np.float32)
    expected = {
        "mse": metrics.mean_squared_error(came, said),
        "rmse": metrics.root_mean_squared_error(came, said),
        "mae": metrics.mean_absolute_error(came, said),
        "r2": metrics.r2_score(came, said),
    }
    assert task.score(said, came) == pytest.approx(expected, rel=1e-6)
    assert tuple(expected) == task.metric_names
    assert task.detail(said, came) == {}


def test_where_truth_never_changes_no_share_of_its_variance_is_explained() -> None:
    score = RegressionTask(sections.task("regression")).score(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    assert score == pytest.approx({"mse": 1.0, "rmse": 1.0, "mae": 1.0, "r2": float("nan")}, nan_ok=True)


def test_losses_of_each() -> None:
    losses = RegressionTask(sections.task("regression")).losses(np.array(SAID), np.array(CAME, np.float32))
    np.testing.assert_allclose(losses["square"], [0.25, 9, 0])
    np.testing.assert_allclose(losses["absolute"], [0.5, 3, 0])
