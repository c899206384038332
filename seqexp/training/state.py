"""Everything a run is at one moment. What is not in here, or a pure function of it, does not exist."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from seqexp.errors import CheckpointError
from seqexp.training import rng
from seqexp.training.optim import Optimizer


@dataclass
class Progress:
    """Where training stands: the cursor `(epoch, batch)`, and what was best so far. Plain values."""

    epoch: int = 0
    """Epochs that are done."""
    batch: int = 0
    """Updates made in the epoch that is under way."""
    step: int = 0
    """Updates made in all."""
    score: float | None = None
    """The monitored metric, where the last thing done was a validation."""
    best: float | None = None
    best_step: int = 0
    best_epoch: int = 0
    without_improvement: int = 0
    """Validations since the best."""
    plateau_wait: int = 0
    plateau_drops: int = 0
    epoch_loss: float = 0.0
    """Sum over the samples of this epoch that are logged already; those of `TrainState.losses` are not."""
    epoch_samples: int = 0
    history: list[float] = field(default_factory=list)
    """The monitored metric of each validation so far."""
    average_from: int | None = None
    """The step from which on weights are averaged evenly, as the non-monotone trigger found it."""

    def improved(self, value: float, *, mode: str, min_delta: float) -> bool:
        """Note a validation; whether it is the best so far."""
        self.score = value
        self.history.append(value)
        better = value < (self.best or 0.0) - min_delta if mode == "min" else value > (self.best or 0.0) + min_delta
        if math.isfinite(value) and (self.best is None or better):
            self.best, self.best_step, self.best_epoch = value, self.step, self.epoch
            self.without_improvement = 0
            return True
        self.without_improvement += 1
        return False

    def gone_wrong(self, *, mode: str, non_monotone: int) -> bool:
        """Whether the last validation is worse than the best of all but the last `non_monotone` before it.

        Merity, Keskar and Socher (2018), "Regularizing and optimizing LSTM language models", algorithm 1.
        """
        *before, value = self.history
        older = [v for v in before[:-non_monotone] if math.isfinite(v)]
        return bool(older) and (value > min(older) if mode == "min" else value < max(older))


@dataclass
class TrainState:
    """The model and all that changes while it trains."""

    model: nn.Module
    optimizer: Optimizer
    scaler: torch.amp.GradScaler | None = None
    average: dict[str, Tensor] | None = None
    """The average of the weights, by name, where one is kept: what is evaluated."""
    progress: Progress = field(default_factory=Progress)
    losses: list[Tensor] = field(default_factory=list)
    """Losses of the steps since the last log line, still on the device."""
    samples: list[int] = field(default_factory=list)
    """Samples in each of those steps."""
    calibration: Tensor | None = None
    """Quantiles of the last validation's residuals (h, C, Q), for models that forecast points."""
    carried: list[tuple[Tensor, ...]] | None = None
    """The recurrent state of each layer after the last update, where the next goes on from it (detached)."""

    def begin_average(self) -> None:
        """Average the weights from here on, beginning with what they are."""
        self.progress.average_from = self.progress.step
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """The model with its averaged weights, where there are any, until the block ends."""
        if self.average is None:
            yield
            return
        parameters = dict(self.model.named_parameters())
        own = {name: p.data for name, p in parameters.items()}
        try:
            for name, p in parameters.items():
                p.data = self.average[name]
            yield
        finally:
            for name, p in parameters.items():
                p.data = own[name]

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values: model, optimizer, scaler, average, generators, cursor, best so far."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict() if self.scaler else {},
            "average": self.average or {},
            "rng": rng.capture(),
            "progress": asdict(self.progress),
            "losses": torch.stack(self.losses).cpu() if self.losses else torch.empty(0),
            "samples": list(self.samples),
            "calibration": self.calibration,
            "carried": self.carried,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave, the generators last.

        Raises:
            CheckpointError: If it belongs to another model or optimizer.
        """
        load_weights(self.model, state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        device = next(self.model.parameters()).device
        if state["average"]:
            self.average = {name: value.to(device, copy=True) for name, value in state["average"].items()}
        self.progress = progress_from(state["progress"])
        self.losses = list(state["losses"].to(device).unbind(0))
        self.samples = [int(n) for n in state["samples"]]
        self.calibration = state["calibration"]
        if state["carried"] is not None:
            self.carried = [tuple(s.to(device) for s in layer) for layer in state["carried"]]
        rng.restore(state["rng"])


def progress_from(values: Mapping[str, Any]) -> Progress:
    """A `Progress` from a checkpoint's plain values.

    Raises:
        CheckpointError: If a value is missing or unknown.
    """
    if set(values) != {f.name for f in fields(Progress)}:
        raise CheckpointError("the checkpoint was written by another version of seqexp: its progress has other fields")
    return Progress(**values)


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights by name.

    Raises:
        CheckpointError: If names or shapes are those of another model.
    """
    try:
        model.load_state_dict(dict(weights))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:4]]
        raise CheckpointError(f"the checkpoint belongs to another model: {' '.join(lines)}") from None
