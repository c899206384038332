"""The whole experiment, typed, frozen and validated. Past composition, configuration is this object."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from seqexp.config.schema.base import Name, PositiveInt, Section
from seqexp.config.schema.data import DataConfig, StocksData
from seqexp.config.schema.diagnostics import DiagnosticsConfig
from seqexp.config.schema.model import ModelConfig
from seqexp.config.schema.task import Classification, Forecasting, TaskConfig
from seqexp.config.schema.training import OptimizerConfig, SchedulerConfig, Tracking, Trainer

TASK_OF = {
    "stocks": "forecasting",
    "table": "forecasting",
    "text": "classification",
    "genes": "classification",
    "digits": "classification",
    "copy_memory": "classification",
    "adding": "regression",
    "music": "polyphonic_music",
    "language": "language_modelling",
}
"""What is learned from each kind of data."""


class Experiment(Section):
    """Everything that decides a run, and a few things that only decide how it is shown."""

    name: Name = Field(description="The folder under `outputs` that gathers the runs; the data's name by default.")
    seed: int = Field(ge=0, lt=2**32, description="Seed of weights, order and dropout.")
    outputs: str = Field(min_length=1, description="Folder of all runs.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(description="auto: a GPU where there is one.")
    threads: PositiveInt = Field(description="Threads of one process; small models are fastest with 1.")
    data: DataConfig
    model: ModelConfig
    task: TaskConfig
    optimizer: OptimizerConfig
    scheduler: SchedulerConfig
    trainer: Trainer
    tracking: Tracking
    diagnostics: DiagnosticsConfig

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        task = TASK_OF[self.data.name]
        if self.task.name != task:
            raise ValueError(f"task must be {task} with data={self.data.name}, but is '{self.task.name}'")
        if task != "forecasting" and self.model.patch_size > 1:
            raise ValueError(
                f"model.patch_size must be 1 with task={task}: only a window to forecast from is read in patches"
            )
        if isinstance(self.task, Classification) and self.task.embedding.vectors and self.data.name != "text":
            raise ValueError(
                f"task.embedding.vectors must be null with data={self.data.name}, whose tokens are no words"
            )
        direction = isinstance(self.data, StocksData) and self.data.target == "direction"
        if direction and isinstance(self.task, Forecasting) and self.task.head != "point":
            raise ValueError(
                f"task.head must be point with data.target=direction, whose forecast is a probability, but is "
                f"'{self.task.head}'"
            )
        if task == "language_modelling" and self.model.bidirectional:
            raise ValueError(
                "model.bidirectional must be false with task=language_modelling: read backwards, the token to be said "
                "is seen before"
            )
        if self.optimizer.name == "nt_asgd" and self.trainer.ema_decay:
            raise ValueError(
                f"trainer.ema_decay must be 0 with optimizer=nt_asgd, which averages the weights itself, but is "
                f"{self.trainer.ema_decay}"
            )
        if self.model.kernel == "fused" and self.trainer.precision != "float32":
            raise ValueError(
                f"trainer.precision must be float32 with model.kernel=fused, but is '{self.trainer.precision}'"
            )
        return self


__all__ = ["Experiment"]
