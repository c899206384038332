from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from support.sections import optimizer, scheduler, trainer

MAKE: dict[str, Callable[..., Any]] = {"optimizer": optimizer, "scheduler": scheduler}


@pytest.mark.parametrize(
    ("kind", "name", "changes", "rule"),
    [
        ("optimizer", "sgd", {"nesterov": True, "momentum": 0.0}, "with nesterov=true needs a momentum above 0"),
        ("optimizer", "sgd", {"lr": 0}, "greater than 0"),
        ("optimizer", "sgd", {"lr": 100.5}, "less than or equal to 100"),
        ("optimizer", "sgd", {"momentum": 1.0}, "less than 1"),
        ("optimizer", "adam", {"beta1": 1.0}, "less than 1"),
        ("optimizer", "adam", {"beta2": -0.1}, "greater than or equal to 0"),
        ("optimizer", "adam", {"eps": 0}, "greater than 0"),
        ("optimizer", "adam", {"momentum": 0.9}, "Extra inputs"),
        ("optimizer", "adamw", {"weight_decay": -1}, "greater than or equal to 0"),
        ("optimizer", "rmsprop", {"alpha": 1.0}, "less than 1"),
        ("optimizer", "adagrad", {"lr_decay": -0.1}, "greater than or equal to 0"),
        ("optimizer", "nt_asgd", {"non_monotone": 0}, "greater than or equal to 1"),
        ("optimizer", "nt_asgd", {"momentum": 0.9}, "Extra inputs"),
        ("scheduler", "constant", {"warmup_steps": -1}, "greater than or equal to 0"),
        ("scheduler", "step", {"every_epochs": 0}, "greater than or equal to 1"),
        ("scheduler", "step", {"after_epochs": 0}, "greater than or equal to 1"),
        ("scheduler", "step", {"factor": 0}, "greater than 0"),
        ("scheduler", "step", {"factor": 1.1}, "less than or equal to 1"),
        ("scheduler", "plateau", {"factor": 1.0}, "less than 1"),
        ("scheduler", "plateau", {"patience": -1}, "greater than or equal to 0"),
        ("scheduler", "cosine", {"final_factor": 1.5}, "less than or equal to 1"),
        ("scheduler", "linear", {"final_factor": -0.5}, "greater than or equal to 0"),
        ("scheduler", "one_cycle", {"rise": 1.0}, "less than 1"),
        ("scheduler", "one_cycle", {"start_factor": 0}, "greater than 0"),
        ("scheduler", "one_cycle", {"warmup_steps": 5}, "Extra inputs"),
    ],
)
def test_what_cannot_train_is_refused(kind: str, name: str, changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        MAKE[kind](name, **changes)


@pytest.mark.parametrize(
    ("kind", "name", "changes"),
    [
        ("optimizer", "sgd", {"nesterov": True}),
        ("optimizer", "sgd", {"momentum": 0.0}),
        ("optimizer", "sgd", {"lr": 100.0}),
        ("optimizer", "adam", {"beta1": 0.0}),
        ("optimizer", "nt_asgd", {"non_monotone": 1}),
        ("scheduler", "step", {"factor": 1.0, "after_epochs": 1}),
        ("scheduler", "plateau", {"patience": 0, "min_factor": 0.0}),
        ("scheduler", "linear", {"final_factor": 0.0, "warmup_steps": 10}),
    ],
)
def test_the_borders_of_what_can_train_are_accepted(kind: str, name: str, changes: dict[str, Any]) -> None:
    values = MAKE[kind](name, **changes).model_dump(mode="json")
    assert {key: values[key] for key in changes} == changes


COUNTS = ("max_epochs", "batch_size", "eval_batch_size", "accumulate", "log_every", "validate_every")
OPTIONAL = ("steps_per_epoch", "limit_batches", "overfit_batches", "clip_norm", "clip_value")


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("value", [0, -1, None, 1.5, "1", True])
def test_a_count_of_the_loop_is_a_whole_number_from_1(key: str, value: Any) -> None:
    assert getattr(trainer(**{key: 1}), key) == 1
    with pytest.raises(ValidationError):
        trainer(**{key: value})


@pytest.mark.parametrize("key", OPTIONAL)
def test_a_limit_of_the_loop_may_be_null_but_not_nothing(key: str) -> None:
    assert getattr(trainer(**{key: None}), key) is None
    assert getattr(trainer(**{key: 1}), key) == 1
    with pytest.raises(ValidationError, match="greater than"):
        trainer(**{key: 0})


@pytest.mark.parametrize(
    "changes",
    [
        {"early_stopping": {"patience": 0}},
        {"early_stopping": {"min_delta": -0.1}},
        {"checkpoints": {"keep_last": 0}},
        {"checkpoints": {"keep_best": 0}},
        {"checkpoints": {"every_steps": 0}},
        {"ema_decay": 1.0},
        {"precision": "fp32"},
        {"mode": "lower"},
        {"monitor": None},
    ],
)
def test_what_the_loop_cannot_do_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        trainer(**changes)
    assert error.value.error_count() == 1


def test_early_stopping_may_be_off() -> None:
    assert trainer(early_stopping={"patience": None}).early_stopping.patience is None
