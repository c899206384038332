"""`seqexp evaluate`: the scores that training reported, of whichever checkpoint and split."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from integration.runs import files, lines, status, the_run

if TYPE_CHECKING:
    from integration.conftest import Cli, Warm


@pytest.fixture(scope="session")
def worse(warm: Warm, tiny: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose last checkpoint is not its best: it is told that a higher loss is better."""
    folder = tmp_path_factory.mktemp("worse")
    ended = warm.cli(folder)("train", *tiny, "trainer.mode=max", "task.baselines=[naive]")
    assert ended.code == 0, ended.err
    run = the_run(folder)
    assert status(run)["best_epoch"] < status(run)["epoch"] == 3
    assert len(list(run.glob("checkpoints/*.pt"))) == 3
    return run


def scores(cli: Cli, run: Path, *options: str) -> list[dict[str, object]]:
    ended = cli("evaluate", str(run), "--json", *options)
    assert ended.code == 0, ended.err
    answer = json.loads(ended.out)
    assert answer["run"] == str(run)
    results: list[dict[str, object]] = answer["results"]
    return results


def test_the_test_scores_are_those_of_the_training(cli: Cli, worse: Path) -> None:
    reported = [r for r in lines(worse) if r["split"] == "test"]
    for record in reported:
        del record["step"], record["epoch"]
    assert scores(cli, worse) == reported
    assert scores(cli, worse, "--split", "test", "--checkpoint", "best") == reported


@pytest.mark.parametrize("which", ["best", "last"])
def test_the_validation_scores_are_those_of_the_epoch(cli: Cli, worse: Path, which: str) -> None:
    epoch = status(worse)["best_epoch"] if which == "best" else 3
    logged = next(r for r in lines(worse) if r["split"] == "valid" and r["epoch"] == epoch)
    mine = scores(cli, worse, "--split", "valid", "--checkpoint", which)[0]
    assert mine["of"] == "lstm"
    for metric in ("mae", "rmse", "mase", "crps", "coverage_80", "directional_accuracy"):
        assert mine[metric] == pytest.approx(logged[metric], rel=1e-9), metric


def test_a_checkpoint_by_its_path(cli: Cli, worse: Path) -> None:
    path = worse / "checkpoints" / "step-00000012.pt"
    last = scores(cli, worse, "--checkpoint", "last")
    assert scores(cli, worse, "--checkpoint", str(path)) == last
    assert last[0] != scores(cli, worse)[0]
    assert last[1] == scores(cli, worse)[1], "a classical method has no checkpoints"


def test_the_kept_forecasts_give_the_reported_errors(cli: Cli, copy: Path, prices: Path) -> None:
    shutil.rmtree(copy / "predictions")
    ended = cli("evaluate", "latest")
    assert ended.code == 0
    assert "test results, best first by MASE" in ended.out
    assert "what the model said is in outputs/stocks/" in ended.out
    kept = pd.read_parquet(copy / "predictions" / "test.parquet")
    assert list(kept) == [
        "series",
        "time",
        "step",
        "actual",
        "forecast",
        "lower_80",
        "upper_80",
        "lower_95",
        "upper_95",
    ]
    close = pd.read_csv(prices)["Close"].to_numpy()[-18:]
    np.testing.assert_array_equal(kept["actual"], close)
    mine = next(r for r in lines(copy) if r.get("of") == "lstm")
    assert np.abs(kept["actual"] - kept["forecast"]).mean() == pytest.approx(mine["mae"])
    inside = (kept["lower_80"] <= kept["actual"]) & (kept["actual"] <= kept["upper_80"])
    assert inside.mean() == pytest.approx(mine["coverage_80"])


def test_only_forecasts_are_written(cli: Cli, copy: Path) -> None:
    before = files(copy)
    assert cli("evaluate", "lstm", "--split", "valid").code == 0
    after = files(copy)
    assert set(after) - set(before) == {"predictions/valid.parquet"}
    assert {k: after[k] for k in before} == before
