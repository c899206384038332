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
    run = members(directories(["lstm-seed1"], outputs))[0][0]
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
        members(directories([str(outputs)], outputs))


@pytest.mark.parametrize(("key", "old", "new"), [("data.horizon", "horizon: 1", "horizon: 2")])
def test_runs_of_another_target_or_split_are_refused_with_what_differs(
    outputs: Path, key: str, old: str, new: str
) -> None:
    config = outputs / "stocks" / "lstm-seed2-bbbb" / "config.yaml"
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(RunError, match=rf"not tested on the same windows \({key}: 1 and 2\)"):
        members(directories([str(outputs)], outputs))
