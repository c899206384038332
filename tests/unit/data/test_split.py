from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.series import panel, split

from seqexp.data.panel import Panel
from seqexp.data.split import SPLITS, Borders, describe_sizes, split_panel
from seqexp.data.windows import origins_of
from seqexp.errors import ConfigError, DataError

SHARES = st.floats(0.05, 0.45)
SIZES = st.one_of(SHARES, st.integers(1, 40))


def edges(borders: Borders) -> list[list[int]]:
    return np.stack([borders.start, borders.valid, borders.test, borders.end], axis=1).tolist()


def days(first: int, count: int) -> np.ndarray:
    return np.datetime64("2020-01-01") + first + np.arange(count)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"valid": 0.15, "test": 0.15}, [0, 70, 85, 100]),
        ({"train": 0.6, "valid": 0.2, "test": 0.2}, [0, 60, 80, 100]),
        ({"train": 0.5, "valid": 0.2, "test": 0.2}, [0, 50, 70, 90]),  # the rest is not used
        ({"train": 60, "valid": 20, "test": 10}, [0, 60, 80, 90]),
        ({"valid": 12, "test": 24}, [0, 64, 76, 100]),
        ({"train": 0.5, "valid": 10, "test": 7}, [0, 50, 60, 67]),
        ({"train": 60, "valid": 30, "test": 30}, [0, 60, 90, 100]),  # test gets what there is
    ],
)
@pytest.mark.parametrize("times", [None, "D"])
def test_sizes_by_hand(sizes: dict[str, Any], expected: list[int], times: str | None) -> None:
    assert edges(split_panel(panel(np.arange(100), times=times), split(**{"train": None, **sizes}))) == [expected]


def test_steps_are_counted_in_each_series_and_shares_along_the_common_timeline() -> None:
    data = panel(np.zeros(100), np.zeros(50), times=[days(0, 100), days(50, 50)])
    assert edges(split_panel(data, split(valid=10, test=20))) == [[0, 70, 80, 100], [100, 120, 130, 150]]
    assert edges(split_panel(data, split(valid=0.1, test=0.2))) == [[0, 70, 80, 100], [100, 120, 130, 150]]
    earlier = panel(np.zeros(100), np.zeros(50), times=[days(0, 100), days(0, 50)])
    # the second series ends before valid begins
    assert edges(split_panel(earlier, split(valid=0.1, test=0.2))) == [[0, 70, 80, 100], [100, 150, 150, 150]]
    assert edges(split_panel(earlier, split(valid=10, test=20))) == [[0, 70, 80, 100], [100, 120, 130, 150]]


def test_shares_of_series_without_dates_are_of_each() -> None:
    data = panel(np.zeros(100), np.zeros(20))
    assert edges(split_panel(data, split(valid=0.1, test=0.2))) == [[0, 70, 80, 100], [100, 114, 116, 120]]


def test_dates_begin_their_part_and_until_is_used_to_the_end_of_its_day() -> None:
    hours = panel(np.zeros(24 * 10), times="h")
    dates = {"valid_from": "2020-01-05", "test_from": "2020-01-07T12:00", "until": "2020-01-08"}
    assert edges(split_panel(hours, split(**dates))) == [[0, 96, 156, 192]]
    # a time of day is that moment, itself included
    assert edges(split_panel(hours, split(**{**dates, "until": "2020-01-08T05:00"}))) == [[0, 96, 156, 174]]


def test_a_date_between_two_rows_begins_at_the_next() -> None:
    data = panel(np.zeros(10), times=[np.datetime64("2020-01-01") + 2 * np.arange(10)])
    assert edges(split_panel(data, split(valid_from="2020-01-08", test_from="2020-01-14"))) == [[0, 4, 7, 10]]


def test_shares_are_of_what_until_leaves() -> None:
    data = panel(np.zeros(100), np.zeros(100), times=[days(0, 100), days(0, 100)])
    borders = split_panel(data, split(valid=0.2, test=0.2, until="2020-02-19"))  # the first 50 days
    assert edges(borders) == [[0, 30, 40, 50], [100, 130, 140, 150]]


@pytest.mark.parametrize(
    ("sizes", "empty"),
    [
        ({"valid": 5, "test": 5}, "train"),
        ({"train": 9, "valid": 1, "test": 3}, "test"),
        ({"train": 20, "valid": 1, "test": 1}, "valid"),
        ({"valid": 0.01, "test": 0.5}, "valid"),
        ({"valid_from": "1999-01-01", "test_from": "2020-01-05"}, "train"),
        ({"valid_from": "2020-01-05", "test_from": "2021-01-01"}, "test"),
        ({"valid_from": "2020-01-02", "test_from": "2020-01-05", "until": "2020-01-03"}, "test"),
        ({"valid_from": "2021-01-02", "test_from": "2021-01-05"}, "valid"),
    ],
)
def test_a_part_without_rows_is_refused_by_name(sizes: dict[str, Any], empty: str) -> None:
    with pytest.raises(DataError, match=rf"leaves no row for {empty}: \d+ rows of train, \d+ of valid, \d+ of test;"):
        split_panel(panel(np.zeros(10), times="D"), split(**sizes))


@pytest.mark.parametrize("series", [1, 2])
def test_a_share_of_less_than_a_step_is_no_part(series: int) -> None:
    data = panel(*[np.zeros(100)] * series, times="D")
    with pytest.raises(DataError, match="leaves no row for test"):
        split_panel(data, split(valid=0.1, test=0.004))


def test_dates_for_data_without_are_refused() -> None:
    with pytest.raises(ConfigError, match="has dates, but the data has no column of times; give sizes instead"):
        split_panel(panel(np.zeros(10)), split(until="2020-01-05"))


def test_sizes_are_described_over_all_series() -> None:
    borders = split_panel(panel(np.zeros(100), np.zeros(20)), split(valid=0.1, test=0.2))
    assert describe_sizes(borders) == "84 rows of train, 12 of valid, 24 of test"


@st.composite
def problems(draw: st.DrawFn) -> tuple[Panel, Any, tuple[int, int, int, int]]:
    """A panel of series that start anywhere and miss days, a split, and (window, horizon, reach, stride)."""
    dated = draw(st.booleans())
    series, times = [], []
    for _ in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(5, 120))
        series.append(np.zeros(rows))
        steps = np.random.default_rng(draw(st.integers(0, 99))).integers(1, 3, rows)
        times.append(np.datetime64("2020-01-01") + draw(st.integers(0, 60)) + np.cumsum(steps))
    data = panel(*series, times=times if dated else None)
    if dated and draw(st.booleans()):
        first, second = sorted(draw(st.lists(st.integers(10, 150), min_size=2, max_size=2, unique=True)))
        start = np.datetime64("2020-01-01")
        parts = split(valid_from=str(start + first), test_from=str(start + second))
    else:
        train = draw(st.one_of(st.none(), SIZES))
        parts = split(train=train, valid=draw(SHARES), test=draw(SHARES)) if train is None else None
        if parts is None:
            valid, test = draw(st.floats(0.05, 0.25)), draw(st.floats(0.05, 0.25))
            parts = split(train=train, valid=valid, test=test)
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 5), st.integers(0, 4), st.integers(1, 3)))
    return data, parts, shape


@settings(max_examples=150, deadline=None)
@given(problems())
def test_no_target_crosses_a_border(problem: tuple[Panel, Any, tuple[int, int, int, int]]) -> None:
    data, parts, (window, horizon, reach, stride) = problem
    try:
        borders = split_panel(data, parts)
    except DataError:
        assume(False)
    assert (borders.start == data.offsets[:-1]).all()
    for earlier, later in ((borders.start, borders.valid), (borders.valid, borders.test), (borders.test, borders.end)):
        assert (earlier <= later).all()
    assert (borders.end <= data.offsets[1:]).all()
    part_of = np.full(len(data.target), -1)
    for number, name in enumerate(SPLITS):
        for first, stop in zip(*borders.rows(name), strict=True):
            part_of[first:stop] = number
    series = np.repeat(np.arange(len(data.names)), data.lengths)
    for number, name in enumerate(SPLITS):
        found = origins_of(data, borders, name, shape=(window, horizon), reach=reach, stride=stride)
        for origin in found.tolist():
            read = slice(origin - window + 1 - reach, origin + horizon + 1)
            assert read.start >= 0
            assert len(set(series[read].tolist())) == 1
            assert (part_of[origin + 1 : origin + horizon + 1] == number).all()
            # what is read may be of an earlier part, never of a later one
            assert (part_of[read] <= number).all()
        if stride == 1:
            expected = [
                o for o in range(len(series))
                if (part_of[o + 1 : o + 1 + horizon] == number).all() and o + horizon < len(series)
                and o - window + 1 - reach >= 0
                and series[o - window + 1 - reach] == series[o + horizon]
            ]  # fmt: skip
            assert found.tolist() == expected
        else:
            gaps = np.diff(found)[series[found[1:]] == series[found[:-1]]]
            assert (gaps == stride).all()


@settings(max_examples=60, deadline=None)
@given(problems())
def test_no_series_is_trained_on_days_another_is_tested_on(
    problem: tuple[Panel, Any, tuple[int, int, int, int]],
) -> None:
    data, parts, _ = problem
    assume(data.dated and (parts.valid_from or all(s is None or s < 1 for s in (parts.train, parts.valid, parts.test))))
    try:
        borders = split_panel(data, parts)
    except DataError:
        assume(False)
    days_of = [np.concatenate([data.times[a:b] for a, b in zip(*borders.rows(name), strict=True)]) for name in SPLITS]
    assert days_of[0].max() < days_of[1].min()
    assert days_of[1].max() < days_of[2].min()
