from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics
from support import sections

from seqexp.data.batch import SequenceBatch
from seqexp.tasks.polyphonic_music import PolyphonicTask

TASK = PolyphonicTask(sections.task("polyphonic_music"))


def batch() -> SequenceBatch:
    """Pieces of 2 steps and of 1, over 3 keys."""
    targets = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[0, 0, 1], [0, 0, 0]]])
    return SequenceBatch(torch.zeros(2, 2, 3), torch.tensor([2, 1]), targets, 3)


def outputs() -> torch.Tensor:
    return torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(1))


def own(values: torch.Tensor) -> np.ndarray:
    return torch.cat((values[0], values[1, :1])).double().numpy()


def test_a_step_of_indifference_costs_a_bit_a_key() -> None:
    assert TASK.loss(torch.zeros(2, 2, 3), batch()).item() == pytest.approx(3 * np.log(2))
    assert TASK.score(np.full((4, 3), 0.5), np.zeros((4, 3)))["nll"] == pytest.approx(3 * np.log(2))


def test_the_loss_is_the_sum_over_keys_and_the_mean_over_steps_that_are_no_padding() -> None:
    said = outputs().requires_grad_()
    loss = TASK.loss(said, batch())
    p, y = 1 / (1 + np.exp(-own(said.detach()))), own(batch().targets)
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / 3
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert said.grad is not None
    assert said.grad[1, 1].abs().sum() == 0


def test_the_score_of_the_answers_is_the_loss() -> None:
    answers, truth = TASK.answers(outputs(), batch()), own(batch().targets)
    assert answers.shape == truth.shape == (3, 3)
    np.testing.assert_allclose(answers, 1 / (1 + np.exp(-own(outputs()))), rtol=1e-12)
    nll = TASK.loss(outputs(), batch()).item()
    assert TASK.score(answers, truth)["nll"] == pytest.approx(nll, rel=1e-6)
    assert TASK.losses(answers, truth)["nll"].mean() == pytest.approx(nll, rel=1e-6)
    expected = [metrics.log_loss(y, p, labels=[0, 1]) * 3 for y, p in zip(truth, answers, strict=True)]
    np.testing.assert_allclose(TASK.losses(answers, truth)["nll"], expected, rtol=1e-9)


def test_frame_accuracy_by_hand_and_as_jaccards_index() -> None:
    said = np.array([[0.9, 0.5, 0.1], [0.2, 0.7, 0.1]])
    came = np.array([[1.0, 0, 1], [0, 1, 0]], np.float32)
    score = TASK.score(said, came)  # 2 rightly said, 1 wrongly said, 1 missed
    assert score["frame_accuracy"] == 0.5
    assert score["frame_accuracy"] == metrics.jaccard_score(came.ravel(), said.ravel() >= 0.5)
    assert tuple(score) == TASK.metric_names
    assert TASK.detail(said, came) == {}


def test_of_silence_rightly_said_there_is_no_frame_accuracy() -> None:
    score = TASK.score(np.zeros((2, 3)), np.zeros((2, 3), np.float32))
    assert score == pytest.approx({"nll": 0.0, "frame_accuracy": float("nan")}, nan_ok=True)


def test_what_was_said_to_be_impossible_has_a_finite_cost() -> None:
    nll = TASK.losses(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))["nll"]
    assert nll.item() == pytest.approx(2 * 52 * np.log(2))
