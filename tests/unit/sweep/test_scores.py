from __future__ import annotations

from typing import Any

import pytest

from seqexp.sweep.scores import named, scores

RESULTS = {"lstm": 0.51234, "naive": 0.6, "ridge": 0.55, "arima": None}
DONE = {"state": "complete", "model": "lstm", "headline": "mase", "results": RESULTS, "epoch": 3, "best": 0.25}


@pytest.mark.parametrize(("headline", "rival"), [("mase", "ridge"), ("accuracy", "naive")])
def test_the_best_classical_method_is_that_with_the_better_score(headline: str, rival: str) -> None:
    assert scores(DONE | {"headline": headline}) == {
        "state": "complete", "epoch": 3, "best": 0.25, "metric": headline, "score": 0.51234, "classical": rival,
        "classical_score": RESULTS[rival], "reason": None,
    }  # fmt: skip


def test_a_run_that_is_not_complete_has_a_reason_and_no_score() -> None:
    found = scores({**DONE, "state": "failed", "reason": "the loss is nan"})
    assert (found["metric"], found["score"], found["classical"], found["classical_score"]) == (None,) * 4
    assert (found["epoch"], found["best"], found["reason"]) == (3, 0.25, "the loss is nan")


@pytest.mark.parametrize("results", [None, {}, [], "x", {"lstm": None}, {"lstm": None, "naive": None, "ridge": "0.5"}])
def test_a_run_without_scores_has_none(results: Any) -> None:
    found = scores(DONE | {"results": results})
    assert (found["state"], found["score"], found["classical"], found["classical_score"]) == (
        "complete", None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "shown"), [("mase", 0.51234, "mase 0.5123"), (None, 1.0, "1.000"), ("mase", None, "–")]
)
def test_a_value_is_shown_with_its_name(name: str | None, value: float | None, shown: str) -> None:
    assert named(name, value) == shown
