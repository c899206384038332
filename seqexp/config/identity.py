"""Which experiment this is: a hash of everything that can change a result, and what may change without."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqexp.config.schema import Experiment

MAY_DIFFER = (
    "name",
    "outputs",
    "tracking",
    "diagnostics",
    "data.cache",
    "trainer.checkpoints",
)
"""Keys that cannot change a result, so two experiments that differ only here are the same run."""

EXTENDS = ("trainer.max_epochs", "trainer.early_stopping.patience")
"""Keys a resumed run may change: they let it go on for longer, from where it stands."""


def identity(experiment: Experiment) -> str:
    """64 hexadecimal digits over the canonical configuration, independent of the order of keys."""
    values = experiment.model_dump(mode="json")
    for key in MAY_DIFFER:
        *parents, last = key.split(".")
        section = values
        for parent in parents:
            section = section[parent]
        section.pop(last, None)
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def run_name(experiment: Experiment) -> str:
    """`lstm-seed1-3fa9c2d1`: readable, and unique by the hash."""
    return f"{experiment.model.name}-seed{experiment.seed}-{identity(experiment)[:8]}"


def run_path(experiment: Experiment) -> Path:
    """Where its run is, whether or not it was begun: `outputs/stocks/lstm-seed1-3fa9c2d1`."""
    return Path(experiment.outputs) / experiment.name / run_name(experiment)


def differences(old: Any, new: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, each with the old and the new value; a key absent on a side is None."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return {} if old == new else {prefix: (old, new)}
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*old, *new}):
        found |= differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else key)
    return found


def under(key: str, keys: tuple[str, ...]) -> bool:
    """Whether a dotted key is one of `keys`, or lies under one."""
    return any(key == k or key.startswith(f"{k}.") for k in keys)
