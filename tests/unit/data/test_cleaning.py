from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.series import cleaning

from seqexp.data.cleaning import Rows, clean
from seqexp.errors import DataError

NAN, INF = math.nan, math.inf


def rows(times: Sequence[int | str], *columns: Sequence[float], dated: bool = True) -> Rows:
    """A series of 2020-01 by days, or of dates, whose rows are lines of a file from 2 on."""
    if not dated:
        stamps = np.array(times)
    elif isinstance(times[0], str):
        stamps = np.array(times, dtype="datetime64[ns]")
    else:
        stamps = (np.datetime64("2019-12-31") + np.array(times)).astype("datetime64[ns]")
    names = [f"c{i}" for i in range(len(columns))]
    return Rows("a", stamps, np.array(columns, dtype=np.float64).T, names, lambda row: f"a.csv line {row + 2}")


def day_numbers(found: Rows) -> list[int]:
    return [int(d) for d in (found.times - np.datetime64("2019-12-31")) / np.timedelta64(1, "D")]


def test_rows_that_are_as_they_should_be_are_left_alone() -> None:
    given = rows([1, 2, 3], [5, 6, 7])
    times, values = given.times, given.values
    found = clean(given, cleaning(gaps="refuse", unsorted="refuse"), "D")
    assert found.notes == []
    assert found.times is times  # not even copied
    assert found.values is values
    assert found.order is None


# Order.


def test_rows_out_of_order_are_sorted_with_their_values_and_it_is_said() -> None:
    found = clean(rows([1, 4, 2, 3], [10, 40, 20, 30], [1, 4, 2, 3]), cleaning(), "D")
    assert day_numbers(found) == [1, 2, 3, 4]
    assert found.values.tolist() == [[10, 1], [20, 2], [30, 3], [40, 4]]
    assert found.notes == ["a: 1 rows were out of time order, first at a.csv line 4; sorted"]
    assert [found.place(row) for row in range(4)] == [f"a.csv line {n}" for n in (2, 4, 5, 3)]


def test_rows_out_of_order_are_refused_with_their_line() -> None:
    with pytest.raises(DataError, match=r"^a\.csv line 4: 2020-01-02 comes after 2020-01-04 in series 'a'; sort the"):
        clean(rows([1, 4, 2, 3], [1, 2, 3, 4]), cleaning(unsorted="refuse"), "D")


# Duplicates.


@pytest.mark.parametrize(
    ("how", "expected"), [("first", [10, 20, 30, 60]), ("last", [10, 24, 30, 60]), ("mean", [10, 22, 30, 60])]
)
def test_one_of_several_rows_of_a_time_is_kept(how: str, expected: list[float]) -> None:
    found = clean(rows([1, 2, 2, 3, 2, 4], [10, 20, 22, 30, 24, 60]), cleaning(duplicates=how), "D")
    assert found.values[:, 0].tolist() == expected
    assert day_numbers(found) == [1, 2, 3, 4]
    assert found.notes[1] == f"a: 2 rows had a time that another has, first at a.csv line 4; kept the {how}"


def test_a_time_that_comes_twice_is_refused_with_its_line() -> None:
    with pytest.raises(
        DataError, match=r"^a\.csv line 5: series 'a' has 2020-01-02 twice \(1 such rows in all\); give"
    ):
        clean(rows([1, 2, 3, 2], [1, 2, 3, 4]), cleaning(), "D")


def test_a_mean_with_a_number_that_is_missing_is_missing() -> None:
    found = clean(rows([1, 1, 2], [1, NAN, 3]), cleaning(duplicates="mean", non_finite="drop"), None)
    assert found.values.tolist() == [[3]]


# Numbers that are not finite.


@pytest.mark.parametrize(("value", "shown"), [(NAN, "empty"), (INF, "inf"), (-INF, "-inf")])
def test_a_number_that_is_not_finite_is_refused_with_line_and_column(value: float, shown: str) -> None:
    given = rows([1, 2, 3, 4], [1, 2, 3, 4], [5, 6, value, NAN])
    with pytest.raises(DataError, match=rf"^a\.csv line 4: column 'c1' is {shown} \(2 such rows in series 'a'\); corr"):
        clean(given, cleaning(), "D")


@pytest.mark.parametrize(
    ("how", "days", "expected"),
    [
        ("drop", [2, 5], [2, 8]),
        ("ffill", [2, 3, 4, 5, 6], [2, 2, 2, 8, 8]),  # there is nothing to repeat on the first day
        ("interpolate", [2, 3, 4, 5, 6], [2, 4, 6, 8, 8]),  # nothing comes after the last
    ],
)
def test_numbers_that_are_not_finite_are_mended(how: str, days: list[int], expected: list[float]) -> None:
    found = clean(rows([1, 2, 3, 4, 5, 6], [NAN, 2, NAN, INF, 8, -INF]), cleaning(non_finite=how), "D")
    assert day_numbers(found) == days
    assert found.values[:, 0].tolist() == expected
    said = f"a: 4 rows had numbers that are not finite, first column 'c0' is empty at a.csv line 2; {how}"
    assert found.notes[0] == said


def test_one_column_is_mended_without_touching_the_other() -> None:
    found = clean(rows([1, 2, 3], [1, 2, 3], [4, NAN, 6]), cleaning(non_finite="ffill"), "D")
    assert found.values.tolist() == [[1, 4], [2, 4], [3, 6]]


@pytest.mark.parametrize("how", ["refuse", "drop", "ffill", "interpolate"])
def test_a_column_without_any_number_is_refused_whatever_the_choice(how: str) -> None:
    with pytest.raises(DataError, match="column 'c1' of series 'a' has no number at all; leave it out"):
        clean(rows([1, 2], [1, 2], [NAN, NAN]), cleaning(non_finite=how), "D")


# Gaps.


def test_gaps_are_kept_and_told_by_default() -> None:
    found = clean(rows([1, 2, 5, 6, 8], [1, 2, 5, 6, 8]), cleaning(), "D")
    assert day_numbers(found) == [1, 2, 5, 6, 8]
    assert found.notes == ["a: 3 steps of frequency D are missing, first 2020-01-03 00:00:00; keep"]


@pytest.mark.parametrize(("how", "expected"), [("ffill", [1, 2, 2, 2, 5, 6]), ("interpolate", [1, 2, 3, 4, 5, 6])])
def test_gaps_are_filled(how: str, expected: list[float]) -> None:
    found = clean(rows([1, 2, 5, 6], [1, 2, 5, 6]), cleaning(gaps=how), "D")
    assert day_numbers(found) == [1, 2, 3, 4, 5, 6]
    assert found.times.dtype == "datetime64[ns]"
    assert found.values[:, 0].tolist() == expected
    assert found.notes == [f"a: 2 steps of frequency D are missing, first 2020-01-03 00:00:00; {how}"]


def test_gaps_are_refused_with_the_first() -> None:
    with pytest.raises(DataError, match=r"^series 'a': 2 steps of frequency D are missing, first 2020-01-03 00:00:00;"):
        clean(rows([1, 2, 5], [1, 2, 5]), cleaning(gaps="refuse"), "D")


@pytest.mark.parametrize("how", ["refuse", "ffill", "interpolate"])
def test_times_off_the_grid_cannot_be_filled(how: str) -> None:
    given = rows(["2020-01-01", "2020-01-02", "2020-01-02T12:30", "2020-01-03"], [1, 2, 3, 4])
    with pytest.raises(
        DataError, match=r"1 times are off the grid of frequency D, first 2020-01-02 12:30:00 at a\.csv l"
    ):
        clean(given, cleaning(gaps=how), "D")


def test_mixed_frequencies_are_told_with_the_first_time_off_the_grid() -> None:
    stamps = ["2020-01-01T00", "2020-01-01T01", "2020-01-01T02", "2020-01-01T02:15", "2020-01-01T02:30"]
    found = clean(rows(stamps, [1, 2, 3, 4, 5]), cleaning(), "h")
    assert len(found.times) == 5
    assert found.notes == [
        "a: 2 times are off the grid of frequency h, first 2020-01-01 02:15:00 at a.csv line 5; keep"
    ]


@pytest.mark.parametrize("frequency", [None, "B"])
def test_weekends_are_no_gap_of_business_days_and_nothing_is_of_irregular_ones(frequency: str | None) -> None:
    given = rows([2, 3, 6, 7, 8, 9, 10, 13], [1] * 8)  # 2020-01-02 was a Thursday
    assert clean(given, cleaning(gaps="refuse"), frequency).notes == []


@settings(max_examples=60, deadline=None)
@given(
    frequency=st.sampled_from(["h", "15min", "D", "2D", "B", "W-FRI", "MS", "YS"]),
    count=st.integers(2, 60),
    without=st.lists(st.integers(1, 58), max_size=3),
)
def test_a_gap_is_told_where_there_is_one(frequency: str, count: int, without: list[int]) -> None:
    grid = pd.date_range("2001-03-07", periods=count, freq=frequency).to_numpy(dtype="datetime64[ns]")
    inner = {row for row in without if row < count - 1}
    times = np.delete(grid, sorted(inner))
    given_ = Rows("a", times, np.zeros((len(times), 1)), ["c0"], str)
    notes = clean(given_, cleaning(), frequency).notes
    if inner:
        assert notes[0].startswith(
            f"a: {len(inner)} steps of frequency {frequency} are missing, first {pd.Timestamp(grid[min(inner)])}"
        )
    else:
        assert notes == []


def test_positions_have_no_gaps() -> None:
    assert clean(rows([0, 1, 5], [1, 2, 3], dated=False), cleaning(gaps="refuse"), "D").notes == []


def test_one_row_has_no_gaps() -> None:
    assert clean(rows([1], [1]), cleaning(gaps="refuse"), "D").notes == []


# One after another.


def test_all_at_once() -> None:
    given = rows([5, 1, 2, 2, 3], [50, 10, 20, 24, NAN])
    found = clean(given, cleaning(duplicates="mean", non_finite="interpolate", gaps="interpolate"), "D")
    assert day_numbers(found) == [1, 2, 3, 4, 5]
    # sorted: 10, (20, 24), nothing, 50; the missing number of day 3 lies midway between its neighbours' rows
    assert found.values[:, 0].tolist() == [10, 22, 36, 43, 50]
    assert [note.split("; ")[-1] for note in found.notes] == [
        "sorted", "kept the mean", "interpolate", "interpolate"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "line"), [({"duplicates": "first", "non_finite": "refuse"}, 7), ({"duplicates": "refuse"}, 5)]
)
def test_a_row_is_named_by_its_line_after_it_was_moved(policy: dict[str, str], line: int) -> None:
    given = rows([6, 1, 2, 2, 4, 5], [1, 1, 1, 1, 1, NAN])
    with pytest.raises(DataError, match=rf"^a\.csv line {line}: "):
        clean(given, cleaning(**policy), "D")
