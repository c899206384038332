from __future__ import annotations

import numpy as np
import pytest

from seqexp.data.calendar import NAMES, calendar_columns, calendar_features
from seqexp.errors import ConfigError


def features(date: str, *names: str) -> list[float]:
    return calendar_features(np.array([date], dtype="datetime64[ns]"), names)[0].tolist()


@pytest.mark.parametrize(
    ("name", "date", "share"),
    [
        ("minute_of_hour", "2020-03-05T07:15", 1 / 4),
        ("hour_of_day", "2020-03-05T18:00", 3 / 4),
        ("hour_of_day", "2020-03-05T01:30", 1.5 / 24),
        ("day_of_week", "2024-01-01", 0),  # a Monday
        ("day_of_week", "2024-01-04", 3 / 7),
        ("day_of_month", "2024-01-31", 30 / 31),
        ("day_of_year", "2024-12-31", 365 / 366),
        ("week_of_year", "2020-12-31", 52 / 53),  # ISO 8601: 2020 had 53 weeks
        ("week_of_year", "2021-01-03", 52 / 53),  # a Sunday of that week still
        ("month", "2024-04-10", 3 / 12),
    ],
)
def test_a_position_in_a_cycle_is_its_sine_and_cosine(name: str, date: str, share: float) -> None:
    assert features(date, name) == pytest.approx([np.sin(2 * np.pi * share), np.cos(2 * np.pi * share)], abs=1e-6)


def test_weekends_are_saturday_and_sunday() -> None:
    assert [features(f"2024-01-{day:02}", "weekend") for day in range(1, 8)] == [[0]] * 5 + [[1]] * 2


@pytest.mark.parametrize("name", [n for n in NAMES if n != "weekend"])
def test_the_end_of_a_cycle_meets_its_beginning(name: str) -> None:
    minutes = np.datetime64("2023-12-20", "m") + np.arange(0, 40 * 24 * 60, 15)
    values = calendar_features(minutes, [name])
    np.testing.assert_allclose((values**2).sum(axis=1), 1, rtol=1e-5)
    longest = {"minute_of_hour": 1 / 4, "day_of_week": 1 / 7, "month": 1 / 12}.get(name, 1 / 24)
    steps = np.linalg.norm(np.diff(values, axis=0), axis=1)
    assert steps.max() <= 2 * np.sin(np.pi * longest) + 1e-6


def test_columns_are_named_in_the_order_asked_for() -> None:
    names = ["weekend", "month", "day_of_week"]
    assert calendar_columns(names) == ["weekend", "month_sin", "month_cos", "day_of_week_sin", "day_of_week_cos"]
    values = calendar_features(np.array(["2024-01-06"], dtype="datetime64[ns]"), names)
    assert values.dtype == np.float32
    assert values[0, :3].tolist() == [1, 0, 1]  # a Saturday in January
    assert calendar_features(np.array(["2024-01-06"], dtype="datetime64[ns]"), []).shape == (1, 0)


def test_an_unknown_name_is_told_its_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"data\.calendar must be among .*, but has 'day_of_weak'; did you mean 'day_o"
    ):
        calendar_columns(["day_of_weak"])
