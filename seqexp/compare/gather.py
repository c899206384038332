"""From words on the command line to complete runs that may stand beside each other."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqexp.config.identity import MAY_DIFFER, under
from seqexp.errors import ConfigError, RunError
from seqexp.store import metric_log, safe_yaml
from seqexp.store.run_directory import RunDirectory, find, read_json

MUST_AGREE = ("data.target", "data.horizon", "data.split", "trainer.limit_batches")
"""Keys that decide which windows are tested, on the same data."""


@dataclass(frozen=True)
class Member:
    """One complete run."""

    directory: RunDirectory
    config: dict[str, Any]
    """Dotted keys to values."""
    status: dict[str, Any]
    data: dict[str, Any]
    """What its provenance says of the data."""

    def results(self, metric: str) -> dict[str, float]:
        """The test metric of the model and each baseline.

        Raises:
            ConfigError: If the run has no such metric.
        """
        if metric == self.status.get("headline"):
            found = dict(self.status["results"])
        else:
            lines = [r for r in metric_log.read(self.directory.metrics) if r.get("of") and r["split"] == "test"]
            known = [k for k, v in (lines[0] if lines else {}).items() if isinstance(v, float)]
            if metric not in known:
                raise ConfigError(f"--metric must be one of {', '.join(known)}, but is '{metric}'")
            found = {r["of"]: r[metric] for r in lines}
        return {of: float(value) for of, value in found.items() if value is not None}


def directories(words: Sequence[str], outputs: Path) -> list[RunDirectory]:
    """The runs meant by paths, folders, sweeps, globs and the beginnings of names, each once.

    Raises:
        RunError: If a word means no run.
    """
    found: dict[Path, RunDirectory] = {}
    for word in words:
        for path in _paths(word) or [find(outputs, word).path]:
            found.setdefault(path.resolve(), RunDirectory(path))
    return list(found.values())


def _paths(word: str) -> list[Path]:
    paths = [Path(p) for p in sorted(glob.glob(word))] or [Path(word)]
    found: list[Path] = []
    for path in paths:
        if (path / "config.yaml").is_file():
            found.append(path)
        elif (path / "manifest.json").is_file():
            jobs = read_json(path / "manifest.json").get("jobs", [])
            runs = [path.parents[1] / str(job["run"]) for job in jobs]
            found += [run for run in runs if (run / "config.yaml").is_file()]
        elif path.is_dir():
            found += sorted({p.parent for depth in ("*", "*/*") for p in path.glob(f"{depth}/config.yaml")})
    return found


def members(runs: Sequence[RunDirectory]) -> tuple[list[Member], list[str]]:
    """The complete runs, and notes on those left out.

    Raises:
        RunError: If none is complete, or two were tested on other data or windows.
    """
    found, left_out = [], []
    for run in runs:
        status = run.status()
        if status["state"] != "complete":
            left_out.append(f"{run} ({status['state']})")
            continue
        found.append(Member(run, _config(run), status, read_json(run.provenance)["data"]))
    notes = [f"left out, as not complete: {', '.join(left_out[:5])}{' ...' * (len(left_out) > 5)}"] if left_out else []
    if not found:
        raise RunError(
            "there is no complete run to compare; `seqexp runs` lists them" + "".join(f"\n{n}" for n in notes)
        )
    for other in found[1:]:
        _check_same(found[0], other)
    return found, notes


def _check_same(one: Member, other: Member) -> None:
    keys = sorted(k for k in {*one.config, *other.config} if under(k, MUST_AGREE))
    pairs = {k: (one.config.get(k), other.config.get(k)) for k in keys}
    pairs |= {f"data {k}": (one.data.get(k), other.data.get(k)) for k in ("fingerprint", "series", "first", "last")}
    pairs["test windows"] = (one.data["windows"]["test"], other.data["windows"]["test"])
    differing = "; ".join(f"{k}: {str(a)[:40]} and {str(b)[:40]}" for k, (a, b) in pairs.items() if a != b)
    if differing:
        raise RunError(
            f"{one.directory} and {other.directory} were not tested on the same windows ({differing}); compare runs of "
            "the same data, target, horizon and split"
        )


def _config(run: RunDirectory) -> dict[str, Any]:
    """The configuration by dotted keys. The runs of a sweep share most sections: each is parsed once."""
    text = run.config.read_text(encoding="utf-8")
    flat: dict[str, Any] = {}
    for block in re.split(r"^(?=[^\s\-#])", text, flags=re.MULTILINE):
        if block.strip():
            flat |= _section(block, run.config)
    return {k: v for k, v in flat.items() if not under(k, MAY_DIFFER)}


_CACHE: dict[str, dict[str, Any]] = {}


def _section(block: str, path: Path) -> dict[str, Any]:
    if block not in _CACHE:
        _CACHE[block] = _flat(safe_yaml.loads(block, path), "")
    return _CACHE[block]


def _flat(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return found
