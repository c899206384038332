"""The folder of YAML: found in a wheel or a checkout, and listed without Hydra."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
CONF = next(c for c in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if (c / "config.yaml").is_file())
"""Inside an installed wheel, or beside the package in a checkout."""


def groups() -> dict[str, list[str]]:
    """Each group and its options."""
    found = {}
    for folder in sorted(CONF.iterdir()):
        options = sorted(p.stem for p in folder.glob("*.yaml")) if folder.is_dir() else []
        if options:
            found[folder.name] = options
    return found
