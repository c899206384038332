"""Runs in groups by configuration: each group is a row, its runs are its seeds."""

from __future__ import annotations

from collections.abc import Sequence

from seqexp.compare.gather import FOLD, Member
from seqexp.errors import ConfigError


def keys_of(runs: Sequence[Member], by: Sequence[str], over: Sequence[str]) -> list[str]:
    """The keys that tell groups apart: those asked for, or the fewest that tell all configurations apart.

    Raises:
        ConfigError: If a key is in no run.
    """
    every = sorted({k for run in runs for k in run.config}, key=lambda k: (k != "model.name", k))
    full = [f"{k}.name" if f"{k}.name" in every else k for k in by]
    for option, keys in (("--by", full), ("--over", over)):
        if unknown := [k for k in keys if k not in every and k != FOLD]:
            from seqexp.config.explain import suggest

            raise ConfigError(
                f"{option} {unknown[0]} is no key of these runs{suggest(unknown[0], every)}; `seqexp runs diff` shows "
                "what differs"
            )
    if full:
        return full
    chosen: list[str] = []
    groups: list[tuple[str, ...]] = [("",) for _ in runs]
    for key in every:
        if key in over:
            continue
        values = [repr(run.config.get(key)) for run in runs]
        if len(set(values)) == 1:
            continue
        finer = [(*g, value) for g, value in zip(groups, values, strict=True)]
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
