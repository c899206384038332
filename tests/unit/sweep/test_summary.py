from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from seqexp.sweep.manifest import Manifest, manifest_of
from seqexp.sweep.plan import Job
from seqexp.sweep.summary import counted, rows, table, write_csv

RESULTS = {"lstm": 0.51234, "naive": 0.6, "ridge": 0.55, "arima": None}
DONE = {"model": "lstm", "headline": "mase", "results": RESULTS, "epoch": 3, "best": 0.25}


@pytest.fixture
def manifest(jobs: Callable[..., list[Job]], complete: Callable[..., None]) -> Manifest:
    """Of three jobs: complete, failed, not begun."""
    three = jobs(3)
    complete(three[0], **DONE)
    complete(three[1], state="failed", reason="the loss is nan", epoch=1, **{k: DONE[k] for k in ("model", "results")})
    return manifest_of(three, command=[], config_dir=None, launcher="basic", settings=[])


def test_a_row_has_the_score_and_that_of_the_best_classical_method(manifest: Manifest) -> None:
    found = rows(manifest)
    assert [r["varies"] for r in found] == [{"seed": "1"}, {"seed": "2"}, {"seed": "3"}]
    assert [r["run"] for r in found] == [str(r) for r in manifest.runs]
    keys = ("state", "epoch", "best", "metric", "score", "classical", "classical_score", "reason")
    assert [tuple(r[k] for k in keys) for r in found] == [
        ("complete", 3, 0.25, "mase", 0.51234, "ridge", 0.55, None),
        ("failed", 1, None, None, None, None, None, "the loss is nan"),
        ("missing", 0, None, None, None, None, None, None),
    ]


def test_the_table_is_a_line_a_job(manifest: Manifest) -> None:
    one, two, three = manifest.runs
    assert table(rows(manifest)) == (
        f"seed  state     epoch  best valid  test mase  best classical  run\n"
        f"1     complete  3      0.2500      0.5123     ridge 0.5500    {one}\n"
        f"2     failed    1      –           –          –               {two}\n"
        f"3     missing   0      –           –          –               {three}\n"
    )


def test_jobs_of_several_metrics_name_theirs(manifest: Manifest, complete: Callable[..., None]) -> None:
    manifest.runs[1].status_file.write_text(json.dumps({"state": "complete", **DONE, "headline": "qlike"}))
    lines = table(rows(manifest)).splitlines()
    assert lines[0].split()[-5:] == ["valid", "test", "best", "classical", "run"]
    assert "mase 0.5123" in lines[1]
    assert "qlike 0.5123" in lines[2]
    del complete


def test_the_file_has_a_column_for_each_key_that_varies(manifest: Manifest) -> None:
    manifest.directory.mkdir(parents=True)
    write_csv(manifest, rows(manifest))
    lines = (manifest.directory / "summary.csv").read_text().splitlines()
    assert lines[0] == "seed,state,epoch,best,metric,score,classical,classical_score,reason,run"
    assert lines[1] == f"1,complete,3,0.25,mase,0.51234,ridge,0.55,,{manifest.runs[0]}"
    assert lines[2] == f"2,failed,1,,,,,,the loss is nan,{manifest.runs[1]}"


@pytest.mark.parametrize(
    ("states", "text"),
    [
        (["complete"], "1 job: 1 complete"),
        (["missing", "pending", "running", "stopped", "interrupted"], "5 jobs: 4 unfinished, 1 new"),
        (["missing", "failed", "damaged", "complete"], "4 jobs: 1 complete, 1 failed, 1 new, 1 damaged"),
    ],
)
def test_states_are_counted(states: list[str], text: str) -> None:
    assert counted(states) == text
