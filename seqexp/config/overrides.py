"""What is typed: `key=value`, `group=option`, `model=lstm,gru`, read by Hydra's grammar."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqexp.config.folder import CONF
from seqexp.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


def parse(overrides: Sequence[str], problems: list[str], *, sweep: bool = False) -> list[Override]:
    """What was typed, by Hydra's grammar.

    Args:
        overrides: As for `compose`.
        problems: Gets what cannot be read.
        sweep: Whether one may name several values.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            parsed.extend(parser.parse_overrides([text]))
        except OverrideParseException as error:
            rule = "must be key=value" if "=" not in text else f"cannot be read ({_last_line(error)})"
            problems.append(f"'{text}' {rule}; quote special characters: 'key=\"a, b\"'  (command line)")
            continue
        if parsed[-1].is_sweep_override() and not sweep:
            key = parsed.pop().key_or_group
            problems.append(f"'{text}' names several values: add -m for a job each, or write a list, {key}=[...]")
    return parsed


def parse_assignment(override: str) -> tuple[str, Any]:
    """`trainer.max_epochs=20` to its key and value, by Hydra's grammar.

    Raises:
        ConfigError: If it is no plain assignment.
    """
    problems: list[str] = []
    parsed = parse([override], problems)
    if problems:
        raise ConfigError(problems)
    if parsed[0].is_delete():
        raise ConfigError(f"'{override}' must be key=value with one value")
    return parsed[0].key_or_group, parsed[0].value()


def sweep_jobs(
    overrides: Sequence[str], config_dir: str | None = None, zipped: Sequence[Sequence[str]] = ()
) -> list[list[str]]:
    """The overrides of each job of Hydra's Cartesian sweep, in its order.

    Args:
        overrides: As for `compose`; `model=lstm,gru`, `seed=range(1,4)` and `model=glob(*)` name several values.
        config_dir: One more folder of YAML.
        zipped: Groups of keys that advance together and count as one.

    Raises:
        ConfigError: If one cannot be read, names no value, or does not fit those it is zipped with.
    """
    from hydra.core.override_parser.types import Glob

    def named(override: Override) -> Sequence[str]:
        value = override.value()
        if not isinstance(value, Glob):
            return list(override.sweep_string_iterator())
        folders = [root / override.key_or_group for root in search_roots(config_dir)]
        return value.filter(sorted({path.stem for folder in folders for path in folder.glob("*.yaml")}))

    problems: list[str] = []
    choices: dict[str, list[str]] = {}  # by key: as in Hydra, the last word on a key holds
    for override in parse(overrides, problems, sweep=True):
        key = override.get_key_element()
        if not override.is_sweep_override():
            choices[key] = [str(override.input_line)]
        elif override.is_discrete_sweep():
            choices[key] = [f"{key}={value}" for value in named(override)]
        else:
            problems.append(f"'{override.input_line}' must name its values, as in {key}=1,2 or {key}=range(1,3)")
            continue
        if not choices[key]:
            problems.append(f"'{override.input_line}' names no value, so the sweep has no job")
    groups = _zipped(choices, zipped, problems)
    if problems:
        raise ConfigError(problems)
    return [[word for words in job for word in words] for job in itertools.product(*groups)]


def _zipped(
    choices: dict[str, list[str]], zipped: Sequence[Sequence[str]], problems: list[str]
) -> list[list[tuple[str, ...]]]:
    """What is combined: each key's values, and in place of a group's first key those of all its keys side by side."""
    plain = {key.lstrip("+"): key for key in choices}
    group_of: dict[str, Sequence[str]] = {}
    for group in zipped:
        for key in group:
            if key not in plain:
                problems.append(f"sweep.zip names '{key}', which is not swept; say {key}=VALUE,VALUE or leave it out")
            if key in group_of:
                problems.append(f"sweep.zip names '{key}' twice; a key advances with one group")
            group_of[key] = group
        sizes = {key: len(choices[plain[key]]) for key in group if key in plain}
        if len(set(sizes.values())) > 1:
            text = ", ".join(f"{key} has {size}" for key, size in sizes.items())
            problems.append(f"sweep.zip needs as many values of each key of a group, but {text}")
    if problems:
        return []
    combined: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for key in plain:
        group = tuple(group_of.get(key, (key,)))
        combined.setdefault(group, list(zip(*(choices[plain[k]] for k in group), strict=True)))
    return list(combined.values())


def is_group(key: str) -> bool:
    """Whether `key` chooses a file (`model=lstm`) rather than sets a value."""
    return (CONF / key).is_dir()


def chooses_file(override: Override, roots: Sequence[Path]) -> bool:
    """Whether it chooses a file of a group, or is Hydra's own."""
    key = override.key_or_group
    return override.is_hydra_override() or bool(key and any((r / key).is_dir() for r in roots))


def search_roots(config_dir: str | None) -> list[Path]:
    """The folders of YAML, our own first.

    Raises:
        ConfigError: If the user's is none.
    """
    roots = [CONF, *([Path(config_dir).resolve()] if config_dir else [])]
    if not roots[-1].is_dir():
        raise ConfigError(f"--config-dir must be a folder, but '{config_dir}' is none")
    return roots


def forced(override: str) -> str:
    """`a.b=1` as `++a.b=1`: Hydra takes any key then, and validation finds all unknown ones at once."""
    key = override.partition("=")[0]
    plain = key and "=" in override and key[0] not in "+~-" and not key.startswith("hydra")
    return f"++{override}" if plain and "@" not in key and not is_group(key) else override


def _last_line(error: Exception) -> str:
    *before, last = [line for line in str(error).splitlines() if line and not line.startswith("See http")] or [""]
    return f"at {before[-1][last.index('^') :][:1]!r}" if last.strip() == "^" and before else last
