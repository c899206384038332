"""What `train`, `resume`, `evaluate`, `predict` and `data` parse and print, around runs that are complete already."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from seqexp.cli import main
from seqexp.cli import train as train_module
from seqexp.cli.train import report
from seqexp.store import metric_log
from seqexp.store.run_directory import RunDirectory

Ended = tuple[int, str, str]
Call = Callable[..., Ended]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return run


def outputs_of(finished: Path) -> str:
    return f"outputs={finished.parents[1]}"


def test_a_complete_experiment_is_not_trained_again(call: Call, finished: Path, tiny: Sequence[str]) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in finished.rglob("*"))
    code, out, err = call("train", *tiny, outputs_of(finished))
    assert (code, err) == (0, "")
    assert out.startswith(f"{finished} is complete; nothing to train\n")
    assert out.endswith(f"everything is in {finished}\n")
    assert "lstm" in out
    assert sorted((p, p.stat().st_mtime_ns) for p in finished.rglob("*")) == before


def test_a_complete_experiment_is_one_line_for_machines(call: Call, finished: Path, tiny: Sequence[str]) -> None:
    code, out, err = call("train", "--json", *tiny, outputs_of(finished))
    assert (code, err, out.count("\n")) == (0, "", 1)
    line = json.loads(out)
    assert (line["event"], line["run"]) == ("complete", str(finished))
    assert [r["of"] for r in line["results"]] == ["lstm", "naive", "ridge"]


def test_a_complete_run_has_nothing_to_resume(call: Call, finished: Path) -> None:
    code, out, err = call("resume", str(finished))
    assert (code, err) == (0, "")
    assert out.startswith(f"{finished} is complete; nothing to train\n")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.hidden_sizes=[5]", "model.hidden_sizes: the run has [4], you ask for [5]"),
        ("seed=2", "seed: the run has 1, you ask for 2"),
        ("trainer.max_epochs=2", "trainer.max_epochs may only grow: the run has 3, but you ask for 2"),
        ("trainer.max_epoch=9", "unknown key 'trainer.max_epoch'; did you mean 'trainer.max_epochs'?  (command line)"),
        ("trainer.max_epochs=0", "trainer.max_epochs must be at least 1, but is 0  (command line)"),
        ("trainer.max_epochs", "'trainer.max_epochs' must be key=value"),
        ("tracking=loud", "tracking must be one of console, quiet, but is 'loud'"),
    ],
)
def test_what_would_be_another_experiment_is_not_resumed(
    call: Call, finished: Path, override: str, message: str
) -> None:
    code, out, err = call("resume", str(finished), override)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("number", [2, 15])
def test_an_interrupted_training_exits_as_its_signal_would(tmp_path: Path, number: int) -> None:
    from seqexp.run.train import Outcome

    assert report(Outcome(RunDirectory(tmp_path), "interrupted", number), "plain") == 128 + number


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "model=lstmm"], "model must be one of gru, lstm, rnn, but is 'lstmm'; did you mean 'lstm'?"),
        (["train", "--config-dir", "nowhere"], "--config-dir must be a folder, but 'nowhere' is none"),
        (["train", "--cfg", "job", "seed=-1"], "seed must be at least 0, but is -1"),
        (["train", "-m", "seed=-1,-2", "model=gru,nope"], "seed must be at least 0, but is -1"),
        (["train", "-m", "seed=interval(1,2)"], "must name its values"),
        (["train", "data.path=nope.csv"], "nope.csv"),
        (["evaluate", "latest"], "no run 'latest' in outputs: there are none yet; --outputs names another folder"),
        (["predict", "latest", "--input", "x.csv"], "no run 'latest' in outputs: there are none yet"),
        (["resume", "nope"], "no run 'nope' in outputs: there are none yet"),
        (
            ["data", "describe", "data=stock"],
            "data must be one of adding, copy_memory, digits, genes, language, music, stocks, table, text, "
            "but is 'stock'; did you mean 'stocks'?",
        ),
        (["data", "describe", "data.path=nope.csv"], "nope.csv"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    call: Call, tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("seqexp: ")
    assert message in err
    assert "Traceback" not in err
    assert not any(p.is_file() for p in tmp_path.rglob("*"))


def test_a_wrong_sweep_tells_every_problem_once(call: Call) -> None:
    code, _, err = call("train", "-m", "seed=-1,-2", "model=gru,nope", "trainer.foo=1")
    assert code == 2
    assert err.splitlines() == [
        "seqexp: seed must be at least 0, but is -1  (command line)",
        "unknown key 'trainer.foo'  (command line)",
        "model must be one of gru, lstm, rnn, but is 'nope'  (command line)",
        "seed must be at least 0, but is -2  (command line)",
    ]


def test_the_composed_configuration_can_be_seen(call: Call) -> None:
    code, out, err = call("train", "--cfg", "job", "model=gru", "seed=7")
    assert (code, err) == (0, "")
    shown = yaml.safe_load(out)
    assert shown["model"]["name"] == "gru"
    assert shown["seed"] == 7


def test_a_sweep_goes_on_where_a_job_fails_and_names_it(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqexp.errors import TrainingError

    seen: list[int] = []

    def trained(composed: Any, _: Sequence[str]) -> int:
        seen.append(composed.experiment.seed)
        if composed.experiment.seed == 2:
            raise TrainingError("first\nthe loss is not finite")
        return 0

    monkeypatch.setattr(train_module, "_train", trained)
    code, out, err = call("train", "-m", "seed=1,2,3", "name=abc", f"outputs={tmp_path}")
    assert (code, seen) == (1, [1, 2, 3])
    assert [line.split()[:2] for line in out.splitlines()[:4]] == [
        ["seed", "state"], ["1", "missing"], ["2", "failed"], ["3", "missing"],
    ]  # fmt: skip
    lines = err.splitlines()
    assert lines[0].startswith(f"sweep of 3 jobs: 3 new; {tmp_path}/sweeps/abc-")
    assert [line.split()[0] for line in lines[1:4]] == ["[1/3]", "[2/3]", "[3/3]"]
    assert lines[4] == "seqexp: 1 of 3 jobs failed:"
    assert lines[5].startswith(f"  {tmp_path}/abc/lstm-seed2-")
    assert lines[5].endswith(": the loss is not finite")


def test_a_signal_ends_a_sweep(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def trained(composed: Any, _: Sequence[str]) -> int:
        seen.append(composed.experiment.seed)
        return 130

    monkeypatch.setattr(train_module, "_train", trained)
    code, _, err = call("train", "-m", "seed=1,2,3", f"outputs={tmp_path}")
    assert (code, seen) == (130, [1])
    assert err.endswith("stopped by signal 2; the same command goes on\n")


def test_an_evaluation_repeats_the_results_of_the_run(call: Call, finished: Path) -> None:
    code, out, err = call("evaluate", str(finished), "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["run"], found["split"]) == (str(finished), "test")
    logged = [r for r in metric_log.read(finished / "metrics.jsonl") if "of" in r]
    assert [r["of"] for r in found["results"]] == [r["of"] for r in logged]
    for one, other in zip(found["results"], logged, strict=True):
        assert {k: v for k, v in other.items() if k not in ("step", "epoch")} == one


def test_an_evaluation_is_a_table_for_people(call: Call, finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    code, out, _ = call("evaluate", str(run), "--split", "valid", "--checkpoint", "last")
    assert code == 0
    assert "valid results" in out
    assert out.endswith(f"what the model said is in {run}/predictions/valid.parquet\n")


def test_a_forecast_is_the_same_from_file_stdin_and_to_file(
    call: Call, finished: Path, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call("predict", str(finished), "--input", str(prices))
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [r["step"] for r in rows] == ["1"]
    assert {"series", "time", "step", "forecast"} <= set(rows[0])
    assert float(rows[0]["forecast"]) > 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(prices.read_bytes())))
    assert float(next(csv.DictReader(io.StringIO(call("predict", str(finished), "--input", "-")[1])))["forecast"]) \
        == float(rows[0]["forecast"])  # fmt: skip
    for name, read in (("f.csv", pd.read_csv), ("f.parquet", pd.read_parquet)):
        assert call("predict", str(finished), "--input", str(prices), "--output", name)[:2] == (0, "")
        assert read(tmp_path / name)["forecast"].tolist() == pytest.approx([float(rows[0]["forecast"])], rel=1e-12)
    del err


def test_an_input_that_is_not_there_is_told(call: Call, finished: Path) -> None:
    code, out, err = call("predict", str(finished), "--input", "nope.csv")
    assert (code, out) == (2, "")
    assert err == "seqexp: --input nope.csv does not exist; give a file, or - for stdin\n"


def test_data_is_described_for_people_and_machines(call: Call, prices: Path) -> None:
    words = ("data", "describe", "data=stocks", f"data.path={prices}", "data.window=8")
    code, out, err = call(*words)
    assert (code, err) == (0, "")
    assert "rows         120 (120 to 120 a series)\n" in out
    assert "window       8 steps, horizon 1\n" in out
    found = json.loads(call(*words, "--json")[1])
    assert (found["rows"], found["series"], found["window"]) == (120, 1, 8)
    # 15 % of 120 days each for valid and test, the rest for train
    assert {k: v["rows"] for k, v in found["splits"].items()} == {"train": 84, "valid": 18, "test": 18}
    assert json.loads(call("data", "describe", "--json", *words[2:])[1]) == found
