from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.errors import RunError
from seqexp.sweep.manifest import Manifest, all_sweeps, find_sweep, manifest_of, read
from seqexp.sweep.plan import Job

Jobs = Callable[..., list[Job]]


def of(jobs: list[Job]) -> Manifest:
    return manifest_of(jobs, command=["seqexp", "x"], config_dir=None, launcher="local", settings=["sweep.workers=2"])


def test_a_manifest_is_read_as_it_was_written(jobs: Jobs, tmp_path: Path) -> None:
    manifest = of(jobs(2, "name=abc"))
    manifest.write()
    again = read(manifest.directory)
    assert manifest.directory.parent == tmp_path / "sweeps"
    assert manifest.directory.name.startswith("abc-")
    for field in ("command", "folder", "config_dir", "launcher", "settings", "overrides", "created"):
        assert getattr(again, field) == getattr(manifest, field), field
    assert [r.path for r in again.runs] == [r.path for r in manifest.runs]
    assert again.folder == os.getcwd()
    values = json.loads((manifest.directory / "manifest.json").read_text())
    assert [j["varies"] for j in values["jobs"]] == [{"seed": "1"}, {"seed": "2"}]
    assert values["jobs"][0]["run"] == f"abc/{manifest.runs[0].path.name}"


def test_the_same_jobs_are_the_same_sweep_begun_then(jobs: Jobs) -> None:
    first = of(jobs(2))
    first.write()
    again = of(list(reversed(jobs(2))))
    assert again.directory == first.directory
    assert again.created == first.created
    assert of(jobs(3)).directory != first.directory
    assert first.by("basic").launcher == "basic"


def test_the_folder_of_all_runs_may_be_moved(jobs: Jobs, tmp_path: Path) -> None:
    of(jobs(2)).write()
    other = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(other)
    (sweep,) = all_sweeps(other)
    assert [r.path.parent for r in read(sweep).runs] == [other / "stocks"] * 2


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"jobs": [{}]}', '{"jobs": [], "surplus": 1}'])
def test_what_is_no_manifest_is_told(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "sweeps" / "x"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(RunError, match=r"manifest\.json"):
        read(folder)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for age, name in enumerate(("stocks-aa11", "stocks-bb22", "load-cc33")):
        path = tmp_path / "sweeps" / name / "manifest.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        os.utime(path, (1e9 - age, 1e9 - age))
    (tmp_path / "sweeps" / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("said", "found"),
    [("load", "load-cc33"), ("stocks-b", "stocks-bb22"), ("cc", "load-cc33"), ("latest", "stocks-aa11")],
)  # fmt: skip
def test_a_sweep_is_found_by_what_names_it_alone(outputs: Path, said: str, found: str) -> None:
    assert find_sweep(outputs, said) == outputs / "sweeps" / found


def test_a_sweep_is_found_by_its_directory(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = outputs / "sweeps" / "load-cc33"
    assert find_sweep(Path("nowhere"), str(place)) == place
    monkeypatch.chdir(place)
    assert find_sweep(Path("nowhere"), ".") == place


def test_no_sweep_and_several_are_told(outputs: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"'stocks' means 2 sweeps; say more of the name:\n.*stocks-aa11\n.*stocks-bb22"):
        find_sweep(outputs, "stocks")
    with pytest.raises(RunError, match=r"no sweep 'x' in .*: 3 are there; `seqexp sweep list` lists them"):
        find_sweep(outputs, "x")
    with pytest.raises(RunError, match=r"no sweep 'latest' in .*none: there are none yet"):
        find_sweep(tmp_path / "none", "latest")
