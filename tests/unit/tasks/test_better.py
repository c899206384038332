from __future__ import annotations

import pytest

from seqexp.tasks.better import cost


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("accuracy", [0.9, 0.1]), ("macro_f1", [0.9, 0.1]), ("average_precision", [0.9, 0.1]), ("mcc", [0.2, -0.2]),
        ("log_loss", [0.1, 0.9]), ("perplexity", [80.0, 120.0]), ("mase", [0.5, 1.5]),
        ("calibration_error", [0.01, 0.1]),
    ],
)  # fmt: skip
def test_the_better_value_costs_less(metric: str, values: list[float]) -> None:
    better, worse = values
    assert cost(metric, better) < cost(metric, worse)
