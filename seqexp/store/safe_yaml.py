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
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("it has an alias (*name), which a run's configuration never has")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def load(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        RunError: If it cannot be read, or is anything but plain values in mappings and lists.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RunError(f"{path} has more than {MAX_BYTES} bytes; no configuration does")
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainLoader)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{path} is not plain YAML: {reason}") from None
    if not isinstance(value, dict):
        raise RunError(f"{path} holds no keys; it was damaged")
    return value
