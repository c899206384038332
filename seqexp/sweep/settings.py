"""How a sweep is run: `sweep.*` and `hydra/launcher=`, taken from what was typed before the jobs are composed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from seqexp.config.explain import explain, suggest
from seqexp.config.folder import CONF
from seqexp.config.overrides import parse_assignment
from seqexp.config.schema.base import Section
from seqexp.config.schema.sweep import Sweep
from seqexp.errors import ConfigError
from seqexp.sweep import LAUNCHERS

LAUNCHER = "hydra/launcher"


class _Said(Section):
    sweep: Sweep


def split(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is said of the sweep, and what is said of its jobs."""
    own = [o for o in overrides if of_sweep(o)]
    return own, [o for o in overrides if not of_sweep(o)]


def of_sweep(override: str) -> bool:
    """Whether it says how a sweep is run, and nothing of an experiment."""
    key = override.lstrip("+").partition("=")[0]
    return key in ("sweep", LAUNCHER) or key.startswith("sweep.")


def settings_of(own: Sequence[str], launcher: str = LAUNCHERS[0]) -> tuple[Sweep, str]:
    """The settings of a sweep, with defaults from `conf/sweep.yaml`, and the name of its launcher.

    Args:
        own: `sweep.key=value` and `hydra/launcher=name`.
        launcher: Where nothing is said.

    Raises:
        ConfigError: With everything that is wrong.
    """
    values: dict[str, Any] = yaml.safe_load((CONF / "sweep.yaml").read_text(encoding="utf-8"))
    problems: list[str] = []
    said = []
    for override in own:
        try:
            full, value = parse_assignment(override)
        except ConfigError as error:
            problems += error.problems
            continue
        key = full.removeprefix("sweep.")
        if full == LAUNCHER:
            launcher = str(value)
        elif key in values:
            values[key] = value
            said.append(full)
        else:
            problems.append(f"unknown key '{full}'{suggest(key, values)}; the keys are sweep.{', sweep.'.join(values)}")
    if launcher not in LAUNCHERS:
        problems.append(
            f"{LAUNCHER} must be one of {', '.join(LAUNCHERS)}, but is '{launcher}'{suggest(launcher, LAUNCHERS)}"
        )
    try:
        sweep = _Said.model_validate_json(json.dumps({"sweep": values})).sweep
    except ValidationError as error:
        problems += explain(error, said)
    if problems:
        raise ConfigError(problems)
    return sweep, launcher
