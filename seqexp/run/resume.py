"""Go on with a run as it was said, or with what extends it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from seqexp.config.compose import Composed, from_run, group_option
from seqexp.config.overrides import is_group, parse_assignment
from seqexp.run.extend import extension
from seqexp.run.train import Outcome, train
from seqexp.store.run_directory import RunDirectory


def resume(directory: RunDirectory, overrides: Sequence[str], command: Sequence[str]) -> tuple[Outcome, str]:
    """Continue a run.

    Args:
        directory: The run.
        overrides: `key=value` and `group=option` that change it; only what extends it is accepted.
        command: What was typed.

    Returns:
        How it ended, and how progress was shown.

    Raises:
        ConfigError: If a change would make it another experiment, with the difference.
    """
    values = directory.read_config()
    old = from_run(values, str(directory.config))
    changed_values = copy.deepcopy(values)
    said = []
    for override in overrides:
        key, value = parse_assignment(override)
        if is_group(key):
            changed_values[key] = group_option(key, str(value))
        else:
            _set(changed_values, key, value)
            said.append(key)
    new = from_run(changed_values, str(directory.config), said)
    return train(Composed(new, changed_values), command, directory, extension(old, new)), new.tracking.progress


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    section = values
    for parent in parents:
        if not isinstance(section.get(parent), dict):
            section[parent] = {}
        section = section[parent]
    section[last] = value
