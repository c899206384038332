"""Validation errors in the user's words: the key, the rule, the value, where it was said, what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_RULES = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "greater than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_too_short": "not empty",
    "tuple_type": "a list such as [1, 2]",
    "list_type": "a list such as [1, 2]",
    "dict_type": "a group of keys",
    "model_type": "a group of keys",
    "model_attributes_type": "a group of keys",
    "too_short": "a list of at least {min_length}",
}


def explain(error: ValidationError, said: Iterable[str]) -> list[str]:
    """One line for each thing that is wrong.

    Args:
        error: What pydantic found.
        said: The keys given on the command line; a wrong value under one of them was said there.
    """
    keys = frozenset(said)
    return [_line(detail, keys) for detail in error.errors(include_url=False)]


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'lstm'?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, [str(k) for k in known], n=1, cutoff=0.55)
    return f"; did you mean '{near[0]}'?" if near else ""


def _line(detail: ErrorDetails, said: frozenset[str]) -> str:
    key = _key(detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    value = show(detail["input"])
    here = any(key in ("", s) or key.startswith((f"{s}.", f"{s}[")) or s.startswith(f"{key}.") for s in said)
    where = "command line" if here else "configuration"
    if kind == "extra_forbidden":
        return f"unknown key '{key}'{_nearest_key(detail['loc'], key)}  ({where})"
    if kind == "union_tag_not_found":
        return f"key '{key}.name' is missing  (configuration)"
    if kind == "missing":
        return f"key '{key}' is missing  (configuration)"
    if kind in ("literal_error", "union_tag_invalid"):
        text = context.get("expected") or context.get("expected_tags") or ""
        options = [o.strip().strip("'") for o in text.replace(" or ", ", ").split(",")]
        tag = f"{key}.name" if kind == "union_tag_invalid" else key
        said_value = context.get("tag", detail["input"])
        hint = suggest(str(said_value), options)
        return f"{tag} must be one of {', '.join(options)}, but is {show(said_value)}{hint}  ({where})"
    if kind == "value_error":
        rule = str(context["error"])
        of_section = isinstance(detail["input"], Mapping)
        return f"{key} {rule}".strip() + f"  ({where})" if of_section else f"{key} {rule}, but is {value}  ({where})"
    if kind in _RULES:
        return f"{key} must be {_RULES[kind].format(**context)}, but is {value}  ({where})"
    return f"{key}: {detail['msg'].lower()}, but is {value}  ({where})"


def show(value: Any) -> str:
    """A value as the user would write it, shortened."""
    words: dict[object, str] = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_TAGS = {"data", "model", "task", "optimizer", "scheduler", "diagnostics"}


def _key(loc: tuple[int | str, ...]) -> str:
    """`trainer.max_epochs`, `task.lags[0]`; the tag that pydantic adds for a chosen section is left out."""
    parts = [p for i, p in enumerate(loc) if not (i == 1 and loc[0] in _TAGS)]
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _nearest_key(loc: tuple[int | str, ...], key: str) -> str:
    """The nearest key of the same section, or a key of about this name in another, or nothing."""
    from seqexp.config.schema import Experiment

    schema = Experiment.model_json_schema()
    known = list(_known_keys(schema, schema, "", loc))
    section, _, name = key.rpartition(".")
    siblings = {k.rpartition(".")[2]: k for k in known if k.rpartition(".")[0] == section}
    others = {k.rpartition(".")[2]: k for k in reversed(known)}
    for keys, cutoff in ((siblings, 0.62), (others, 0.75)):
        for near in difflib.get_close_matches(name, keys, n=1, cutoff=cutoff):
            return f"; did you mean '{keys[near]}'?"
    return ""


def _known_keys(schema: dict[str, Any], node: dict[str, Any], prefix: str, loc: tuple[int | str, ...]) -> Iterable[str]:
    """Every dotted key of the schema; of a section with alternatives, those of the one that was chosen."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    if "discriminator" in node:
        mapping = node["discriminator"]["mapping"]
        chosen = [mapping[loc[1]]] if len(loc) > 1 and loc[0] == prefix and loc[1] in mapping else mapping.values()
        for ref in chosen:
            yield from _known_keys(schema, {"$ref": ref}, prefix, loc)
        return
    for name, child in node.get("properties", {}).items():
        key = f"{prefix}.{name}" if prefix else name
        yield key
        yield from _known_keys(schema, child, key, loc)
