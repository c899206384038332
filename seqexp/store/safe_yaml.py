"""Plain YAML from a file that may be a stranger's: no tags, no aliases (a bomb needs them), no great depth or size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from seqexp.errors import RunError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20


class _PlainLoader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias (*name), which a run's configuration never has")
        if getattr(event, "tag", None) is not None:
            raise yaml.YAMLError(f"it has a tag ({event.tag}), which a run's configuration never has")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value if key.tag == "tag:yaml.org,2002:str" else None for key, _ in node.value]
        for (key, _), text in zip(node.value, keys, strict=True):
            if text is None:
                raise yaml.YAMLError(f"a key must be text,{key.start_mark}")
            if keys.count(text) > 1:
                raise yaml.YAMLError(f"it has the key '{text}' twice,{key.start_mark}")
        return super().construct_mapping(node, deep=deep)


# A date stays the text that it is.
_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        RunError: If it cannot be read, or is anything but plain values in mappings and lists.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RunError(f"{path} has more than {MAX_BYTES} bytes; no configuration does")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is not plain YAML: {error}") from None
    return loads(text, path)


def loads(text: str, path: Path) -> dict[str, Any]:
    """The mapping in YAML text that came from a file.

    Raises:
        RunError: If it is anything but plain values in mappings and lists.
    """
    try:
        value = yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{path} is not plain YAML: {reason}") from None
    if not isinstance(value, dict):
        raise RunError(f"{path} holds no keys; it was damaged")
    return value
