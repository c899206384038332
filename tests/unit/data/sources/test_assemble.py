from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from support.series import data

from seqexp.data.cleaning import Rows
from seqexp.data.sources.assemble import Ahead, clean_all
from seqexp.errors import DataError

NAN = math.nan


def rows(name: str, *columns: Sequence[float], dated: bool = True) -> Rows:
    """Days from 2020-01-01 on, or positions."""
    values = np.array(columns, dtype=np.float64).T
    times = np.arange(len(values))
    stamps = (np.datetime64("2020-01-01") + times).astype("datetime64[ns]") if dated else times
    return Rows(name, stamps, values, [f"c{i}" for i in range(len(columns))], lambda row: f"{name} line {row + 2}")


def config(**changes: Any) -> Any:
    return data("table", window=2, horizon=1, **changes)


def test_series_lie_end_to_end() -> None:
    found = clean_all([rows("a", [1, 2, 3]), rows("b", [4, 5, 6, 7])], config(), "D", needed=3)
    assert [r.name for r in found.series] == ["a", "b"]
    assert found.offsets.tolist() == [0, 3, 7]
    assert found.offsets.dtype == np.int64
    days = [int(d) for d in (found.times - np.datetime64("2020-01-01")) / np.timedelta64(1, "D")]
    assert days == [0, 1, 2, 0, 1, 2, 3]
    assert (found.frequency, found.notes) == ("D", ())


def test_data_begins_at_its_start() -> None:
    given = [rows("a", [1, 2, 3, 4, 5])]
    found = clean_all(given, config(start="2020-01-03"), "D", needed=3)
    assert found.series[0].values[:, 0].tolist() == [3, 4, 5]
    assert str(found.times[0]).startswith("2020-01-03")
    assert found.series[0].place(0) == "a line 4"  # still the line of the file


def test_a_start_leaves_positions_alone() -> None:
    found = clean_all([rows("a", [1, 2, 3], dated=False)], config(start="2020-01-03"), None, needed=3)
    assert found.offsets.tolist() == [0, 3]


def test_a_short_series_is_refused_with_its_length_or_dropped_with_a_note() -> None:
    given = [rows("a", [1, 2, 3]), rows("b", [4, 5]), rows("c", [6])]
    message = r"series 'c' has 1 rows, but one window and its horizon need 3 \(data\.window=2, data\.horizon=1\); make"
    with pytest.raises(DataError, match=rf"{message} them smaller, or choose data\.cleaning\.short=drop$"):
        clean_all(given, config(), "D", needed=3)
    given = [rows("a", [1, 2, 3]), rows("b", [4, 5]), rows("c", [6])]
    found = clean_all(given, config(cleaning={"short": "drop"}), "D", needed=3)
    assert [r.name for r in found.series] == ["a"]
    assert found.notes == ("2 series with fewer than 3 rows were dropped: b, c",)


def test_where_all_are_short_dropping_is_no_way_out() -> None:
    with pytest.raises(DataError, match=r"series 'b' has 0 rows, .*; make them smaller$"):
        clean_all([rows("a", [1, 2]), rows("b", [])], config(cleaning={"short": "drop"}), "D", needed=3)


def test_a_series_is_judged_by_what_cleaning_leaves() -> None:
    given = [rows("a", [1, NAN, 3])]
    with pytest.raises(DataError, match="series 'a' has 2 rows"):
        clean_all(given, config(cleaning={"non_finite": "drop"}), "D", needed=3)


def test_notes_of_cleaning_are_passed_on() -> None:
    found = clean_all([rows("a", [1, NAN, 3])], config(cleaning={"non_finite": "ffill"}), "D", needed=3)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("a: 1 rows had numbers that are not finite")


# Rows to come, for a forecast from new data.


@pytest.mark.parametrize("dated", [True, False])
def test_rows_to_come_are_added_with_their_times(dated: bool) -> None:
    given = [rows("a", [1, 2, 3], dated=dated), rows("b", [4, 5], dated=dated)]
    found = clean_all(given, config(), "D" if dated else None, needed=2, ahead=Ahead(2, (0,), ()))
    assert found.offsets.tolist() == [0, 5, 9]
    np.testing.assert_array_equal(found.series[0].values[:, 0], [1, 2, 3, NAN, NAN])
    steps = [0, 1, 2, 3, 4, 0, 1, 2, 3]
    expected = np.datetime64("2020-01-01", "ns") + np.array(steps) * np.timedelta64(86_400, "s") if dated else steps
    assert found.times.tolist() == np.asarray(expected).tolist()


def test_what_is_known_of_the_rows_to_come_is_kept() -> None:
    given = rows("a", [1, 2, NAN, NAN, NAN], [10, 20, 30, 40, 50])
    found = clean_all([given], config(), "D", needed=2, ahead=Ahead(2, (0,), (1,)))
    np.testing.assert_array_equal(found.series[0].values, [[1, 10], [2, 20], [NAN, 30], [NAN, 40]])


@pytest.mark.parametrize("known", [[10, 20, 30], [10, 20, 30, NAN]])
def test_a_covariate_that_is_not_given_for_all_steps_to_come_is_asked_for(known: list[float]) -> None:
    target = [1, 2, *[NAN] * (len(known) - 2)]
    with pytest.raises(DataError, match=r"series 'a' needs c1 for the 2 steps to come, but has \d such rows; add rows"):
        clean_all([rows("a", target, known)], config(), "D", needed=2, ahead=Ahead(2, (0,), (1,)))


def test_a_gap_within_the_series_is_no_row_to_come() -> None:
    given = rows("a", [1, NAN, 3])
    found = clean_all([given], config(cleaning={"non_finite": "ffill"}), "D", needed=2, ahead=Ahead(1, (0,), ()))
    np.testing.assert_array_equal(found.series[0].values[:, 0], [1, 1, 3, NAN])


def test_a_history_too_short_to_forecast_from_is_refused() -> None:
    with pytest.raises(DataError, match="series 'a' has 1 rows, but a forecast reads the last 2; give more rows"):
        clean_all([rows("a", [1, NAN])], config(), "D", needed=2, ahead=Ahead(1, (0,), ()))


def test_a_series_without_any_target_has_no_history() -> None:
    with pytest.raises(DataError, match="series 'a' has 0 rows, but a forecast reads the last 2"):
        clean_all([rows("a", [NAN, NAN, NAN])], config(), "D", needed=2, ahead=Ahead(1, (0,), ()))
