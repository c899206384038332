"""The table and what it says: above all, that it says so where a classical method wins."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seqexp.run.results import DECIDING, SHOWN, finite, headlines, ranked, render, show, test_records, verdict
from seqexp.store.metric_log import MetricLog
from seqexp.store.run_directory import RunDirectory

test_records.__test__ = False  # type: ignore[attr-defined]  # it is no test

NAN = float("nan")


def record(of: str, *, model: bool = False, **metrics: float | None) -> dict[str, Any]:
    return {"split": "test", "of": of, "model": model, **metrics}


LSTM = record("lstm", model=True, mase=0.9, crps=2.0)
NAIVE = record("naive", mase=1.0, crps=4.0)
ETS = record("ets", mase=0.6, crps=1.0)


class TestVerdict:
    def test_says_by_how_much_the_network_is_better(self) -> None:
        assert verdict([LSTM, NAIVE], ["mase"]) == (
            "MASE: lstm is 10.0% better than naive, the best classical method.\nOne seed is no proof."
        )

    def test_says_so_where_a_classical_method_wins(self) -> None:
        assert verdict([LSTM, NAIVE, ETS], ["mase"]) == (
            "MASE: lstm is 50.0% WORSE than ets, the best classical method, which wins.\nOne seed is no proof."
        )

    def test_has_a_sentence_for_each_metric_which_may_disagree(self) -> None:
        rival = record("ridge", mase=0.8, crps=2.5)
        assert verdict([LSTM, rival], ["mase", "crps"]) == (
            "MASE: lstm is 12.5% WORSE than ridge, the best classical method, which wins.\n"
            "CRPS: lstm is 20.0% better than ridge, the best classical method.\nOne seed is no proof."
        )

    def test_compares_each_metric_with_the_best_at_it(self) -> None:
        said = verdict([LSTM, record("a", mase=0.95, crps=9.0), record("b", mase=2.0, crps=4.0)], ["mase", "crps"])
        assert "better than a, the best" in said
        assert "50.0% better than b, the best" in said

    def test_what_is_many_times_worse_is_told_in_times(self) -> None:
        # 9 is eight times more than 1; 2.9 is 190 % more
        said = verdict([record("gru", model=True, mase=9.0), record("naive", mase=1.0)], ["mase"])
        assert said.startswith("MASE: gru is 8.0 times WORSE than naive")
        said = verdict([record("gru", model=True, mase=2.9), record("naive", mase=1.0)], ["mase"])
        assert said.startswith("MASE: gru is 190.0% WORSE than naive")

    @pytest.mark.parametrize("theirs", [0.9, 0.9004, 0.8996])
    def test_what_would_differ_by_0_per_cent_is_called_level(self, theirs: float) -> None:
        said = verdict([LSTM, record("naive", mase=theirs)], ["mase"])
        assert said == "MASE: lstm is level with naive, the best classical method.\nOne seed is no proof."

    @pytest.mark.parametrize(("mine", "word"), [(0.6, "better than"), (0.4, "WORSE than")])
    def test_higher_is_better_for_what_is_a_rate_of_success(self, mine: float, word: str) -> None:
        said = verdict([record("gru", model=True, auc=mine), record("logistic", auc=0.5)], ["auc"])
        assert said.startswith(f"AUC: gru is 10.0 points {word} logistic")

    def test_a_rival_without_error_is_no_division_by_zero(self) -> None:
        said = verdict([LSTM, record("oracle", mase=0.0)], ["mase"])
        assert said.startswith("MASE: lstm is WORSE than oracle, the best classical method, which wins.")

    def test_a_rate_below_zero_is_compared_in_points(self) -> None:
        said = verdict([record("gru", model=True, mcc=-0.3), record("naive", mcc=-0.2)], ["mcc"])
        assert said.startswith("MCC: gru is 10.0 points WORSE than naive")

    @pytest.mark.parametrize("others", [[], [record("naive", mase=None)], [record("naive", mase=NAN)]])
    def test_without_a_rival_it_says_that(self, others: list[dict[str, Any]]) -> None:
        assert verdict([LSTM, *others], ["mase"]) == "There is no classical method to compare with."

    def test_a_metric_that_is_undefined_for_one_side_is_passed_over(self) -> None:
        said = verdict([LSTM, record("naive", mase=1.0, crps=None)], ["mase", "crps"])
        assert "CRPS" not in said
        assert said.startswith("MASE: ")


class TestRanking:
    def test_is_best_first_and_what_is_undefined_comes_last(self) -> None:
        records = [record("x", mase=None), NAIVE, record("y", mase=NAN), ETS, LSTM]
        assert [r["of"] for r in ranked(records, "mase")] == ["ets", "lstm", "naive", "x", "y"]

    def test_turns_round_for_rates_of_success(self) -> None:
        assert [r["of"] for r in ranked([record("a", auc=0.5), record("b", auc=0.9)], "auc")] == ["b", "a"]

    @pytest.mark.parametrize(
        ("metrics", "deciding"),
        [
            ({"mae": 1.0, "mase": 1.0, "crps": 1.0}, ["mase", "crps"]),
            ({"mae": 1.0, "mase": None, "crps": 1.0}, ["mae", "crps"]),
            ({"mae": 1.0, "mase": 1.0, "crps": NAN}, ["mase"]),
            ({"mae": 1.0, "rmse": 1.0, "mase": 1.0, "qlike": 0.3}, ["qlike", "rmse"]),
            ({"accuracy": 0.5, "log_loss": 0.7}, ["log_loss"]),
            ({"other": 0.5}, ["other"]),
            ({"accuracy": 0.9, "macro_f1": 0.8, "mcc": 0.7, "log_loss": 0.3}, ["accuracy", "log_loss"]),
            ({"accuracy": 0.9, "macro_f1": 0.8, "log_loss": NAN}, ["accuracy"]),
            ({"mse": 0.1, "rmse": 0.3, "mae": 0.2, "r2": 0.4}, ["mse"]),
            ({"nll": 8.0, "frame_accuracy": 0.3}, ["nll"]),
            ({"perplexity": 3.0, "bits_per_character": 1.5}, ["bits_per_character", "perplexity"]),
        ],
    )
    def test_the_metrics_that_decide_suit_the_target(
        self, metrics: dict[str, float | None], deciding: list[str]
    ) -> None:
        assert headlines(record("lstm", model=True, **metrics)) == deciding


def test_what_decides_is_in_the_table() -> None:
    assert {name for names in DECIDING.values() for name in names} <= SHOWN.keys()


def test_what_is_not_finite_is_null_in_json() -> None:
    assert finite({"a": NAN, "b": [1.0, math.inf, "x"], "c": {"d": -math.inf, "e": None}, "f": True}) == {
        "a": None, "b": [1.0, None, "x"], "c": {"d": None, "e": None}, "f": True,
    }  # fmt: skip


def printed(records: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    render(records, Console(file=text, width=120, highlight=False))
    return text.getvalue()


def test_the_table_ranks_the_model_among_its_baselines_and_ends_with_the_verdict() -> None:
    lines = printed([LSTM, NAIVE, ETS, record("drift", mase=None, crps=8.0)]).splitlines()
    assert " ".join(printed([LSTM, NAIVE]).split()).startswith("test results, best first by MASE ")
    order = [line.split()[1] for line in lines if line.startswith("│")]
    assert order == ["ets", "lstm", "naive", "drift"]
    assert [line.split("│")[2].strip() for line in lines if line.startswith("│")] == ["0.6000", "0.9000", "1.000", "–"]
    assert "WORSE than ets" in " ".join(lines)


def test_the_best_number_of_a_column_is_green_but_coverage_has_no_best() -> None:
    text = io.StringIO()
    records = [record("lstm", model=True, mase=0.9, coverage_95=0.99), record("naive", mase=1.0, coverage_95=0.5)]
    render(records, Console(file=text, width=120, force_terminal=True, color_system="standard"))
    green = "\x1b[32m"
    lines = {line.split("│")[1]: line for line in text.getvalue().splitlines() if "│" in line}
    model = next(line for name, line in lines.items() if "lstm" in name)
    assert text.getvalue().count(green) == 1
    assert green in model


class TestShow:
    @pytest.fixture
    def directory(self, tmp_path: Path) -> RunDirectory:
        directory = RunDirectory(tmp_path)
        with MetricLog(directory.metrics) as log:
            log.write({"split": "train", "loss": 1.0})
            for r in (LSTM, NAIVE, {**ETS, "split": "valid"}):
                log.write(r)
        return directory

    def test_only_test_records_are_read(self, directory: RunDirectory) -> None:
        assert [r["of"] for r in test_records(directory)] == ["lstm", "naive"]

    def test_for_machines_it_is_one_line_of_json(
        self, directory: RunDirectory, capsys: pytest.CaptureFixture[str]
    ) -> None:
        show(directory, "json")
        (line,) = capsys.readouterr().out.splitlines()
        said = json.loads(line)
        assert (said["event"], said["run"]) == ("complete", str(directory))
        assert [r["mase"] for r in said["results"]] == [0.9, 1.0]

    def test_for_people_it_is_a_table_and_where_everything_is(
        self, directory: RunDirectory, capsys: pytest.CaptureFixture[str]
    ) -> None:
        show(directory, "auto", was_complete=True)
        said = capsys.readouterr().out
        assert said.startswith(f"{directory} is complete; nothing to train\n")
        assert "better than naive" in said
        assert said.endswith(f"everything is in {directory}\n")


def test_a_finished_run_has_the_model_first_and_a_record_for_each_baseline(finished: Path) -> None:
    records = test_records(RunDirectory(finished))
    assert [(r["of"], r["model"]) for r in records] == [("lstm", True), ("naive", False), ("ridge", False)]
    assert all(set(r["by_step"]) >= {"mae", "mase", "crps"} for r in records)
    assert headlines(records[0]) == ["mase", "crps"]
