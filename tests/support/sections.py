"""Sections of a configuration: what `conf/` says, but for what a test changes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import yaml
from pydantic import TypeAdapter

from seqexp.config.folder import CONF
from seqexp.config.schema.data import DataConfig
from seqexp.config.schema.model import GRU, LSTM, RNN, ModelConfig
from seqexp.config.schema.sequences import Batching
from seqexp.config.schema.task import Classification, Embedding, Forecasting, LanguageModelling, Regression, TaskConfig
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


def data(name: str, **changes: Any) -> Any:
    """Data that is many sequences by themselves: text, genes, adding, copy_memory, digits or music."""
    base = _values("data/base/labelled.yaml") if name in ("text", "genes") else {}
    return _section(DataConfig, base | _values(f"data/{name}.yaml") | changes)


def forecasting(**changes: Any) -> Forecasting:
    """The task."""
    return _section(Forecasting, _values("task/forecasting.yaml") | changes)


def task(name: str, **changes: Any) -> Any:
    """Any task, by name: classification, regression, polyphonic_music, language_modelling."""
    return _section(TaskConfig, _values(f"task/{name}.yaml") | changes)


def classification(**changes: Any) -> Classification:
    """The task; `embedding` may be changed in part."""
    return task("classification", embedding=_embedding() | changes.pop("embedding", {}), **changes)


def regression(**changes: Any) -> Regression:
    """The task."""
    return task("regression", **changes)


def language_modelling(**changes: Any) -> LanguageModelling:
    """The task; `embedding` may be changed in part."""
    return task("language_modelling", embedding=_embedding() | changes.pop("embedding", {}), **changes)


def embedding(**changes: Any) -> Embedding:
    """How tokens become vectors."""
    return _section(Embedding, _embedding() | changes)


def _embedding() -> dict[str, Any]:
    values: dict[str, Any] = _values("task/classification.yaml")["embedding"]
    return values


def batching(**changes: Any) -> Batching:
    """How sequences of unlike lengths are put into batches."""
    return _section(Batching, _values("data/base/labelled.yaml")["batching"] | changes)


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
