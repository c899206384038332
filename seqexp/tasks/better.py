"""Which of two values of a metric is the better one. Light: whoever ranks results may import it."""

from __future__ import annotations

HIGHER_IS_BETTER = (
    "directional_accuracy", "accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "auc",
    "average_precision", "frame_accuracy", "r2",
)  # fmt: skip
"""Of every other metric the lower value is the better one."""


def cost(metric: str, value: float) -> float:
    """The value, so turned that less is better."""
    return -value if metric in HIGHER_IS_BETTER else value
