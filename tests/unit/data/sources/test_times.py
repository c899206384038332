from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqexp.data.sources.files import Table
from seqexp.data.sources.times import (
    early_dates,
    find_time_column,
    parse_times,
    require,
)
from seqexp.errors import ConfigError, DataError


def table(**columns: Sequence[Any]) -> Table:
    return Table(pd.DataFrame(columns), Path("rows.csv"), lambda row: f"rows.csv line {row + 2}")


def parsed(values: Sequence[Any], date_format: str | None = None) -> list[str]:
    found = parse_times(table(t=values), "t", date_format)
    assert found.dtype == "datetime64[ns]"
    return [str(v).removesuffix("T00:00:00.000000000").removesuffix(".000000000") for v in found]


UNIX = 1_577_836_800  # 2020-01-01


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1949, 1950, 1951], ["1949-01-01", "1950-01-01", "1951-01-01"]),
        ([1949.0, 1949.25, 1949.5], ["1949-01-01", "1949-04-01", "1949-07-01"]),
        ([1949.0, 1949.083, 1949.167, 1949.25], ["1949-01-01", "1949-02-01", "1949-03-01", "1949-04-01"]),
        ([194901, 194902, 194912], ["1949-01-01", "1949-02-01", "1949-12-01"]),
        ([20160131, 20160201], ["2016-01-31", "2016-02-01"]),
        ([UNIX, UNIX + 3600], ["2020-01-01", "2020-01-01T01:00:00"]),
        ([UNIX * 10**3, UNIX * 10**3 + 500], ["2020-01-01", "2020-01-01T00:00:00.500000000"]),
        ([UNIX * 10**6], ["2020-01-01"]),
        ([UNIX * 10**9 + 1], ["2020-01-01T00:00:00.000000001"]),
        ([float(UNIX), float(UNIX + 1)], ["2020-01-01", "2020-01-01T00:00:01"]),
    ],
)
def test_numbers_are_dates_where_they_look_like_them(values: list[float], expected: list[str]) -> None:
    assert parsed(values) == expected


@pytest.mark.parametrize(
    "values", [[0, 1, 2], [1, 2, 3], [1000, 1001], [5.0, 6.0], [167_800, 167_801], [201_613, 201_614]]
)
def test_other_whole_numbers_count_steps(values: list[float]) -> None:
    found = parse_times(table(t=values), "t", None)
    assert found.dtype == np.int64
    assert found.tolist() == values


@pytest.mark.parametrize(
    ("values", "line", "shown"),
    [([1.0, 2.5, 3.0], 3, "has '2.5'"), ([20160131, 20160132], 3, "has '20160132'"), ([1950.0, np.nan], 3, "is empty")],
)
def test_numbers_that_are_no_dates_are_refused_with_their_line(values: list[float], line: int, shown: str) -> None:
    with pytest.raises(
        DataError, match=rf"^rows\.csv line {line}: column 't' must hold dates, but {shown}; correct it"
    ):
        parse_times(table(t=values), "t", None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2020-01-31", "2020-02-01"], ["2020-01-31", "2020-02-01"]),
        ([" 2020-01-31 ", "2020-02-01"], ["2020-01-31", "2020-02-01"]),
        (["2020-01-31 10:30:00", "2020-01-31 10:30:01"], ["2020-01-31T10:30:00", "2020-01-31T10:30:01"]),
        (["2020-01-31 10:30", "2020-01-31"], ["2020-01-31T10:30:00", "2020-01-31"]),
        (["1949-01", "1949-02"], ["1949-01-01", "1949-02-01"]),
        (["Jan 31, 2020", "Feb 1, 2020"], ["2020-01-31", "2020-02-01"]),
        # zones: UTC for times, but a day is a day wherever it begins
        (["2020-01-31T10:30:00Z", "2020-01-31T11:30:00Z"], ["2020-01-31T10:30:00", "2020-01-31T11:30:00"]),
        (["2020-03-29T01:30:00+01:00", "2020-03-29T03:30:00+02:00"], ["2020-03-29T00:30:00", "2020-03-29T01:30:00"]),
        (["2020-01-31 00:00:00-05:00", "2020-02-01 00:00:00-05:00"], ["2020-01-31", "2020-02-01"]),
        (["2020-07-01T00:00:00+0200", "2020-12-01T00:00:00+0100"], ["2020-07-01", "2020-12-01"]),
        # the day told from another row
        (["03/04/2020", "13/04/2020"], ["2020-04-03", "2020-04-13"]),
        (["03/04/2020", "04/13/2020"], ["2020-03-04", "2020-04-13"]),
        (["03-04-2020", "13-04-2020"], ["2020-04-03", "2020-04-13"]),
        (["03.04.2020", "04.04.2020"], ["2020-04-03", "2020-04-04"]),  # nobody writes months first with points
        (["01/01/2020", "02/02/2020"], ["2020-01-01", "2020-02-02"]),  # the same either way
        (["3/4/2020 10:00", "13/4/2020 11:00"], ["2020-04-03T10:00:00", "2020-04-13T11:00:00"]),
    ],
)
def test_texts_are_dates(values: list[str], expected: list[str]) -> None:
    assert parsed(values) == expected


def test_a_day_that_cannot_be_told_from_the_month_is_asked_about() -> None:
    with pytest.raises(
        DataError, match=r"^rows\.csv line 3: column 't' has '03/04/2020', and no row tells .*date_format"
    ):
        parsed(["2020-01-01", "03/04/2020", "05/06/2020"])
    with pytest.raises(DataError, match="has the day first in '13/04/2020', but the month first in '04/14/2020'"):
        parsed(["13/04/2020", "04/14/2020"])


@pytest.mark.parametrize(
    ("values", "form", "expected"),
    [
        (["03/04/2020", "05/06/2020"], "%d/%m/%Y", ["2020-04-03", "2020-06-05"]),
        (["03/04/2020", "05/06/2020"], "%m/%d/%Y", ["2020-03-04", "2020-05-06"]),
        ([20200304, 20200506], "%Y%d%m", ["2020-04-03", "2020-06-05"]),
        (["5 2020 Mon", "6 2020 Mon"], "%W %Y %a", ["2020-02-03", "2020-02-10"]),
    ],
)
def test_a_format_is_followed(values: list[Any], form: str, expected: list[str]) -> None:
    assert parsed(values, form) == expected


def test_a_format_that_is_none_or_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.date_format must be a strptime format, but is '%Q'"):
        parsed(["2020-01-01"], "%Q")
    with pytest.raises(DataError, match=r"^rows\.csv line 3: column 't' must hold dates, but has '2020-02-30'"):
        parsed(["2020-02-28", "2020-02-30"], "%Y-%m-%d")


@pytest.mark.parametrize("cell", ["soon", "2020-13-01", "", None])
def test_a_cell_that_is_no_date_is_refused_with_its_line(cell: str | None) -> None:
    with pytest.raises(DataError, match=r"^rows\.csv line 4: column 't' must hold dates, but (has '|is empty)"):
        parsed(["2020-01-01", "2020-01-02", cell])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_dates_of_parquet_are_taken_as_they_are(unit: str) -> None:
    days = pd.date_range("2020-01-01", periods=3).as_unit(unit)
    assert parsed(days) == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert parsed(days.tz_localize("America/New_York")) == ["2020-01-01", "2020-01-02", "2020-01-03"]
    hours = pd.date_range("2020-01-01 10:00", periods=2, freq="h").as_unit(unit).tz_localize("Asia/Tokyo")
    assert parsed(hours) == ["2020-01-01T01:00:00", "2020-01-01T02:00:00"]


# Early parsing, of pieces.


@pytest.mark.parametrize(
    ("values", "form", "shrunk"),
    [
        (["2020-01-31", "2020-02-01"], None, True),
        (["2020-01-31T10:00", "2020-02-01"], None, True),
        (["31.01.2020", "01.02.2020"], "%d.%m.%Y", True),
        (["31.01.2020", "01.02.2020"], None, False),
        (["2020-01-31", "soon"], None, False),
        (["2020-01-31T10:00+01:00", "2020-01-31T10:00+02:00"], None, False),
        ([20200131, 20200201], None, False),
    ],
)
def test_times_of_a_piece_are_parsed_where_that_is_beyond_doubt(
    values: list[Any], form: str | None, shrunk: bool
) -> None:
    piece = pd.DataFrame({"t": values, "x": [1.0, 2.0]})
    found = early_dates(Path("rows.csv"), "t", form)(piece)
    assert (str(found["t"].dtype) == "datetime64[ns]") is shrunk
    if shrunk:
        assert (found["t"].to_numpy() == parse_times(Table(piece, Path("rows.csv"), str), "t", form)).all()
    else:
        assert found is piece


# Which column.


def test_the_column_of_times_is_found_by_name_or_content() -> None:
    day = ["2020-01-01", "2020-01-02"]
    assert find_time_column(table(x=[1, 2], Date=day, when=day), None) == "Date"
    assert find_time_column(table(year=[1, 2], timestamp=day), None) == "timestamp"  # the likelier name
    assert find_time_column(table(x=[1, 2], when=day), None) == "when"
    assert find_time_column(table(x=["a", "b"], y=[1, 2]), None) is None
    assert find_time_column(table(x=["may", "june"], y=[1, 2]), None) is None  # words without a digit
    assert find_time_column(table(x=[1, 2], when=pd.to_datetime(day)), None) == "when"
    assert find_time_column(table(x=[1, 2], when=day), "WHEN") == "when"


def test_a_column_that_is_not_there_is_told_its_nearest() -> None:
    with pytest.raises(
        DataError, match=r"rows\.csv has no column 'dat' \(data\.time_column\); its columns are date, x"
    ):
        find_time_column(table(date=["2020-01-01"], x=[1]), "dat")
    with pytest.raises(DataError, match="did you mean 'date'"):
        require(table(date=["2020-01-01"], x=[1]), "dat", "data.time_column")
    twice = Table(pd.DataFrame([[1, 2]], columns=["Ab", "aB"]), Path("rows.csv"), str)
    with pytest.raises(DataError, match="has no column 'ab'"):  # which of the two?
        require(twice, "ab", "data.target")
    assert require(twice, "aB", "data.target") == "aB"
