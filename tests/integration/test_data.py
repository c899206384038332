"""`seqexp data describe`: what an experiment would see, without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from integration.conftest import Cli


def test_prices_in_numbers(cli: Cli, prices: Path) -> None:
    ended = cli("data", "describe", f"data.path={prices}", "data.window=8", "data.features=[log_return]", "--json")
    assert (ended.code, ended.err) == (0, "")
    said = json.loads(ended.out)
    close = pd.read_csv(prices)["Close"]
    assert (said["rows"], said["series"], said["names"]) == (120, 1, ["prices"])
    assert (said["frequency"], said["season"]) == ("B", 5)
    assert said["target_range"] == pytest.approx([close.min(), close.mean(), close.max()])
    assert said["observed"] == ["log_return"]
    assert {k: v["rows"] for k, v in said["splits"].items()} == {"train": 84, "valid": 18, "test": 18}
    # 84 rows of train: the first row has no return, so the first window ends at the ninth row, the last at the 83rd.
    assert {k: v["windows"] for k, v in said["splits"].items()} == {"train": 75, "valid": 18, "test": 18}
    assert said["splits"]["test"]["to"].startswith("2020-06-16")
    assert [row["close"] for row in said["first_rows"]] == close[:5].tolist()
    assert said["first_rows"][0]["log_return"] is None
    assert list(cli.cwd.iterdir()) == []


def test_prices_in_words(cli: Cli, prices: Path) -> None:
    ended = cli("data", "describe", f"data.path={prices}", "data.window=8")
    assert ended.code == 0
    found = {line[:12].strip(): line[13:] for line in ended.out.splitlines() if line[:12].strip()}
    assert found["rows"] == "120 (120 to 120 a series)"
    assert found["time"] == "2020-01-01 to 2020-06-16"
    assert found["frequency"] == "B, season 5"
    assert found["window"] == "8 steps, horizon 1"
    assert found["test"].startswith("18 rows, 18 windows, 2020-05-22 to 2020-06-16")


def test_what_was_mended_is_noted(cli: Cli) -> None:
    rows = [f"2020-01-{d:02d},{d}" for d in range(1, 31)]
    rows[4], rows[5] = rows[5], rows[4]
    rows[9] = "2020-01-10,"
    (cli.cwd / "t.csv").write_text("\n".join(["day,sold", *rows, ""]))
    words = (
        "data",
        "describe",
        "data=table",
        "data.path=t.csv",
        "data.window=4",
        "data.cleaning.non_finite=interpolate",
    )
    said = json.loads(cli(*words, "--json").out)
    assert len(said["notes"]) == 2
    assert said["notes"][0].startswith("sold: 1 rows were out of time order, first at t.csv line 7; sorted")
    assert "t.csv line 11" in said["notes"][1]
    assert said["target_range"] == [1.0, 15.5, 30.0]
    assert f"note         {said['notes'][0]}" in cli(*words).out


def test_what_is_wrong_is_said_as_in_training(cli: Cli) -> None:
    ended = cli("data", "describe", "data=table", "data.path=no.csv", "model.hiden=3")
    assert ended.code == 2
    assert "unknown key 'model.hiden'" in ended.err
