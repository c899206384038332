"""Metrics against numbers worked out by hand, scikit-learn, scipy, and plain loops over series."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn import metrics

from seqexp.tasks.metrics import (
    FORECAST_METRICS,
    Forecast,
    ForecastScores,
    Scales,
    direction_metrics,
    seasonal_scales,
)

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
SCORED = (0.1, 0.5, 0.9)


def column(*values: float) -> np.ndarray:
    """One window a value: (N, 1, 1)."""
    return np.array(values, dtype=float)[:, None, None]


def flat(values: np.ndarray, levels: int = len(LEVELS)) -> Forecast:
    """A forecast without any spread."""
    return Forecast(values, np.repeat(values[..., None], levels, axis=-1))


def ones(series: int = 1, channels: int = 1) -> Scales:
    return Scales(*(np.ones((series, channels)) for _ in range(3)))


def scored(
    truth: np.ndarray, forecast: Forecast, last: np.ndarray, series: np.ndarray | None = None,
    scales: Scales | None = None, *, positive: bool = False,
) -> ForecastScores:  # fmt: skip
    series = np.zeros(len(truth), dtype=np.int64) if series is None else series
    scales = scales or ones(int(series.max()) + 1, truth.shape[2])
    scores = ForecastScores(truth.shape[1], LEVELS, SCORED, scales, positive=positive)
    scores.add(truth, forecast, last, series)
    return scores


class TestByHand:
    truth, point, last = column(10, 12, 8, 0), column(11, 9, 8, 0), column(10.5, 10, 9, 0)

    @pytest.fixture
    def found(self) -> dict[str, float]:
        scales = Scales(np.array([[2.0]]), np.array([[8.0]]), np.array([[5.0]]))
        return scored(self.truth, flat(self.point), self.last, scales=scales).overall()

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("mae", (1 + 3 + 0 + 0) / 4),
            ("rmse", math.sqrt((1 + 9) / 4)),
            ("smape", 100 * (2 * 1 / 21 + 2 * 3 / 21 + 0 + 0) / 4),  # 0 where both are 0
            ("mase", 1.0 / 2.0),
            ("rmsse", math.sqrt(2.5 / 8.0)),
            ("mse_scaled", 2.5 / 5.0),
            # it fell (said: rose), rose (fell), fell (fell), stayed: one right of the three that moved
            ("directional_accuracy", 1 / 3),
            # pinball losses without a spread: y - f = -1, 3: (1 - q) 1 + q 3, for q = 0.1, 0.5, 0.9
            ("crps", 2 * ((0.9 + 0.3) + (0.5 + 1.5) + (0.1 + 2.7)) / 3 / 4),
            ("wql", 2 * ((0.9 + 0.3) + (0.5 + 1.5) + (0.1 + 2.7)) / 3 / 30),
            ("coverage_80", 0.5),
            ("width_80", 0.0),
        ],
    )
    def test_a_metric_is_what_the_pencil_says(self, found: dict[str, float], name: str, expected: float) -> None:
        assert found[name] == pytest.approx(expected, abs=1e-12)

    def test_intervals(self) -> None:
        truth = column(0, 1, 2.5, -4)
        quantiles = np.broadcast_to(np.array([-3.0, -1.0, 0.0, 1.0, 2.5]), (4, 1, 1, 5))
        found = scored(truth, Forecast(np.zeros_like(truth), quantiles), truth).overall()
        assert (found["coverage_80"], found["width_80"]) == (0.5, 2.0)  # the bound belongs to it
        assert (found["coverage_95"], found["width_95"]) == (0.75, 5.5)

    def test_qlike(self) -> None:
        truth, point = column(2.0, 1.0), column(1.0, 2.0)
        found = scored(truth, flat(point), point, positive=True).overall()
        assert found["qlike"] == pytest.approx(((4 - math.log(4) - 1) + (0.25 - math.log(0.25) - 1)) / 2)
        assert scored(truth, flat(truth), point, positive=True).overall()["qlike"] == 0
        assert "qlike" not in scored(truth, flat(point), point).overall()

    def test_qlike_of_a_day_without_any_movement_is_finite(self) -> None:
        found = scored(column(0.0), flat(column(1.0)), column(1.0), positive=True).overall()
        assert found["qlike"] == pytest.approx(-2 * math.log(1e-12) - 1)

    def test_directions_of_a_forecast_that_never_moves_are_undefined(self) -> None:
        last = column(3.0, 4.0)
        assert math.isnan(scored(column(4.0, 3.0), flat(last), last).overall()["directional_accuracy"])
        nearly = flat(last * (1 + 1e-12))  # "as now", but for rounding
        assert math.isnan(scored(column(4.0, 3.0), nearly, last).overall()["directional_accuracy"])
        assert math.isnan(scored(last, flat(last + 1), last).overall()["directional_accuracy"])  # nothing moved

    def test_a_perfect_forecast(self) -> None:
        truth = column(3.0, -4.0)
        found = scored(truth, flat(truth), column(1.0, 1.0)).overall()
        assert {n: found[n] for n in ("mae", "rmse", "smape", "mase", "rmsse", "crps", "wql")} == dict.fromkeys(
            ("mae", "rmse", "smape", "mase", "rmsse", "crps", "wql"), 0.0
        )
        assert found["directional_accuracy"] == found["coverage_80"] == found["coverage_95"] == 1.0


def drawn(seed: int = 0, n: int = 12, h: int = 3, c: int = 2) -> tuple[np.ndarray, Forecast, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth, point, last = (generator.normal(5, 2, size=(n, k, c)) for k in (h, h, 1))
    return truth, Forecast(point, np.sort(generator.normal(5, 2, size=(n, h, c, 5)), axis=-1)), last


class TestAgainstLibraries:
    def test_errors_and_quantile_losses_are_scikit_learns(self) -> None:
        truth, forecast, last = drawn()
        found, (a, b) = scored(truth, forecast, last).overall(), (truth.ravel(), forecast.point.ravel())
        assert found["mae"] == pytest.approx(metrics.mean_absolute_error(a, b), rel=1e-12)
        assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(a, b), rel=1e-12)
        pinball = np.mean(
            [metrics.mean_pinball_loss(a, forecast.quantiles[..., LEVELS.index(q)].ravel(), alpha=q) for q in SCORED]
        )
        assert found["crps"] == pytest.approx(2 * pinball, rel=1e-12)
        assert found["wql"] == pytest.approx(2 * pinball * a.size / np.abs(a).sum(), rel=1e-12)

    def test_crps_over_many_levels_is_the_integral_and_the_closed_form_of_a_gaussian(self) -> None:
        mean, deviation, truth = 1.0, 2.0, 2.5
        z = (truth - mean) / deviation
        closed = deviation * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / math.sqrt(math.pi))
        below, _ = integrate.quad(lambda x: stats.norm.cdf(x, mean, deviation) ** 2, -20, truth)
        above, _ = integrate.quad(lambda x: stats.norm.sf(x, mean, deviation) ** 2, truth, 25)
        assert closed == pytest.approx(below + above, rel=1e-8)  # Gneiting and Raftery 2007, equations 20 and 21
        middle = [(i + 0.5) / 400 for i in range(400)]
        levels = tuple(sorted({*middle, 0.025, 0.1, 0.9, 0.975}))
        quantiles = stats.norm.ppf(levels, mean, deviation).reshape(1, 1, 1, -1)
        scores = ForecastScores(1, levels, tuple(middle), ones(), positive=False)
        scores.add(column(truth), Forecast(column(mean), quantiles), column(0.0), np.zeros(1, dtype=np.int64))
        assert scores.overall()["crps"] == pytest.approx(closed, rel=1e-3)

    def test_crps_over_many_levels_of_an_ensemble_is_its_energy_form(self) -> None:
        """E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007, equation 21) of the empirical distribution."""
        members, truth = np.random.default_rng(1).gamma(2.0, size=50), 3.0
        energy = np.abs(members - truth).mean() - np.abs(members[:, None] - members).mean() / 2
        middle = [(i + 0.5) / 1000 for i in range(1000)]
        levels = tuple(sorted({*middle, 0.025, 0.1, 0.9, 0.975}))
        quantiles = np.quantile(members, levels, method="inverted_cdf").reshape(1, 1, 1, -1)
        scores = ForecastScores(1, levels, tuple(middle), ones(), positive=False)
        scores.add(column(truth), Forecast(column(2.0), quantiles), column(0.0), np.zeros(1, dtype=np.int64))
        assert scores.overall()["crps"] == pytest.approx(energy, rel=1e-4)

    def test_right_quantiles_cover_what_they_say(self) -> None:
        truth = np.random.default_rng(2).normal(size=(20_000, 1, 1))
        quantiles = np.broadcast_to(stats.norm.ppf(LEVELS), (20_000, 1, 1, 5))
        found = scored(truth, Forecast(np.zeros_like(truth), quantiles), truth).overall()
        assert found["coverage_80"] == pytest.approx(0.80, abs=0.012)  # 4 sigma
        assert found["coverage_95"] == pytest.approx(0.95, abs=0.007)
        assert found["width_80"] == pytest.approx(2 * 1.281552, abs=1e-5)
        assert found["width_95"] == pytest.approx(2 * 1.959964, abs=1e-5)


class TestSeveralSeries:
    def test_mase_and_smape_are_those_of_the_m4_competition(self) -> None:
        """One forecast a series: MASE of each over its in-sample seasonal error, and the mean over series."""
        generator, m, h = np.random.default_rng(5), 4, 6
        lengths = [20, 33, 27]
        series = [generator.normal(50, 9, size=n) for n in lengths]
        future, said = generator.normal(50, 9, size=(2, 3, h))
        mase, smape = [], []
        for y, f, p in zip(series, future, said, strict=True):
            scale = sum(abs(y[t] - y[t - m]) for t in range(m, len(y))) / (len(y) - m)
            mase.append(sum(abs(a - b) for a, b in zip(f, p, strict=True)) / h / scale)
            smape.append(sum(2 * abs(a - b) / (abs(a) + abs(b)) for a, b in zip(f, p, strict=True)) / h * 100)
        starts = np.cumsum([0, *lengths[:-1]])
        absolute, square = seasonal_scales(np.concatenate(series)[:, None], starts, starts + lengths, m)
        found = scored(
            future[..., None], flat(said[..., None]), np.zeros((3, 1, 1)), np.arange(3),
            Scales(absolute, square, np.ones((3, 1))),
        ).overall()  # fmt: skip
        assert found["mase"] == pytest.approx(np.mean(mase), rel=1e-12)
        assert found["smape"] == pytest.approx(np.mean(smape), rel=1e-12)

    def test_each_series_has_one_voice_in_mase_and_each_window_one_in_mse_scaled(self) -> None:
        truth, series = column(1, 1, 1, 5), np.array([0, 0, 0, 1])
        scales = Scales(np.array([[1.0], [10.0]]), np.array([[4.0], [25.0]]), np.array([[2.0], [50.0]]))
        found = scored(truth, flat(column(0, 0, 0, 0)), column(0, 0, 0, 0), series, scales).overall()
        assert found["mase"] == pytest.approx((1 / 1 + 5 / 10) / 2)
        assert found["rmsse"] == pytest.approx((1 / 2 + 5 / 5) / 2)
        assert found["mse_scaled"] == pytest.approx((3 * 1 / 2 + 25 / 50) / 4)
        assert found["mae"] == pytest.approx((3 + 5) / 4)

    def test_a_series_without_a_scale_is_left_out_of_scaled_errors_alone(self) -> None:
        scales = Scales(*(np.array([[2.0], [np.nan]]) for _ in range(3)))
        found = scored(column(1, 9), flat(column(0, 0)), column(0, 0), np.array([0, 1]), scales).overall()
        assert (found["mase"], found["mae"]) == (0.5, 5.0)
        none = Scales(*(np.full((1, 1), np.nan) for _ in range(3)))
        found = scored(column(1), flat(column(0)), column(0), scales=none).overall()
        assert [math.isnan(found[n]) for n in ("mase", "rmsse", "mse_scaled", "mae")] == [True, True, True, False]

    def test_a_series_without_windows_does_not_count(self) -> None:
        scales = Scales(*(np.array([[1.0], [2.0], [4.0]]) for _ in range(3)))
        found = scored(column(1, 4), flat(column(0, 0)), column(0, 0), np.array([0, 2]), scales).overall()
        assert found["mase"] == pytest.approx((1 / 1 + 4 / 4) / 2)

    @settings(deadline=None, max_examples=30)
    @given(cuts=st.lists(st.integers(1, 11), max_size=4), seed=st.integers(0, 5))
    def test_batch_by_batch_is_the_same_as_all_at_once(self, cuts: list[int], seed: int) -> None:
        truth, forecast, last = drawn(seed)
        series = np.array([0] * 5 + [1] * 3 + [2] * 4)
        whole = scored(truth, forecast, last, series, positive=True)
        parts = ForecastScores(3, LEVELS, SCORED, ones(3, 2), positive=True)
        edges = sorted({0, 12, *cuts})
        for a, b in pairwise(edges):
            part = Forecast(forecast.point[a:b], forecast.quantiles[a:b])
            parts.add(truth[a:b], part, last[a:b], series[a:b])
        assert parts.overall() == pytest.approx(whole.overall(), rel=1e-12)
        for name, steps in parts.by_step().items():
            assert steps == pytest.approx(whole.by_step()[name], rel=1e-12)


class TestBySteps:
    def test_each_step_is_scored_as_if_there_were_no_other(self) -> None:
        truth, forecast, last = drawn()
        series = np.array([0] * 7 + [1] * 5)
        found = scored(truth, forecast, last, series, positive=True).by_step()
        assert set(found) == set(FORECAST_METRICS)
        for k in range(3):
            one = slice(k, k + 1)
            alone = scored(
                truth[:, one], Forecast(forecast.point[:, one], forecast.quantiles[:, one]), last, series,
                positive=True,
            ).overall()  # fmt: skip
            assert {name: steps[k] for name, steps in found.items()} == pytest.approx(alone, rel=1e-12)

    def test_means_over_steps_are_the_overall_ones(self) -> None:
        scores = scored(*drawn())
        by_step, overall = scores.by_step(), scores.overall()
        for name in ("mae", "smape", "crps", "mase", "coverage_80", "width_95"):
            assert np.mean(by_step[name]) == pytest.approx(overall[name], rel=1e-12)
        assert np.sqrt(np.mean(np.square(by_step["rmse"]))) == pytest.approx(overall["rmse"], rel=1e-12)


class TestScales:
    def test_by_hand(self) -> None:
        target = np.array([1.0, 3, 2, 7, 100, 0, 5])[:, None]
        absolute, square = seasonal_scales(target, np.array([0, 5]), np.array([4, 7]), 1)
        assert absolute.ravel().tolist() == [(2 + 1 + 5) / 3, 5.0]
        assert square.ravel().tolist() == [(4 + 1 + 25) / 3, 25.0]
        absolute, _ = seasonal_scales(target, np.array([0]), np.array([4]), 2)
        assert absolute.item() == (1 + 4) / 2

    @pytest.mark.parametrize("rows", [1, 3, 7, 100])
    def test_long_series_are_summed_piece_by_piece(self, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("seqexp.tasks.metrics._ROWS_AT_A_TIME", rows)
        target = np.random.default_rng(0).normal(size=(40, 2))
        absolute, square = seasonal_scales(target, np.array([2, 20]), np.array([19, 40]), 4)
        for s, part in enumerate((target[2:19], target[20:40])):
            change = part[4:] - part[:-4]
            np.testing.assert_allclose(absolute[s], np.abs(change).mean(axis=0), rtol=1e-12)
            np.testing.assert_allclose(square[s], (change**2).mean(axis=0), rtol=1e-12)

    def test_without_change_or_without_a_season_there_is_none(self) -> None:
        target = np.array([4.0, 4, 4, 1, 2])[:, None]
        absolute, square = seasonal_scales(target, np.array([0, 3]), np.array([3, 5]), 2)
        assert np.isnan(absolute).all()
        assert np.isnan(square).all()

    def test_channels_have_scales_of_their_own(self) -> None:
        absolute, _ = seasonal_scales(np.array([[1.0, 10], [2, 30]]), np.array([0]), np.array([2]), 1)
        assert absolute.tolist() == [[1.0, 20.0]]


class TestDirections:
    def test_they_are_scikit_learns(self) -> None:
        generator = np.random.default_rng(3)
        truth, said = generator.random((40, 2, 1)) < 0.6, generator.random((40, 2, 1))
        found, y, p = direction_metrics(truth, said), truth.ravel(), said.ravel()
        assert found == pytest.approx(
            {
                "accuracy": metrics.accuracy_score(y, p > 0.5),
                "balanced_accuracy": metrics.balanced_accuracy_score(y, p > 0.5),
                "mcc": metrics.matthews_corrcoef(y, p > 0.5),
                "auc": metrics.roc_auc_score(y, p),
                "log_loss": metrics.log_loss(y, p),
                "brier": metrics.brier_score_loss(y, p),
                "rises": y.mean(),
            }
        )

    @pytest.mark.parametrize("rises", [True, False])
    def test_where_all_go_one_way_what_compares_both_is_undefined(self, rises: bool) -> None:
        found = direction_metrics(np.full(5, rises), np.full(5, 0.8))
        assert all(math.isnan(found[n]) for n in ("balanced_accuracy", "mcc", "auc"))
        assert found["accuracy"] == found["rises"] == float(rises)
        assert found["log_loss"] == pytest.approx(-math.log(0.8 if rises else 0.2))

    def test_certainty_that_errs_costs_much_but_not_infinitely(self) -> None:
        found = direction_metrics(np.array([True, False]), np.array([0.0, 0.0]))
        assert found["log_loss"] == pytest.approx(-math.log(1e-12) / 2, rel=1e-6)
