"""No method looks ahead: rows after a forecast's origin change no bit of it, and rows after train no constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from seqexp.models.baselines.history import History, Method, drift, naive, seasonal_naive
from seqexp.models.baselines.ridge import ridge
from seqexp.models.baselines.statistical import arima, ets
from seqexp.models.baselines.volatility import ewma, garch, har, last_month

H, SEASON, WINDOW = 3, 4, 6


class Layout(NamedTuple):
    """Two series, and origins in each: the last row of train, and later ones."""

    offsets: np.ndarray
    stops: np.ndarray
    origins: tuple[int, ...]

    def history(self, u: np.ndarray, season: int = 1) -> History:
        return History(u[:, None], self.offsets, self.stops, season, H)


SHORT = Layout(np.array([0, 60, 130]), np.array([45, 110]), (44, 50, 109, 120))
LONG = Layout(np.array([0, 150, 310]), np.array([120, 270]), (119, 130, 269, 285))
"""GARCH needs a hundred returns."""


def moves(layout: Layout, seed: int = 0) -> np.ndarray:
    """Daily changes, wilder after wild days."""
    generator, found = np.random.default_rng(seed), np.zeros(layout.offsets[-1])
    for t in range(1, len(found)):
        deviation = np.sqrt(2e-5 + 0.3 * found[t - 1] ** 2 + 0.5 * found[max(t - 2, 0)] ** 2)
        found[t] = 0.0 if t in layout.offsets else deviation * generator.normal()
    return found


def of_levels(method: Callable[[History], Method]) -> tuple[Layout, Callable[[np.ndarray], Method]]:
    return SHORT, lambda changes: method(SHORT.history(levels(changes), SEASON))


def of_returns(method: Callable[[History, np.ndarray], Method]) -> tuple[Layout, Callable[[np.ndarray], Method]]:
    return LONG, lambda changes: method(LONG.history(np.abs(changes)), changes)


def levels(changes: np.ndarray) -> np.ndarray:
    season = np.resize([0.0, 1.0, 0.5, -1.0], len(changes))
    ends = SHORT.offsets[1:-1]
    return 100 + season + 100 * np.concatenate([part.cumsum() for part in np.split(changes, ends)])


def regression(changes: np.ndarray) -> Method:
    """Ridge on the windows of the first series' train, with the penalty chosen on its last ones."""
    u = levels(changes)

    def design(origins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        past, ahead = origins[:, None] + np.arange(1 - WINDOW, 1), origins[:, None] + np.arange(1, H + 1)
        return u[past], u[np.minimum(ahead, len(u) - 1)]

    fitted = ridge(design, np.arange(WINDOW, 30), np.arange(30, 45 - H))
    return lambda origins: fitted(origins)[..., None]


METHODS = {
    "naive": of_levels(naive), "drift": of_levels(drift), "seasonal_naive": of_levels(seasonal_naive),
    "ets": of_levels(ets), "arima": of_levels(arima), "ridge": (SHORT, regression),
    "last_month": of_returns(lambda h, r: last_month(h, np.abs(r)[:, None])), "ewma": of_returns(lambda h, _: ewma(h)),
    "har": of_returns(lambda h, _: har(h)), "garch": of_returns(lambda h, r: garch(h, r, asymmetric=False)),
    "gjr_garch": of_returns(lambda h, r: garch(h, r, asymmetric=True)),
}  # fmt: skip


@pytest.fixture(params=METHODS)
def case(request: pytest.FixtureRequest) -> tuple[Layout, Callable[[np.ndarray], Method]]:
    return METHODS[request.param]


Case = tuple[Layout, Callable[[np.ndarray], Method]]


def test_what_comes_after_the_origin_changes_no_bit(case: Case) -> None:
    layout, fit = case
    given, other = moves(layout), 20 * moves(layout, seed=9)
    before = fit(given)
    for origin in layout.origins:
        end = layout.offsets[np.searchsorted(layout.offsets, origin, side="right")]
        changed = given.copy()
        changed[origin + 1 : end] = other[origin + 1 : end]
        rows = np.array([origin])
        np.testing.assert_array_equal(fit(changed)(rows), before(rows), err_msg=f"from row {origin}")


def test_what_comes_after_train_in_any_series_changes_no_constant(case: Case) -> None:
    layout, fit = case
    given, other = moves(layout), 20 * moves(layout, seed=9)
    changed = given.copy()
    for stop, end in zip(layout.stops, layout.offsets[1:], strict=True):
        changed[stop:end] = other[stop:end]
    rows = layout.stops - 1
    np.testing.assert_array_equal(fit(changed)(rows), fit(given)(rows))


def test_what_comes_before_the_origin_does_change_it(case: Case) -> None:
    layout, fit = case
    given, rows = moves(layout), np.array(layout.origins[1:2])
    changed = given.copy()
    changed[layout.stops[0] : rows[0] + 1] += 0.05
    assert (fit(changed)(rows) != fit(given)(rows)).all()


def test_asked_alone_or_among_others_it_says_the_same(case: Case) -> None:
    layout, fit = case
    method = fit(moves(layout))
    every = method(np.array(layout.origins))
    for i, origin in enumerate(layout.origins):
        np.testing.assert_allclose(method(np.array([origin]))[0], every[i], rtol=1e-12)
