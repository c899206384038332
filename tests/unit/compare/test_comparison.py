from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from seqexp.compare.comparison import Row, compare
from seqexp.compare.gather import Member
from seqexp.compare.statistics import holm

Make = Callable[..., Member]
NOISE = np.random.default_rng(0).random(size=(4, 40))


def names(rows: list[Row]) -> list[str]:
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    return [row.name for row in rows]


def test_rows_are_best_first_with_mean_and_deviation_over_seeds(make: Make) -> None:
    runs = [make(f"{v}", results={"lstm": v, "naive": 2.5}, lstm={"x": [0]}, naive={"x": [0]}) for v in (1.0, 2.0, 6.0)]
    rows, _ = compare({"lstm": runs}, "mase")
    assert names(rows) == ["naive", "lstm"]
    naive, lstm = (row.as_dict() for row in rows)
    assert (lstm["seeds"], lstm["mean"], lstm["std"]) == (3, 3.0, pytest.approx(7**0.5))
    assert 1.0 <= lstm["low"] < 3.0 < lstm["high"] <= 6.0
    assert (naive["mean"], naive["seeds"], naive["std"], naive["low"]) == (2.5, None, None, None)


@pytest.mark.parametrize(
    ("metric", "order"),
    [("accuracy", ["gru", "lstm", "majority"]), ("macro_f1", ["gru", "lstm", "majority"]),
     ("log_loss", ["majority", "lstm", "gru"]), ("perplexity", ["majority", "lstm", "gru"])],
)  # fmt: skip
def test_the_better_metric_comes_first(make: Make, metric: str, order: list[str]) -> None:
    lstm = make("1", headline=metric, results={"lstm": 0.6, "majority": 0.5}, config={"model.name": "lstm"})
    gru = make("2", headline=metric, results={"gru": 0.7, "majority": 0.5}, config={"model.name": "gru"})
    assert names(compare({"lstm": [lstm], "gru": [gru]}, metric)[0]) == order


def test_differences_are_tested_each_once_and_adjusted_for_their_number(make: Make) -> None:
    losses = {of: NOISE[i] + i / 8 for i, of in enumerate(("lstm", "naive", "ridge"))}
    means = {of: float(values.mean()) for of, values in losses.items()}
    run = make("1", results=means, **{of: {"scaled": values} for of, values in losses.items()})
    rows, words = compare({"lstm": [run]}, "mase")
    assert names(rows) == ["lstm", "naive", "ridge"]
    expected = holm([float(stats.ttest_rel(losses[of], losses["lstm"]).pvalue) for of in ("naive", "ridge")])
    assert [rows[1].p, rows[2].p, rows[0].p] == [
        {"best": pytest.approx(expected[0], rel=1e-9)}, {"best": pytest.approx(expected[1], rel=1e-9)},
        {"classical": pytest.approx(expected[0], rel=1e-9)},
    ]  # fmt: skip
    assert expected[0] > 0.05 > expected[1]
    assert words == [
        f"lstm and naive: no significant difference, p = {expected[0]:.2g} (Diebold-Mariano, Holm over 2)",
        f"lstm is better than ridge by {means['ridge'] - means['lstm']:.4g}, p = {expected[1]:.2g} (Diebold-Mariano, "
        "Holm over 2)",
        "fewer than 3 seeds, so no interval: lstm",
    ]


def test_where_a_classical_method_is_best_models_are_tested_with_the_best_of_them(make: Make) -> None:
    one = make("1", results={"lstm": 0.9, "naive": 0.1}, lstm={"scaled": NOISE[0] + 0.4}, naive={"scaled": NOISE[1]})
    two = make("2", results={"gru": 0.8, "naive": 0.1}, gru={"scaled": NOISE[2] + 0.3}, naive={"scaled": NOISE[1]})
    rows, _ = compare({"lstm": [one], "gru": [two]}, "mase")
    assert names(rows) == ["naive", "gru", "lstm"]
    assert [set(row.p) for row in rows] == [set(), {"best"}, {"best", "model"}]


@pytest.mark.parametrize(
    ("metric", "column", "test"), [("accuracy", "correct", "McNemar"), ("log_loss", "log_loss", "randomisation")]
)
def test_labelled_examples_are_tested_without_order(make: Make, metric: str, column: str, test: str) -> None:
    """12 for one, 2 for the other: the sign test, whether by McNemar or by drawn signs."""
    ones = {"lstm": np.repeat([1, 0, 1], [12, 2, 25]), "bag_of_words": np.repeat([0, 1, 1], [12, 2, 25])}
    losses = {of: {column: v if column == "correct" else 1.0 - v} for of, v in ones.items()}
    run = make(
        "1", {"example": range(39)}, headline=metric, results={of: float(v[column].mean()) for of, v in losses.items()},
        **losses,
    )  # fmt: skip
    del run.config["data.horizon"]
    rows, words = compare({"lstm": [run]}, metric)
    assert names(rows) == ["lstm", "bag_of_words"]
    expected = stats.binomtest(2, 14).pvalue
    assert rows[0].p["classical"] == rows[1].p["best"] == pytest.approx(expected, abs=0.005)
    assert words[0].startswith("lstm is better than bag_of_words by 0.2564, p = 0.01")
    assert words[0].endswith(f" ({test}, Holm over 1)")


def test_a_metric_without_losses_is_ranked_and_not_tested(make: Make) -> None:
    run = make("1", headline="macro_f1", results={"lstm": 0.6, "majority": 0.5})
    rows, words = compare({"lstm": [run]}, "macro_f1")
    assert [row.p for row in rows] == [{}, {}]
    assert words[0].startswith("differences in macro_f1 are not tested, since no losses are kept for it; those in mae,")


def test_a_classical_method_that_gives_the_same_in_all_runs_is_one_row(make: Make) -> None:
    runs = [make(f"{i}", results={"lstm": i, "naive": 2.5, "ridge": r}) for i, r in ((1.0, 3.0), (2.0, 4.0))]
    assert names(compare({"a": [runs[0]], "b": [runs[1]]}, "mase")[0]) == ["a", "b", "naive", "ridge", "ridge of b"]


def test_over_folds_a_classical_method_is_averaged_as_a_model_is(make: Make) -> None:
    runs = [
        make(f"{fold}-{seed}", results={"lstm": 1.0 + fold + seed, "majority": 5.0 + fold},
             config={"data.folds": 2, "data.fold": fold, "seed": seed})
        for fold in (0, 1)
        for seed in (0, 1)
    ]  # fmt: skip
    rows, _ = compare({"lstm": runs}, "mase")
    assert [(row.name, row.mean, len(row.values)) for row in rows] == [("lstm", 2.0, 4), ("majority", 5.5, 2)]
