"""What a run's status says of its scores. Light, so that a list of a thousand runs comes at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqexp.tasks.better import cost
from seqexp.text import number

Row = dict[str, Any]


def scores(status: Mapping[str, Any]) -> Row:
    """State, progress, and the headline metric of the model and of the best classical method on test.

    Args:
        status: As observed.
    """
    done = status["state"] == "complete"
    said = status.get("results") if done else None
    results = {k: v for k, v in said.items() if isinstance(v, int | float)} if isinstance(said, Mapping) else {}
    metric, score = status.get("headline") if done else None, results.pop(status.get("model"), None)
    rival = min(results, key=lambda of: cost(str(metric), results[of]), default=None)
    return {
        "state": status["state"],
        "epoch": status.get("epoch", 0),
        "best": status.get("best"),
        "metric": metric,
        "score": score,
        "classical": rival,
        "classical_score": results[rival] if rival else None,
        "reason": None if done else status.get("reason"),
    }


def named(name: str | None, value: float | None) -> str:
    """`mase 0.5123`, or a dash where there is no value."""
    return f"{name or ''} {number(value)}".strip() if value is not None else number(None)
