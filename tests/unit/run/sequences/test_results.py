from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.sequences import Says, constant
from torch.nn import functional as F  # noqa: N812

from seqexp.run.problem import Told
from seqexp.run.sequences.problem import SequenceProblem
from seqexp.run.sequences.results import answers_frame, records

Built = Callable[..., SequenceProblem]


class Scored:
    """The records of a model and the methods beside it, the two files, and what was said."""

    def __init__(self, problem: SequenceProblem, model: torch.nn.Module, folder: Path, split: str = "test") -> None:
        self.said: list[str] = []
        self.working: list[str] = []
        keep, losses = folder / "predictions" / "test.parquet", folder / "predictions" / "test-losses.parquet"
        told = Told(self.said.append, self.working.append)
        self.records = records(problem, model.eval(), split, keep=keep, losses=losses, told=told)
        self.kept, self.losses = pd.read_parquet(keep), pd.read_parquet(losses)


def by_length(outputs: int, *, each_step: bool = False) -> Says:
    """A model that says something else of each sequence."""
    rates = torch.linspace(-0.01, 0.02, outputs, dtype=torch.float64)
    return Says(lambda x: x[..., :1] * rates, each_step=each_step)


def test_the_model_comes_first_then_each_method_on_the_same_sequences(built: Built, tmp_path: Path) -> None:
    scored = Scored(built("text", "task.baselines=[majority,naive_bayes]"), by_length(2), tmp_path)
    assert [(r["of"], r["model"], r["split"]) for r in scored.records] == [
        ("lstm", True, "test"), ("majority", False, "test"), ("naive_bayes", False, "test"),
    ]  # fmt: skip
    majority = scored.records[1]
    # 24 sequences, half of each class
    assert (majority["accuracy"], majority["log_loss"]) == (0.5, pytest.approx(math.log(2), rel=1e-3))
    assert majority["confusion"] in ([[12, 0], [12, 0]], [[0, 12], [0, 12]])
    assert majority["per_class"]["good"]["support"] == 12
    assert scored.said == []
    assert scored.working == ["baseline majority", "baseline naive_bayes"]


def test_what_does_not_suit_the_data_is_left_out_and_said(built: Built, tmp_path: Path) -> None:
    scored = Scored(built("text", "task.baselines=[one_hot]"), by_length(2), tmp_path)
    assert [r["of"] for r in scored.records] == ["lstm"]
    (said,) = scored.said
    assert said.startswith("baseline one_hot left out: it needs sequences of one length, and they have ")
    assert scored.losses["of"].unique().tolist() == ["lstm"]


def test_answers_are_kept_a_row_for_each_sequence_in_the_order_of_the_data(built: Built, tmp_path: Path) -> None:
    problem = built("text", "task.baselines=[]", "trainer.eval_batch_size=5")
    scored, test = Scored(problem, by_length(2), tmp_path), problem.data.splits["test"]
    kept = scored.kept
    assert list(kept) == ["example", "label", "probability", "p_bad", "p_good", "actual"]
    assert kept["example"].tolist() == list(range(24))
    assert kept["actual"].tolist() == [problem.data.classes[t] for t in test.targets]
    sums = np.array([test[i].sum() for i in range(24)])
    good = 1 / (1 + np.exp(-0.03 * sums))  # softmax of (-0.01 s, 0.02 s)
    np.testing.assert_allclose(kept["p_good"], good, rtol=1e-5)
    np.testing.assert_allclose(kept["p_bad"] + kept["p_good"], 1.0)
    assert (kept["label"] == "good").all()
    assert kept["probability"].tolist() == kept["p_good"].tolist()
    assert scored.records[0]["accuracy"] == (kept["label"] == kept["actual"]).mean()


def test_losses_have_one_row_for_each_sequence_and_method(built: Built, tmp_path: Path) -> None:
    problem = built("text", "task.baselines=[majority,naive_bayes]")
    scored = Scored(problem, by_length(2), tmp_path)
    losses = scored.losses
    assert set(losses) == {"example", "of", "correct", "log_loss", "brier"}
    assert losses.groupby("of")["example"].apply(list).to_dict() == {
        name: list(range(24)) for name in ("lstm", "majority", "naive_bayes")
    }
    for record in scored.records:
        own = losses[losses["of"] == record["of"]]
        assert own["log_loss"].mean() == pytest.approx(record["log_loss"], rel=1e-12)
        assert own["correct"].mean() == pytest.approx(record["accuracy"], rel=1e-12)
    right = scored.kept.apply(lambda row: row[f"p_{row['actual']}"], axis=1)
    np.testing.assert_allclose(losses[losses["of"] == "lstm"]["log_loss"], -np.log(right))


class TestEachStep:
    def test_has_a_row_for_each_step_but_a_loss_for_each_sequence(self, built: Built, tmp_path: Path) -> None:
        """Steps of one sequence are no independent proof."""
        problem = built("tags", "task.baselines=[majority]", "trainer.eval_batch_size=2")
        test, model = problem.data.splits["test"], by_length(2, each_step=True)
        scored = Scored(problem, model, tmp_path)
        assert scored.kept["example"].tolist() == np.repeat(np.arange(len(test)), test.lengths).tolist()
        assert scored.kept["step"].tolist() == [s for n in test.lengths for s in range(n)]
        own = scored.losses[scored.losses["of"] == "lstm"]
        assert own["example"].tolist() == list(range(len(test)))
        for i, found in enumerate(own["log_loss"]):
            logits = torch.from_numpy(test[i].astype(np.float64))[:, None] * torch.tensor([-0.01, 0.02]).double()
            truth = torch.from_numpy(test.targets[test.offsets[i] : test.offsets[i + 1]])
            assert found == pytest.approx(F.cross_entropy(logits, truth).item(), rel=1e-5)

    def test_of_keys_says_which_sounded(self, built: Built, tmp_path: Path) -> None:
        problem = built("music", "task.baselines=[repeat]")
        scored = Scored(problem, constant(*np.linspace(-3, 3, 88), each_step=True), tmp_path)
        test = problem.data.splits["test"]
        assert list(scored.kept)[:3] == ["example", "step", "p_0"]
        assert len(scored.kept) == test.lengths.sum()
        assert [list(keys) for keys in scored.kept["actual"][:9]] == [
            np.flatnonzero(t).tolist() for t in test.targets[:9]
        ]
        assert scored.kept["p_87"][0] == pytest.approx(1 / (1 + math.exp(-3)))
        assert len(scored.losses) == 2 * len(test)
        assert {r["of"]: r["model"] for r in scored.records} == {"lstm": True, "repeat": False}


def test_numbers_are_kept_beside_what_came(built: Built, tmp_path: Path) -> None:
    problem = built("adding", "task.baselines=[mean]")
    scored = Scored(problem, constant(0.5), tmp_path)
    truth = problem.data.splits["test"].targets.astype(np.float64)
    assert list(scored.kept) == ["example", "predicted", "actual"]
    assert scored.kept["predicted"].tolist() == [0.5] * 12
    np.testing.assert_array_equal(scored.kept["actual"], truth)
    assert scored.records[0]["mse"] == pytest.approx(((truth - 0.5) ** 2).mean(), rel=1e-12)
    mean = problem.data.splits["train"].targets.astype(np.float64).mean()
    assert scored.records[1]["mse"] == pytest.approx(((truth - mean) ** 2).mean(), rel=1e-6)
    np.testing.assert_allclose(scored.losses[scored.losses["of"] == "mean"]["square"], (truth - mean) ** 2, rtol=1e-5)


def test_limited_all_are_scored_on_the_same_few(built: Built, tmp_path: Path) -> None:
    problem = built("text", "trainer.limit_batches=2", "trainer.eval_batch_size=4", "task.baselines=[majority]")
    scored = Scored(problem, by_length(2), tmp_path)
    assert scored.kept["example"].tolist() == list(range(8))
    assert len(scored.losses) == 16
    assert np.sum(scored.records[1]["confusion"]) == 8


def test_the_validation_split_can_be_scored_too(built: Built, tmp_path: Path) -> None:
    scored = Scored(built("text", "task.baselines=[majority]"), by_length(2), tmp_path, split="valid")
    assert {r["split"] for r in scored.records} == {"valid"}
    assert len(scored.kept) == 10


def test_nothing_is_written_of_losses_where_none_are_asked_for(built: Built, tmp_path: Path) -> None:
    told = Told(lambda _: None, lambda _: None)
    problem = built("text", "task.baselines=[]")
    records(problem, by_length(2), "test", keep=tmp_path / "p" / "test.parquet", losses=None, told=told)
    assert [p.name for p in (tmp_path / "p").iterdir()] == ["test.parquet"]


class TestFrame:
    def rows(self, *arguments: Any, **options: Any) -> list[dict[str, Any]]:
        return answers_frame(*arguments, **options).to_dict("records")  # type: ignore[no-any-return]

    def test_of_classes(self) -> None:
        answers = np.array([[0.25, 0.75], [0.5, 0.5]])
        assert self.rows(answers, np.array([4, 7]), ("no", "yes"), each_step=False) == [
            {"example": 4, "label": "yes", "probability": 0.75, "p_no": 0.25, "p_yes": 0.75},
            {"example": 7, "label": "no", "probability": 0.5, "p_no": 0.5, "p_yes": 0.5},
        ]

    def test_of_classes_a_step(self) -> None:
        answers = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
        rows = self.rows(answers, np.array([2, 2, 5]), ("a", "b"), each_step=True)
        assert [(r["example"], r["step"], r["label"]) for r in rows] == [(2, 0, "a"), (2, 1, "b"), (5, 0, "a")]

    def test_of_numbers(self) -> None:
        assert self.rows(np.array([0.5, 2.0]), np.array([0, 1]), (), each_step=False) == [
            {"example": 0, "predicted": 0.5}, {"example": 1, "predicted": 2.0},
        ]  # fmt: skip

    def test_of_keys(self) -> None:
        assert self.rows(np.array([[0.5, 0.25]]), np.array([3]), (), each_step=True) == [
            {"example": 3, "step": 0, "p_0": 0.5, "p_1": 0.25}
        ]
