from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seqexp.errors import CheckpointError, ConfigError, RunError
from seqexp.run.loaded import Run, load_run
from seqexp.store import checkpoint, metric_log
from seqexp.store.run_directory import RunDirectory


@pytest.fixture
def run(finished: Path) -> Run:
    return load_run(finished)


def test_metrics_are_a_row_for_each_line_of_the_log_but_the_results(run: Run) -> None:
    frame = run.metrics
    lines = [line for line in metric_log.read(run.directory.metrics) if "of" not in line]
    assert len(frame) == len(lines)
    assert frame["split"].tolist() == [line["split"] for line in lines]
    train, valid = frame[frame["split"] == "train"], frame[frame["split"] == "valid"]
    assert (train["step"].diff().dropna() == 2).all()
    assert valid["epoch"].tolist() == [1, 2, 3]
    assert train[["loss", "lr", "grad_norm"]].notna().all(axis=None)
    assert valid[["loss", "train_loss", "mae", "mase", "coverage_80"]].notna().all(axis=None)
    best = valid["loss"].cummin() == valid["loss"]
    assert valid["best"].astype(bool).tolist() == best.tolist()


def test_results_have_a_row_for_the_model_and_each_baseline(run: Run) -> None:
    frame = run.results
    assert frame.index.tolist() == ["lstm", "naive", "ridge"]
    assert frame["model"].tolist() == [True, False, False]
    assert {"mae", "rmse", "mase", "crps", "coverage_95"} <= set(frame.columns)
    assert not {"by_step", "split", "step", "epoch"} & set(frame.columns)


def test_naive_results_are_those_of_the_last_close(run: Run) -> None:
    close = run.problem.panel.target[:, 0]
    changes = np.abs(np.diff(close))[-18:]  # the 18 rows of test
    assert run.results.loc["naive", "mae"] == pytest.approx(changes.mean(), rel=1e-9)
    before = np.abs(close[run.problem.panel.season :] - close[: -run.problem.panel.season])
    scale = before[: 102 - run.problem.panel.season].mean()
    assert run.results.loc["naive", "mase"] == pytest.approx(changes.mean() / scale, rel=1e-9)


def test_the_model_is_ready_to_call_and_holds_the_best_weights(run: Run) -> None:
    model = run.model
    assert not model.training
    batch = run.problem.task.splits.test.batch(torch.arange(4))
    with torch.inference_mode():
        assert model(batch).shape == (4, 1, 1, 1)
    best = run.metrics.query("split == 'valid'").sort_values("loss").iloc[0]
    assert run.checkpoint["progress"]["step"] == best["step"]
    assert all(torch.equal(p, run.checkpoint["model"][n]) for n, p in model.named_parameters())


@pytest.mark.parametrize("split", ["test", "valid"])
def test_evaluation_says_what_the_run_said_and_keeps_its_forecasts(split: str, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    run = load_run(tmp_path / "run")
    records = run.evaluate(split)
    assert [r["of"] for r in records] == ["lstm", "naive", "ridge"]
    if split == "test":
        for record in records:
            for name in ("mae", "rmse", "mase", "crps", "coverage_80"):
                assert record[name] == pytest.approx(run.results.loc[record["of"], name], rel=1e-9)
    else:
        best = run.metrics.query("split == 'valid'").sort_values("loss").iloc[0]
        assert records[0]["mae"] == pytest.approx(best["mae"], rel=1e-9)
    kept = pd.read_parquet(run.directory.predictions / f"{split}.parquet")
    assert np.abs(kept["actual"] - kept["forecast"]).mean() == pytest.approx(records[0]["mae"], rel=1e-9)


def test_there_is_no_other_split_to_evaluate(run: Run) -> None:
    with pytest.raises(ConfigError, match="--split must be valid or test, but is 'train'"):
        run.evaluate("train")


class TestCheckpoints:
    def test_best_last_or_a_path_may_be_chosen(self, finished: Path) -> None:
        steps = checkpoint.steps(finished / "checkpoints")
        assert load_run(finished, "last").checkpoint["progress"]["step"] == max(steps)
        step, path = min(steps.items())
        assert load_run(finished, str(path)).checkpoint["progress"]["step"] == step

    def test_where_there_is_none_it_is_said(self, finished: Path, tmp_path: Path) -> None:
        shutil.copytree(finished, tmp_path / "run")
        for path in checkpoint.steps(tmp_path / "run" / "checkpoints").values():
            checkpoint.discard(path)
        with pytest.raises(CheckpointError, match="is missing from"):
            _ = load_run(tmp_path / "run").checkpoint
        with pytest.raises(CheckpointError, match="has no checkpoint yet; train it first"):
            _ = load_run(tmp_path / "run", "last").checkpoint
        RunDirectory(tmp_path / "run").update(best=None)
        with pytest.raises(
            CheckpointError, match="has no validated checkpoint yet; train it, or use --checkpoint last"
        ):
            _ = load_run(tmp_path / "run").checkpoint


class TestOpening:
    def test_what_is_no_run_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RunError):
            load_run(tmp_path, outputs=tmp_path / "outputs")

    def test_a_run_is_found_by_its_name(self, finished: Path) -> None:
        assert load_run(finished.name, outputs=finished.parents[1]).directory.path == finished
        assert load_run("latest", outputs=finished.parents[1]).directory.path == finished

    def test_it_says_what_it_is(self, run: Run) -> None:
        assert repr(run) == f"<Run {run.directory}: complete>"
        assert run.experiment.model.name == "lstm"

    def test_data_that_changed_since_is_refused_with_what_changed(
        self, finished: Path, prices: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(finished, tmp_path / "run")
        lines = prices.read_text().splitlines()
        (tmp_path / "prices.csv").write_text("\n".join(lines[:-1]) + "\n")
        config = tmp_path / "run" / "config.yaml"
        config.write_text(config.read_text().replace(str(prices), str(tmp_path / "prices.csv")))
        with pytest.raises(RunError, match=r"the data changed since .* began \(.*rows: 120 then, 119 now"):
            _ = load_run(tmp_path / "run").problem
