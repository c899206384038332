"""The jobs of a sweep: each an experiment with the directory that belongs to its identity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.config.compose import Composed, compose
from seqexp.config.identity import run_path
from seqexp.errors import ConfigError
from seqexp.store.run_directory import RunDirectory


@dataclass(frozen=True, eq=False)
class Job:
    """One experiment of a sweep."""

    overrides: tuple[str, ...]
    composed: Composed
    directory: RunDirectory

    def state(self) -> str:
        """As in its status; `stopped` where a running one's process is gone, `damaged` where it cannot be read."""
        return str(self.directory.observed_status()["state"])

    def is_taken(self) -> bool:
        """Whether another process writes its run now."""
        return self.state() == "running" and self.directory.is_claimed()


def plan(overrides: Sequence[Sequence[str]], config_dir: str | None) -> list[Job]:
    """Compose and validate every job before the first starts.

    Args:
        overrides: Of each job.
        config_dir: One more folder of YAML.

    Raises:
        ConfigError: With every problem of every job, or if two are the same experiment.
    """
    jobs: list[Job] = []
    problems: dict[str, None] = {}
    chosen: dict[tuple[str, ...], Any] = {}
    for words in overrides:
        try:
            composed = compose(words, config_dir, chosen)
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
            continue
        jobs.append(Job(tuple(words), composed, RunDirectory(run_path(composed.experiment))))
    if problems:
        raise ConfigError(list(problems))
    _refuse_equal(jobs)
    return jobs


def _refuse_equal(jobs: Sequence[Job]) -> None:
    seen: dict[Path, Job] = {}
    for job in jobs:
        if other := seen.get(job.directory.path):
            ours, theirs = " ".join(job.overrides), " ".join(other.overrides)
            both = f"'{ours}' twice" if ours == theirs else f"'{theirs}' and '{ours}'"
            raise ConfigError(
                f"two jobs of the sweep are the same experiment, {job.directory}: {both}. Take out the value that is "
                "said twice, or that changes no result"
            )
        seen[job.directory.path] = job


def sweep_name(name: str, runs: Sequence[str]) -> str:
    """`stocks-3fa9c2d1`: the same for the same jobs, in whatever order and however they were said."""
    digest = hashlib.sha256("\n".join(sorted(runs)).encode()).hexdigest()[:8]
    return f"{name}-{digest}"


def varying(overrides: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Of each job, the keys that differ among jobs, with their values."""
    said: list[dict[str, str]] = [
        {key.lstrip("+"): value for key, _, value in (w.partition("=") for w in words)} for words in overrides
    ]
    keys = list(dict.fromkeys(key for one in said for key in one))
    differ = [key for key in keys if len({one.get(key) for one in said}) > 1]
    return [{key: one.get(key, "") for key in differ} for one in said]
