"""`python -m seqexp.config.reference FOLDER`: docs/configuration.md and docs/schema.json, made from the schema.

The schema says what may be said, with which rule; the files under conf/ say what is said when nothing is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from seqexp.config.folder import CONF, groups
from seqexp.config.schema import Experiment
from seqexp.config.schema.sweep import Sweep

_INTRO = """# Configuration

Every key, with its rule and its default. This page is made from the schema by `make reference`; a test keeps it
current. [schema.json](schema.json) is the same for editors.

A key is set on the command line, `seqexp train trainer.max_epochs=50`, or in a file of your own folder,
`--config-dir my_conf` with `my_conf/experiment/mine.yaml` and `experiment=mine`. `model=gru` chooses the file
`conf/model/gru.yaml`; the keys under it are then those of that option.
"""

_SWEEP = """How `seqexp train -m` runs its jobs: no part of an experiment, and nothing here changes a result.
`hydra/launcher=` is one of `basic`, `local`; see [sweeps.md](sweeps.md)."""

_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "greater than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minItems": "at least {} of them",
}


def main() -> None:
    """Write both files."""
    folder = Path(sys.argv[1])
    (folder / "configuration.md").write_text(markdown(), encoding="utf-8")
    (folder / "schema.json").write_text(json_schema(), encoding="utf-8")


def json_schema() -> str:
    """The JSON schema of a whole experiment."""
    return json.dumps(Experiment.model_json_schema(), indent=2) + "\n"


def markdown() -> str:
    """The reference page."""
    schema = Experiment.model_json_schema()
    top = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    chosen = {group: option for entry in top["defaults"] if isinstance(entry, dict) for group, option in entry.items()}
    plain = {k: v for k, v in schema["properties"].items() if not _alternatives(schema, v)}
    parts = [_INTRO, "## The experiment\n", _table(schema, plain, top, "")]
    for group in schema["properties"]:
        if group in plain:
            continue
        default = chosen.get(group)
        parts.append(f"## {group}\n")
        options = groups()[group]
        others = ", ".join(f"`{o}`" for o in options)
        parts.append(f"`{group}=` one of {others}; `{default}` where nothing is said.\n")
        for section in _alternatives(schema, schema["properties"][group]):
            name = section["properties"]["name"]["const"] if "name" in section["properties"] else default
            parts.append(f"### {group}={name}\n\n{section.get('description', '').strip()}\n")
            fields = {k: v for k, v in section["properties"].items() if k != "name"}
            parts.append(_table(schema, fields, _defaults(group, str(name)), f"{group}."))
    parts.append(f"## sweep\n\n{_SWEEP}\n")
    sweep = Sweep.model_json_schema()
    parts.append(_table(sweep, sweep["properties"], _read(CONF / "sweep.yaml"), "sweep."))
    for group in ("experiment", "debug"):
        parts.append(f"## {group}\n\nWhole set-ups, `{group}=` one of:\n")
        parts += [f"- `{option}`: {_first_comment(group, option)}" for option in groups().get(group, [])]
        parts.append("")
    return "\n".join(parts)


def _alternatives(schema: Mapping[str, Any], node: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sections a group may be: one for each of its options, or the only one; none for a plain value."""
    references = [n["$ref"] for n in node.get("oneOf", [node]) if "$ref" in n]
    return [schema["$defs"][r.rsplit("/", 1)[1]] for r in references]


def _table(schema: Mapping[str, Any], fields: Mapping[str, Any], defaults: Any, prefix: str) -> str:
    rows = ["| key | default | rule | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{key}` | `{_shown(default)}` | {rule} | {meaning} |"
        for key, default, rule, meaning in _rows(schema, fields, defaults, prefix)
    ]
    return "\n".join(rows) + "\n"


def _rows(
    schema: Mapping[str, Any], fields: Mapping[str, Any], defaults: Any, prefix: str
) -> Iterator[tuple[str, Any, str, str]]:
    for name, node in fields.items():
        inner = _alternatives(schema, node)
        default = (defaults or {}).get(name)
        if inner:
            yield from _rows(schema, inner[0]["properties"], default, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", default, _rule(node), node.get("description", "").replace("|", "\\|")


def _rule(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return ", ".join(map(str, node["enum"]))
    if "const" in node:
        return str(node["const"])
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_rule(n) for n in node["anyOf"]))
    kind = str(node.get("type", "any"))
    words = {"integer": "whole number", "boolean": "true or false", "string": "text", "object": "keys"}
    text = words.get(kind, kind)
    if kind == "array":
        text = f"list of {_rule(node.get('items', {}))}"
    bounds = [phrase.format(node[bound]) for bound, phrase in _BOUNDS.items() if bound in node]
    return ", ".join([text, *bounds])


def _defaults(group: str, option: str) -> dict[str, Any]:
    """The values of an option's file, with those of the files it stands on."""
    return _read(CONF / group / f"{option}.yaml")


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for entry in values.pop("defaults", []):
        if isinstance(entry, str) and entry.endswith("@_here_"):
            values = {**_read(path.parent / f"{entry.removesuffix('@_here_')}.yaml"), **values}
    return values


def _first_comment(group: str, option: str) -> str:
    lines = (CONF / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
    comments = [line[2:] for line in lines if line.startswith("# ") and not line.startswith("# @package")]
    return f"`{comments[0]}`" if comments else ""


def _shown(value: Any) -> str:
    return json.dumps(value)


if __name__ == "__main__":
    main()
