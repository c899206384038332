"""Classification: one label for a sequence, or one at every step of it.

Shapes: N sequences, T steps, K classes, M targets that are no padding (sequences, or steps).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from seqexp.config.schema.task import Classification
from seqexp.data.batch import IGNORED, SequenceBatch
from seqexp.data.panel import Floats, Ints

CLASSIFICATION_METRICS = (
    "accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "auc", "average_precision", "log_loss",
    "brier", "calibration_error",
)  # fmt: skip
BINS = 15
"""Bins of confidence, for the calibration error."""
MOST_RANKED = 1_000_000
"""Probabilities that are sorted at the most for AUC and average precision, which take seconds a million."""


class ClassificationTask:
    """Which class a sequence or a step is of.

    Args:
        config: Class weights and label smoothing.
        classes: Their names (K).
        counts: How many targets of train are of each (K).
        each_step: Whether there is a label at every step.
    """

    def __init__(self, config: Classification, classes: tuple[str, ...], counts: Ints, *, each_step: bool) -> None:
        self.classes = classes
        self._smoothing = config.label_smoothing
        self._weights = balanced_weights(counts) if config.class_weights == "balanced" else None
        self._each_step = each_step

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of a validation, besides the loss."""
        return CLASSIFICATION_METRICS

    def loss(self, outputs: Tensor, batch: SequenceBatch) -> Tensor:
        """Cross entropy, mean over a batch's targets.

        Weighted, it is the sum of weighted losses over the number of targets, not over the sum of their weights: so
        the loss of a split does not depend on who shares a batch with whom.

        Args:
            outputs: Logits (N, K), or (N, T, K) where there is a label at every step.
            batch: What came.
        """
        weights = None if self._weights is None else torch.from_numpy(self._weights).to(outputs.device, torch.float32)
        total = F.cross_entropy(
            outputs.flatten(0, -2).float(), batch.targets.flatten(), weight=weights, ignore_index=IGNORED,
            label_smoothing=self._smoothing, reduction="sum",
        )  # fmt: skip
        return total / batch.scored

    def answers(self, outputs: Tensor, batch: SequenceBatch) -> Floats:
        """Probabilities of the classes (M, K), by sequence, then by step.

        Args:
            outputs: Logits (N, K) or (N, T, K).
            batch: What came; of it, the lengths.
        """
        if self._each_step:
            outputs = outputs[torch.arange(outputs.shape[1], device=outputs.device) < batch.lengths[:, None]]
        result: Floats = outputs.detach().cpu().double().softmax(dim=-1).numpy()
        return result

    def score(self, answers: Floats, truth: NDArray[Any]) -> dict[str, float]:
        """Every metric; what is undefined, as most are where truth has one class only, is NaN.

        AUC (one against the rest) and average precision are means over the classes that come. Of more than
        `MOST_RANKED` probabilities they are those of some targets, always the same. Brier's score is halved where
        there are two classes, as is the custom.

        Args:
            answers: Probabilities (M, K).
            truth: Classes (M).
        """
        if not np.isfinite(answers).all():
            return dict.fromkeys(CLASSIFICATION_METRICS, float("nan"))
        confusion = _confusion(answers, truth)
        _, recall, f1, support = _by_class(confusion)
        present = support > 0
        several = present.sum() > 1
        losses = self.losses(answers, truth)
        auc, average_precision = _ranking(answers, truth)
        return {
            "accuracy": float(losses["correct"].mean()),
            "balanced_accuracy": float(recall[present].mean()) if several else float("nan"),
            "macro_f1": float(f1[present | (confusion.sum(axis=0) > 0)].mean()),
            "weighted_f1": float(np.average(f1, weights=support)),
            "mcc": _mcc(confusion) if several else float("nan"),
            "auc": auc,
            "average_precision": average_precision,
            "log_loss": float(losses["log_loss"].mean()),
            "brier": float(losses["brier"].mean()),
            "calibration_error": calibration_error(answers.max(axis=1), losses["correct"]),
        }

    def detail(self, answers: Floats, truth: NDArray[Any]) -> dict[str, Any]:
        """Metrics of each class, and how often each (row) was taken for each (column)."""
        confusion = _confusion(answers, truth)
        names = ("precision", "recall", "f1", "support")
        columns = [[float(v) for v in values] for values in _by_class(confusion)]
        rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        return {
            "classes": list(self.classes),
            "per_class": {c: row | {"support": int(row["support"])} for c, row in zip(self.classes, rows, strict=True)},
            "confusion": confusion.tolist(),
        }

    def losses(self, answers: Floats, truth: NDArray[Any]) -> dict[str, Floats]:
        """Whether each answer is right, its log loss and its Brier score (M)."""
        right = answers[np.arange(len(truth)), truth]
        tiny = np.finfo(np.float64).eps
        # sum over k of (p_k - [k = y])^2, without making the ones
        square = (answers**2).sum(axis=1) - 2 * right + 1
        return {
            "correct": (answers.argmax(axis=1) == truth).astype(np.float64),
            "log_loss": -np.log(np.clip(right, tiny, 1.0)),
            "brier": square / 2 if answers.shape[1] == 2 else square,
        }


def balanced_weights(counts: Ints) -> Floats:
    """Weights n / (K n_k), K the classes that come, with which each counts as much; 0 for one that never comes."""
    present = counts > 0
    return np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 0.0)


def calibration_error(confidence: Floats, correct: Floats) -> float:
    """Expected calibration error with bins of one width (Guo et al. 2017, equation 3).

    Args:
        confidence: The probability of each answer given (M).
        correct: 1 where it is right, else 0 (M).
    """
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gap = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(correct))


def _confusion(answers: Floats, truth: NDArray[Any]) -> Ints:
    """How often each class (row) was taken for each (column): (K, K)."""
    classes = answers.shape[1]
    counts = np.bincount(truth * classes + answers.argmax(axis=1), minlength=classes**2)
    return counts.reshape(classes, classes)


def _by_class(confusion: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Precision, recall, F1 and support of each class (K)."""
    from sklearn.metrics import precision_recall_fscore_support

    truth, said = np.indices(confusion.shape).reshape(2, -1)
    result: tuple[Floats, Floats, Floats, Floats] = precision_recall_fscore_support(
        truth, said, labels=np.arange(len(confusion)), sample_weight=confusion.ravel(), zero_division=0.0
    )
    return result


def _mcc(confusion: Ints) -> float:
    from sklearn.metrics import matthews_corrcoef

    truth, said = np.nonzero(confusion)
    return float(matthews_corrcoef(truth, said, sample_weight=confusion[truth, said]))


def _ranking(answers: Floats, truth: NDArray[Any]) -> tuple[float, float]:
    """AUC and average precision, each class against the rest, mean over the classes that come."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    most = max(1, MOST_RANKED // answers.shape[1])
    if len(truth) > most:
        some = np.random.default_rng(0).choice(len(truth), most, replace=False)
        answers, truth = answers[some], truth[some]
    present = np.unique(truth)
    if len(present) < 2:
        return float("nan"), float("nan")
    came, said = truth[:, None] == present, answers[:, present]
    return float(roc_auc_score(came, said)), float(average_precision_score(came, said))
