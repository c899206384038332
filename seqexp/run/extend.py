"""What may change in a run that was begun: more epochs, other tracking; recorded, and kept when it is typed again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from seqexp.config.compose import Composed, from_run
from seqexp.config.identity import EXTENDS, MAY_DIFFER, differences, under
from seqexp.config.schema import Experiment
from seqexp.errors import ConfigError, RunError
from seqexp.store.atomic import write_json
from seqexp.store.run_directory import RunDirectory, read_json


def as_extended(directory: RunDirectory, composed: Composed) -> Composed:
    """The experiment as its run has it: it may have been extended, and typing the first command again keeps that.

    Raises:
        RunError: If the run's configuration was changed by hand.
    """
    if not directory.exists():
        return composed
    values = directory.read_config()
    old = from_run(values, str(directory.config))
    changed = differences(old.model_dump(mode="json"), composed.experiment.model_dump(mode="json"))
    other = [k for k in changed if not under(k, MAY_DIFFER)]
    if not other:
        return composed
    if all(under(k, EXTENDS) for k in other) and read_json(directory.provenance)["extensions"]:
        return Composed(old, values)
    raise RunError(
        f"{directory.config} is not the configuration this run began with ({', '.join(other)} changed); put it back, "
        "or delete the run directory to start again"
    )


def extension(old: Experiment, new: Experiment) -> dict[str, tuple[Any, Any]]:
    """What a changed configuration adds to a run: more epochs, other tracking.

    Returns:
        The changed keys that are accepted, each with its old and new value.

    Raises:
        ConfigError: If a change would make it another experiment.
    """
    changed = differences(old.model_dump(mode="json"), new.model_dump(mode="json"))
    refused = {k: v for k, v in changed.items() if not under(k, (*MAY_DIFFER, *EXTENDS))}
    if refused:
        lines = [f"{key}: the run has {a!r}, you ask for {b!r}" for key, (a, b) in refused.items()]
        raise ConfigError(
            [
                "these keys would make it another experiment; use `seqexp train` with them for a run of its own:",
                *lines,
            ]
        )
    if new.trainer.max_epochs < old.trainer.max_epochs:
        raise ConfigError(
            f"trainer.max_epochs may only grow: the run has {old.trainer.max_epochs}, but you ask for "
            f"{new.trainer.max_epochs}"
        )
    return {k: v for k, v in changed.items() if k not in ("name", "outputs")}


def record_extension(directory: RunDirectory, changes: Mapping[str, tuple[Any, Any]]) -> None:
    """Note in provenance what a run was changed to, when, and from which step on."""
    status = directory.status()
    note = {
        "time": time.time(),
        "step": status.get("step", 0),
        "changes": {key: list(pair) for key, pair in changes.items()},
    }
    if directory.provenance.exists():
        old = read_json(directory.provenance)
        write_json(directory.provenance, {**old, "extensions": [*old["extensions"], note]})
