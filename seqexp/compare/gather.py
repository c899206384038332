"""From words on the command line to complete runs that may stand beside each other."""

from __future__ import annotations

import functools
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

MUST_AGREE = (
    "data.target", "data.horizon", "data.split", "data.folds", "data.duplicates", "data.length", "data.seed",
    "data.label_column", "data.label_pattern", "data.valid", "data.test", "trainer.limit_batches",
)  # fmt: skip
"""Keys that decide what is tested, on the same data."""
FOLD = "data.fold"


@dataclass(frozen=True, eq=False)
class Member:
    """One complete run."""

    directory: RunDirectory
    config: dict[str, Any]
    """Dotted keys to values."""
    status: dict[str, Any]
    data: dict[str, Any]
    """What its provenance says of the data."""

    @property
    def fold(self) -> int:
        """Which part of a cross-validation was its test; 0 where there is none."""
        return int(self.config[FOLD]) if self.config.get("data.folds") else 0

    def results(self, metric: str) -> dict[str, float]:
        """The test metric of the model and each baseline.

        Raises:
            ConfigError: If the run has no such metric.
        """
        if metric == self.status.get("headline"):
            found = dict(self.status["results"])
        else:
            lines = [r for r in metric_log.read(self.directory.metrics) if r.get("of") and r["split"] == "test"]
            known = list(dict.fromkeys(k for line in lines for k, v in line.items() if isinstance(v, float)))
            if metric not in known:
                raise ConfigError(f"--metric must be one of {', '.join(known)}, but is '{metric}'")
            found = {r["of"]: r.get(metric) for r in lines}
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


def members(runs: Sequence[RunDirectory], over: Sequence[str]) -> tuple[list[Member], list[str]]:
    """The complete runs, and notes on those left out.

    Args:
        runs: Complete or not.
        over: The keys that are averaged over; without `data.fold`, all must be of one fold.

    Raises:
        RunError: If none is complete, or two were tested on other data or parts of it.
    """
    found, left_out = [], []
    for run in runs:
        status = run.observed_status()
        if status["state"] != "complete":
            left_out.append(f"{run} ({status['state']})")
            continue
        found.append(Member(run, _config(run), status, read_json(run.provenance)["data"]))
    notes = [f"left out, as not complete: {', '.join(left_out[:5])}{' ...' * (len(left_out) > 5)}"] if left_out else []
    if not found:
        raise RunError(
            "there is no complete run to compare; `seqexp runs` lists them" + "".join(f"\n{n}" for n in notes)
        )
    first = _tested(found[0])
    for other in found[1:]:
        tested = _tested(other)
        keys = [k for k in {**first, **tested} if first.get(k) != tested.get(k)]
        if FOLD in over and other.fold != found[0].fold:
            keys = [k for k in keys if k not in (FOLD, _SIZE)]
        if keys:
            differing = "; ".join(f"{k}: {str(first.get(k))[:40]} and {str(tested.get(k))[:40]}" for k in sorted(keys))
            raise RunError(
                f"{found[0].directory} and {other.directory} were not tested on the same data ({differing}); compare "
                "runs of the same data, target, horizon and split"
            )
    return found, notes


_SIZE = "size of test"


def _tested(run: Member) -> dict[str, Any]:
    """What decides on what it was tested."""
    sizes: dict[str, Any] = next(
        (run.data[unit] for unit in ("windows", "sequences", "tokens") if unit in run.data), {}
    )
    facts = {f"data {k}": run.data[k] for k in ("fingerprint", "series", "first", "last") if k in run.data}
    keys = {k: v for k, v in run.config.items() if _is(k, MUST_AGREE)}
    return {**keys, FOLD: run.fold, **facts, _SIZE: sizes.get("test")}


@functools.cache
def _is(key: str, keys: tuple[str, ...]) -> bool:
    return under(key, keys)


def _config(run: RunDirectory) -> dict[str, Any]:
    """The configuration by dotted keys."""
    text = re.sub(r"^#.*\n", "", run.config.read_text(encoding="utf-8"), flags=re.MULTILINE)
    flat = _parsed(text, run.config)
    return {k: v for k, v in flat.items() if not _is(k, MAY_DIFFER)}


_PARSED: dict[str, dict[str, Any]] = {}
_SECTION = re.compile(r"(\w+):\n((?=  \w+:)(?:  (?:\w+:| |- ).*\n)+)")
"""A key, and below it nothing but keys and what belongs to them."""


def _parsed(text: str, path: Path) -> dict[str, Any]:
    """The dotted keys of some lines of YAML. The runs of a sweep share most of their lines: each is parsed once."""
    found: dict[str, Any] = {}
    for entry in re.split(r"^(?=[^\s\-#])", text, flags=re.MULTILINE):
        if entry.strip() and entry not in _PARSED:
            if section := _SECTION.fullmatch(entry):
                below = _parsed(re.sub("^  ", "", section[2], flags=re.MULTILINE), path)
                _PARSED[entry] = {f"{section[1]}.{key}": value for key, value in below.items()}
            else:
                _PARSED[entry] = _flat(safe_yaml.loads(entry, path), "")
        found |= _PARSED.get(entry, {})
    return found


def _flat(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return found
