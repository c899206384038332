from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqexp.config import reference
from seqexp.config.compose import Composed, compose
from seqexp.config.folder import CONF, groups

DOCS = CONF.parent / "docs"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads(reference.json_schema())


@pytest.mark.skipif(not DOCS.is_dir(), reason="an installed wheel has no docs")
@pytest.mark.parametrize("name", ["configuration.md", "schema.json"])
def test_the_pages_are_those_the_schema_makes_now(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["reference", str(tmp_path)])
    reference.main()
    assert (DOCS / name).read_text(encoding="utf-8") == (tmp_path / name).read_text(encoding="utf-8"), "make reference"


def rows() -> dict[str, list[str]]:
    """Each row of the page's tables by its section and key."""
    found, section = {}, ""
    for line in reference.markdown().splitlines():
        if line.startswith("##"):
            section = line.lstrip("# ")
        if line.startswith("| `"):
            cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            found[f"{section} {cells[0].strip('`')}"] = cells
    return found


@pytest.mark.parametrize(
    ("row", "default", "rule"),
    [
        ("The experiment seed", "1", "whole number, at least 0, less than 4294967296"),
        ("The experiment device", '"auto"', "auto, cpu, cuda, mps"),
        ("data=stocks data.season", '"auto"', "auto or whole number, at least 1"),
        ("data=stocks data.path", "null", "text or list of text or null"),
        ("data=stocks data.split.valid", "0.15", "number"),
        ("data=table data.multivariate", "false", "true or false"),
        ("model=lstm model.hidden_sizes", "[64]", "whole number, at least 1 or list of whole number, at least 1"),
        ("model=lstm model.dropout", "0.0", "number, at least 0, less than 1"),
        ("model=lstm model.forget_gate_bias", "null", "number or null"),
        ("optimizer=adamw optimizer.weight_decay", "0.01", "number, at least 0"),
        ("optimizer=sgd optimizer.lr", "0.01", "number, greater than 0, at most 100"),
        ("scheduler=one_cycle scheduler.rise", "0.3", "number, greater than 0, less than 1"),
        ("trainer=default trainer.clip_norm", "1.0", "number, greater than 0 or null"),
        ("trainer=default trainer.checkpoints.keep_last", "2", "whole number, at least 1"),
        ("sweep sweep.retries", "2", "whole number, at least 0"),
        ("sweep sweep.workers", "null", "whole number, at least 1 or null"),
        ("tracking=console tracking.progress", '"auto"', "auto, live, plain, json, none"),
        ("task=forecasting task.quantiles", "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]", "list of number"),
    ],
)
def test_a_row_has_the_default_of_conf_and_the_rule_of_the_schema(row: str, default: str, rule: str) -> None:
    found = rows()[row]
    assert [found[1].strip("`"), found[2].replace(".0", "")] == [default, rule.replace(".0", "")]
    assert found[3]


def test_every_key_of_every_composed_option_has_a_row(
    option: Callable[[str, str], Composed], values: dict[str, Any]
) -> None:
    there = rows()

    def check(section: str, values: dict[str, Any], prefix: str) -> None:
        for key, value in values.items():
            if isinstance(value, dict) and value:
                check(section, value, f"{prefix}{key}.")
            elif key != "name" or not prefix:
                assert f"{section} {prefix}{key}" in there

    for group, options in groups().items():
        if group in ("experiment", "debug"):
            continue
        named = "name" in values.pop(group)
        for name in options if named else options[:1]:
            section = f"{group}={name}" if named else f"{group}={'console' if group == 'tracking' else 'default'}"
            check(section, option(group, name).values[group], f"{group}.")
    check("The experiment", values, "")


def test_every_set_up_is_listed_with_its_command() -> None:
    page = reference.markdown()
    for group in ("experiment", "debug"):
        for option in groups()[group]:
            assert re.search(f"^- `{option}`: `seqexp train (-m )?{group}={option}", page, re.MULTILINE)


def wrong(schema: dict[str, Any], node: dict[str, Any], value: Any, at: str = "") -> list[str]:
    """Where a value breaks a JSON schema: as much of the standard as ours uses; an unknown word is an error."""
    node = dict(node)
    for note in ("title", "description", "discriminator", "$defs"):
        node.pop(note, None)
    if "$ref" in node:
        return wrong(schema, schema["$defs"][node.pop("$ref").rpartition("/")[2]], value, at)
    found = []
    for word in ("anyOf", "oneOf"):
        if word in node:
            fitting = [n for n in node.pop(word) if not wrong(schema, n, value, at)]
            found += [] if fitting and (word == "anyOf" or len(fitting) == 1) else [f"{at}: {word}"]
    kinds = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "array": list, "object": dict,
             "null": type(None)}  # fmt: skip
    if "type" in node:
        kind = node.pop("type")
        if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean"):
            return [*found, f"{at}: {kind}"]
    rules = {
        "enum": lambda v, r: v in r, "const": lambda v, r: v == r,
        "minimum": lambda v, r: v >= r, "exclusiveMinimum": lambda v, r: v > r,
        "maximum": lambda v, r: v <= r, "exclusiveMaximum": lambda v, r: v < r,
        "minLength": lambda v, r: not isinstance(v, str) or len(v) >= r, "minItems": lambda v, r: len(v) >= r,
        "required": lambda v, r: set(r) <= set(v),
    }  # fmt: skip
    properties, items, more = (
        node.pop("properties", {}),
        node.pop("items", None),
        node.pop("additionalProperties", True),
    )
    for rule, bound in node.items():
        found += [] if rules[rule](value, bound) else [f"{at}: {rule}"]
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in properties:
                found += wrong(schema, properties[key], inner, f"{at}.{key}")
            elif more is False:
                found.append(f"{at}.{key}: unknown")
            elif isinstance(more, dict):
                found += wrong(schema, more, inner, f"{at}.{key}")
    if isinstance(value, list) and items is not None:
        found += [w for inner in value for w in wrong(schema, items, inner, f"{at}[]")]
    return found


OPTIONS = [(g, o) for g, options in groups().items() for o in options]


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_the_schema_for_editors_accepts_what_composes(
    option: Callable[[str, str], Composed], schema: dict[str, Any], group: str, name: str
) -> None:
    assert wrong(schema, schema, option(group, name).values) == []


@pytest.mark.parametrize("word", ["model.hidden_sizes=8", "data.path=[/a,/b]", "data.path=/a", "data.season=7",
                                  "data.columns={date: Day}", "data.split.train=0.5"])  # fmt: skip
def test_the_schema_for_editors_accepts_each_way_to_say_a_thing(schema: dict[str, Any], word: str) -> None:
    assert wrong(schema, schema, compose([word]).values) == []


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("seed", -1, ".seed: minimum"),
        ("seed", "1", ".seed: integer"),
        ("device", "gpu", ".device: enum"),
        ("modle", 1, ".modle: unknown"),
        ("outputs", "", ".outputs: minLength"),
        ("data.season", "yearly", ".data: oneOf"),
        ("data.path", 3, ".data: oneOf"),
        ("model.hidden_sizes", 0, ".model: oneOf"),
        ("model.name", "nope", ".model: oneOf"),
        ("trainer.clip_norm", 0, ".trainer.clip_norm: anyOf"),
        ("trainer.early_stopping.min_delta", -1.0, ".trainer.early_stopping.min_delta: minimum"),
    ],
)
def test_the_schema_for_editors_refuses_what_is_wrong(
    schema: dict[str, Any], values: dict[str, Any], key: str, value: Any, where: str
) -> None:
    *parents, last = key.split(".")
    section = values
    for parent in parents:
        section = section[parent]
    section[last] = value
    assert wrong(schema, schema, values) == [where]


def test_a_missing_key_breaks_the_schema_for_editors(schema: dict[str, Any], values: dict[str, Any]) -> None:
    del values["seed"]
    assert wrong(schema, schema, values) == [": required"]
