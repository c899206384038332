"""Runs written by hand: their configuration in memory, their losses and metrics in files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqexp.compare.gather import Member
from seqexp.store.run_directory import RunDirectory

Make = Callable[..., Member]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make("a", lstm={"scaled": [...]}, naive={...})`: a run with the losses of each name, and what they are of."""

    def made(
        name: str, index: Mapping[str, Sequence[Any]] | None = None, *, results: Mapping[str, float] | None = None,
        config: Mapping[str, Any] | None = None, headline: str = "mase", **losses: Mapping[str, Sequence[float]],
    ) -> Member:  # fmt: skip
        run = RunDirectory(tmp_path / name)
        run.predictions.mkdir(parents=True)
        blocks = []
        for of, columns in losses.items():
            count = len(next(iter(columns.values())))
            where = index or {"series": ["a"] * count, "origin": range(count)}
            blocks.append(pa.table({"of": [of] * count, **where, **columns}))
        if blocks:
            pq.write_table(pa.concat_tables(blocks), run.losses)
        said = {"model.name": next(iter(losses), "lstm"), "seed": 1, "data.horizon": 1, **(config or {})}
        status = {"model": said["model.name"], "headline": headline, "results": dict(results or {})}
        run.metrics.write_text(
            "".join(json.dumps({"of": of, "split": "test", headline: v}) + "\n" for of, v in (results or {}).items())
        )
        return Member(run, said, status, {})

    return made
