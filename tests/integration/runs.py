"""Run directories, as tests look at them: what a run left behind, and whether two runs ended the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from seqexp.store import checkpoint
from seqexp.store.metric_log import WALL_CLOCK


def the_run(folder: Path) -> Path:
    """The only run under a folder."""
    runs = [path.parent for path in folder.glob("outputs/*/*/config.yaml")]
    assert len(runs) == 1, runs
    return runs[0]


def status(run: Path) -> dict[str, Any]:
    """Its status.json."""
    values: dict[str, Any] = json.loads((run / "status.json").read_text())
    return values


def lines(run: Path) -> list[dict[str, Any]]:
    """Its metrics.jsonl, without the fields that are of the clock."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in record.items() if k not in WALL_CLOCK} for record in records]


def last_state(run: Path) -> dict[str, Any]:
    """Its last checkpoint, without the length of the log, which has the clock's digits in it."""
    payload = checkpoint.load(list(checkpoint.steps(run / "checkpoints").values())[-1])
    del payload["log_position"]
    return payload


def files(folder: Path) -> dict[str, str]:
    """The digest of every file under a folder."""
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def bits(value: Any) -> Any:
    """A checkpoint with each tensor as its type, shape and bytes: equal only if every bit is."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {k: bits(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [bits(v) for v in value]
    return repr(value) if isinstance(value, float) else value


def assert_same_end(run: Path, other: Path) -> None:
    """Both are complete, with the same weights, optimizer, generators, metrics, results and forecasts, bit for bit."""
    one, two = status(run), status(other)
    assert (one["state"], two["state"]) == ("complete", "complete")
    for key in ("epoch", "step", "best", "best_epoch", "headline", "results"):
        assert one[key] == two[key], key
    assert lines(run) == lines(other)
    one, two = bits(last_state(run)), bits(last_state(other))
    assert one.keys() == two.keys()
    for key in one:
        assert one[key] == two[key], key
    best, expected = (checkpoint.ranked(r / "checkpoints", "min")[0] for r in (run, other))
    assert best.name == expected.name
    assert bits(checkpoint.load(best)["model"]) == bits(checkpoint.load(expected)["model"])
    forecasts = [pd.read_parquet(r / "predictions" / "test.parquet") for r in (run, other)]
    pd.testing.assert_frame_equal(*forecasts, check_exact=True)
    assert not list(run.rglob("*.tmp"))
