"""A sweep on disk: `outputs/sweeps/<name>-<hash8>/manifest.json`, which says every job and its run directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqexp.errors import RunError
from seqexp.store.atomic import cannot_write, write_json
from seqexp.store.run_directory import RunDirectory, read_json
from seqexp.sweep.plan import Job, sweep_name, varying


@dataclass(frozen=True)
class Manifest:
    """What a sweep consists of."""

    directory: Path
    command: list[str]
    folder: str
    """Where the command was typed."""
    config_dir: str | None
    launcher: str
    settings: list[str]
    """`sweep.key=value`, as typed."""
    overrides: list[list[str]]
    """Of each job."""
    runs: list[RunDirectory]
    """Of each job."""
    created: float

    def by(self, launcher: str) -> Manifest:
        """The same sweep by another launcher."""
        return replace(self, launcher=launcher)

    def write(self) -> None:
        """Put it on disk, whole or not at all.

        Raises:
            RunError: If it cannot be written.
        """
        outputs = self.directory.parents[1]
        jobs = [
            # Relative to the folder of all runs, so that this may be moved.
            {"overrides": words, "run": os.path.relpath(run.path, outputs), "varies": varies}
            for words, run, varies in zip(self.overrides, self.runs, varying(self.overrides), strict=True)
        ]
        fields = ("command", "folder", "config_dir", "launcher", "settings", "created")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(cannot_write(self.directory, error)) from error
        write_json(self.directory / "manifest.json", {**{f: getattr(self, f) for f in fields}, "jobs": jobs})


def manifest_of(
    jobs: Sequence[Job], *, command: Sequence[str], config_dir: str | None, launcher: str, settings: Sequence[str]
) -> Manifest:
    """The manifest of planned jobs; the same jobs have the same directory."""
    first = jobs[0].composed.experiment
    name = sweep_name(first.name, ["/".join(job.directory.path.parts[-2:]) for job in jobs])
    directory = Path(first.outputs) / "sweeps" / name
    created = read(directory).created if (directory / "manifest.json").exists() else time.time()
    return Manifest(
        directory=directory, command=list(command), folder=os.getcwd(), config_dir=config_dir, launcher=launcher,
        settings=list(settings), overrides=[list(job.overrides) for job in jobs],
        runs=[job.directory for job in jobs], created=created,
    )  # fmt: skip


def read(directory: Path) -> Manifest:
    """A sweep from disk.

    Raises:
        RunError: If its manifest cannot be read.
    """
    path = directory / "manifest.json"
    values: dict[str, Any] = read_json(path)
    try:
        jobs = values.pop("jobs")
        outputs = directory.parents[1]
        runs = [RunDirectory(Path(os.path.normpath(outputs / job["run"]))) for job in jobs]
        return Manifest(directory=directory, runs=runs, overrides=[job["overrides"] for job in jobs], **values)
    except (KeyError, TypeError, IndexError) as error:
        raise RunError(f"{path} is no manifest of a sweep ({error}); type the sweep's command again") from None


def all_sweeps(outputs: Path) -> Iterator[Path]:
    """The directory of every sweep under the folder of all runs, by name."""
    yield from sorted(path.parent for path in outputs.glob("sweeps/*/manifest.json"))


def find_sweep(outputs: Path, name: str) -> Path:
    """The sweep meant by its directory, by a unique beginning of its name or of its hash, or by `latest`.

    Raises:
        RunError: If there is none, or more than one.
    """
    if (Path(name) / "manifest.json").is_file():
        return Path(name).resolve() if len(Path(name).parts) < 3 else Path(name)
    sweeps = list(all_sweeps(outputs))
    if name == "latest" and sweeps:
        return max(sweeps, key=lambda s: (s / "manifest.json").stat().st_mtime)
    found = [s for s in sweeps if s.name.startswith(name) or s.name.rpartition("-")[2].startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RunError(f"'{name}' means {len(found)} sweeps; say more of the name:\n  " + "\n  ".join(map(str, found)))
    there = f"{len(sweeps)} are there; `seqexp sweep list` lists them" if sweeps else "there are none yet"
    raise RunError(f"no sweep '{name}' in {outputs}: {there}; --outputs names another folder")
