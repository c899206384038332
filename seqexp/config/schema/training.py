"""What can be said about optimisation: the optimizer, the schedule of its rate, the loop, what is shown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqexp.config.schema.base import PositiveInt, Probability, Section

LearningRate = Annotated[float, Field(gt=0, le=100, description="Learning rate.")]
Decay = Annotated[float, Field(ge=0)]


class SGD(Section):
    """Stochastic gradient descent (Robbins and Monro 1951), with momentum (Sutskever et al. 2013)."""

    name: Literal["sgd"]
    lr: LearningRate
    momentum: Probability = Field(description="Momentum.")
    nesterov: bool = Field(description="Nesterov's momentum.")
    weight_decay: Decay = Field(description="L2 penalty.")

    @model_validator(mode="after")
    def _needs_momentum(self) -> SGD:
        if self.nesterov and self.momentum == 0:
            raise ValueError("with nesterov=true needs a momentum above 0")
        return self


class NTASGD(Section):
    """Gradient descent that averages its weights once validation goes wrong (Merity et al. 2018, algorithm 1)."""

    name: Literal["nt_asgd"]
    lr: LearningRate
    weight_decay: Decay = Field(description="L2 penalty.")
    non_monotone: PositiveInt = Field(
        description="Averaging begins when a validation is worse than the best of all but the last so many before it; "
        "early stopping waits for it."
    )


class _AdamFamily(Section):
    lr: LearningRate
    beta1: Probability = Field(description="Decay of the mean of gradients.")
    beta2: Probability = Field(description="Decay of the mean of squared gradients.")
    eps: float = Field(gt=0, description="Added to the denominator.")
    amsgrad: bool = Field(description="Keep the maximum of the second moment (Reddi et al. 2018).")


class Adam(_AdamFamily):
    """Adam (Kingma and Ba 2015)."""

    name: Literal["adam"]
    weight_decay: Decay = Field(description="L2 penalty, added to the gradient.")


class AdamW(_AdamFamily):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]
    weight_decay: Decay = Field(description="Share of a weight taken away each step, times the rate.")


class RMSprop(Section):
    """RMSprop (Hinton 2012, lecture 6e)."""

    name: Literal["rmsprop"]
    lr: LearningRate
    alpha: Probability = Field(description="Decay of the mean of squared gradients.")
    eps: float = Field(gt=0, description="Added to the denominator.")
    momentum: Probability = Field(description="Momentum.")
    centered: bool = Field(description="Divide by the variance instead of the second moment.")
    weight_decay: Decay = Field(description="L2 penalty.")


class Adagrad(Section):
    """Adagrad (Duchi et al. 2011)."""

    name: Literal["adagrad"]
    lr: LearningRate
    lr_decay: Decay = Field(description="Decay of the rate with the step.")
    eps: float = Field(gt=0, description="Added to the denominator.")
    weight_decay: Decay = Field(description="L2 penalty.")


OptimizerConfig = Annotated[SGD | NTASGD | Adam | AdamW | RMSprop | Adagrad, Field(discriminator="name")]


class _Scheduler(Section):
    warmup_steps: int = Field(ge=0, description="Steps over which the rate rises linearly from 0.")


class Constant(_Scheduler):
    """The same rate throughout."""

    name: Literal["constant"]


class Step(_Scheduler):
    """Times `factor` every so many epochs; with `after_epochs` the schedule of Zaremba et al. (2014)."""

    name: Literal["step"]
    after_epochs: PositiveInt | None = Field(description="Epochs before the first drop; null: every_epochs.")
    every_epochs: PositiveInt = Field(description="Epochs between two drops.")
    factor: float = Field(gt=0, le=1, description="What the rate is multiplied by.")


class Cosine(_Scheduler):
    """Half a cosine from the rate down to its end (Loshchilov and Hutter 2017)."""

    name: Literal["cosine"]
    final_factor: float = Field(ge=0, le=1, description="The last rate as a share of the first.")


class Linear(_Scheduler):
    """A straight line from the rate down to its end."""

    name: Literal["linear"]
    final_factor: float = Field(ge=0, le=1, description="The last rate as a share of the first.")


class Plateau(_Scheduler):
    """Times `factor` when the monitored metric has not improved for `patience` validations."""

    name: Literal["plateau"]
    factor: float = Field(gt=0, lt=1, description="What the rate is multiplied by.")
    patience: int = Field(ge=0, description="Validations without improvement that are waited for.")
    min_factor: float = Field(ge=0, le=1, description="The rate never falls below this share of the first.")


class OneCycle(Section):
    """Up to the rate and down again, each half a cosine (Smith and Topin 2018)."""

    name: Literal["one_cycle"]
    rise: float = Field(gt=0, lt=1, description="Share of all steps in which the rate rises.")
    start_factor: float = Field(gt=0, le=1, description="The first rate as a share of the highest.")
    final_factor: float = Field(ge=0, le=1, description="The last rate as a share of the highest.")


SchedulerConfig = Annotated[Constant | Step | Cosine | Linear | Plateau | OneCycle, Field(discriminator="name")]


class EarlyStopping(Section):
    """Stop when validation no longer improves; the best weights are kept either way."""

    patience: PositiveInt | None = Field(
        description="Validations without improvement after which training ends; null: never."
    )
    min_delta: float = Field(ge=0, description="An improvement smaller than this does not count.")


class Checkpoints(Section):
    """When the state is saved (always after a validation, at a signal, and at the end) and what is kept."""

    every_steps: PositiveInt | None = Field(description="Save also every so many steps; null: no.")
    keep_last: PositiveInt = Field(description="Newest checkpoints kept.")
    keep_best: PositiveInt = Field(description="Best checkpoints kept, by the monitored metric.")


class Trainer(Section):
    """The loop."""

    max_epochs: PositiveInt = Field(description="Epochs at the most.")
    steps_per_epoch: PositiveInt | None = Field(
        description="Updates that count as one epoch; null: one pass over the windows."
    )
    batch_size: PositiveInt = Field(description="Windows in one batch.")
    eval_batch_size: PositiveInt = Field(description="Windows in one batch of an evaluation.")
    accumulate: PositiveInt = Field(description="Batches whose gradients are averaged into one update.")
    clip_norm: float | None = Field(gt=0, description="Largest norm of the gradient; null: no limit.")
    clip_value: float | None = Field(gt=0, description="Largest element of the gradient; null: no limit.")
    precision: Literal["float32", "bf16", "fp16"] = Field(
        description="Arithmetic of the forward pass: float32, or autocast to bf16, or to fp16 with a scaled loss."
    )
    ema_decay: Probability = Field(
        description="Evaluate an exponential moving average of the weights, with this decay; 0: no average."
    )
    monitor: str = Field(description="Validation metric that decides what is best: loss, mae, mase, ...")
    mode: Literal["min", "max"] = Field(description="Whether lower or higher is better.")
    early_stopping: EarlyStopping
    checkpoints: Checkpoints
    log_every: PositiveInt = Field(description="Steps between two lines of training metrics.")
    validate_every: PositiveInt = Field(description="Epochs between two validations.")
    deterministic: bool = Field(description="Only deterministic algorithms, so that a run can be repeated.")
    limit_batches: PositiveInt | None = Field(
        description="Use only so many batches of train, valid and test each; null: all."
    )
    overfit_batches: PositiveInt | None = Field(
        description="Train, and validate, on only the first so many training batches; null: all."
    )
    profile: bool = Field(description="Profile the first steps: a table on the screen and a trace in the run.")


class Tracking(Section):
    """What is shown while it runs. Never changes a result."""

    progress: Literal["auto", "live", "plain", "json", "none"] = Field(
        description="auto: one live line on a terminal, else a plain line an epoch; json: a line an event."
    )
