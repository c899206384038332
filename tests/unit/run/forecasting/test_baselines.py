"""Which classical methods stand beside a run, on which windows, and why one does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from support.sections import forecasting

from seqexp.config.compose import compose
from seqexp.data.panel import Floats, Ints
from seqexp.models.baselines.ridge import PENALTIES
from seqexp.run.forecasting.baselines import fit_baselines, spread_units
from seqexp.run.problem import Problem, Record, Told, build_problem

ALL = f"task.baselines=[{','.join(forecasting().baselines)}]"


def built(tiny: Sequence[str], *overrides: str) -> Problem:
    return build_problem(compose([*tiny, *overrides]).experiment, torch.device("cpu"))


def fitted(problem: Problem) -> dict[str, Callable[[Ints], Floats] | str]:
    return dict(fit_baselines(problem, lambda _: None))


def rows(problem: Problem, split: str = "test") -> Ints:
    origins: Ints = getattr(problem.task.splits, split).origins.astype(np.int64)
    return origins


def said(problem: Problem, name: str) -> np.ndarray:
    """Forecasts of test in the user's units."""
    method = fitted(problem)[name]
    assert callable(method)
    return problem.task.target.to_user(method(rows(problem)), rows(problem))


class TestEachTargetHasItsOwn:
    def test_a_price(self, tiny: Sequence[str]) -> None:
        assert list(fitted(built(tiny, ALL))) == ["naive", "drift", "seasonal_naive", "ridge", "ets", "arima"]

    def test_a_volatility(self, tiny: Sequence[str]) -> None:
        problem = built(tiny, ALL, "data.target=volatility", "data.window=22")
        assert list(fitted(problem)) == ["last_month", "ridge", "ewma", "har", "garch", "gjr_garch"]

    def test_a_direction(self, tiny: Sequence[str]) -> None:
        assert list(fitted(built(tiny, ALL, "data.target=direction"))) == ["majority", "logistic"]

    def test_only_those_asked_for_in_the_order_asked(self, tiny: Sequence[str]) -> None:
        assert list(fitted(built(tiny, "task.baselines=[ridge,garch,naive]"))) == ["ridge", "naive"]
        assert fitted(built(tiny, "task.baselines=[]")) == {}

    def test_each_is_announced_before_it_is_fitted(self, tiny: Sequence[str]) -> None:
        heard: list[str] = []
        for name, _ in fit_baselines(built(tiny), heard.append):
            assert heard[-1] == f"baseline {name}"
        assert len(heard) == 2


class TestLeftOut:
    def test_seasonal_naive_where_no_season_is_known(self, tiny: Sequence[str]) -> None:
        problem = built(tiny, "task.baselines=[naive,seasonal_naive]", "data.season=1")
        assert fitted(problem)["seasonal_naive"] == "no season is known; give data.season"

    def test_what_is_fitted_series_by_series_where_there_are_many(self, tmp_path: Path) -> None:
        problem = built([], *wide(tmp_path / "wide.csv", 3), "task.series_by_series=2")
        found = fitted(problem)
        assert (
            found["ets"]
            == found["arima"]
            == ("it is fitted series by series, and 3 are more than task.series_by_series=2")
        )
        assert callable(found["naive"])

    def test_it_is_said_and_the_others_are_scored(self, tiny: Sequence[str], tmp_path: Path) -> None:
        heard: list[str] = []
        problem = built(tiny, "task.baselines=[naive,seasonal_naive]", "data.season=1")
        assert [r["of"] for r in baselines_of(problem, "test", tmp_path, heard.append)] == ["naive"]
        assert heard == ["baseline seasonal_naive left out: no season is known; give data.season"]


def baselines_of(problem: Problem, split: str, folder: Path, say: Callable[[str], object]) -> list[Record]:
    """The records of the baselines beside an untrained model."""
    told = Told(say, lambda _: None)
    with torch.inference_mode():
        model = problem.build_model().eval()
        calibration = torch.zeros(1, 1, len(problem.task.predictor.levels))
        return problem.test(
            model, {"calibration": calibration}, split, keep=folder / "kept.parquet", losses=None, told=told
        )[1:]  # fmt: skip


def wide(path: Path, series: int) -> list[str]:
    """Series with a strong season of 4 and a slow walk of very unlike sizes."""
    generator, t = np.random.default_rng(0), np.arange(100)
    columns = [
        10.0**s * (20 + 5 * np.sin(np.pi / 2 * t) + 0.1 * generator.normal(size=100).cumsum()) for s in range(series)
    ]
    lines = [",".join(["time", *(f"s{s}" for s in range(series))])]
    lines += [",".join([f"{2000 + i // 4}-{3 * (i % 4) + 1:02d}-01", *(f"{c[i]:.4f}" for c in columns)]) for i in t]
    path.write_text("\n".join(lines) + "\n")
    return [
        "data=table", f"data.path={path}", "data.window=8", "data.horizon=4", "data.season=4",
        "task.baselines=[naive,drift,seasonal_naive,ridge,ets,arima]",
    ]  # fmt: skip


class TestForecasts:
    def test_of_a_price_are_in_its_units(self, tiny: Sequence[str]) -> None:
        problem = built(tiny, ALL, "data.horizon=3")
        close, at = problem.panel.target[:, 0], rows(problem)
        naive, drift = said(problem, "naive")[..., 0], said(problem, "drift")[..., 0]
        np.testing.assert_allclose(naive, np.repeat(close[at][:, None], 3, axis=1), rtol=1e-12)
        slope = (np.log(close[at]) - np.log(close[0])) / at  # prices are forecast as logarithms
        np.testing.assert_allclose(drift, close[at][:, None] * np.exp(slope[:, None] * [1, 2, 3]), rtol=1e-12)

    def test_ridge_reads_the_anchored_window_of_the_network(self, tiny: Sequence[str]) -> None:
        problem = built(tiny, "data.features=[]", "task.baselines=[ridge]")
        log = np.log(problem.panel.target[:, 0])

        def window(origins: Ints) -> np.ndarray:
            past: np.ndarray = log[origins[:, None] + np.arange(-7, 1)] - log[origins][:, None]
            return past

        train, valid, test = (rows(problem, s) for s in ("train", "valid", "test"))
        stop = int(problem.task.borders.valid[0])
        unit = np.sqrt(np.mean(np.diff(log[:stop]) ** 2))
        size = np.sqrt(np.mean((window(train) / unit) ** 2))
        models = [
            Ridge(alpha=p).fit(window(train) / unit / size, (log[train + 1] - log[train]) / unit) for p in PENALTIES
        ]
        errors = [
            np.mean((m.predict(window(valid) / unit / size) - (log[valid + 1] - log[valid]) / unit) ** 2)
            for m in models
        ]
        best = models[int(np.argmin(errors))]
        expected = np.exp(log[test] + unit * best.predict(window(test) / unit / size))
        np.testing.assert_allclose(said(problem, "ridge")[:, 0, 0], expected, rtol=1e-5)  # windows are float32

    def test_of_volatility_last_months_is_in_percent_a_year(self, tiny: Sequence[str]) -> None:
        problem = built(tiny, "data.target=volatility", "data.window=22", "data.horizon=2", ALL)
        moves = np.diff(np.log(problem.panel.target[:, 0]))
        expected = [100 * np.sqrt(252 * np.mean(moves[t - 22 : t] ** 2)) for t in rows(problem)]
        np.testing.assert_allclose(said(problem, "last_month")[..., 0], np.stack([expected] * 2, axis=1), rtol=1e-9)

    def test_of_a_direction_the_majority_is_the_share_of_rises_in_train(self, tiny: Sequence[str]) -> None:
        problem = built(tiny, "data.target=direction", "data.horizon=2")
        close, train = problem.panel.target[:, 0], rows(problem, "train")
        share = [np.mean(close[train + k] > close[train]) for k in (1, 2)]
        found = said(problem, "majority")[..., 0]
        np.testing.assert_allclose(found, np.broadcast_to(share, found.shape), rtol=1e-12)
        odds = said(problem, "logistic")
        assert ((odds > 0) & (odds < 1)).all()
        assert len(np.unique(odds)) > 2

    @pytest.mark.parametrize("split", ["valid", "test"])
    def test_they_are_scored_on_the_windows_of_the_network(
        self, tiny: Sequence[str], split: str, tmp_path: Path
    ) -> None:
        problem = built(tiny, "task.baselines=[naive]")
        (record,) = baselines_of(problem, split, tmp_path, pytest.fail)
        close, at = problem.panel.target[:, 0], rows(problem, split)
        assert record["mae"] == pytest.approx(np.abs(close[at + 1] - close[at]).mean(), rel=1e-9)
        assert (record["split"], record["of"], record["model"]) == (split, "naive", False)


class TestSpread:
    def test_intervals_are_the_residuals_of_valid_around_the_forecast(
        self, tiny: Sequence[str], tmp_path: Path
    ) -> None:
        problem = built(tiny, "task.baselines=[naive]")
        (record,) = baselines_of(problem, "test", tmp_path, pytest.fail)
        log, valid, test = np.log(problem.panel.target[:, 0]), rows(problem, "valid"), rows(problem)
        low, high = np.quantile(log[valid + 1] - log[valid], [0.1, 0.9])
        close = problem.panel.target[test, 0]
        assert record["width_80"] == pytest.approx((close * (np.exp(high) - np.exp(low))).mean(), rel=1e-9)

    def test_as_now_is_spread_by_the_size_of_steps_where_the_target_is_told_from_the_last_season(
        self, tmp_path: Path
    ) -> None:
        problem = built([], *wide(tmp_path / "wide.csv", 2), "task.anchor=season")
        target = problem.task.target
        for name in ("naive", "drift"):
            units = spread_units(problem, name)
            assert units is not None
            for s, (a, b) in enumerate(zip(*problem.task.borders.rows("train"), strict=True)):
                u = target.u[a:b, 0]
                steps = np.concatenate([u[k:] - u[:-k] for k in (1, 2, 3, 4)])
                seasons = u[4:] - u[:-4]
                expected = np.sqrt(np.mean(steps**2)) / np.sqrt(np.mean(seasons**2))
                assert units[s, 0] == pytest.approx(expected, rel=1e-9)
                assert expected > 3
        assert spread_units(problem, "seasonal_naive") is None

    def test_told_from_the_last_value_it_needs_no_unit(self, tiny: Sequence[str]) -> None:
        assert spread_units(built(tiny), "naive") is None
