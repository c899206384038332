"""The loop, top to bottom. It can be stopped after any step and goes on from there, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from seqexp.config.schema.training import NTASGD, Plateau, SchedulerConfig, Trainer
from seqexp.errors import TrainingError
from seqexp.training.cadence import itstime, rate_factor
from seqexp.training.observer import Observer
from seqexp.training.state import TrainState
from seqexp.training.step import Loss, Sized, train_step


@dataclass(frozen=True)
class Plan:
    """What is to be done: fixed before the first step, and the same after a resume."""

    trainer: Trainer
    scheduler: SchedulerConfig
    lr: float
    steps_per_epoch: int
    """Updates in one epoch."""

    @property
    def total_steps(self) -> int:
        """Updates if training is not stopped early."""
        return self.trainer.max_epochs * self.steps_per_epoch


class TrainingData(Protocol):
    """Batches by position alone: no state, so nothing about order is ever stored."""

    def batches(self, epoch: int, step: int) -> Sequence[Sized]:
        """The batches of update `step` of an epoch."""

    def indices(self, epoch: int, step: int) -> list[int]:
        """Which samples those are."""


@dataclass(frozen=True)
class Surroundings:
    """What the loop is handed, so that it need know no files, signals or screen."""

    data: TrainingData
    loss: Loss
    validate: Callable[[TrainState], Mapping[str, float]]
    """Metrics on the validation split. Advances no random generator."""
    save: Callable[[TrainState], None]
    """Make the state durable."""
    stop: Callable[[], bool]
    """Whether to stop at the next step."""
    observer: Observer


def fit(state: TrainState, plan: Plan, around: Surroundings) -> bool:
    """Train from where `state` stands to the end of the plan.

    Returns:
        True at the end; False if `stop` asked to, with the state saved.

    Raises:
        TrainingError: If a loss is not finite. Nothing is saved from after that step.
    """
    progress, trainer = state.progress, plan.trainer
    while not finished(state, plan):
        state.model.train()
        while progress.batch < plan.steps_per_epoch:
            if around.stop():
                _checked_save(state, plan, around)
                return False
            loss, norm = train_step(
                state, batches := around.data.batches(progress.epoch, progress.batch), around.loss,
                lr=learning_rate(state, plan), trainer=trainer,
            )  # fmt: skip
            state.losses.append(loss)
            state.samples.append(sum(len(b) for b in batches))
            progress.batch += 1
            progress.step += 1
            progress.score = None
            around.observer.stepped(progress, state.samples[-1])
            if itstime(progress.step, trainer.log_every):
                _log(state, plan, around, norm)
            if itstime(progress.step, trainer.checkpoints.every_steps) and progress.batch < plan.steps_per_epoch:
                _checked_save(state, plan, around)
        if around.stop():
            _checked_save(state, plan, around)
            return False
        _end_epoch(state, plan, around)
    return True


def finished(state: TrainState, plan: Plan) -> bool:
    """Whether the plan is fulfilled: all epochs, or early stopping's patience."""
    patience = plan.trainer.early_stopping.patience
    stopped_early = patience is not None and state.progress.without_improvement >= patience
    return state.progress.epoch >= plan.trainer.max_epochs or stopped_early


def learning_rate(state: TrainState, plan: Plan) -> float:
    """The rate of the next update."""
    return plan.lr * rate_factor(
        plan.scheduler, step=state.progress.step, steps_per_epoch=plan.steps_per_epoch, total=plan.total_steps,
        drops=state.progress.plateau_drops,
    )  # fmt: skip


def _end_epoch(state: TrainState, plan: Plan, around: Surroundings) -> None:
    progress, trainer = state.progress, plan.trainer
    _gather_losses(state, plan, around)
    train_loss = progress.epoch_loss / max(progress.epoch_samples, 1)
    progress.epoch += 1
    progress.batch = progress.epoch_samples = 0
    progress.epoch_loss = 0.0
    if not itstime(progress.epoch, trainer.validate_every, trainer.max_epochs):
        return
    state.model.eval()
    with torch.inference_mode(), state.averaged_weights():
        metrics = {"train_loss": train_loss, "lr": learning_rate(state, plan), **around.validate(state)}
    value = metrics[trainer.monitor]
    improved = progress.improved(value, mode=trainer.mode, min_delta=trainer.early_stopping.min_delta)
    if isinstance(plan.scheduler, Plateau):
        progress.plateau_wait = 0 if improved else progress.plateau_wait + 1
        if progress.plateau_wait > plan.scheduler.patience:
            progress.plateau_wait, progress.plateau_drops = 0, progress.plateau_drops + 1
    _consider_averaging(state, trainer)
    around.observer.validated(progress, metrics, improved)
    around.save(state)


def _consider_averaging(state: TrainState, trainer: Trainer) -> None:
    """Begin to average the weights, if the optimizer would and validation has gone wrong."""
    config, progress = state.optimizer.config, state.progress
    if isinstance(config, NTASGD) and progress.average_from is None:
        progress.without_improvement = 0  # early stopping's patience is for the average
        if progress.gone_wrong(mode=trainer.mode, non_monotone=config.non_monotone):
            state.begin_average()


def _log(state: TrainState, plan: Plan, around: Surroundings, norm: Tensor | None) -> None:
    loss = _gather_losses(state, plan, around)
    metrics = {"loss": loss, "lr": learning_rate(state, plan)}
    if norm is not None:
        metrics["grad_norm"] = float(norm)
    around.observer.logged(state.progress, metrics)


def _gather_losses(state: TrainState, plan: Plan, around: Surroundings) -> float:
    """Bring the losses since the last time to the host, check them, and return their mean over samples."""
    if not state.losses:
        return float("nan")
    losses = torch.stack(state.losses).double().cpu()
    _check(losses, state, plan, around)
    weights = torch.tensor(state.samples, dtype=torch.float64)
    total, samples = float(losses @ weights), sum(state.samples)
    state.progress.epoch_loss += total
    state.progress.epoch_samples += samples
    state.losses.clear()
    state.samples.clear()
    return total / samples


def _checked_save(state: TrainState, plan: Plan, around: Surroundings) -> None:
    if state.losses:
        _check(torch.stack(state.losses).cpu(), state, plan, around)
    around.save(state)


def _check(losses: Tensor, state: TrainState, plan: Plan, around: Surroundings) -> None:
    """Raise at the first loss that is not finite, naming its step and samples."""
    bad = torch.nonzero(~torch.isfinite(losses))
    if not len(bad):
        return
    back = len(losses) - int(bad[0])
    step = state.progress.step - back
    indices = around.data.indices(step // plan.steps_per_epoch, step % plan.steps_per_epoch)
    raise TrainingError(
        f"the loss is {float(losses[int(bad[0])])} in step {step + 1} (epoch {step // plan.steps_per_epoch + 1}, "
        f"samples {', '.join(map(str, indices[:8]))}{', ...' if len(indices) > 8 else ''}); nothing was saved from "
        "there on. Try a lower optimizer.lr, a lower trainer.clip_norm, or data.scaling.target=robust"
    )
