"""From `conf/` and overrides to an `Experiment`: the only module, with `overrides`, that imports Hydra or OmegaConf."""

from __future__ import annotations

import copy
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from seqexp.config.explain import explain, show, suggest
from seqexp.config.folder import CONF
from seqexp.config.overrides import chooses_file, forced, parse, search_roots
from seqexp.config.schema import Experiment
from seqexp.errors import ConfigError, first_line

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


class Composed:
    """An experiment beside the plain values it was said in (secrets from the environment unresolved)."""

    def __init__(self, experiment: Experiment, values: dict[str, Any]) -> None:
        self.experiment = experiment
        self.values = values


def compose(
    overrides: Sequence[str], config_dir: str | None = None, chosen: dict[tuple[str, ...], DictConfig] | None = None
) -> Composed:
    """Compose and validate one experiment.

    Args:
        overrides: Hydra's `key=value`, `group=option`, `~key`.
        config_dir: One more folder of YAML, searched after our own.
        chosen: Keeps the composition of each choice of files from call to call: most of the time of a call.

    Raises:
        ConfigError: With everything that is wrong at once.
    """
    roots = search_roots(config_dir)
    problems: list[str] = []
    parsed = parse(overrides, problems)
    groups = [o for o in parsed if chooses_file(o, roots)]
    assignments = [o for o in parsed if not chooses_file(o, roots)]
    choice = tuple(str(o.input_line) for o in groups)
    known = chosen.get(choice) if chosen is not None else None
    config = _compose(groups, roots, problems) if known is None else copy.deepcopy(known)
    if config is None:
        raise ConfigError(problems)
    if chosen is not None and known is None and not problems:
        chosen[choice] = copy.deepcopy(config)
    _assign(config, assignments, problems)
    try:
        values, as_said = _plain(config)
        experiment = validate(values, [o.key_or_group for o in assignments])
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return Composed(experiment, _absolute_paths(as_said))


def validate(values: dict[str, Any], said: Sequence[str] = ()) -> Experiment:
    """Plain values to an experiment.

    Raises:
        ConfigError: With every wrong, unknown and missing key.
    """
    values = _absolute_paths(values)
    try:
        # As JSON, so that strict mode takes a list for a tuple.
        return Experiment.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise ConfigError(explain(error, said)) from None


def from_run(values: dict[str, Any], place: str, said: Sequence[str] = ()) -> Experiment:
    """A run's saved values to an experiment; `${oc.env:NAME}` is looked up now.

    Args:
        values: As saved.
        place: The file they come from, for messages.
        said: The keys that were changed on the command line.

    Raises:
        ConfigError: With everything that is wrong, and where.
    """
    try:
        return validate(_with_environment(values), said)
    except ConfigError as error:
        raise ConfigError([p.replace("(configuration)", f"({place})") for p in error.problems]) from None


def group_option(group: str, option: str) -> Any:
    """The values of one file of a group, as `resume RUN tracking=quiet` needs them.

    Raises:
        ConfigError: If there is no such option.
    """
    return compose([f"{group}={option}"]).values[group]


def hydra_main(arguments: Sequence[str]) -> None:
    """Let Hydra itself answer `--cfg job`, `--info` or `--hydra-help`, none of which runs a job.

    Args:
        arguments: Everything after `seqexp train`.

    Raises:
        ConfigError: If the configuration is wrong.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    # Hydra prints its own errors and exits with 1 unless this is set; ours say more.
    logging.raiseExceptions = False  # Hydra prints by logging, which would complain of `| head`
    before, argv = os.environ.get("HYDRA_FULL_ERROR"), sys.argv
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv = ["seqexp train", *(forced(a) for a in arguments)]
    try:
        hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(lambda _: None)()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(first_line(error)) from None
    finally:
        sys.argv = argv
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


def _compose(groups: list[Override], roots: list[Path], problems: list[str]) -> DictConfig | None:
    """Compose the chosen files, setting aside choices that do not exist, so that one call finds every problem."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException, MissingConfigException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    search = [f"hydra.searchpath=[{','.join(f'file://{r}' for r in roots[1:])}]"] if roots[1:] else []
    chosen = {}
    for override in groups:
        if isinstance(override.value(), (str, list)) or override.is_delete() or override.is_hydra_override():
            chosen[str(override.input_line)] = override
        else:
            problems.append(
                f"{override.key_or_group} must name a file, but is {show(override.value())}  (command line)"
            )
    while True:
        try:
            with initialize_config_dir(str(CONF), version_base="1.3", job_name="seqexp"):
                return hydra_compose("config", overrides=[*search, *chosen])
        except MissingConfigException as error:
            wrong = [t for t, o in chosen.items() if f"{o.key_or_group}/{o.value()}" == error.missing_cfg_file]
            if not wrong:
                problems.append(first_line(error))
                return None
            override, options = chosen.pop(wrong[0]), sorted(error.options or ())
            problems.append(
                f"{override.key_or_group} must be one of {', '.join(options)}, but is {show(override.value())}"
                f"{suggest(str(override.value()), options)}  (command line)"
            )
        except (HydraException, OmegaConfBaseException) as error:
            problems.append(first_line(error))
            return None
        except (YAMLError, ValueError) as error:
            problems.append(f"a file cannot be read: {' '.join(str(error).split())}")
            return None


def _assign(config: DictConfig, assignments: list[Override], problems: list[str]) -> None:
    """Set values as said, known key or not: validation names all that nobody knows."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    OmegaConf.set_struct(config, False)
    for override in assignments:
        key = override.key_or_group
        try:
            if override.is_delete():
                parent, _, last = key.rpartition(".")
                del (OmegaConf.select(config, parent) if parent else config)[last]
            else:
                OmegaConf.update(config, key, override.value(), force_add=True)
        except (OmegaConfBaseException, KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(f"'{override.input_line}' cannot be applied: {first_line(error)}  (command line)")


def _plain(config: DictConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """All values resolved, and the same with `${oc.env:...}` as it was said.

    Raises:
        ConfigError: If an interpolation leads nowhere or a value is still ???.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        raw = OmegaConf.to_container(config, resolve=False)
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "configuration"
        if absent := re.search(r"Environment variable '(\w+)' not found", str(error)):
            name = absent[1]
            raise ConfigError(
                f"{key} needs the environment variable {name}, which is not set; set it, or say "
                f"${{oc.env:{name},default}}"
            ) from None
        raise ConfigError(f"{key} cannot be resolved: {first_line(error)}") from None
    values = {str(k): v for k, v in resolved.items() if k != "hydra"} if isinstance(resolved, dict) else {}
    return values, _with_secrets_unresolved(raw, values)


def _with_secrets_unresolved(raw: Any, resolved: Any) -> Any:
    if isinstance(resolved, dict) and isinstance(raw, dict):
        return {k: _with_secrets_unresolved(raw[k], v) for k, v in resolved.items()}
    if isinstance(resolved, list) and isinstance(raw, list):
        return [_with_secrets_unresolved(a, b) for a, b in zip(raw, resolved, strict=True)]
    return raw if isinstance(raw, str) and _names_environment(raw) else resolved


_ENVIRONMENT = re.compile(r"\$\{oc\.env:([A-Za-z_][A-Za-z0-9_]*)(?:,([^}$]*))?\}")


def _names_environment(text: str) -> bool:
    """Whether there is a `${oc.env:...}` in it, and nothing else that would be interpreted."""
    rest = _ENVIRONMENT.sub("", text)
    return rest != text and "${" not in rest


def _with_environment(value: Any) -> Any:
    """Saved values with each `${oc.env:NAME}` or `${oc.env:NAME,default}` looked up; nothing else is interpreted."""
    if isinstance(value, dict):
        return {k: _with_environment(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_environment(v) for v in value]
    return _looked_up(value) if isinstance(value, str) and _names_environment(value) else value


def _looked_up(text: str) -> Any:
    from omegaconf import OmegaConf

    for name, default in _ENVIRONMENT.findall(text):
        if name not in os.environ and not default:
            raise ConfigError(f"the configuration needs the environment variable {name}, which is not set")
    return OmegaConf.create({"value": text}).value


def _absolute_paths(values: dict[str, Any]) -> dict[str, Any]:
    """Data paths made absolute: the same file is the same experiment from any working directory."""
    data = values.get("data")
    if not isinstance(data, dict):
        return values
    paths = ("path", "valid_path", "test_path", "cache")
    values = {**values, "data": data | {key: _absolute(data[key]) for key in paths if data.get(key) is not None}}
    task = values.get("task")
    embedding = task.get("embedding") if isinstance(task, dict) else None
    if isinstance(embedding, dict) and embedding.get("vectors") is not None:
        embedding = embedding | {"vectors": _absolute(embedding["vectors"])}
        values = {**values, "task": values["task"] | {"embedding": embedding}}
    return values


def _absolute(path: Any) -> Any:
    if isinstance(path, list):
        return [_absolute(p) for p in path]
    plain = isinstance(path, str) and "${" not in path
    return os.path.abspath(os.path.expanduser(path)) if plain else path
