from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from support.sections import forecasting
from support.series import borders, both_ways, data, panel

from seqexp.data.build_target import build_target, make_target
from seqexp.data.scaling import Scale
from seqexp.data.target import DirectionTarget, LevelTarget, ReturnTarget
from seqexp.errors import DataError

CLOSE = [100.0, 110, 99, 102, 108, 90, 95, 100]


def scaled(target: LevelTarget, width: float, center: float = 0.0) -> LevelTarget:
    target.scale = Scale(np.array([[center]]), np.array([[width]]))
    return target


# What is learned, by hand.


def test_a_level_is_learned_as_its_distance_from_the_last_value() -> None:
    target = scaled(LevelTarget(panel(CLOSE), horizon=2, anchor="last", logarithm=False), 2.0)
    goal, learned = both_ways(target, [1, 4], 2)
    expected = [[[(99 - 110) / 2], [(102 - 110) / 2]], [[(90 - 108) / 2], [(95 - 108) / 2]]]
    np.testing.assert_allclose(goal, expected, rtol=1e-6)
    np.testing.assert_allclose(learned, expected)
    np.testing.assert_allclose(target.inputs(target.level()[None, :3]), [[[-0.5 + 1], [5.5], [0]]], atol=1e-6)


def test_a_level_without_anchor_is_learned_as_it_is() -> None:
    target = scaled(LevelTarget(panel(CLOSE), horizon=2, anchor="none", logarithm=False), 2.0, center=100.0)
    goal, learned = both_ways(target, [1], 2)
    np.testing.assert_allclose(goal, [[[-0.5], [1.0]]], rtol=1e-6)
    np.testing.assert_allclose(learned, [[[-0.5], [1.0]]])
    np.testing.assert_allclose(target.to_user(learned, np.array([1])), [[[99], [102]]])


def test_a_level_is_learned_as_its_distance_from_the_last_season() -> None:
    target = scaled(LevelTarget(panel(CLOSE, season=3), horizon=4, anchor="season", logarithm=False), 1.0)
    # from row 3, the last season is rows 1, 2, 3; steps 1 to 4 have their phase in rows 1, 2, 3 and 1 again
    expected = [[[108 - 110], [90 - 99], [95 - 102], [100 - 110]]]
    goal, learned = both_ways(target, [3], 3)
    np.testing.assert_allclose(goal, expected, rtol=1e-6)
    np.testing.assert_allclose(learned, expected)
    # rows 0 to 3 have theirs in 3, 1, 2, 3: the window's last season is nought
    read = target.inputs(target.level()[None, :4])
    np.testing.assert_allclose(read, [[[100 - 102], [0], [0], [0]]], atol=1e-5)


def test_a_price_is_learned_as_its_logarithmic_change_and_told_as_a_price() -> None:
    bars = panel(CLOSE, times="D")
    target = build_target(bars, data("stocks", window=2, horizon=2), forecasting(), borders(bars, valid=1, test=2))
    assert type(target) is LevelTarget
    assert (target.anchor, target.logarithm) == ("last", True)
    # train is rows 0 to 4: its changes over one and two steps, around nought
    log = np.log(CLOSE[:5])
    changes = [*(log[1:] - log[:-1]), *(log[2:] - log[:-2])]
    scale = math.sqrt(np.mean(np.square(changes)))
    assert target.scale.scale.item() == pytest.approx(scale)
    goal, learned = both_ways(target, [4], 2)
    expected = [[[math.log(90 / 108) / scale], [math.log(95 / 108) / scale]]]
    np.testing.assert_allclose(goal, expected, rtol=1e-5)
    np.testing.assert_allclose(learned, expected)
    rows = np.array([4])
    np.testing.assert_allclose(target.to_user(np.zeros((1, 2, 1)), rows), [[[108], [108]]])  # nothing changes
    np.testing.assert_allclose(
        target.to_user(np.full((1, 2, 1), 0.1 / scale), rows), np.full((1, 2, 1), 108 * np.e**0.1)
    )
    assert target.truth(rows).tolist() == [[[90], [95]]]
    assert target.reference(rows).tolist() == [[[108]]]
    assert target.series() is bars.target


def test_a_return_is_told_from_the_last_close_to_each_step() -> None:
    target = scaled(ReturnTarget(panel(CLOSE), horizon=2, anchor="last", logarithm=True), 0.1)
    rows = np.array([1, 4])
    expected = [[[math.log(99 / 110)], [math.log(102 / 110)]], [[math.log(90 / 108)], [math.log(95 / 108)]]]
    np.testing.assert_allclose(target.truth(rows), expected)
    goal, learned = both_ways(target, [1, 4], 2)
    np.testing.assert_allclose(goal, np.array(expected) / 0.1, rtol=1e-5)
    np.testing.assert_allclose(target.to_user(learned, rows), expected)
    assert target.reference(rows).tolist() == [[[0]], [[0]]]
    steps = [0, *np.diff(np.log(CLOSE))]
    np.testing.assert_allclose(target.series()[:, 0], steps)


def test_returns_do_not_reach_from_one_series_into_the_next() -> None:
    target = ReturnTarget(panel([1.0, 2], [10.0, 20]), horizon=1, anchor="last", logarithm=True)
    np.testing.assert_allclose(target.series()[:, 0], [0, math.log(2), 0, math.log(2)])


def test_a_direction_is_one_for_a_rise_alone() -> None:
    target = scaled(DirectionTarget(panel([5.0, 5, 6, 4, 5, 9]), horizon=3, anchor="last", logarithm=True), 0.3)
    goal, _ = both_ways(target, [0, 1, 2], 1)
    expected = [[[0], [1], [0]], [[1], [0], [0]], [[0], [0], [1]]]  # a close that stays is no rise
    assert goal.tolist() == expected
    assert target.truth(np.array([0, 1, 2])).tolist() == expected
    chance = np.full((3, 3, 1), 0.7)
    assert target.to_user(chance, np.array([0, 1, 2])) is chance
    assert target.binary


# There and back again.


@st.composite
def targets(draw: st.DrawFn) -> tuple[LevelTarget, np.ndarray]:
    season, horizon = draw(st.integers(2, 5)), draw(st.integers(1, 12))
    drawn = np.random.default_rng(draw(st.integers(0, 1000)))
    series = [10 + draw(st.integers(0, 10**6)) + drawn.random((rows, 2)) * 10 for rows in (60, 40)]
    config = data(
        "table",
        window=6,
        horizon=horizon,
        scaling={
            "target": draw(st.sampled_from(["standard", "robust", "minmax", "log", "none"])),
            "scope": draw(st.sampled_from(["series", "global"])),
        },
    )
    values = panel(*series, season=season)
    task = forecasting(anchor=draw(st.sampled_from(["last", "season", "none"])))
    return build_target(values, config, task, borders(values, valid=10, test=10)), np.array([6, 20, 47, 66, 87])


@settings(max_examples=60, deadline=None)
@given(targets())
def test_what_is_learned_leads_back_to_what_came(problem: tuple[LevelTarget, np.ndarray]) -> None:
    target, origins = problem
    origins = origins[origins + target.horizon < 100]
    learned = target.learned(origins)
    came = target.truth(origins)
    np.testing.assert_allclose(target.to_user(learned, origins), came, rtol=1e-9)
    # quantiles keep their last axis
    levels = np.stack([learned - 1, learned], axis=-1)
    found = target.to_user(levels, origins)
    np.testing.assert_allclose(found[..., 1], came, rtol=1e-9)
    assert (found[..., 0] < found[..., 1]).all()
    # tensors in float32 say the same
    goal, _ = both_ways(target, origins.tolist(), 6)
    np.testing.assert_allclose(goal, learned, atol=2e-2 if target.anchor == "none" else 1e-3, rtol=1e-3)


@pytest.mark.parametrize("anchor", ["last", "season"])
def test_an_anchored_level_keeps_its_digits_in_float32(anchor: str) -> None:
    # a large level that hardly moves: in float32 as it is, its changes would be lost
    values = 1e9 + np.random.default_rng(0).normal(size=50).cumsum()
    target = LevelTarget(panel(values, season=4), horizon=3, anchor=anchor, logarithm=False)
    goal, learned = both_ways(target, [10, 30], 5)
    np.testing.assert_allclose(goal, learned, atol=1e-5)


# The scale, fitted on train.


@pytest.mark.parametrize("scope", ["series", "global"])
def test_log_is_standard_on_the_logarithm(scope: str) -> None:
    one, other = np.linspace(1, 50, 40), np.linspace(200, 100, 40)
    values = panel(one, other)
    config = data("table", window=2, scaling={"target": "log", "scope": scope})
    target = build_target(values, config, forecasting(anchor="none"), borders(values, valid=5, test=5))
    parts = [np.log(one[:30]), np.log(other[:30])]
    parts = [np.concatenate(parts)] if scope == "global" else parts
    for s, part in enumerate(parts):
        scaler = StandardScaler().fit(part[:, None])
        assert target.scale.center[s] == pytest.approx(scaler.mean_)
        assert target.scale.scale[s] == pytest.approx(scaler.scale_)
    origins = np.array([20])
    assert target.to_user(target.learned(origins), origins).item() == pytest.approx(one[21])


def test_log_of_a_value_that_has_none_is_refused_with_its_place() -> None:
    values = panel([1.0, 2], [3.0, -0.5], times="D")
    config = data("table", window=1, scaling={"target": "log"})
    with pytest.raises(DataError, match=r"series 's1' has -0\.5 at 2020-01-02.*; choose standard or robust"):
        make_target(values, config, "none")
    make_target(panel([1.0, np.nan]), config, "none")  # rows to come have no value yet


def test_of_very_many_differences_some_at_equal_distances_give_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    values = panel(np.random.default_rng(0).normal(size=20_000).cumsum())
    ranges, config = [(0, 20_000)], data("table", horizon=4)
    target = make_target(values, config, "last")
    whole = target.fitted(ranges, config.scaling).scale.item()
    monkeypatch.setattr("seqexp.data.target._SAMPLED_DIFFERENCES", 8_000)
    steps = values.target[:, 0]
    expected = np.concatenate([steps[lag::10] - steps[:-lag:10] for lag in (1, 2, 3, 4)])
    assert target.fitted(ranges, config.scaling).scale.item() == pytest.approx(np.sqrt(np.mean(expected**2)))
    assert target.fitted(ranges, config.scaling).scale.item() == pytest.approx(whole, rel=0.05)
