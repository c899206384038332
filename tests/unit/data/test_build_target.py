from __future__ import annotations

import numpy as np
import pytest
from support.sections import forecasting
from support.series import borders, data, panel

from seqexp.data.build_target import build_target
from seqexp.data.split import split_panel
from seqexp.errors import ConfigError


def seasonal(first: int, count: int) -> np.ndarray:
    return 100 + 10 * np.sin(2 * np.pi * np.arange(first, first + count) / 12)


def wandering(count: int) -> np.ndarray:
    return 100 + np.random.default_rng(5).normal(size=count).cumsum()


@pytest.mark.parametrize(("train", "rest", "expected"), [("s", "w", "season"), ("w", "s", "last")])
def test_the_anchor_is_what_is_nearer_on_train(train: str, rest: str, expected: str) -> None:
    parts = [seasonal(0, 100) if part == "s" else wandering(100) for part in (train, rest)]
    values = panel(np.concatenate(parts), season=12)
    config = data("table", window=24, horizon=6, split={"valid": 50, "test": 50})
    target = build_target(values, config, forecasting(), split_panel(values, config.split))
    assert target.anchor == expected


def test_without_a_season_in_the_window_the_anchor_is_the_last_value() -> None:
    values = panel(seasonal(0, 100), season=12)
    edges = borders(values, valid=10, test=10)
    assert build_target(values, data("table", window=11), forecasting(), edges).anchor == "last"
    with pytest.raises(ConfigError, match=r"data\.season is 12 and data\.window 11; give data\.season, or a longer"):
        build_target(values, data("table", window=11), forecasting(anchor="season"), edges)
    assert build_target(values, data("table", window=12), forecasting(anchor="season"), edges).anchor == "season"


def test_each_series_has_one_voice_whatever_its_size() -> None:
    values = panel(seasonal(0, 100), seasonal(3, 100), 1e6 * wandering(100), season=12)
    target = build_target(values, data("table", window=12), forecasting(), borders(values, valid=10, test=10))
    assert target.anchor == "season"


@pytest.mark.parametrize("kind", ["return", "direction", "volatility"])
def test_other_targets_of_stocks_know_no_other_anchor(kind: str) -> None:
    bars = panel(np.linspace(1, 2, 80), times="D")
    edges = borders(bars, valid=10, test=10)
    with pytest.raises(ConfigError, match=rf"must be auto or last with data\.target={kind}, but is 'none'"):
        build_target(bars, data("stocks", target=kind, window=30), forecasting(anchor="none"), edges)
    if kind == "volatility":
        with pytest.raises(ConfigError, match=r"data\.window must be at least 22"):
            build_target(bars, data("stocks", target=kind, window=21), forecasting(), edges)


@pytest.mark.parametrize("anchor", ["auto", "last", "season", "none"])
@pytest.mark.parametrize("how", ["standard", "robust", "minmax", "log", "none"])
def test_nothing_after_train_moves_the_scale_or_the_anchor(anchor: str, how: str) -> None:
    drawn = np.random.default_rng(0)
    clean = 50 + drawn.normal(size=80).cumsum() + 3 * np.sin(np.arange(80))
    spiked = clean.copy()
    spiked[60:] = 1e12  # the first row after train, and all that follow
    config = data("table", window=10, horizon=3, scaling={"target": how})
    states = []
    for series in (clean, spiked):
        values = panel(series, season=6)
        states.append(
            build_target(values, config, forecasting(anchor=anchor), borders(values, valid=10, test=10)).state()
        )
    assert states[0] == states[1]
