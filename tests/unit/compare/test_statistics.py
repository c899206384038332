from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats import contingency_tables, multitest

from seqexp.compare.statistics import diebold_mariano, enough, holm, interval, mcnemar, randomisation


def test_one_step_ahead_it_is_the_paired_t_test() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 40)) ** 2
    statistic, p = diebold_mariano(one - other, 1)
    expected = stats.ttest_rel(one, other)
    assert (statistic, p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)


def test_by_hand_with_one_autocovariance() -> None:
    """d = 1, 2, 3, 2: mean 2, g0 = 1/2, g1 = 0; DM = 2 / sqrt(1/8); HLN: (4 + 1 - 4 + 2/4) / 4 = 3/8."""
    statistic, p = diebold_mariano(np.array([1.0, 2, 3, 2]), 2)
    assert statistic == pytest.approx(2 / math.sqrt(1 / 8) * math.sqrt(3 / 8), rel=1e-12)
    assert p == pytest.approx(2 * stats.t.sf(statistic, 3), rel=1e-12)


def test_the_variance_is_that_of_a_regression_on_a_constant_with_a_uniform_kernel() -> None:
    noise = np.random.default_rng(1).normal(size=62)
    difference, h = 0.2 + noise[2:] + noise[1:-1] + noise[:-2], 3
    fitted = sm.OLS(difference, np.ones(60)).fit(
        cov_type="HAC", cov_kwds={"maxlags": h - 1, "kernel": "uniform", "use_correction": False}
    )
    correction = math.sqrt((60 + 1 - 2 * h + h * (h - 1) / 60) / 60)
    assert diebold_mariano(difference, h)[0] == pytest.approx(float(fitted.tvalues[0]) * correction, rel=1e-9)


def test_a_negative_variance_is_taken_by_bartletts_weights() -> None:
    """d = 2, 0, 2, 0, ...: g0 = 1, g1 = -7/8, g0 + 2 g1 < 0; Bartlett: 1 - 7/8 = 1/8."""
    statistic, _ = diebold_mariano(np.tile([2.0, 0.0], 4), 2)
    assert statistic == pytest.approx(1 / math.sqrt(1 / 8 / 8) * math.sqrt((9 - 4 + 2 / 8) / 8), rel=1e-12)


def test_equal_forecasts_do_not_differ_and_a_constant_difference_is_certain() -> None:
    assert diebold_mariano(np.zeros(10), 1) == (0.0, 1.0)
    assert diebold_mariano(np.full(10, -0.5), 1) == (-math.inf, 0.0)


@pytest.mark.parametrize(("times", "horizon", "is_enough"), [(7, 1, False), (8, 1, True), (47, 24, False)])
def test_a_test_needs_times(times: int, horizon: int, is_enough: bool) -> None:
    assert enough(times, horizon) is is_enough


def test_mcnemar_is_the_sign_test_of_those_that_disagree() -> None:
    """3 against 12: 2 (1 + 15 + 105 + 455) / 2^15."""
    one = np.array([True] * 3 + [False] * 12 + [True] * 50)
    other = np.array([False] * 3 + [True] * 12 + [True] * 50)
    assert mcnemar(one, other) == pytest.approx(2 * 576 / 2**15, rel=1e-12)
    assert mcnemar(one, one) == 1.0


@pytest.mark.parametrize(("only_one", "only_other"), [(0, 0), (1, 0), (7, 7), (3, 12), (25, 4)])
def test_mcnemar_is_that_of_statsmodels(only_one: int, only_other: int) -> None:
    one = np.repeat([True, False, True], [only_one, only_other, 9])
    other = np.repeat([False, True, True], [only_one, only_other, 9])
    expected = contingency_tables.mcnemar([[9, only_one], [only_other, 0]], exact=True).pvalue
    assert mcnemar(one, other) == pytest.approx(expected, rel=1e-12)


def test_randomisation_by_hand() -> None:
    """1, 2, 3: of the 8 signs only +++ and --- reach 6. 1, 1, -1: all but none reach 1. All 0: no difference at all."""
    found = randomisation([np.array(d) for d in ([1.0, 2, 3], [1.0, 1, -1], [0.0, 0, 0])])
    assert found == [2 / 8, 1.0, 1.0]


def test_few_examples_are_tested_by_every_sign() -> None:
    difference = np.random.default_rng(0).normal(0.4, 1, size=12)
    expected = stats.permutation_test((difference,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert randomisation([difference]) == [expected.pvalue]


@pytest.mark.parametrize("count", [40, 300, 9_000])
def test_many_examples_are_tested_by_drawn_signs(count: int) -> None:
    """Within four standard errors of the exact p-value, which the paired t-test is close to."""
    noise = np.random.default_rng(1).normal(size=count)
    difference = noise - noise.mean() + 1.3 / math.sqrt(count) * noise.std()
    expected = stats.ttest_1samp(difference, 0).pvalue
    (found,) = randomisation([difference])
    assert found == pytest.approx(expected, abs=4 * math.sqrt(0.2 * 0.8 / 9_999) + 0.1 * expected)
    assert randomisation([-difference]) == [found]


def test_correctness_in_thirds_has_ties_that_count_as_such() -> None:
    """21 differences of 1/3, 7 of them against: as the exact binomial of 7 of 21 beyond 14 to 7."""
    difference = np.repeat([1 / 3, -1 / 3, 0], [14, 7, 100])
    expected = stats.binomtest(7, 21).pvalue
    assert randomisation([difference])[0] == pytest.approx(expected, abs=0.016)


def test_a_difference_beyond_all_draws_has_hoeffdings_bound() -> None:
    """200 times 1: the bound is 2 exp(-200^2 / (2 * 200)); what is not finite is left out."""
    certain = np.append(np.ones(200), [math.nan, math.inf])
    (p,) = randomisation([certain])
    assert p == pytest.approx(2 * math.exp(-100), rel=0.001)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_holm_is_that_of_statsmodels() -> None:
    p = np.random.default_rng(0).random(100) ** 3
    assert holm(list(p)) == pytest.approx(multitest.multipletests(p, method="holm")[1], rel=1e-12)


def test_an_interval_needs_three_seeds_and_holds_the_mean() -> None:
    assert interval(np.array([1.0, 2.0])) is None
    assert interval(np.array([2.0, 2.0, 2.0])) == (2.0, 2.0)
    # the mouse data of Efron and Tibshirani (1993), table 2.1: the mean is 86.86, its bootstrap error 23.36
    low, high = interval(np.array([94.0, 197, 16, 38, 99, 141, 23])) or (0.0, 0.0)
    assert 40 < low < 86.86 - 23.36
    assert 86.86 + 23.36 < high < 145


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_interval_is_that_of_scipy(seeds: int) -> None:
    values = np.random.default_rng(seeds).gamma(1.0, size=seeds)
    expected = stats.bootstrap((values,), np.mean, n_resamples=1_999, method="BCa", rng=np.random.default_rng(0))
    assert interval(values) == pytest.approx(tuple(expected.confidence_interval), rel=1e-12)
