"""Runs in groups by configuration: each group is a row, its runs are its seeds."""

from __future__ import annotations

from collections.abc import Sequence

from seqexp.compare.gather import Member
from seqexp.errors import ConfigError


def keys_of(runs: Sequence[Member], by: Sequence[str], over: Sequence[str]) -> list[str]:
    """The keys that tell groups apart: those asked for, or the fewest that tell all configurations apart.

    Raises:
        ConfigError: If a key is in no run.
    """
    every = sorted({k for run in runs for k in run.config}, key=lambda k: (k != "model.name", k))
    if by:
        full = [f"{k}.name" if f"{k}.name" in every else k for k in by]
        if unknown := [k for k in full if k not in every]:
            raise ConfigError(f"--by {unknown[0]} is no key of these runs; `seqexp runs diff` shows what differs")
        return full
    chosen: list[str] = []
    groups: list[tuple[str, ...]] = [("",) for _ in runs]
    for key in every:
        if key in over:
            continue
        finer = [(*g, repr(run.config.get(key))) for g, run in zip(groups, runs, strict=True)]
        if len(set(finer)) > len(set(groups)):
            chosen.append(key)
            groups = finer
    return chosen


def grouped(runs: Sequence[Member], keys: Sequence[str]) -> dict[str, list[Member]]:
    """Each group's name, and its runs."""
    found: dict[str, list[Member]] = {}
    for run in runs:
        parts = [str(run.config.get(k)) if k == "model.name" else f"{k}={run.config.get(k)}" for k in keys]
        found.setdefault(" ".join(parts) or str(run.config["model.name"]), []).append(run)
    return found
