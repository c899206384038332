"""Sections of a configuration: what `conf/` says, but for what a test changes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import yaml
from pydantic import TypeAdapter

from seqexp.config.folder import CONF
from seqexp.config.schema.model import GRU, LSTM, RNN, ModelConfig
from seqexp.config.schema.task import Forecasting
from seqexp.config.schema.training import OptimizerConfig, SchedulerConfig, Trainer


@cache
def _values(path: str) -> dict[str, Any]:
    values = yaml.safe_load((CONF / path).read_text())
    values.pop("defaults", None)
    return values


def _section(schema: Any, values: dict[str, Any]) -> Any:
    return TypeAdapter(schema).validate_json(json.dumps(values))


def recurrent(name: str, **changes: Any) -> LSTM | GRU | RNN:
    """A model: lstm, gru or rnn."""
    return _section(ModelConfig, _values("model/base/recurrent.yaml") | _values(f"model/{name}.yaml") | changes)


def forecasting(**changes: Any) -> Forecasting:
    """The task."""
    return _section(Forecasting, _values("task/forecasting.yaml") | changes)


def optimizer(name: str, **changes: Any) -> OptimizerConfig:
    """An optimizer: sgd, adam, adamw, rmsprop or adagrad."""
    return _section(OptimizerConfig, _values(f"optimizer/{name}.yaml") | changes)


def scheduler(name: str, **changes: Any) -> SchedulerConfig:
    """A schedule: constant, step, cosine, linear, plateau or one_cycle."""
    return _section(SchedulerConfig, _values(f"scheduler/{name}.yaml") | changes)


def trainer(**changes: Any) -> Trainer:
    """The loop; `early_stopping` and `checkpoints` may be changed in part."""
    values = _values("trainer/default.yaml")
    for part in ("early_stopping", "checkpoints"):
        changes[part] = values[part] | changes.get(part, {})
    return _section(Trainer, values | changes)
