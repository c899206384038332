"""What can be said about the model. Sizes of inputs and outputs are not said: they come from the data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqexp.config.schema.base import PositiveInt, Probability, Section, Sizes


class _Recurrent(Section):
    """A stack of recurrent layers, a head on its last (or pooled) state, and a linear skip beside it."""

    hidden_sizes: Sizes = Field(description="Units of each layer, from the input upwards; [128, 64] is a stack of two.")
    bidirectional: bool = Field(description="Read the window in both directions; doubles every layer's output.")
    dropout: Probability = Field(description="Dropout between layers and before the head.")
    variational_dropout: Probability = Field(
        description="Dropout of each layer's inputs with one mask for all steps (Gal and Ghahramani 2016)."
    )
    weight_drop: Probability = Field(
        description="Share of the recurrent weights left out in each training pass, one mask for all steps "
        "(DropConnect; Merity et al. 2018)."
    )
    layer_norm: bool = Field(description="Layer normalisation of each layer's output (Ba et al. 2016).")
    residual: bool = Field(description="Add each layer's input to its output, where their sizes agree.")
    initial_state: Literal["zero", "learned"] = Field(description="The state before the first step.")
    orthogonal: bool | None = Field(
        description="Orthogonal initial recurrent weights (Saxe et al. 2014); null: yes, but PyTorch's own in a "
        "language model, which learns faster so."
    )
    readout: Literal["auto", "last", "mean", "max", "attention"] = Field(
        description="What the head reads: the last step's output; the mean, the maximum, or a learned weighted mean "
        "over steps (attention: Yang et al. 2016). auto: the maximum over tokens, the last of numbers."
    )
    linear_skip: bool = Field(
        description="Add a linear map from the anchored target window to the forecast (zero at the start)."
    )
    kernel: Literal["auto", "torch", "fused"] = Field(
        description="torch: PyTorch's own layers; fused: the same mathematics compiled for this CPU at first use "
        "(needs a C++ compiler), a faster step with other rounding; auto: fused where it is to be had and computes in "
        "float32. Which it was is in provenance.json."
    )
    patch_size: PositiveInt = Field(
        description="Steps of the window that one step of the recurrence reads together; 24 reads hours day by day."
    )


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000)."""

    name: Literal["lstm"]
    forget_gate_bias: float | None = Field(
        description="Initial bias of the forget gate; null: 1 (Jozefowicz et al. 2015), but 0 in a language model."
    )


class GRU(_Recurrent):
    """Gated recurrent unit (Cho et al. 2014)."""

    name: Literal["gru"]


class RNN(_Recurrent):
    """The plain recurrence of Elman (1990)."""

    name: Literal["rnn"]
    nonlinearity: Literal["tanh", "relu"] = Field(description="The activation of the state.")

    @model_validator(mode="after")
    def _stable(self) -> RNN:
        if self.nonlinearity == "relu" and self.orthogonal is False:
            raise ValueError("with nonlinearity relu needs orthogonal=true: other initial weights explode")
        return self


ModelConfig = Annotated[LSTM | GRU | RNN, Field(discriminator="name")]
