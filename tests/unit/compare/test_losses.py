from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from seqexp.compare.gather import Member
from seqexp.compare.losses import Losses

Make = Callable[..., Member]
NOISE = np.random.default_rng(0).random(size=(4, 40))


def test_windows_are_averaged_at_each_origin_and_tested_in_the_order_of_time(make: Make) -> None:
    """Two series at 20 origins, written last origin first: the paired t-test of the 20 means."""
    index = {"series": ["a", "b"] * 20, "origin": np.repeat(np.arange(20)[::-1], 2)}
    run = make("run", index, lstm={"scaled": NOISE[0]}, naive={"scaled": NOISE[1]})
    ((p, test),) = Losses("scaled", 1).test([(((run, "lstm"),), ((run, "naive"),))])
    means = (NOISE[0] - NOISE[1]).reshape(20, 2).mean(axis=1)
    assert test == "Diebold-Mariano"
    assert p == pytest.approx(stats.ttest_1samp(means, 0).pvalue, rel=1e-9)


def test_a_window_without_a_loss_is_left_out(make: Make) -> None:
    one = np.where(np.arange(40) == 7, math.nan, NOISE[0])
    run = make("run", lstm={"scaled": one}, naive={"scaled": NOISE[1]})
    ((p, _),) = Losses("scaled", 1).test([(((run, "lstm"),), ((run, "naive"),))])
    assert p == pytest.approx(stats.ttest_rel(np.delete(NOISE[0], 7), np.delete(NOISE[1], 7)).pvalue, rel=1e-9)


def test_too_few_times_but_many_series_are_paired_over_series(make: Make) -> None:
    index = {"series": [f"s{i // 4}" for i in range(40)], "origin": [i % 4 for i in range(40)]}
    run = make("run", index, lstm={"scaled": NOISE[0]}, naive={"scaled": NOISE[1]})
    ((p, test),) = Losses("scaled", 1).test([(((run, "lstm"),), ((run, "naive"),))])
    means = (NOISE[0] - NOISE[1]).reshape(10, 4).mean(axis=1)
    assert (p, test) == (pytest.approx(stats.ttest_1samp(means, 0).pvalue, rel=1e-9), "paired over series")


def test_losses_of_several_seeds_are_averaged_first(make: Make) -> None:
    seeds = [make(f"{i}", lstm={"scaled": NOISE[i]}, naive={"scaled": NOISE[3]}) for i in range(3)]
    ((p, _),) = Losses("scaled", 1).test([(tuple((s, "lstm") for s in seeds), ((seeds[0], "naive"),))])
    assert p == pytest.approx(stats.ttest_rel(NOISE[:3].mean(axis=0), NOISE[3]).pvalue, rel=1e-9)


EXAMPLES = {"example": range(40)}


def test_examples_that_are_right_or_wrong_are_tested_by_mcnemar(make: Make) -> None:
    """9 only by one, 2 only by the other."""
    one, other = np.repeat([1, 0, 1], [9, 2, 29]), np.repeat([0, 1, 1], [9, 2, 29])
    run = make("run", EXAMPLES, lstm={"correct": one}, majority={"correct": other})
    found = Losses("correct", 1).test([(((run, "lstm"),), ((run, "majority"),))])
    assert found == [(pytest.approx(stats.binomtest(2, 11).pvalue, rel=1e-12), "McNemar")]


@pytest.mark.parametrize("column", ["log_loss", "brier", "square", "absolute"])
def test_examples_have_no_order_so_that_signs_are_drawn(make: Make, column: str) -> None:
    losses = {"lstm": {column: NOISE[0]}, "majority": {column: NOISE[1] + 0.05}}
    shuffled = np.random.default_rng(3).permutation(40)
    run = make("run", EXAMPLES, **losses)
    other = make("shuffled", EXAMPLES, **{of: {column: v[column][shuffled]} for of, v in losses.items()})
    pair = (((run, "lstm"),), ((run, "majority"),))
    ((p, test),) = Losses(column, 1).test([pair])
    expected = stats.permutation_test(
        (NOISE[0] - NOISE[1] - 0.05,), np.mean, permutation_type="samples", n_resamples=99_999, rng=1
    )
    assert (p, test) == (pytest.approx(expected.pvalue, abs=0.02), "randomisation")
    ((again, _),) = Losses(column, 1).test([(((other, "lstm"),), ((other, "majority"),))])
    assert again == pytest.approx(p, abs=0.02)


def test_the_mean_of_several_seeds_is_not_right_or_wrong(make: Make) -> None:
    one, other = np.repeat([1, 0, 1], [9, 2, 29]), np.repeat([0, 1, 1], [9, 2, 29])
    seeds = [make(f"{i}", EXAMPLES, lstm={"correct": c}, m={"correct": other}) for i, c in enumerate((one, other))]
    ((p, test),) = Losses("correct", 1).test([(tuple((s, "lstm") for s in seeds), ((seeds[0], "m"),))])
    assert (p, test) == (pytest.approx(stats.binomtest(2, 11).pvalue, abs=0.02), "randomisation")


def test_the_tests_of_all_folds_stand_side_by_side(make: Make) -> None:
    """Each fold has examples of its own, and a mean over its own seeds."""
    folds = {0: slice(0, 25), 1: slice(25, 40)}

    def run(fold: int, seed: int) -> Member:
        one, other = ({"log_loss": NOISE[i][folds[fold]]} for i in (seed, 3))
        config = {"data.folds": 2, "data.fold": fold}
        return make(f"{fold}-{seed}", {"example": range(len(one["log_loss"]))}, lstm=one, m=other, config=config)

    runs = [run(fold, seed) for fold in folds for seed in (0, 1)]
    losses = Losses("log_loss", 1)
    rival = ((runs[0], "m"), (runs[2], "m"))
    ((p, test),) = losses.test([(tuple((run, "lstm") for run in runs), rival)])
    expected = stats.permutation_test(
        (NOISE[:2].mean(axis=0) - NOISE[3],), np.mean, permutation_type="samples", n_resamples=99_999, rng=1
    )
    assert (p, test) == (pytest.approx(expected.pvalue, abs=0.02), "randomisation")
    assert losses.test([(((runs[0], "lstm"),), rival)]) == ["not tested: their folds differ"]


@pytest.mark.parametrize(
    ("index", "column", "of", "message"),
    [
        (None, "scaled", "lstm", "was tested on other windows or examples"),
        (None, "scaled", "gru", "was tested on other windows or examples"),
        (None, "brier", "lstm", "keeps no losses of the kind 'brier'"),
        ({"series": ["a"] * 9, "origin": range(1, 10)}, "scaled", "lstm", "was tested on other windows or examples"),
    ],
)
def test_what_cannot_be_tested_says_why(
    make: Make, index: dict[str, list[int]] | None, column: str, of: str, message: str
) -> None:
    run = make("run", {"series": ["a"] * 9, "origin": range(9)}, lstm={"scaled": NOISE[0][:9]})
    other = make("other", index, lstm={"scaled": NOISE[1][: 9 if index else 8]})
    (found,) = Losses(column, 1).test([(((run, "lstm"),), ((other, of),))])
    assert found == f"not tested: {(run if column == 'brier' else other).directory} {message}"


def test_a_run_made_before_and_a_short_one_say_so(make: Make) -> None:
    run, old = make("run", lstm={"scaled": NOISE[0][:7]}, naive={"scaled": NOISE[1][:7]}), make("old")
    found = Losses("scaled", 1).test([(((run, "lstm"),), (one,)) for one in ((run, "naive"), (old, "lstm"))])
    assert found == [
        "not tested: too few windows",
        f"not tested: {old.directory} keeps no losses of windows or examples, as it was made before they were kept",
    ]
