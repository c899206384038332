from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch

import seqexp
from seqexp import load_run, train
from seqexp.errors import CheckpointError, ConfigError, RunError


@pytest.fixture
def copy(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "outputs" / "stocks" / finished.name
    shutil.copytree(finished, path)
    return path


def lines(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, seqexp; print(*{'torch', 'numpy', 'pandas', 'hydra', 'pydantic'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
    assert seqexp.__all__ == ["load_run", "train"]


def test_train_gives_a_run_with_metrics_results_and_a_model(
    tiny: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(*tiny, f"outputs={tmp_path}", "model=gru")
    assert capsys.readouterr() == ("", "")
    assert run.directory.path.parent == tmp_path / "stocks"
    assert repr(run) == f"<Run {run.directory.path}: complete>"
    assert run.experiment.model.name == "gru"
    logged = lines(run.directory.path)
    assert run.metrics["split"].tolist() == ["train", "train", "valid"] * 3
    assert run.metrics["loss"].tolist() == [r["loss"] for r in logged if "of" not in r]
    assert run.results.index.tolist() == ["gru", "naive", "ridge"]
    assert run.results.loc["ridge", "mae"] == next(r["mae"] for r in logged if r.get("of") == "ridge")
    assert isinstance(run.model, torch.nn.Module)
    assert not run.model.training


def test_train_again_opens_what_is_complete_and_runs_nothing(
    copy: Path, tiny: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqexp.run.train.build_problem", None)
    run = train(*tiny)
    assert run.directory.path.resolve() == copy
    assert run.results.loc["lstm", "mae"] == load_run(copy).results.loc["lstm", "mae"]


def test_train_shows_progress_where_it_is_asked_to(
    tiny: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(*tiny, f"outputs={tmp_path}", "trainer.max_epochs=1", "task.baselines=[]", quiet=False)
    assert "epoch   1/1" in capsys.readouterr().err


def test_train_raises_the_message_of_the_command(tiny: Sequence[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'model\.depth'  \(command line\)"):
        train(*tiny, f"outputs={tmp_path}", "model.depth=3")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_is_raised_and_the_same_call_goes_on(
    tiny: Sequence[str], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqexp.training import loop

    step, count = loop.train_step, 0

    def stepping(*args: object, **options: object) -> object:
        nonlocal count
        count += 1
        if count == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return step(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "train_step", stepping)
    with pytest.raises(KeyboardInterrupt, match="stopped by signal 2"):
        train(*tiny, f"outputs={tmp_path}")
    monkeypatch.undo()
    stopped = load_run("latest", outputs=tmp_path)
    assert stopped.directory.status()["state"] == "interrupted"
    assert stopped.directory.status()["step"] == 6
    run = train(*tiny, f"outputs={tmp_path}")
    pd.testing.assert_frame_equal(run.results, load_run(finished).results, check_exact=True)
    weights, expected = run.model.state_dict(), load_run(finished).model.state_dict()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


@pytest.mark.parametrize("word", ["path", "text", "name", "part", "latest"])
def test_load_run_finds_a_run_as_the_commands_do(copy: Path, word: str) -> None:
    said: Path | str = {
        "path": copy, "text": str(copy), "name": copy.name, "part": f"stocks/{copy.name[:8]}", "latest": "latest",
    }[word]  # fmt: skip
    assert load_run(said).directory.path.resolve() == copy


def test_load_run_refuses_what_is_no_run(copy: Path, tmp_path: Path) -> None:
    for said in (tmp_path / "nowhere", copy / "checkpoints", "gru"):
        with pytest.raises(RunError, match=r"no run '.*' in outputs: 1 runs are there"):
            load_run(said)


def test_load_run_takes_the_checkpoint_it_is_told(copy: Path) -> None:
    path = copy / "checkpoints" / "step-00000008.pt"
    assert load_run(copy, "last").checkpoint["progress"]["step"] == 12
    assert load_run(copy, str(path)).checkpoint["progress"]["step"] == 8
    with pytest.raises(CheckpointError, match="cannot read worst"):
        _ = load_run(copy, "worst").checkpoint


def test_the_model_answers_with_the_weights_of_the_checkpoint(copy: Path) -> None:
    run = load_run(copy)
    saved = run.checkpoint["model"]
    assert {k: v.tolist() for k, v in run.model.state_dict().items()} == {k: v.tolist() for k, v in saved.items()}


def test_the_model_has_the_averaged_weights_where_there_are_any(tiny: Sequence[str], tmp_path: Path) -> None:
    run = train(*tiny, f"outputs={tmp_path}", "trainer.ema_decay=0.9", "task.baselines=[]", "trainer.max_epochs=1")
    weights, average, last = dict(run.model.named_parameters()), run.checkpoint["average"], run.checkpoint["model"]
    assert all(torch.equal(weights[name], average[name]) for name in average)
    assert any(not torch.equal(weights[name], last[name]) for name in average)


def test_evaluate_gives_the_scores_of_the_training(copy: Path) -> None:
    logged = [r for r in lines(copy) if "of" in r]
    for mine, line in zip(load_run(copy).evaluate(), logged, strict=True):
        for metric in ("mae", "rmse", "mase", "crps"):
            assert math.isclose(mine[metric], line[metric], rel_tol=1e-12)  # type: ignore[arg-type]
    assert (copy / "predictions" / "test.parquet").is_file()
    with pytest.raises(ConfigError, match="--split must be valid or test, but is 'train'"):
        load_run(copy).evaluate("train")


def test_metrics_and_results_of_a_run_that_has_none_are_empty(copy: Path) -> None:
    (copy / "metrics.jsonl").write_text("")
    assert load_run(copy).metrics.empty
    assert load_run(copy).results.empty


def test_nothing_of_a_run_directory_is_executed(copy: Path) -> None:
    (copy / "config.yaml").write_text("model: !!python/object/apply:os.mkdir [exploded]\n")
    with pytest.raises(RunError, match="it has a tag"):
        _ = load_run(copy).experiment
    assert not (copy.parents[2] / "exploded").exists()
