"""`seqexp predict`: forecasts from files and pipes, equal to the tested ones, and refusals that say what is missing."""

from __future__ import annotations

import gzip
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from integration.runs import files, the_run

if TYPE_CHECKING:
    from integration.conftest import Cli, Warm

COLUMNS = ["series", "time", "step", "forecast", "lower_80", "upper_80", "lower_95", "upper_95"]


def predicted(cli: Cli, run: Path, source: Path | str, *options: str, stdin: bytes = b"") -> pd.DataFrame:
    ended = cli("predict", str(run), "--input", str(source), *options, stdin=stdin)
    assert ended.code == 0, ended.err
    return pd.read_csv(io.StringIO(ended.out))


def first_days(prices: Path, folder: Path, days: int) -> Path:
    """The file as it was on a former day."""
    path = folder / "prices.csv"
    path.write_text("\n".join(prices.read_text().splitlines()[: days + 1]) + "\n")
    return path


def test_one_row_for_the_day_to_come(cli: Cli, finished: Path, prices: Path) -> None:
    frame = predicted(cli, finished, prices)
    assert list(frame) == COLUMNS
    (row,) = frame.to_dict("records")
    assert (row["series"], row["time"], row["step"]) == ("prices", "2020-06-17", 1)  # 120 weekdays from January on
    assert row["lower_95"] <= row["lower_80"] <= row["upper_80"] <= row["upper_95"]
    close = float(prices.read_text().splitlines()[-1].split(",")[4])
    assert abs(row["forecast"] / close - 1) < 0.05


@pytest.mark.parametrize("days", [119, 110, 103])
def test_the_forecast_made_on_a_day_is_the_one_that_was_tested(
    cli: Cli, finished: Path, prices: Path, days: int
) -> None:
    """Nothing that came later, and nothing of how windows are batched, has a part in it."""
    (row,) = predicted(cli, finished, first_days(prices, cli.cwd, days)).to_dict("records")
    tested = pd.read_parquet(finished / "predictions" / "test.parquet").iloc[days - 120]
    assert row["time"] == str(tested["time"])[:10]
    for column in COLUMNS[3:]:
        assert row[column] == pytest.approx(tested[column], rel=1e-6), column


def test_python_says_the_same(cli: Cli, finished: Path, prices: Path) -> None:
    from seqexp import load_run

    frame = load_run(finished).predict(prices)
    shown = predicted(cli, finished, prices)
    np.testing.assert_array_equal(frame[COLUMNS[3:]].to_numpy(), shown[COLUMNS[3:]].to_numpy())
    again = load_run(finished).predict(pd.read_csv(prices))
    np.testing.assert_array_equal(frame[COLUMNS[3:]].to_numpy(), again[COLUMNS[3:]].to_numpy())


def test_every_way_in_and_out_gives_the_same_numbers(cli: Cli, finished: Path, prices: Path) -> None:
    expected = predicted(cli, finished, prices)
    table = pd.read_csv(prices)
    table.to_parquet(cli.cwd / "p.parquet", index=False)
    table[["Volume", "Close", "Low", "Date", "High", "Open"]].assign(Note="x").to_csv(cli.cwd / "p.csv", index=False)
    (cli.cwd / "p.tsv").write_text(prices.read_text().replace(",", "\t"))
    (cli.cwd / "p.csv.gz").write_bytes(gzip.compress(prices.read_bytes()))
    for source in ("p.parquet", "p.csv", "p.tsv", "p.csv.gz"):
        frame = predicted(cli, finished, source)
        pd.testing.assert_frame_equal(frame.drop(columns="series"), expected.drop(columns="series"), check_exact=True)
    piped = predicted(cli, finished, "-", stdin=prices.read_bytes())
    pd.testing.assert_frame_equal(piped.drop(columns="series"), expected.drop(columns="series"), check_exact=True)
    for name, read in (("f.csv", pd.read_csv), ("f.parquet", pd.read_parquet)):
        ended = cli("predict", str(finished), "--input", str(prices), "--output", name)
        assert (ended.code, ended.out, ended.err) == (0, "", "")
        frame = read(cli.cwd / name)
        assert list(frame) == COLUMNS
        np.testing.assert_array_equal(frame["forecast"], expected["forecast"])


def test_only_the_last_rows_matter_where_features_look_no_further(cli: Cli, finished: Path, prices: Path) -> None:
    rows = prices.read_text().splitlines()
    short = "\n".join([rows[0], *rows[-100:], ""]).encode()
    assert predicted(cli, finished, "-", stdin=short)["forecast"][0] == pytest.approx(
        predicted(cli, finished, prices)["forecast"][0], rel=1e-6
    )


def test_forecasting_changes_nothing_in_the_run(cli: Cli, copy: Path, prices: Path) -> None:
    before = files(copy)
    predicted(cli, copy, prices)
    predicted(cli, copy, prices, "--checkpoint", "last")
    assert files(copy) == before


BAD = {
    "a column is missing": ("Date,Open,High,Low,Volume\n2020-01-01,1,1,1,1\n", r"no close column among Date, Open"),
    "a feature's column is missing": (
        "Date,Close\n" + "".join(f"2020-01-{d:02d},5\n" for d in range(1, 29)),
        r"data\.features: '\w+' needs (high|low|open|volume).*, but the data has close",
    ),
    "history too short": (
        "Date,Open,High,Low,Close,Volume\n" + "".join(f"2020-01-0{d},5,6,4,5,9\n" for d in (1, 2, 3)),
        r"series 'new' has 3 rows, but a forecast reads the last 9; give more rows",
    ),
    "empty": ("", r"new\.csv is empty"),
    "a hole": (
        "Date,Open,High,Low,Close,Volume\n"
        + "".join(f"2020-01-{d:02d},5,6,4,{'' if d == 7 else 5},9\n" for d in range(1, 29)),
        r"new\.csv line 8: column 'close' is empty",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_data_that_no_forecast_can_be_made_from_is_refused(cli: Cli, finished: Path, case: str) -> None:
    content, message = BAD[case]
    (cli.cwd / "new.csv").write_text(content)
    ended = cli("predict", str(finished), "--input", "new.csv", "--output", "out.csv")
    assert ended.code == 2
    assert re.search(message, ended.err), ended.err
    assert "Traceback" not in ended.err
    assert not (cli.cwd / "out.csv").exists()


def loads(hours: int, first: int = 0) -> str:
    """Two series; on a holiday the load is 3 less, and it is known when holidays are."""
    rows = ["id,time,load,holiday"]
    for name, level in (("a", 10), ("b", 20)):
        for t in range(first, hours):
            holiday = int(t // 24 % 3 == 0)
            load = "" if t >= 90 else f"{level + math.sin(t / 3.8) - 3 * holiday:.4f}"
            rows.append(f"{name},2021-03-{1 + t // 24:02d} {t % 24:02d}:00,{load},{holiday}")
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="session")
def knowing(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two series with a covariate that is known ahead, three steps at a time, with quantiles."""
    folder = tmp_path_factory.mktemp("knowing")
    (folder / "loads.csv").write_text(loads(90))
    ended = warm.cli(folder)(
        "train", "data=table", "data.path=loads.csv", "data.target=load", "data.known=[holiday]", "data.window=12",
        "data.horizon=3", "model.hidden_sizes=[4]", "task.head=quantile", "trainer.max_epochs=2", "task.baselines=[]",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    return the_run(folder)


def test_known_covariates_of_the_steps_to_come_are_read(cli: Cli, knowing: Path) -> None:
    frame = predicted(cli, knowing, "-", stdin=loads(93).encode())
    assert list(zip(frame["series"], frame["time"], frame["step"], strict=True)) == [
        (name, f"2021-03-04 {hour}:00:00", step) for name in "ab" for hour, step in ((18, 1), (19, 2), (20, 3))
    ]
    assert (np.diff(frame[["lower_95", "lower_80", "forecast", "upper_80", "upper_95"]].to_numpy(), axis=1) >= 0).all()
    other = predicted(cli, knowing, "-", stdin=loads(93).replace(",,1", ",,0").encode())
    assert (other["forecast"] != frame["forecast"]).all()
    longer = predicted(cli, knowing, "-", stdin=loads(96).encode())
    pd.testing.assert_frame_equal(longer, frame, check_exact=True)


@pytest.mark.parametrize("hours", [90, 92])
def test_known_covariates_that_are_not_given_are_asked_for(cli: Cli, knowing: Path, hours: int) -> None:
    ended = cli("predict", str(knowing), "--input", "-", stdin=loads(hours).encode())
    assert ended.code == 2
    said = f"series 'a' needs holiday for the 3 steps to come, but has {hours - 90} such rows; add rows behind the last"
    assert said in ended.err


def test_a_series_that_was_not_in_training_is_scaled_by_itself_and_said(cli: Cli, knowing: Path) -> None:
    (cli.cwd / "new.csv").write_text(loads(93).replace("\nb,", "\nc,"))
    ended = cli("predict", str(knowing), "--input", "new.csv")
    assert ended.code == 0
    assert ended.err == "note: 1 series were not in training (c); scaled by their own history\n"
    frame = pd.read_csv(io.StringIO(ended.out))
    assert frame[frame["series"] == "c"]["forecast"].between(10, 25).all()


def test_a_direction_is_a_probability(cli: Cli, tiny: Sequence[str], prices: Path) -> None:
    assert cli("train", *tiny, "data.target=direction", "trainer.max_epochs=1").code == 0
    frame = predicted(cli, the_run(cli.cwd), prices)
    assert list(frame) == ["series", "time", "step", "probability_of_rise"]
    assert 0 < frame["probability_of_rise"][0] < 1
