from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from seqexp.errors import TrainingError
from seqexp.sweep.drive import drive
from seqexp.sweep.launchers import Run
from seqexp.sweep.manifest import Manifest, manifest_of
from seqexp.sweep.plan import Job

DONE = {"model": "lstm", "headline": "mase", "results": {"lstm": 0.5, "naive": 0.6}}


def of(jobs: list[Job], launcher: str = "basic") -> Manifest:
    return manifest_of(jobs, command=[], config_dir=None, launcher=launcher, settings=[])


@pytest.fixture
def three(jobs: Callable[..., list[Job]], complete: Callable[..., None]) -> list[Job]:
    """The second is complete."""
    planned = jobs(3)
    complete(planned[1], **DONE)
    return planned


def test_what_is_complete_is_skipped_and_the_rest_is_run_and_told(
    three: list[Job], settings: Callable[..., Any], complete: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = of(three)

    def run(composed: Any) -> int:
        assert (manifest.directory / "manifest.json").exists()
        seed = composed.experiment.seed
        if seed == 3:
            raise TrainingError("no")
        complete(three[seed - 1], **DONE)
        return 0

    ended = drive(manifest, three, settings(), lambda: run)
    assert (ended.failures, ended.signal) == ([(three[2], "no")], None)
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        f"sweep of 3 jobs: 1 complete, 2 new; {manifest.directory}",
        f"[2/3] {three[0].directory}",
        *[line for line in err.splitlines() if line.startswith(f"[3/3] {three[2].directory}  (about")],
    ]
    lines = out.splitlines()
    assert lines[0] == f"{three[1].directory} is complete; nothing to train"
    assert [line.split()[:2] for line in lines[2:5]] == [["1", "complete"], ["2", "complete"], ["3", "failed"]]
    assert lines[5] == f"everything is in {manifest.directory}"
    assert f"3,failed,0,,,,,,no,{three[2].directory}" in (manifest.directory / "summary.csv").read_text()


def test_a_complete_sweep_needs_nothing_prepared(
    three: list[Job], settings: Callable[..., Any], complete: Callable[..., None]
) -> None:
    for job in three:
        complete(job, **DONE)

    def make_run() -> Run:
        raise AssertionError("nothing is to be run")

    for launcher in ("basic", "local"):
        assert drive(of(three, launcher), three, settings(), make_run).failures == []


def test_machines_get_the_whole_sweep_as_a_line(
    jobs: Callable[..., list[Job]], settings: Callable[..., Any], complete: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    two = jobs(2, "tracking.progress=json")
    for job in two:
        complete(job, **DONE)
    manifest = of(two)
    drive(manifest, two, settings(), lambda: lambda _: 0)
    out, _ = capsys.readouterr()
    found = json.loads(out)
    assert (found["event"], found["sweep"]) == ("sweep", str(manifest.directory))
    assert [(j["run"], j["score"], j["varies"]) for j in found["jobs"]] == [
        (str(job.directory), 0.5, {"seed": str(n)}) for n, job in enumerate(two, 1)
    ]


def test_in_silence_only_files_are_written(
    jobs: Callable[..., list[Job]], settings: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    one = jobs(1, "tracking=quiet")
    manifest = of(one)
    drive(manifest, one, settings(), lambda: lambda _: 0)
    assert capsys.readouterr() == ("", "")
    assert {p.name for p in manifest.directory.iterdir()} == {"manifest.json", "summary.csv"}
