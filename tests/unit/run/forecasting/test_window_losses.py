from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest


def test_losses_of_the_model_and_each_baseline_average_to_their_metrics(finished: Path) -> None:
    kept = pd.read_parquet(finished / "predictions" / "test-losses.parquet")
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    records = {r["of"]: r for r in lines if "of" in r}
    assert list(kept["of"].unique()) == list(records) == ["lstm", "naive", "ridge"]
    means = kept.groupby("of")[["absolute", "square", "scaled", "crps"]].mean()
    for of, record in records.items():
        expected = [record["mae"], record["rmse"] ** 2, record["mase"], record["crps"]]
        assert means.loc[of].tolist() == pytest.approx(expected, rel=1e-9)
    # the last known day of each of the 18 windows
    tested = pd.read_parquet(finished / "predictions" / "test.parquet")
    assert kept[kept["of"] == "naive"]["origin"].tolist()[1:] == tested["time"].tolist()[:-1]
