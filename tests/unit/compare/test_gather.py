from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seqexp.compare.gather import directories, members
from seqexp.errors import ConfigError, RunError


@pytest.fixture
def outputs(finished: Path, tmp_path: Path) -> Path:
    for name in ("lstm-seed1-aaaa", "lstm-seed2-bbbb"):
        shutil.copytree(finished, tmp_path / "stocks" / name)
    return tmp_path


def names(outputs: Path, *words: str) -> list[str]:
    return [run.path.name for run in directories(words, outputs)]


def test_runs_are_meant_by_folder_path_glob_or_name_and_taken_once(outputs: Path) -> None:
    both = ["lstm-seed1-aaaa", "lstm-seed2-bbbb"]
    assert names(outputs, str(outputs / "stocks")) == both
    assert names(outputs, str(outputs)) == both
    assert names(outputs, str(outputs / "stocks" / "*seed2*"), "lstm-seed2") == both[1:]
    with pytest.raises(RunError, match="no run 'gru' in"):
        directories(["gru"], outputs)


def test_a_metric_is_read_for_the_model_and_each_classical_method(outputs: Path) -> None:
    run = members(directories(["lstm-seed1"], outputs), ["seed"])[0][0]
    lines = (json.loads(line) for line in run.directory.metrics.read_text().splitlines())
    expected = {line["of"]: line["rmse"] for line in lines if line.get("of")}
    assert run.results("rmse") == expected
    assert set(expected) == {"lstm", "naive", "ridge"}
    with pytest.raises(ConfigError, match=r"^--metric must be one of mae, rmse, .*, but is 'bleu'"):
        run.results("bleu")


def test_without_a_complete_run_there_is_nothing_to_compare(outputs: Path) -> None:
    for path in (outputs / "stocks").iterdir():
        status = json.loads((path / "status.json").read_text())
        (path / "status.json").write_text(json.dumps({**status, "state": "failed"}))
    with pytest.raises(RunError, match=r"no complete run to compare.*\n.*lstm-seed1-aaaa \(failed\)"):
        members(directories([str(outputs)], outputs), ["seed"])


@pytest.mark.parametrize(
    ("file", "old", "new", "differing"),
    [
        ("config.yaml", "horizon: 1", "horizon: 2", "data.horizon: 1 and 2"),
        ("config.yaml", "valid: 0.15", "valid: 0.25", "data.split.valid: 0.15 and 0.25"),
        ("provenance.json", '"test": ', '"test": 1', r"size of test: \d+ and 1\d+"),
        ("provenance.json", '"fingerprint": "', '"fingerprint": "0', r"data fingerprint: \w+ and 0\w+"),
    ],
)
def test_runs_of_another_target_or_split_are_refused_with_what_differs(
    outputs: Path, file: str, old: str, new: str, differing: str
) -> None:
    path = outputs / "stocks" / "lstm-seed2-bbbb" / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RunError, match=rf"were not tested on the same data \({differing}\)"):
        members(directories([str(outputs)], outputs), ["seed"])


def test_the_configuration_is_read_line_by_line_as_a_parser_of_yaml_reads_it(outputs: Path) -> None:
    text = """# a comment
name: 'stocks: all'
data:
  path: /a b.csv
  columns: {}
  lags: [1, 2]
  list:
  - 1
  - x: 2
  deep:
    er:
      one: 1.0e-08
      none: null
    text: |
      a: 1
      b: 2
  date: 2020-01-01
seed: 3
"""
    (outputs / "stocks" / "lstm-seed1-aaaa" / "config.yaml").write_text(text)
    (run,), _ = members(directories(["lstm-seed1"], outputs), ["seed"])
    assert run.config == {
        "data.path": "/a b.csv", "data.columns": {}, "data.lags": [1, 2], "data.list": [1, {"x": 2}],
        "data.deep.er.one": 1e-8, "data.deep.er.none": None, "data.deep.text": "a: 1\nb: 2\n",
        "data.date": "2020-01-01", "seed": 3,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["data:\n  path: *a\n", "data:\n  path: !!python/name:os.system x\n", "- 1\n", "a\n"])
def test_a_configuration_that_is_not_plain_is_refused(outputs: Path, text: str) -> None:
    (outputs / "stocks" / "lstm-seed1-aaaa" / "config.yaml").write_text(text)
    with pytest.raises(RunError, match=r"config\.yaml (is not plain YAML|holds no keys)"):
        members(directories(["lstm-seed1"], outputs), ["seed"])


def folds(outputs: Path, *numbers: int) -> None:
    """Make cross-validation of the runs: each of a fold, whose test is as large as its number says."""
    for path, number in zip(sorted((outputs / "stocks").iterdir()), numbers, strict=True):
        config, provenance = path / "config.yaml", path / "provenance.json"
        config.write_text(config.read_text().replace("  window:", f"  folds: 5\n  fold: {number}\n  window:"))
        values = json.loads(provenance.read_text())
        values["data"]["windows"]["test"] = 100 + number
        provenance.write_text(json.dumps(values))


def test_folds_stand_together_where_they_are_averaged_over(outputs: Path) -> None:
    folds(outputs, 0, 3)
    runs = directories([str(outputs)], outputs)
    assert [run.fold for run in members(runs, ["seed", "data.fold"])[0]] == [0, 3]
    with pytest.raises(RunError, match=r"\(data\.fold: 0 and 3; size of test: 100 and 103\)"):
        members(runs, ["seed"])
