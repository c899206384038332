"""The task over real windows, held to sums over those windows written out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics
from support.sections import forecasting
from torch import Tensor, nn

from seqexp.config.compose import compose
from seqexp.data.batch import ForecastBatch
from seqexp.run.problem import Problem, build_problem
from seqexp.tasks.forecasting import DirectionScores, ForecastingTask, levels_of
from seqexp.tasks.metrics import DIRECTION_METRICS, FORECAST_METRICS, Forecast

LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
Build = Callable[..., Problem]


@pytest.fixture(scope="module")
def built(tiny: Sequence[str]) -> Build:
    made: dict[tuple[str, ...], Problem] = {}

    def build(*overrides: str) -> Problem:
        if overrides not in made:
            composed = compose([*tiny, "data.horizon=3", *overrides])
            made[overrides] = build_problem(composed.experiment, torch.device("cpu"))
        return made[overrides]

    return build


class Says(nn.Module):
    """Parameters that differ from window to window: made of the window's last anchored return."""

    def __init__(self, task: ForecastingTask) -> None:
        super().__init__()
        t = task.spec.targets
        self.shape = (t.steps, t.channels, t.parameters)

    def forward(self, batch: ForecastBatch) -> Tensor:
        spread = torch.linspace(-1, 1, self.shape[2])
        step = torch.arange(1, self.shape[0] + 1).reshape(-1, 1, 1)
        return 0.3 * batch.inputs[:, -2, 0].reshape(-1, 1, 1, 1) * step + 0.2 * spread.expand(self.shape)


def test_the_levels_are_those_asked_for_the_median_and_the_bounds() -> None:
    assert levels_of(forecasting()) == LEVELS
    assert levels_of(forecasting(quantiles=[0.9, 0.33])) == (0.025, 0.1, 0.33, 0.5, 0.9, 0.975)


@pytest.mark.parametrize(("head", "parameters"), [("point", 1), ("quantile", 11), ("gaussian", 2), ("student_t", 3)])
def test_the_shape_of_the_problem_follows_from_data_and_head(built: Build, head: str, parameters: int) -> None:
    spec = built(f"task.head={head}").task.spec
    assert (spec.targets.steps, spec.targets.channels, spec.targets.parameters) == (3, 1, parameters)
    assert (spec.inputs.steps, spec.inputs.anchored) == (8, 1)


def test_each_target_has_its_metrics(built: Build) -> None:
    plain = tuple(n for n in FORECAST_METRICS if n != "qlike")
    assert built().task.metric_names == plain
    assert built("data.target=volatility", "data.window=22").task.metric_names == FORECAST_METRICS
    assert built("data.target=direction").task.metric_names == DIRECTION_METRICS


@pytest.mark.parametrize("head", ["point", "quantile", "gaussian"])
def test_the_loss_is_the_heads_over_what_the_model_says(built: Build, head: str) -> None:
    task = built(f"task.head={head}").task
    model, batch = Says(task), task.splits.train.batch(torch.arange(6))
    expected = task.head.loss(model(batch), batch.targets)
    assert task.loss(model, batch).item() == expected.item()
    halved = task.loss(lambda b: model(b).bfloat16(), batch)  # type: ignore[arg-type]  # as under autocast
    assert halved.dtype == torch.float32


class TestForecasts:
    def test_of_a_point_head_are_the_point_and_its_residuals_in_the_users_units(self, built: Build) -> None:
        problem = built()
        task, rows = problem.task, problem.task.splits.test.origins[:5].astype(np.int64)
        model, spread = Says(task), torch.linspace(-2, 2, 11, dtype=torch.float64).expand(3, 1, 11)
        said = task.predictor.forecast(model, rows, spread)
        z = model(task.source.gather(torch.from_numpy(rows))).double().numpy()[..., 0]
        scale = float(task.target.scale.scale[0, 0])
        close = problem.panel.target[rows, 0]
        point = close[:, None, None] * np.exp(z * scale)  # a price is learned as the logarithm of its change
        np.testing.assert_allclose(said.point, point, rtol=1e-12)
        np.testing.assert_allclose(said.quantiles, point[..., None] * np.exp(spread.numpy() * scale), rtol=1e-12)

    def test_of_a_distribution_have_its_quantiles_and_need_no_residuals(self, built: Build) -> None:
        task = built("task.head=gaussian").task
        rows = task.splits.test.origins[:5].astype(np.int64)
        said = task.predictor.forecast(Says(task), rows, None)
        assert said.quantiles.shape == (5, 3, 1, 11)
        assert (np.diff(said.quantiles, axis=-1) > 0).all()
        np.testing.assert_allclose(said.quantiles[..., 5], said.point, rtol=1e-9)

    def test_of_a_direction_are_a_probability_without_spread(self, built: Build) -> None:
        task = built("data.target=direction").task
        rows = task.splits.test.origins[:5].astype(np.int64)
        model = Says(task)
        logits = model(task.source.gather(torch.from_numpy(rows)))[..., 0]
        said = task.predictor.forecast(model, rows, None)
        np.testing.assert_allclose(said.point, torch.sigmoid(logits).numpy(), rtol=1e-6)


class TestValidation:
    @pytest.mark.parametrize("head", ["point", "quantile"])
    @pytest.mark.parametrize("size", [1, 7, 512])
    def test_it_is_the_same_in_batches_of_any_size(self, built: Build, head: str, size: int) -> None:
        task = built(f"task.head={head}").task
        model, valid = Says(task), task.splits.valid
        found, residuals = task.validate(model, valid, size=size, limit=None)
        whole, expected = task.validate(model, valid, size=len(valid), limit=None)
        assert found == pytest.approx(whole, rel=1e-6)
        assert (residuals is None) == (expected is None) == (head == "quantile")
        if residuals is not None:
            torch.testing.assert_close(residuals, expected, rtol=1e-6, atol=1e-9)

    def test_its_numbers_are_those_of_the_windows_one_by_one(self, built: Build) -> None:
        problem = built()
        task, model = problem.task, Says(problem.task)
        found, residuals = task.validate(model, task.splits.valid, size=7, limit=None)
        close, rows = problem.panel.target[:, 0], task.splits.valid.origins.astype(np.int64)
        scale = float(task.target.scale.scale[0, 0])
        z = model(task.source.gather(torch.from_numpy(rows))).double().numpy()[..., 0, 0]  # (N, h)
        came = np.stack([close[rows + k] for k in (1, 2, 3)], axis=1)
        said = close[rows][:, None] * np.exp(z * scale)
        learned = np.log(came / close[rows][:, None]) / scale
        assert found["loss"] == pytest.approx(metrics.mean_squared_error(learned, z), rel=1e-4)  # in float32
        assert found["mae"] == pytest.approx(np.abs(came - said).mean(), rel=1e-9)
        expected = np.quantile(learned - z, LEVELS, axis=0).T  # (h, Q)
        assert residuals is not None
        np.testing.assert_allclose(residuals.numpy()[:, 0], expected, rtol=1e-9)
        assert 0.75 <= found["coverage_80"] <= 0.85  # of the very windows the spread was read from

    def test_mase_compares_with_the_steps_before_the_split(self, built: Build) -> None:
        problem = built()
        task, model, close = problem.task, Says(problem.task), problem.panel.target[:, 0]
        for split, stop in (("valid", task.borders.valid[0]), ("test", task.borders.test[0])):
            rows = getattr(task.splits, split).origins.astype(np.int64)
            forecast = task.predictor.forecast(model, rows, torch.zeros(3, 1, 11))
            found = task.score([(rows, forecast)], split).overall()
            m = problem.panel.season
            scale = np.abs(close[m:stop] - close[: stop - m]).mean()
            assert found["mase"] == pytest.approx(found["mae"] / scale, rel=1e-12)

    def test_a_limit_takes_the_first_batches(self, built: Build) -> None:
        task = built().task
        found, _ = task.validate(Says(task), task.splits.valid, size=2, limit=3)
        rows = task.splits.valid.origins[:6].astype(np.int64)
        batch = task.source.gather(torch.from_numpy(rows))
        assert found["loss"] == pytest.approx(float(task.loss(Says(task), batch)), rel=1e-6)


class TestResiduals:
    def test_their_quantiles_are_numpys(self, built: Build) -> None:
        task = built().task
        rows = task.splits.valid.origins.astype(np.int64)
        points = np.random.default_rng(0).normal(size=(len(rows), 3, 1))
        ours = task.residual_quantiles(points, rows)
        expected = np.quantile(task.target.learned(rows) - points, LEVELS, axis=0)
        np.testing.assert_allclose(ours, np.moveaxis(expected, 0, -1), rtol=1e-12)

    def test_measured_in_a_series_own_unit_they_return_in_it(self, built: Build) -> None:
        task = built().task
        rows = task.splits.valid.origins.astype(np.int64)
        points, unit = np.zeros((len(rows), 3, 1)), np.full((1, 1), 4.0)
        plain, measured = task.residual_quantiles(points, rows), task.residual_quantiles(points, rows, unit)
        np.testing.assert_allclose(measured, plain / 4, rtol=1e-12)
        one = task.predictor.from_points(points, rows, plain)
        other = task.predictor.from_points(points, rows, measured, unit)
        np.testing.assert_allclose(other.quantiles, one.quantiles, rtol=1e-12)


class TestDirectionScores:
    def test_batches_add_up_and_steps_are_scored_apart_as_scikit_learn_does(self) -> None:
        generator = np.random.default_rng(0)
        truth = (generator.random((30, 2, 1)) < 0.5).astype(float)
        said = generator.random((30, 2, 1))
        scores = DirectionScores()
        zeros: Any = np.zeros(30)
        for part in (slice(0, 4), slice(4, 5), slice(5, 30)):
            scores.add(truth[part], Forecast(said[part], said[part, ..., None]), zeros[part], zeros[part])
        found = scores.overall()
        assert found["auc"] == pytest.approx(metrics.roc_auc_score(truth.ravel(), said.ravel()))
        assert found["log_loss"] == pytest.approx(metrics.log_loss(truth.ravel(), said.ravel()))
        assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth.ravel() > 0, said.ravel() > 0.5))
        for k in range(2):
            expected = metrics.brier_score_loss(truth[:, k].ravel(), said[:, k].ravel())
            assert scores.by_step()["brier"][k] == pytest.approx(expected)

    def test_a_task_of_directions_is_scored_by_them(self, built: Build) -> None:
        problem = built("data.target=direction")
        task, model = problem.task, Says(problem.task)
        found, residuals = task.validate(model, task.splits.valid, size=5, limit=None)
        assert residuals is None
        close, rows = problem.panel.target[:, 0], task.splits.valid.origins.astype(np.int64)
        rose = np.stack([close[rows + k] > close[rows] for k in (1, 2, 3)], axis=1)
        logits = model(task.source.gather(torch.from_numpy(rows)))[..., 0, 0].double()
        expected = metrics.log_loss(rose.ravel(), torch.sigmoid(logits).numpy().ravel())
        assert found["loss"] == pytest.approx(expected, rel=1e-5)
        assert found["log_loss"] == pytest.approx(expected, rel=1e-5)
        assert found["rises"] == pytest.approx(rose.mean())
        assert not math.isnan(found["auc"])
