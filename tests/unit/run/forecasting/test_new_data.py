"""Forecasts from new data: as good as those of the test, whatever the order of columns, and refused in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqexp.config.compose import compose
from seqexp.errors import ConfigError, DataError
from seqexp.run.loaded import Run, load_run
from seqexp.run.train import train

BOUNDS = ["lower_95", "lower_80", "forecast", "upper_80", "upper_95"]


@pytest.fixture
def stocks(finished: Path) -> Run:
    return load_run(finished)


@pytest.fixture
def bars(prices: Path) -> pd.DataFrame:
    return pd.read_csv(prices)


class TestStocks:
    @pytest.mark.parametrize("row", [102, 110, 118])
    def test_of_rows_up_to_one_it_says_what_the_test_said_from_there(
        self, stocks: Run, bars: pd.DataFrame, row: int
    ) -> None:
        said = stocks.predict(bars.iloc[: row + 1])
        tested = pd.read_parquet(stocks.directory.predictions / "test.parquet")
        expected = tested[tested["time"] == pd.Timestamp(bars["Date"][row + 1])]
        assert len(said) == len(expected) == 1
        assert said["time"].iloc[0] == expected["time"].iloc[0]  # the next weekday
        np.testing.assert_allclose(said[BOUNDS].to_numpy(float), expected[BOUNDS].to_numpy(float), rtol=1e-6)

    def test_only_the_last_window_and_what_its_features_need_matter(self, stocks: Run, bars: pd.DataFrame) -> None:
        whole, end = stocks.predict(bars), stocks.predict(bars.iloc[-40:])
        np.testing.assert_allclose(end[BOUNDS].to_numpy(float), whole[BOUNDS].to_numpy(float), rtol=1e-4)

    def test_forecasts_are_prices_and_intervals_are_ordered(self, stocks: Run, bars: pd.DataFrame) -> None:
        said = stocks.predict(bars)
        assert list(said.columns) == [
            "series",
            "time",
            "step",
            "forecast",
            "lower_80",
            "upper_80",
            "lower_95",
            "upper_95",
        ]
        values = said[BOUNDS].to_numpy(float)
        assert (np.diff(values, axis=1) >= 0).all()
        assert 0.9 < float(said["forecast"].iloc[0]) / float(bars["Close"].iloc[-1]) < 1.1
        assert said["step"].tolist() == [1]

    @pytest.mark.parametrize("form", ["csv", "parquet", "frame"])
    def test_columns_may_stand_in_any_order_and_form_with_others_among_them(
        self, stocks: Run, bars: pd.DataFrame, form: str, tmp_path: Path
    ) -> None:
        mixed = bars[["Volume", "Close", "Date", "Low", "Open", "High"]].assign(remark="none", rank=7.0)
        path = tmp_path / f"input.{form}"
        if form == "csv":
            mixed.to_csv(path, index=False)
        elif form == "parquet":
            mixed.to_parquet(path)
        said = stocks.predict(mixed if form == "frame" else path)
        expected = stocks.predict(bars)
        pd.testing.assert_frame_equal(said[BOUNDS], expected[BOUNDS], rtol=1e-12)

    @pytest.mark.parametrize(
        ("column", "message"),
        [
            ("Volume", "'volume_change' needs volume"),
            ("Close", "has no close column"),
            ("Date", "has no column of dates"),
        ],
    )
    def test_a_missing_column_is_named(self, stocks: Run, bars: pd.DataFrame, column: str, message: str) -> None:
        # data.features=auto: without the column's feature the network would be fed fewer numbers than it reads
        with pytest.raises((DataError, ConfigError), match=message):
            stocks.predict(bars.drop(columns=column))

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (5, "has 5 rows, but a forecast reads the last 9; give more rows"),
            (20, r"has 20 rows, too short a history: feature '\w+' has no value in the first of the last 8"),
        ],
    )
    def test_too_short_a_history_is_refused(self, stocks: Run, bars: pd.DataFrame, rows: int, message: str) -> None:
        with pytest.raises(DataError, match=message):
            stocks.predict(bars.iloc[:rows])

    def test_a_model_forecasts_again_and_again_the_same(self, stocks: Run, bars: pd.DataFrame) -> None:
        pd.testing.assert_frame_equal(stocks.predict(bars), stocks.predict(bars), check_exact=True)


def loads(hours: int = 90, series: Sequence[str] = ("north", "south")) -> pd.DataFrame:
    """Two series, of which the load follows the price, which is known ahead."""
    generator, frames = np.random.default_rng(0), []
    for size, name in enumerate(series, 1):
        price = generator.normal(10, 3, size=hours)
        frames.append(
            pd.DataFrame(
                {
                    "time": pd.date_range("2021-01-01", periods=hours, freq="h"),
                    "region": name,
                    "load": 1000 * size - 30 * price + generator.normal(size=hours),
                    "price": price,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("loads")
    loads().to_csv(folder / "loads.csv", index=False)
    composed = compose(
        [
            "data=table", f"data.path={folder / 'loads.csv'}", "data.series_column=region", "data.target=[load]",
            "data.known=[price]", "data.calendar=[hour_of_day]", "data.window=6", "data.horizon=3", "data.season=1",
            "model=gru", "model.hidden_sizes=[4]", "task.baselines=[naive]", "task.head=quantile",
            "trainer.max_epochs=2", "trainer.batch_size=8", "optimizer.lr=0.02", f"outputs={folder}", "tracking=quiet",
        ]
    )  # fmt: skip
    return Run(train(composed, ["pytest"]).directory)


def coming(frame: pd.DataFrame, steps: int = 3, price: float = 10.0) -> pd.DataFrame:
    """The same with rows to come, whose load is empty."""
    parts = []
    for _, part in frame.groupby("region", sort=False):
        times = part["time"].iloc[-1] + pd.to_timedelta(np.arange(1, steps + 1), unit="h")
        rows = pd.DataFrame({"time": times, "region": part["region"].iloc[0], "load": np.nan, "price": price})
        parts += [part, rows]
    return pd.concat(parts, ignore_index=True)


class TestKnownCovariates:
    def test_given_for_the_steps_to_come_they_are_read(self, table: Run) -> None:
        given = coming(loads())
        said = table.predict(given)
        assert said["series"].tolist() == ["north"] * 3 + ["south"] * 3
        assert said["step"].tolist() == [1, 2, 3] * 2
        expected = given[given["load"].isna()]["time"].tolist()
        assert said["time"].tolist() == expected
        dear = given.assign(price=given["price"].where(given.index != 91, 40.0))  # north's second hour to come
        changed = table.predict(dear)["forecast"] != said["forecast"]
        assert changed.tolist() == [False, True, False, False, False, False]

    def test_more_rows_to_come_than_the_horizon_change_nothing(self, table: Run) -> None:
        pd.testing.assert_frame_equal(table.predict(coming(loads(), 3)), table.predict(coming(loads(), 5)))

    @pytest.mark.parametrize("steps", [0, 2])
    def test_not_given_it_is_said_which_are_needed_and_for_how_many_steps(self, table: Run, steps: int) -> None:
        message = f"series 'north' needs price for the 3 steps to come, but has {steps} such rows"
        with pytest.raises(DataError, match=message):
            table.predict(coming(loads(), steps) if steps else loads())

    def test_an_empty_covariate_to_come_is_refused(self, table: Run) -> None:
        with pytest.raises(DataError, match="needs price for the 3 steps to come"):
            table.predict(coming(loads(), price=np.nan))

    def test_a_missing_column_is_named(self, table: Run) -> None:
        with pytest.raises((DataError, ConfigError), match="price"):
            table.predict(coming(loads()).drop(columns="price"))
        with pytest.raises((DataError, ConfigError), match="load"):
            table.predict(coming(loads()).drop(columns="load"))


class TestScales:
    def test_each_series_keeps_its_own_scale_by_name_in_any_order(self, table: Run) -> None:
        frame = coming(loads())
        turned = pd.concat([frame[frame["region"] == "south"], frame[frame["region"] == "north"]], ignore_index=True)
        plain, other = (table.predict(f).set_index(["series", "step"])[BOUNDS] for f in (frame, turned))
        pd.testing.assert_frame_equal(other.loc[plain.index], plain, rtol=1e-6)
        alone = table.predict(frame[frame["region"] == "south"]).set_index(["series", "step"])[BOUNDS]
        pd.testing.assert_frame_equal(alone, plain.loc[["south"]], rtol=1e-6)

    def test_a_series_that_was_not_in_training_has_its_own_and_it_is_said(self, table: Run) -> None:
        said: list[str] = []
        run = Run(table.directory, "best", said.append)
        frame = coming(loads())
        renamed = frame.assign(region=frame["region"].replace("south", "west"))
        found = run.predict(renamed)
        assert said == ["note: 1 series were not in training (west); scaled by their own history"]
        west = found[found["series"] == "west"]["forecast"]
        assert west.between(1000, 2300).all()  # its own size, twice north's

    def test_a_known_series_is_not_scaled_anew(self, table: Run) -> None:
        said: list[str] = []
        Run(table.directory, "best", said.append).predict(coming(loads()))
        assert said == []


def test_a_direction_is_forecast_as_a_probability(tiny: Sequence[str], bars: pd.DataFrame, tmp_path: Path) -> None:
    composed = compose(
        [*tiny, "data.target=direction", "data.horizon=2", "trainer.max_epochs=1", "task.baselines=[naive]",
         f"outputs={tmp_path}", "tracking=quiet"]
    )  # fmt: skip
    said = Run(train(composed, ["pytest"]).directory).predict(bars)
    assert list(said.columns) == ["series", "time", "step", "probability_of_rise"]
    assert said["probability_of_rise"].between(0, 1).all()
    assert len(said) == 2
