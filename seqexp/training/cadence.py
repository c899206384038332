"""When something is due, and what the learning rate is: pure functions of the step."""

from __future__ import annotations

import math

from seqexp.config.schema.training import Constant, Cosine, Linear, OneCycle, Plateau, SchedulerConfig, Step


def itstime(step: int, every: int | None, last: int | None = None) -> bool:
    """Whether something that happens every so many steps, and at the last, is due after `step` steps."""
    return (every is not None and step % every == 0) or step == last


def rate_factor(config: SchedulerConfig, *, step: int, steps_per_epoch: int, total: int, drops: int = 0) -> float:
    """The share of the configured learning rate to use in update `step`, counted from 0.

    Args:
        config: The schedule.
        step: The update that is about to be made, 0 for the first.
        steps_per_epoch: Updates in an epoch.
        total: Updates in the whole training.
        drops: How often the plateau schedule has dropped the rate so far.
    """
    if isinstance(config, OneCycle):
        return _one_cycle(config, step, total)
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = _share(step - config.warmup_steps, total - 1 - config.warmup_steps)
    match config:
        case Constant():
            return 1.0
        case Step():
            since_first = step // steps_per_epoch - (config.after_epochs or config.every_epochs)
            return config.factor ** max(0, 1 + since_first // config.every_epochs)
        case Cosine():
            return _half_cosine(1.0, config.final_factor, done)
        case Linear():
            return 1.0 + (config.final_factor - 1.0) * done
        case Plateau():
            return max(config.factor**drops, config.min_factor)


def _one_cycle(config: OneCycle, step: int, total: int) -> float:
    peak = config.rise * (total - 1)
    if step <= peak:
        return _half_cosine(config.start_factor, 1.0, _share(step, peak))
    return _half_cosine(1.0, config.final_factor, _share(step - peak, total - 1 - peak))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))


def _share(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else 1.0
