from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.sequences import Says, constant, state_of
from torch.nn import functional as F  # noqa: N812

from seqexp.data.spec import ExampleSpec, Keys, Labels, Number, Tokens, Vectors
from seqexp.models.embedding import TokenEmbedding
from seqexp.run.problem import new_state
from seqexp.run.sequences.problem import SequenceProblem, new_model
from seqexp.training.step import train_step

Built = Callable[..., SequenceProblem]


@pytest.mark.parametrize(
    ("name", "inputs", "targets"),
    [
        ("text", Tokens, Labels(2)),
        ("tags", Tokens, Labels(2, each_step=True)),
        ("genes", Tokens, Labels(2)),
        ("adding", Vectors, Number()),
        ("copy_memory", Tokens, Labels(10, each_step=True)),
        ("digits", Vectors, Labels(10)),
        ("music", Vectors, Keys(88)),
    ],
)
def test_every_kind_of_data_makes_a_model_that_learns(
    built: Built, name: str, inputs: type, targets: Labels | Keys | Number
) -> None:
    problem = built(name)
    assert isinstance(problem.data.spec.inputs, inputs)
    assert problem.data.spec.targets == targets
    torch.manual_seed(0)
    state = new_state(problem)
    (batch,) = problem.order.batches(0, 0)
    losses = [train_step(state, [batch], problem.loss, lr=0.02, trainer=problem.experiment.trainer)[0] for _ in "12345"]
    assert losses[-1] < losses[0]
    state.model.eval()
    with torch.inference_mode():
        found = problem.validate(state)
    assert tuple(found) == ("loss", *problem.metric_names)
    assert math.isfinite(found["loss"])


def test_an_untrained_model_knows_nothing_of_two_classes(built: Built) -> None:
    torch.manual_seed(0)
    problem = built("text")
    with torch.inference_mode():
        found = problem.validate(state_of(problem.build_model()))
    assert found["loss"] == pytest.approx(math.log(2), abs=0.1)


class TestValidationByHand:
    """A model that always says the same has a loss that can be written down."""

    @pytest.mark.parametrize("size", [1, 3, 4, 512])
    @pytest.mark.parametrize("weights", ["none", "balanced"])
    def test_of_classes(self, built: Built, size: int, weights: str) -> None:
        problem = built("text", f"trainer.eval_batch_size={size}", f"task.class_weights={weights}")
        bad, good = np.bincount(problem.data.splits["valid"].targets)
        logits = torch.tensor([0.5, -1.0])
        of_bad, of_good = -F.log_softmax(logits, dim=0)
        weight = np.ones(2)
        if weights == "balanced":
            counts = np.bincount(problem.data.splits["train"].targets)
            weight = counts.sum() / (2 * counts)
        expected = (weight[0] * bad * of_bad + weight[1] * good * of_good) / (bad + good)
        found = problem.validate(state_of(constant(0.5, -1.0)))
        assert found["loss"] == pytest.approx(expected.item(), rel=1e-6)
        assert found["accuracy"] == pytest.approx(bad / (bad + good))
        # the metric is the plain log loss, whatever is learned by
        plain = (bad * of_bad + good * of_good) / (bad + good)
        assert found["log_loss"] == pytest.approx(plain.item(), rel=1e-6)

    @pytest.mark.parametrize("size", [1, 2, 512])
    def test_of_a_class_at_every_step(self, built: Built, size: int) -> None:
        """A step counts as any other, however long its sequence and whoever shares its batch."""
        problem = built("tags", f"trainer.eval_batch_size={size}")
        valid = problem.data.splits["valid"]
        assert len(set(valid.lengths.tolist())) > 1
        names = int((valid.targets == problem.data.classes.index("NAME")).sum())
        said = {"NAME": 1.0, "O": 0.25}
        model = constant(*(said[c] for c in problem.data.classes), each_step=True)
        logs = F.log_softmax(torch.tensor([1.0, 0.25]), dim=0)
        expected = -(names * logs[0] + (len(valid.targets) - names) * logs[1]) / len(valid.targets)
        assert problem.validate(state_of(model))["loss"] == pytest.approx(expected.item(), rel=1e-6)

    @pytest.mark.parametrize("size", [3, 512])
    def test_of_numbers(self, built: Built, size: int) -> None:
        problem = built("adding", f"trainer.eval_batch_size={size}")
        truth = problem.data.splits["valid"].targets.astype(np.float64)
        found = problem.validate(state_of(constant(0.75)))
        assert found["loss"] == pytest.approx(((truth - 0.75) ** 2).mean(), rel=1e-5)
        assert found["mae"] == pytest.approx(np.abs(truth - 0.75).mean(), rel=1e-6)

    @pytest.mark.parametrize("size", [4, 512])
    def test_of_keys(self, built: Built, size: int) -> None:
        problem = built("music", f"trainer.eval_batch_size={size}")
        rolls = problem.data.splits["valid"].targets
        on, share = float(rolls.sum()) / len(rolls), 1 / (1 + math.exp(2.0))
        expected = -(on * math.log(share) + (88 - on) * math.log(1 - share))
        found = problem.validate(state_of(constant(*[-2.0] * 88, each_step=True)))
        assert found["loss"] == pytest.approx(expected, rel=1e-5)
        assert found["nll"] == pytest.approx(expected, rel=1e-9)


def test_smoothed_labels_are_part_of_the_loss_alone(built: Built) -> None:
    plain, smooth = (built("text", f"task.label_smoothing={share}") for share in (0.0, 0.2))
    model = state_of(constant(0.5, -1.0))
    one, other = plain.validate(model), smooth.validate(model)
    assert one["log_loss"] == other["log_loss"]
    logs = -F.log_softmax(torch.tensor([0.5, -1.0]), dim=0)
    assert other["loss"] == pytest.approx(0.8 * one["loss"] + 0.2 * logs.mean().item(), rel=1e-6)


@pytest.mark.parametrize("name", ["text", "tags", "genes", "music"])
@pytest.mark.parametrize("size", [3, 512])
def test_answers_are_in_the_order_of_the_data_although_batches_are_by_length(
    built: Built, name: str, size: int
) -> None:
    problem = built(name, f"trainer.eval_batch_size={size}")
    sequences, each_step = problem.data.splits["test"], problem.data.spec.each_step
    assert not (np.diff(sequences.lengths) >= 0).all()
    outputs = problem.data.spec.outputs
    rates = torch.linspace(0.01, 0.02, outputs, dtype=torch.float64)
    model = Says(lambda x: x[..., :1] * rates, each_step=each_step)
    said = problem.answers(model, "test")
    expected = []
    for i in range(len(sequences)):
        steps = sequences[i].astype(np.float64).reshape(len(sequences[i]), -1)[:, :1]
        logits = torch.from_numpy(steps if each_step else steps.sum(axis=0, keepdims=True)) * rates
        expected.append(logits.sigmoid() if name == "music" else logits.softmax(dim=-1))
    np.testing.assert_allclose(said, torch.cat(expected), rtol=1e-5)


def test_the_truth_is_that_of_the_sequences_asked_for(built: Built) -> None:
    problem = built("tags")
    test = problem.data.splits["test"]
    expected = [t for i in (3, 0) for t in test.targets[test.offsets[i] : test.offsets[i + 1]]]
    assert problem.truth("test", np.array([3, 0])).tolist() == expected
    plain = built("text")
    assert plain.truth("test", np.array([3, 0])).tolist() == plain.data.splits["test"].targets[[3, 0]].tolist()


class TestLimits:
    def test_some_batches_are_the_first_sequences_of_the_data(self, built: Built) -> None:
        problem = built("text", "trainer.limit_batches=2", "trainer.eval_batch_size=3")
        assert problem.order.steps_per_epoch == 2
        assert problem.scored("test").tolist() == [0, 1, 2, 3, 4, 5]
        assert problem.answers(constant(1, 2), "test").shape == (6, 2)
        truth = problem.data.splits["valid"].targets[:6]
        assert problem.validate(state_of(constant(1, 0)))["accuracy"] == (truth == 0).mean()

    def test_more_batches_than_there_are_is_all(self, built: Built) -> None:
        problem = built("text", "trainer.limit_batches=99", "trainer.eval_batch_size=20")
        assert problem.scored("test").tolist() == list(range(24))
        assert len(problem.answers(constant(1, 2), "test")) == 24

    def test_to_overfit_some_batches_they_are_validated_too(self, built: Built) -> None:
        problem = built("text", "trainer.overfit_batches=1")
        first = problem.data.splits["train"].targets[:8]
        assert problem.order.indices(0, 0) == list(range(8))
        assert problem.validate(state_of(constant(1, 0)))["accuracy"] == (first == 0).mean()


@pytest.mark.parametrize("name", ["text", "tags", "genes", "adding", "music"])
def test_a_checkpoint_is_enough_to_build_the_model(built: Built, name: str) -> None:
    """Its plain values pass a loader that reads nothing but tensors and plain values."""
    problem = built(name)
    model, file = problem.build_model(), io.BytesIO()
    torch.save({"model": model.state_dict(), "preprocessing": problem.preprocessing}, file)
    file.seek(0)
    payload: dict[str, Any] = torch.load(file, weights_only=True)
    other = new_model(problem.experiment, payload["preprocessing"])
    assert other.spec == problem.data.spec
    assert isinstance(other.spec, ExampleSpec)
    other.load_state_dict(payload["model"])
    (batch,) = problem.order.batches(0, 0)
    assert torch.equal(model.eval()(batch), other.eval()(batch))


class TestVectors:
    @pytest.fixture
    def words(self, tmp_path: Path) -> Path:
        (tmp_path / "vectors.txt").write_text("film 1 2 3\nplot -1 -2 -3\nzebra 9 9 9\n")
        return tmp_path / "vectors.txt"

    @pytest.mark.parametrize("freeze", ["true", "false"])
    def test_from_a_file_begin_the_embedding(self, built: Built, words: Path, freeze: str) -> None:
        problem = built(
            "text", f"task.embedding.vectors={words}", "task.embedding.size=3", f"task.embedding.freeze={freeze}"
        )
        layer = problem.build_model().embedding
        assert isinstance(layer, TokenEmbedding)
        rows = layer.weight.tolist()
        assert [1.0, 2.0, 3.0] in rows
        assert [-1.0, -2.0, -3.0] in rows
        assert [9.0, 9.0, 9.0] not in rows
        assert layer.weight.requires_grad is (freeze == "false")

    def test_are_not_read_again_for_a_model_of_a_checkpoint(self, built: Built, words: Path) -> None:
        problem = built("text", f"task.embedding.vectors={words}", "task.embedding.size=3")
        words.unlink()
        assert new_model(problem.experiment, problem.preprocessing).embedding is not None


def test_what_is_known_of_the_data_is_for_provenance(built: Built) -> None:
    problem = built("text")
    said = problem.describe()
    assert (said["sequences"], said["classes"]) == ({"train": 86, "valid": 10, "test": 24}, ["bad", "good"])
    assert said["fingerprint"] == problem.data.fingerprint == built("text", "seed=9").data.fingerprint
    assert problem.sizes == said["sequences"]
    assert problem.unit == "sequences"


def test_the_seed_of_the_run_is_not_that_of_the_split(built: Built) -> None:
    one, two, other = built("text"), built("text", "seed=2"), built("text", "data.split.seed=2")
    for split in ("train", "valid", "test"):
        assert np.array_equal(one.data.splits[split].targets, two.data.splits[split].targets)
        assert np.array_equal(one.data.splits[split].values, two.data.splits[split].values)
    assert not np.array_equal(one.data.splits["test"].values, other.data.splits["test"].values)
    assert one.order.indices(0, 0) != two.order.indices(0, 0)
