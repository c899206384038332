from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqexp.data.sources.frequency import check_frequency, find_frequency, future_times, season_of
from seqexp.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("frequency", "season"),
    [
        ("h", 24), ("15min", 96), ("30min", 48), ("D", 7), ("B", 5), ("W-FRI", 52), ("W-SUN", 52), ("MS", 12),
        ("ME", 12), ("QS-JAN", 4), ("QE-DEC", 4), ("YS-JAN", 1), ("YE-DEC", 1), ("2h", 12), ("BMS", 12), ("10s", 8640),
    ],
)  # fmt: skip
def test_a_frequency_is_found_with_its_season(frequency: str, season: int) -> None:
    times = pd.date_range("2001-01-01", periods=60, freq=frequency).to_numpy(dtype="datetime64[ns]")
    assert find_frequency([times]) == frequency
    assert season_of(frequency) == season


@settings(max_examples=40, deadline=None)
@given(
    frequency=st.sampled_from(["h", "15min", "D", "B", "W-FRI", "MS", "QS-OCT", "YS-JAN", "4h"]),
    rows=st.integers(10, 300),
    data=st.data(),
)
def test_a_frequency_is_found_in_any_stretch_and_order(frequency: str, rows: int, data: st.DataObject) -> None:
    start = data.draw(
        st.dates(min_value=pd.Timestamp("1800-01-01").date(), max_value=pd.Timestamp("1950-01-01").date())
    )
    times = pd.date_range(start, periods=rows, freq=frequency).to_numpy(dtype="datetime64[ns]")
    shuffled = np.random.default_rng(0).permutation(np.concatenate((times, times[:3])))
    found = find_frequency([times])
    assert found == find_frequency([shuffled])
    assert pd.date_range(times[0], periods=rows, freq=found).tolist() == pd.DatetimeIndex(times).tolist()
    assert season_of(found) == season_of(frequency)


def test_business_days_have_holidays() -> None:
    days = pd.bdate_range("2015-01-01", "2020-12-31")
    holidays = days[(days.month == 12) & (days.day >= 24)].union(days[(days.month == 1) & (days.day == 1)])
    assert find_frequency([days.difference(holidays).to_numpy(dtype="datetime64[ns]")]) == "B"


def test_hours_have_gaps() -> None:
    hours = pd.date_range("2020-01-01", periods=2000, freq="h").to_numpy(dtype="datetime64[ns]")
    kept = np.sort(np.random.default_rng(0).permutation(2000)[:1900])
    assert find_frequency([hours[kept]]) == "h"


def test_a_gap_in_each_stretch_leaves_the_commonest_step() -> None:
    hours = np.datetime64("2020-01-01", "ns") + np.arange(200) * np.timedelta64(3_600_000_000_000, "ns")
    assert find_frequency([hours[np.arange(200) % 5 != 0]]) == "h"


def test_most_series_decide() -> None:
    days = pd.date_range("2020-01-01", periods=50).to_numpy(dtype="datetime64[ns]")
    months = pd.date_range("2000-01-01", periods=50, freq="MS").to_numpy(dtype="datetime64[ns]")
    assert find_frequency([months, days, months]) == "MS"


@pytest.mark.parametrize("count", [0, 1, 40])
def test_irregular_times_have_no_frequency(count: int) -> None:
    steps = np.random.default_rng(0).integers(1, 10**6, count)
    assert find_frequency([np.datetime64("2020-01-01", "ns") + np.cumsum(steps) * np.timedelta64(10**9, "ns")]) is None


@pytest.mark.parametrize(
    ("frequency", "season"), [(None, 1), ("5h", 1), ("7min", 1), ("SME", 24), ("C", 5), ("2W", 26)]
)
def test_other_seasons(frequency: str | None, season: int) -> None:
    assert season_of(frequency) == season


@pytest.mark.parametrize(("given_", "found"), [("h", "h"), ("15min", "15min"), ("W", "W-SUN"), ("QS", "QS-JAN")])
def test_a_frequency_that_pandas_knows_is_taken(given_: str, found: str) -> None:
    assert check_frequency(given_) == found


@pytest.mark.parametrize("wrong", ["hourlyy", "", "-1D", "0h", "weekly please"])
def test_a_frequency_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.frequency must be auto, none or a pandas offset such as h"):
        check_frequency(wrong)


@pytest.mark.parametrize(
    ("last", "frequency", "expected"),
    [
        ("2020-01-31T23:00", "h", ["2020-02-01", "2020-02-01T01:00:00"]),
        ("2024-01-05", "B", ["2024-01-08", "2024-01-09"]),  # from a Friday
        ("2024-01-06", "B", ["2024-01-08", "2024-01-09"]),  # from a Saturday, which is on no grid
        ("2020-11-01", "MS", ["2020-12-01", "2021-01-01"]),
        ("2020-01-31", "ME", ["2020-02-29", "2020-03-31"]),
        ("2020-01-03", "W-FRI", ["2020-01-10", "2020-01-17"]),
        ("2020-01-01", "YS-JAN", ["2021-01-01", "2022-01-01"]),
    ],
)
def test_the_times_to_come_follow_the_last(last: str, frequency: str, expected: list[str]) -> None:
    found = future_times(np.datetime64(last, "ns"), frequency, 2)
    assert found.tolist() == np.array(expected, dtype="datetime64[ns]").tolist()


def test_without_a_frequency_the_times_to_come_cannot_be_told() -> None:
    with pytest.raises(DataError, match=r"the data has no regular frequency; give data\.frequency"):
        future_times(np.datetime64("2020-01-01", "ns"), None, 2)
