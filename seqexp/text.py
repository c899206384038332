"""Text for people: columns, numbers, and what came from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence


def printable(text: str) -> str:
    """Text from outside without the characters that steer a terminal."""
    return "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines)


def number(value: object) -> str:
    """Four significant digits; a dash for what is not defined."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    return f"{value:,.1f}" if abs(value) >= 1_000 else f"{value:#.4g}".rstrip(".")
