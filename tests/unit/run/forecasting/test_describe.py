from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqexp.config.compose import compose
from seqexp.run.forecasting.describe import describe, render
from seqexp.run.forecasting.problem import summarised


@pytest.fixture(scope="module")
def described(tiny: Sequence[str]) -> dict[str, Any]:
    return describe(compose([*tiny, "data.horizon=2", "data.features=[log_return]"]).experiment)


def test_it_says_what_the_file_holds(described: dict[str, Any], prices: Path) -> None:
    bars = pd.read_csv(prices)
    assert (described["data"], described["series"], described["names"]) == ("stocks", 1, ["prices"])
    assert described["rows"] == described["shortest"] == described["longest"] == 120
    assert (described["from"][:10], described["to"][:10]) == (bars["Date"].iloc[0], bars["Date"].iloc[-1])
    assert (described["frequency"], described["season"]) == ("B", 5)
    assert described["target"] == ["close"]
    close = bars["Close"]
    assert described["target_range"] == pytest.approx([close.min(), close.mean(), close.max()])
    assert (described["observed"], described["known"]) == (["log_return"], [])
    assert (described["window"], described["horizon"]) == (8, 2)


def test_it_says_how_it_is_split(described: dict[str, Any], prices: Path) -> None:
    dates = pd.read_csv(prices)["Date"]
    # the first return is unknown, so the first window ends at row 8; the last ends 2 before the border
    expected = {"train": (0, 84, 84 - 2 - 8), "valid": (84, 102, 17), "test": (102, 120, 17)}
    for name, (first, stop, windows) in expected.items():
        split = described["splits"][name]
        assert (split["rows"], split["windows"]) == (stop - first, windows)
        assert (split["from"][:10], split["to"][:10]) == (dates[first], dates[stop - 1])


def test_it_shows_the_first_rows_with_an_unknown_feature_as_none(described: dict[str, Any], prices: Path) -> None:
    bars = pd.read_csv(prices)
    rows = described["first_rows"]
    assert len(rows) == 5
    assert [r["close"] for r in rows] == bars["Close"].head(5).tolist()
    assert rows[0]["log_return"] is None
    assert rows[1]["log_return"] == pytest.approx(np.log(bars["Close"][1] / bars["Close"][0]), rel=1e-6)


def test_rendered_it_is_a_line_a_fact_and_a_table_of_the_first_rows(described: dict[str, Any]) -> None:
    lines = render(described).splitlines()
    facts = {line[:12].strip(): line[13:] for line in lines[: lines.index("")]}
    assert facts["series"] == "prices"
    assert facts["rows"] == "120 (120 to 120 a series)"
    assert facts["time"] == "2020-01-01 to 2020-06-16"
    assert facts["known ahead"] == "nothing"
    assert facts["window"] == "8 steps, horizon 2"
    assert facts["train"].startswith("84 rows, 74 windows, 2020-01-01 to ")
    assert facts["fingerprint"] == described["fingerprint"][:16]
    table = lines[lines.index("") + 1 :]
    assert table[0].split() == ["series", "time", "close", "log_return"]
    assert len(table) == 6
    assert table[1].split() == ["prices", "2020-01-01", f"{described['first_rows'][0]['close']:.5g}"]
    assert len({len(line) for line in table}) == 1  # columns stand under one another


def test_many_series_are_named_by_the_first_ten(tmp_path: Path) -> None:
    lines = ["time," + ",".join(f"s{i}" for i in range(12))]
    values = np.random.default_rng(0).normal(100, 5, size=(60, 12))
    lines += [
        f"{t}," + ",".join(f"{v:.3f}" for v in row)
        for t, row in zip(pd.date_range("2020", periods=60), values, strict=True)
    ]
    (tmp_path / "wide.csv").write_text("\n".join(lines) + "\n")
    found = describe(compose(["data=table", f"data.path={tmp_path / 'wide.csv'}", "data.window=4"]).experiment)
    assert (found["series"], found["rows"]) == (12, 720)
    assert render(found).splitlines()[1].endswith("s8, s9, ... (12 in all)")


def test_notes_that_say_the_same_are_said_once() -> None:
    notes = [
        "a: 3 rows were out of order; sorted", "b: 3 rows were out of order; sorted", "c: a gap of 2 steps; kept",
        "d: 3 rows were out of order; sorted",
    ]  # fmt: skip
    assert summarised(notes) == [
        "a: 3 rows were out of order (and 2 other series); sorted", "c: a gap of 2 steps; kept",
    ]  # fmt: skip
    assert summarised([]) == []
