from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.data.panel import Ints, Panel
from seqexp.run.forecasting import predictions
from seqexp.run.loaded import load_run
from seqexp.tasks.metrics import Forecast

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


def panel(channels: int = 1) -> Panel:
    """Series a of 5 days and b of 4."""
    times = [np.arange(f"2020-0{m}-01", f"2020-0{m}-0{n + 1}", dtype="datetime64[D]") for m, n in ((1, 5), (2, 4))]
    empty = np.empty((9, 0), np.float32)
    return Panel(
        names=("a", "b"), offsets=np.array([0, 5, 9]), times=np.concatenate(times).astype("datetime64[ns]"),
        target=np.arange(9.0 * channels).reshape(9, channels), target_names=("x", "y")[:channels], observed=empty,
        observed_names=(), known=empty, known_names=(), frequency="D", season=1,
    )  # fmt: skip


def forecast(count: int, horizon: int, channels: int) -> Forecast:
    point = np.arange(float(count * horizon * channels)).reshape(count, horizon, channels)
    return Forecast(point, point[..., None] + np.array([-20.0, -10.0, 0.0, 11.0, 22.0]))


def test_a_forecast_is_a_row_for_each_origin_and_step() -> None:
    said = predictions.frame(panel(), np.array([1, 6]), forecast(2, 2, 1), LEVELS, binary=False)
    expected = pd.DataFrame(
        {
            "series": ["a", "a", "b", "b"],
            "time": pd.to_datetime(["2020-01-03", "2020-01-04", "2020-02-03", "2020-02-04"]),
            "step": [1, 2, 1, 2],
            "forecast": [0.0, 1, 2, 3],
            "lower_80": [-10.0, -9, -8, -7],
            "upper_80": [11.0, 12, 13, 14],
            "lower_95": [-20.0, -19, -18, -17],
            "upper_95": [22.0, 23, 24, 25],
        }
    )
    pd.testing.assert_frame_equal(said, expected, check_dtype=False)


def test_several_channels_are_told_apart_by_their_target() -> None:
    said = predictions.frame(panel(2), np.array([1, 6]), forecast(2, 2, 2), LEVELS, binary=False)
    assert said["target"].tolist() == ["x", "y"] * 4
    assert said["step"].tolist() == [1, 1, 2, 2] * 2
    assert said["series"].tolist() == ["a"] * 4 + ["b"] * 4
    assert said["forecast"].tolist() == list(range(8))
    assert said["time"].nunique() == 4


def test_a_direction_has_a_probability_and_no_interval() -> None:
    point = np.array([0.25, 0.75]).reshape(1, 2, 1)
    said = predictions.frame(panel(), np.array([2]), Forecast(point, point[..., None]), LEVELS, binary=True)
    assert said.columns.tolist() == ["series", "time", "step", "probability_of_rise"]
    assert said["probability_of_rise"].tolist() == [0.25, 0.75]


def test_data_without_dates_has_positions_for_times() -> None:
    plain = replace(panel(), times=np.concatenate((np.arange(5), np.arange(4))))
    said = predictions.frame(plain, np.array([6]), forecast(1, 2, 1), LEVELS, binary=False)
    assert said["time"].tolist() == [2, 3]


class TestKept:
    def test_forecasts_of_a_test_lie_beside_what_came_in_the_users_units(self, finished: Path, prices: Path) -> None:
        kept, bars = pd.read_parquet(finished / "predictions" / "test.parquet"), pd.read_csv(prices)
        assert list(kept.columns)[:5] == ["series", "time", "step", "actual", "forecast"]
        # the test split is the last 18 of 120 days
        np.testing.assert_array_equal(kept["actual"], bars["Close"].iloc[-18:])
        np.testing.assert_array_equal(kept["time"].to_numpy(), pd.to_datetime(bars["Date"].iloc[-18:]).to_numpy())
        bounds = kept[["lower_95", "lower_80", "forecast", "upper_80", "upper_95"]].to_numpy()
        assert (np.diff(bounds[:, [0, 1, 3, 4]], axis=1) > 0).all()
        assert (np.abs(bounds / bars["Close"].to_numpy()[-19:-1, None] - 1) < 0.1).all()

    def test_batch_by_batch_they_pass_through_and_are_written_whole(self, finished: Path, tmp_path: Path) -> None:
        problem = load_run(finished).problem
        task, path = problem.task, tmp_path / "predictions" / "test.parquet"
        given = [(task.splits.test.origins[i : i + 7].astype(np.int64)) for i in range(0, 18, 7)]
        values = [task.predictor.from_points(np.zeros((len(o), 1, 1)), o, np.zeros((1, 1, 11))) for o in given]
        passed = list(predictions.kept(zip(given, values, strict=True), path, task))
        assert [id(f) for _, f in passed] == [id(f) for f in values]
        written = pd.read_parquet(path)
        assert len(written) == 18
        np.testing.assert_allclose(written["forecast"], problem.panel.target[101:119, 0], rtol=1e-12)  # as now
        np.testing.assert_array_equal(written["actual"], problem.panel.target[102:120, 0])

    def test_broken_off_nothing_is_left_and_what_was_there_stays(self, finished: Path, tmp_path: Path) -> None:
        task = load_run(finished).problem.task
        path = tmp_path / "test.parquet"
        path.write_bytes(b"before")

        def breaks() -> Iterator[tuple[Ints, Forecast]]:
            rows = task.splits.test.origins[:3].astype(np.int64)
            yield rows, task.predictor.from_points(np.zeros((3, 1, 1)), rows, np.zeros((1, 1, 11)))
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list(predictions.kept(breaks(), path, task))
        assert path.read_bytes() == b"before"
        assert os.listdir(tmp_path) == ["test.parquet"]
