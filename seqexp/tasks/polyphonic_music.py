"""Polyphonic music: which keys sound at the next step, each a yes or no (Boulanger-Lewandowski et al. 2012).

Shapes: N pieces, T steps, C keys, M steps that are no padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from seqexp.config.schema.task import PolyphonicMusic
from seqexp.data.batch import SequenceBatch
from seqexp.data.panel import Floats

MUSIC_METRICS = ("nll", "frame_accuracy")


class PolyphonicTask:
    """Which keys sound next.

    Args:
        config: Unused: there is one loss.
    """

    def __init__(self, config: PolyphonicMusic) -> None:
        del config

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of a validation, besides the loss."""
        return MUSIC_METRICS

    def loss(self, outputs: Tensor, batch: SequenceBatch) -> Tensor:
        """Negative log likelihood of a step, the sum over its keys, mean over the batch's steps.

        Args:
            outputs: Logits (N, T, C).
            batch: What came.
        """
        own = _own(outputs, batch)
        said, came = outputs[own].float(), batch.targets[own].float()
        return F.binary_cross_entropy_with_logits(said, came, reduction="sum") / batch.scored

    def answers(self, outputs: Tensor, batch: SequenceBatch) -> Floats:
        """The probability that each key sounds (M, C), by piece, then by step."""
        result: Floats = outputs[_own(outputs, batch)].detach().cpu().double().sigmoid().numpy()
        return result

    def score(self, answers: Floats, truth: NDArray[Any]) -> dict[str, float]:
        """Negative log likelihood of a step, and frame accuracy.

        Frame accuracy is TP / (TP + FP + FN) over all steps and keys, those at one half or more said to sound (Bay et
        al. 2009); NaN where none sounds nor is said to.

        Args:
            answers: Probabilities (M, C).
            truth: 1 where a key sounds, else 0 (M, C).
        """
        said, came = answers >= 0.5, truth > 0.5
        either = int((said | came).sum())
        return {
            "nll": float(self.losses(answers, truth)["nll"].mean()),
            "frame_accuracy": int((said & came).sum()) / either if either else float("nan"),
        }

    def detail(self, answers: Floats, truth: NDArray[Any]) -> dict[str, Any]:
        """Nothing beyond the metrics."""
        del answers, truth
        return {}

    def losses(self, answers: Floats, truth: NDArray[Any]) -> dict[str, Floats]:
        """The negative log likelihood of each step (M)."""
        right = np.where(truth > 0.5, answers, 1 - answers)
        return {"nll": -np.log(np.maximum(right, np.finfo(np.float64).eps)).sum(axis=1)}


def _own(outputs: Tensor, batch: SequenceBatch) -> Tensor:
    """Which steps are no padding (N, T)."""
    return torch.arange(outputs.shape[1], device=outputs.device) < batch.lengths[:, None]
