from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqexp.cli import main

Call = Callable[..., tuple[str, str]]
SCORES = {("lstm", 1): 0.6, ("lstm", 2): 0.7, ("lstm", 3): 0.8, ("gru", 1): 0.5, ("gru", 2): 0.5, ("gru", 3): 0.5}


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Classifiers of 60 sentences by hand: two models of three seeds, and one that failed."""
    right = np.random.default_rng(0).random(60)
    for (model, seed), score in SCORES.items():
        run = tmp_path / "text" / f"{model}-seed{seed}"
        (run / "predictions").mkdir(parents=True)
        (run / "config.yaml").write_text(f"seed: {seed}\nmodel:\n  name: {model}\ndata:\n  name: text\n")
        results = {model: score, "majority_class": 0.4}
        status = {"state": "complete", "model": model, "headline": "accuracy", "results": results}
        (run / "status.json").write_text(json.dumps(status))
        data = {"fingerprint": "ab", "sequences": {"train": 200, "valid": 20, "test": 60}}
        (run / "provenance.json").write_text(json.dumps({"data": data}))
        lines = [{"of": of, "split": "test", "accuracy": v, "log_loss": 1 - v} for of, v in results.items()]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        table = {"of": [], "example": [], "correct": []}
        for of, share in results.items():
            table["of"] += [of] * 60
            table["example"] += range(60)
            table["correct"] += [int(v) for v in right < share]
        pq.write_table(pa.table(table), run / "predictions" / "test-losses.parquet")
    failed = tmp_path / "text" / "rnn-seed1"
    failed.mkdir()
    (failed / "config.yaml").write_text("seed: 1\n")
    (failed / "status.json").write_text(json.dumps({"state": "failed"}))
    return tmp_path


@pytest.fixture
def call(outputs: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        assert main(["compare", *arguments, "--outputs", str(outputs)]) == code
        return tuple(capsys.readouterr())

    return run


def test_the_table_is_best_first_and_the_words_say_what_is_real(call: Call, outputs: Path) -> None:
    out, err = call(f"{outputs}/text")
    title, header, *lines = out.splitlines()
    assert title == "test accuracy, best first; low and high: 95 % interval over seeds"
    assert header.split() == ["rank", "name", "seeds", "mean", "std", "low", "high", "p_best", "p_classical"]
    assert [line.split()[:5] for line in lines[:3]] == [
        ["1", "lstm", "3", "0.7000", "0.1000"], ["2", "gru", "3", "0.5000", "0.000"],
        ["3", "majority_class", "–", "0.4000", "–"],
    ]  # fmt: skip
    assert lines[1].split()[5:7] == ["0.5000", "0.5000"]
    assert any(line.startswith("lstm is better than majority_class by 0.3, p = ") for line in lines)
    assert lines[-1] == "Losses of several seeds were averaged, one by one, before they were tested."
    assert err == f"note: left out, as not complete: {outputs}/text/rnn-seed1 (failed)\n"


def test_machines_get_every_digit(call: Call, outputs: Path) -> None:
    found = json.loads(call(f"{outputs}/text", "--json")[0])
    assert (found["metric"], [row["name"] for row in found["rows"]]) == ("accuracy", ["lstm", "gru", "majority_class"])
    out, err = call(f"{outputs}/text", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    for row, expected in zip(rows, found["rows"], strict=True):
        for key, text in row.items():
            assert text == ("" if expected[key] is None else str(expected[key])), key
    assert set(found["words"]) <= set(err.splitlines())


def test_papers_get_a_table_of_theirs(call: Call, outputs: Path) -> None:
    lines = call(f"{outputs}/text", "--markdown")[0].splitlines()
    assert lines[:2] == [
        "| rank | name | seeds | mean | std | low | high | p_best | p_classical |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    assert lines[-1].startswith("| 3 | majority_class | – | 0.4000 | – | – | – |")
    lines = call(f"{outputs}/text", "--latex")[0].splitlines()
    assert (lines[0], lines[-1]) == (r"\begin{tabular}{rlrrrrrrr}", r"\end{tabular}")
    assert lines[-2].startswith(r"3 & majority\_class & – & 0.4000 & ")
    assert all(line.endswith(r" \\") for line in lines[1:-1])


def test_groups_and_metric_may_be_chosen(call: Call, outputs: Path) -> None:
    found = json.loads(call("lstm", *(f"gru-seed{n}" for n in (1, 2)), "--json", code=2)[0] or "{}")
    assert found == {}  # `lstm` means three runs
    rows = json.loads(call(f"{outputs}/text/*[12]", "--by", "model,seed", "--metric", "test/log_loss", "--json")[0])[
        "rows"
    ]
    assert [(row["name"], row["mean"]) for row in rows] == [
        ("lstm seed=2", pytest.approx(0.3)), ("lstm seed=1", pytest.approx(0.4)), ("gru seed=1", 0.5),
        ("gru seed=2", 0.5), ("majority_class", 0.6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--by", "modl"), "--by modl is no key of these runs; did you mean 'model.name'?"),
        (("--over", "seeds"), "--over seeds is no key of these runs; did you mean 'seed'?"),
        (("--metric", "acuracy"), "--metric must be one of accuracy, log_loss, but is 'acuracy'"),
        (("--csv", "--json"), "argument --json: not allowed with argument --csv"),
    ],
)
def test_what_was_mistyped_is_said(call: Call, outputs: Path, arguments: tuple[str, ...], message: str) -> None:
    out, err = call(f"{outputs}/text", *arguments, code=2)
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_a_name_cannot_steer_the_terminal(call: Call, outputs: Path) -> None:
    for seed in (1, 2, 3):
        config = outputs / "text" / f"gru-seed{seed}" / "config.yaml"
        config.write_text(config.read_text().replace("name: gru", 'name: "\\e[2Jgru"'))
    out, _ = call(f"{outputs}/text")
    assert "\x1b" not in out
    assert "\\x1b[2Jgru" in out
