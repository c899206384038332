"""The files under `conf/` against the schema: every value has one home, and no value has two."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from seqexp.config.compose import Composed, compose
from seqexp.config.folder import CONF, groups
from seqexp.config.schema import TASK_OF, Experiment

SETUPS = ("experiment", "debug")  # whole set-ups: they change keys that are at home elsewhere


def sections(annotation: Any) -> list[type[BaseModel]]:
    """The sections an annotation allows: one, the alternatives of a group, or none for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [s for a in typing.get_args(annotation) for s in sections(a)]


def every_section(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for section in sections(field.annotation):
            yield from every_section(section)


def alternative(group: str, option: str) -> type[BaseModel]:
    """The section that an option of a group must fill: the one of its name, or the only one."""
    found = sections(Experiment.model_fields[group].annotation)
    named = [
        s for s in found if "name" in s.model_fields and option in typing.get_args(s.model_fields["name"].annotation)
    ]
    return named[0] if named else found[0]


def keys_of(model: type[BaseModel]) -> set[str]:
    keys = set()
    for name, field in model.model_fields.items():
        inner = sections(field.annotation)
        keys |= {f"{name}.{k}" for k in keys_of(inner[0])} if inner else {name}
    return keys


def keys_in(values: dict[str, Any], model: type[BaseModel]) -> set[str]:
    """The dotted keys of a YAML file, down to where the schema has values."""
    keys = set()
    for name, value in values.items():
        inner = sections(model.model_fields[name].annotation) if name in model.model_fields else []
        keys |= {f"{name}.{k}" for k in keys_in(value, inner[0])} if inner and isinstance(value, dict) else {name}
    return keys


def merged(path: Path) -> dict[str, Any]:
    """A file with those it stands on, key by key."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    under: dict[str, Any] = {}
    for entry in values.pop("defaults", []):
        if isinstance(entry, str) and entry.endswith("@_here_"):
            under |= merged(path.parent / f"{entry.removesuffix('@_here_')}.yaml")
    assert not set(under) & set(values), f"{path} says again what it stands on"
    return under | values


OPTIONS = [(g, o) for g, options in groups().items() if g not in SETUPS for o in options]


def test_the_folder_lists_what_is_there() -> None:
    there = {p.relative_to(CONF).as_posix() for p in CONF.glob("*/*.yaml")}
    assert {f"{g}/{o}.yaml" for g, options in groups().items() for o in options} == there
    assert {"data", "model", "task", "optimizer", "scheduler", "trainer", "tracking", "diagnostics", *SETUPS} == set(
        groups()
    )
    assert groups()["model"] == ["gru", "lstm", "rnn"]
    assert "base" not in groups()


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_key_of_a_file_is_in_the_schema_and_every_field_in_a_file(group: str, option: str) -> None:
    section = alternative(group, option)
    assert keys_in(merged(CONF / group / f"{option}.yaml"), section) == keys_of(section)


def test_every_alternative_of_the_schema_has_a_file() -> None:
    for group, field in Experiment.model_fields.items():
        for section in sections(field.annotation):
            if "name" in section.model_fields:
                (name,) = typing.get_args(section.model_fields["name"].annotation)
                assert name in groups()[group]
                assert merged(CONF / group / f"{name}.yaml")["name"] == name


def test_the_top_file_has_the_plain_keys_and_chooses_every_group() -> None:
    top = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    chosen = {k: v for entry in top.pop("defaults") if isinstance(entry, dict) for k, v in entry.items()}
    top.pop("hydra")
    plain = {k for k, field in Experiment.model_fields.items() if not sections(field.annotation)}
    assert set(top) == plain
    assert {k for k in chosen if not k.startswith("override ")} == set(groups())
    assert all(chosen[group] in options for group, options in groups().items() if group not in SETUPS)
    assert all(chosen[group] is None for group in SETUPS)


def test_no_field_of_the_schema_has_a_default() -> None:
    wrong = {
        f"{section.__name__}.{name}"
        for section in every_section(Experiment)
        for name, field in section.model_fields.items()
        if not field.is_required()
    }
    assert wrong == set()


def test_every_value_says_what_it_means() -> None:
    wrong = {
        f"{section.__name__}.{name}"
        for section in every_section(Experiment)
        for name, field in section.model_fields.items()
        if name != "name" and not sections(field.annotation) and not field.description
        and not any(getattr(m, "description", None) for m in field.metadata)
    }  # fmt: skip
    assert wrong == set()
    assert all(section.__doc__ for section in every_section(Experiment))


@pytest.mark.parametrize("setup", SETUPS)
def test_set_ups_change_only_known_keys_and_open_with_their_command(setup: str) -> None:
    for option in groups()[setup]:
        text = (CONF / setup / f"{option}.yaml").read_text(encoding="utf-8")
        first, second = text.splitlines()[:2]
        assert first == "# @package _global_"
        assert re.match(f"# seqexp train (-m )?{setup}={option}", second)
        values = yaml.safe_load(text)
        chosen = {k.rpartition("/")[2]: v for e in values.pop("defaults", []) for k, v in e.items()}
        assert all(value in groups()[group] for group, value in chosen.items())
        for key, value in values.items():
            known = {k for s in sections(Experiment.model_fields[key].annotation) for k in keys_of(s)}
            if known:
                by_data = TASK_OF.get(chosen.get("data", ""), "") if key == "task" else ""
                model = alternative(key, chosen.get(key, by_data))
                assert keys_in(value, model) <= known, f"{setup}={option} {key}"


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_every_option_composes(option: Callable[[str, str], Composed], group: str, name: str) -> None:
    section = getattr(option(group, name).experiment, group)
    assert isinstance(section, alternative(group, name))


@pytest.mark.parametrize(("group", "name"), [(g, o) for g in SETUPS for o in groups()[g]])
def test_every_set_up_composes(option: Callable[[str, str], Composed], group: str, name: str) -> None:
    experiment = option(group, name).experiment
    values = yaml.safe_load((CONF / group / f"{name}.yaml").read_text(encoding="utf-8"))
    assert experiment.name == values.get("name", "stocks")
    for section in ("trainer", "model", "data"):
        for key, value in values.get(section, {}).items():
            if isinstance(value, int | float | bool | None):
                assert getattr(getattr(experiment, section), key) == value


def test_the_classic_forecaster_is_what_the_notebooks_build() -> None:
    """LSTM 128 returning sequences, LSTM 64, one output, 60 days of closing prices scaled to 0..1."""
    experiment = compose(["experiment=stacked_lstm"]).experiment
    assert experiment.model.name == "lstm"
    assert experiment.model.hidden_sizes == (128, 64)
    assert experiment.data.window == 60
    assert experiment.data.horizon == 1
    assert experiment.data.scaling.target == "minmax"
    assert experiment.task.anchor == "none"
    assert not experiment.model.linear_skip
