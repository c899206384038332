"""Regression: one number for a sequence.

Shapes: N sequences of a batch, M of a split.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqexp.config.schema.task import Regression
from seqexp.data.batch import SequenceBatch
from seqexp.data.panel import Floats
from seqexp.tasks import losses

REGRESSION_METRICS = ("mse", "rmse", "mae", "r2")


class RegressionTask:
    """Which number a sequence has.

    Args:
        config: The loss.
    """

    def __init__(self, config: Regression) -> None:
        self._config = config

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of a validation, besides the loss."""
        return REGRESSION_METRICS

    def loss(self, outputs: Tensor, batch: SequenceBatch) -> Tensor:
        """The mean loss over a batch.

        Args:
            outputs: Numbers (N, 1).
            batch: What came.
        """
        said = outputs.float()
        match self._config.loss:
            case "mse":
                return losses.mse(said, batch.targets)
            case "mae":
                return losses.mae(said, batch.targets)
            case "huber":
                return losses.huber(said, batch.targets, self._config.huber_delta)

    def answers(self, outputs: Tensor, batch: SequenceBatch) -> Floats:
        """The numbers (N)."""
        del batch
        result: Floats = outputs[:, 0].detach().cpu().double().numpy()
        return result

    def score(self, answers: Floats, truth: NDArray[Any]) -> dict[str, float]:
        """Every metric; r2, the share of the variance that is explained, is NaN where truth never changes.

        Args:
            answers: What was said (M).
            truth: What came (M).
        """
        each = self.losses(answers, truth)
        mse, variance = float(each["square"].mean()), float(truth.astype(np.float64).var())
        return {
            "mse": mse,
            "rmse": float(np.sqrt(mse)),
            "mae": float(each["absolute"].mean()),
            "r2": 1 - mse / variance if variance > 0 else float("nan"),
        }

    def detail(self, answers: Floats, truth: NDArray[Any]) -> dict[str, Any]:
        """Nothing beyond the metrics."""
        del answers, truth
        return {}

    def losses(self, answers: Floats, truth: NDArray[Any]) -> dict[str, Floats]:
        """The square and the absolute error of each (M)."""
        error = answers - truth.astype(np.float64)
        return {"square": error**2, "absolute": np.abs(error)}
