from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from seqexp.cli import main
from seqexp.cli import train as train_module
from seqexp.errors import TrainingError
from seqexp.sweep.manifest import read

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


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that were trained, each complete at once but for seed 2 at its first try."""
    seen: list[int] = []

    def train(composed: Any, _: Sequence[str]) -> int:
        experiment = composed.experiment
        seen.append(experiment.seed)
        if experiment.seed == 2 and seen.count(2) == 1:
            raise TrainingError("the loss is nan")
        from seqexp.run.train import directory_of

        run = directory_of(experiment)
        with run.claimed():
            run.write_config(composed.values)
            run.update(
                state="complete", model="lstm", headline="mase", results={"lstm": 0.5, "naive": 0.25}, epoch=7, best=0.1
            )
        return 0

    monkeypatch.setattr(train_module, "_train", train)
    return seen


@pytest.fixture
def sweep(call: Call, trained: list[int], tmp_path: Path) -> Path:
    """Of three jobs, of which the second failed."""
    assert call("train", "-m", "seed=1,2,3", "name=abc", "sweep.retries=4")[0] == 1
    assert trained == [1, 2, 3]
    (found,) = (tmp_path / "outputs" / "sweeps").iterdir()
    return found.relative_to(tmp_path)


def test_without_sweeps_the_list_says_how_to_make_one(call: Call) -> None:
    assert call("sweep") == (0, "no sweeps in outputs; `seqexp train -m` makes one\n", "")
    assert call("sweep", "list", "--json", "--outputs", "x") == (0, "[]\n", "")


def test_all_sweeps_are_listed_the_oldest_first(call: Call, sweep: Path) -> None:
    call("train", "-m", "seed=1", "name=later")
    broken = Path("outputs/sweeps/broken")
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    found = json.loads(call("sweep", "list", "--json")[1])
    assert [(s["sweep"], s["jobs"]) for s in found[1:]] == [
        (str(sweep), "3 jobs: 2 complete, 1 new"),
        (found[2]["sweep"], "1 job: 1 complete"),
    ]
    assert found[0]["sweep"] == str(broken)
    assert "cannot be read as JSON" in found[0]["jobs"]
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(found[1]["created"]))
    lines = call("sweep")[1].splitlines()
    assert lines[0].split() == ["sweep", "begun", "jobs"]
    assert f"{begun}  3 jobs: 2 complete, 1 new" in lines[2]


def test_the_status_of_a_sweep_is_its_table_and_its_count(call: Call, sweep: Path) -> None:
    code, out, err = call("sweep", "status", "latest")
    assert (code, err) == (0, "")
    runs = [str(r) for r in read(sweep).runs]
    assert out == (
        "seed  state     epoch  best valid  test mase  best classical  run\n"
        f"1     complete  7      0.1000      0.5000     naive 0.2500    {runs[0]}\n"
        f"2     missing   0      –           –          –               {runs[1]}\n"
        f"3     complete  7      0.1000      0.5000     naive 0.2500    {runs[2]}\n"
        f"{sweep}: 3 jobs: 2 complete, 1 new\n"
    )
    found = json.loads(call("sweep", "status", sweep.name, "--json")[1])
    assert (found["sweep"], [j["state"] for j in found["jobs"]]) == (str(sweep), ["complete", "missing", "complete"])


def test_the_reason_of_a_failure_is_told(call: Call, sweep: Path) -> None:
    run = read(sweep).runs[1]
    run.path.mkdir()
    run.status_file.write_text(json.dumps({"state": "failed", "reason": "the loss is nan"}))
    lines = call("sweep", "status", str(sweep))[1].splitlines()
    assert lines[-2:] == [f"{run}: the loss is nan", f"{sweep}: 3 jobs: 2 complete, 1 failed"]


def test_retry_runs_only_what_is_not_complete(call: Call, sweep: Path, trained: list[int]) -> None:
    code, out, err = call("sweep", "retry", "abc")
    assert code == 0
    assert trained == [1, 2, 3, 2]
    assert err.splitlines()[0] == f"sweep of 3 jobs: 2 complete, 1 new; {sweep}"
    assert err.splitlines()[1].startswith("[3/3] outputs/abc/lstm-seed2-")
    assert [line.split()[1] for line in out.splitlines()[1:4]] == ["complete"] * 3
    assert call("sweep", "retry", "abc")[0] == 0
    assert trained == [1, 2, 3, 2]


def test_retry_keeps_the_settings_of_the_sweep_but_for_what_is_said(
    call: Call, sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqexp.sweep import drive as module
    from seqexp.sweep.launchers import Ended as Outcome

    seen: list[Any] = []

    def drive(manifest: Any, jobs: Any, settings: Any, _: Any) -> Outcome:
        seen.append((manifest.launcher, len(jobs), settings.retries, settings.workers))
        return Outcome()

    monkeypatch.setattr(module, "drive", drive)
    call("sweep", "retry", "latest")
    call("sweep", "retry", "latest", "hydra/launcher=local", "sweep.workers=3")
    assert seen == [("basic", 1, 4, None), ("local", 1, 4, 3)]
    del sweep


@pytest.mark.usefixtures("sweep")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status"], "sweep status takes a SWEEP and nothing more"),
        (["list", "latest"], "sweep list takes no SWEEP and nothing more"),
        (["status", "latest", "seed=3"], "sweep status takes a SWEEP and nothing more"),
        (["status", "xyz"], "no sweep 'xyz' in outputs: 1 are there; `seqexp sweep list` lists them"),
        (["retry", "latest", "seed=3"], "'seed=3' would make other jobs"),
        (["retry", "latest", "sweep.workers=0"], "sweep.workers must be at least 1, but is 0"),
        (["retry", "latest", "hydra/launcher=x"], "hydra/launcher must be one of basic, local, but is 'x'"),
        (["stat"], "invalid choice: 'stat'"),
    ],
)
def test_a_mistake_is_told(call: Call, trained: list[int], arguments: list[str], message: str) -> None:
    code, out, err = call("sweep", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert trained == [1, 2, 3]


def test_retry_elsewhere_says_where_the_sweep_was_begun(
    call: Call, sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sweep.resolve()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    code, _, err = call("sweep", "retry", str(place))
    assert code == 2
    assert f"The sweep was begun in {tmp_path}" in err


@pytest.mark.parametrize("word", ["sweep.workers=2", "hydra/launcher=local"])
def test_a_single_run_has_no_settings_of_a_sweep(call: Call, word: str) -> None:
    assert call("train", word) == (2, "", f"seqexp: '{word}' says how a sweep is run: add -m, or leave it out\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seed=1,1"], "two jobs of the sweep are the same experiment"),
        (["seed=range(1,1)"], "'seed=range(1,1)' names no value, so the sweep has no job"),
        (["seed=1,2", "trainer.foo=1"], "unknown key 'trainer.foo'"),
        (["seed=1,2", "hydra/launcher=slurmy"], "hydra/launcher must be one of basic, local, but is 'slurmy'"),
        (["seed=1,2", "sweep.zip=[[model,seed]]"], "sweep.zip names 'model', which is not swept"),
    ],
)
def test_a_wrong_sweep_is_refused_before_anything_starts(
    call: Call, trained: list[int], tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, out, err = call("train", "-m", *arguments)
    assert (code, out, trained) == (2, "", [])
    assert message in err
    assert list(tmp_path.iterdir()) == []
