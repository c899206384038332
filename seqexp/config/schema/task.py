"""What can be said about the task: what is learned, in which form, and what it must be better than."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqexp.config.schema.base import PositiveInt, Probability, Section

Baseline = Literal["naive", "drift", "seasonal_naive", "ridge", "ets", "arima", "ewma", "har", "garch", "gjr_garch"]


class Forecasting(Section):
    """Forecast the next `data.horizon` steps from the last `data.window`."""

    name: Literal["forecasting"]
    head: Literal["point", "quantile", "gaussian", "student_t"] = Field(
        description="What is forecast for each step: one number, quantiles, or a distribution."
    )
    loss: Literal["mse", "mae", "huber"] = Field(
        description="The loss of the point head; the others have theirs: pinball, negative log likelihood."
    )
    huber_delta: float = Field(gt=0, description="Where Huber's loss turns from square to straight, in scales.")
    anchor: Literal["auto", "last", "season", "none"] = Field(
        description="Learn the difference from the last value, from the last season, or the value itself. "
        "auto: last or season, whichever alone forecasts train better."
    )
    lags: tuple[int, ...] = Field(description="Also read the target so many steps back, at every step of the window.")
    quantiles: tuple[float, ...] = Field(
        description="Levels that are forecast and scored. 0.5 and the borders of the 80 and 95 % intervals are "
        "always among them."
    )
    baselines: tuple[Baseline, ...] = Field(
        description="Classical methods that stand in the same table, as far as they suit the target: naive, drift, "
        "seasonal_naive, ridge, ets, arima for values; naive, ridge, ewma, har, garch, gjr_garch for volatility; for "
        "a direction the majority, and ridge as logistic regression."
    )

    series_by_series: PositiveInt = Field(
        description="Methods that are fitted to each series by itself (ets, arima, garch) are left out beyond so many."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Forecasting:
        if any(not 0 < q < 1 for q in self.quantiles):
            raise ValueError(f"needs quantiles between 0 and 1, but has {list(self.quantiles)}")
        if any(lag < 1 for lag in self.lags):
            raise ValueError(f"needs lags of at least 1, but has {list(self.lags)}")
        _once(self.baselines)
        return self


class Embedding(Section):
    """A vector for each token."""

    size: PositiveInt = Field(description="Numbers of a token's vector.")
    dropout: Probability = Field(
        description="Share of the vocabulary whose vectors are zero in a batch (Gal and Ghahramani 2016)."
    )
    locked_dropout: Probability = Field(
        description="Dropout of the vectors' elements with one mask for all steps (Merity et al. 2018)."
    )
    vectors: str | None = Field(description="A file of vectors in the format of GloVe or word2vec text; null: none.")
    freeze: bool = Field(description="Leave vectors from the file as they are.")


def _once(names: tuple[str, ...]) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"names a baseline twice: {list(names)}")


class Classification(Section):
    """Give each sequence (or each of its steps) one of some labels."""

    name: Literal["classification"]
    embedding: Embedding
    class_weights: Literal["none", "balanced"] = Field(
        description="balanced: a class counts in the loss as much as any other, however rare it is."
    )
    label_smoothing: Probability = Field(description="Share of the target spread over all classes (Szegedy 2016).")
    baselines: tuple[Literal["majority", "logistic", "naive_bayes", "one_hot"], ...] = Field(
        description="Classical methods in the same table: the majority class; logistic regression on n-grams; naive "
        "Bayes on n-grams; logistic regression on one-hot positions (sequences of one length)."
    )
    ngrams: PositiveInt = Field(description="Longest n-gram of tokens that the classical methods count.")

    @model_validator(mode="after")
    def _consistent(self) -> Classification:
        _once(self.baselines)
        return self


class Regression(Section):
    """Give each sequence a number."""

    name: Literal["regression"]
    loss: Literal["mse", "mae", "huber"] = Field(description="The loss of the number.")
    huber_delta: float = Field(gt=0, description="Where Huber's loss turns from square to straight.")
    baselines: tuple[Literal["mean", "ridge"], ...] = Field(
        description="The mean of train; ridge regression on all steps (sequences of one length)."
    )


class PolyphonicMusic(Section):
    """Which keys sound next, each a yes or no (Boulanger-Lewandowski et al. 2012)."""

    name: Literal["polyphonic_music"]
    baselines: tuple[Literal["frequencies", "repeat"], ...] = Field(
        description="How often each key sounds; how often it sounds after a step in which it did, or did not."
    )


class AdaptiveSoftmax(Section):
    """Rare words in clusters of their own, with smaller vectors (Grave et al. 2017)."""

    cutoffs: tuple[PositiveInt, ...] = Field(description="Ranks at which clusters begin; []: a full softmax.")
    factor: float = Field(gt=1, description="Each cluster's vectors are so many times smaller than the last one's.")


class LanguageModelling(Section):
    """Say which token comes next."""

    name: Literal["language_modelling"]
    embedding: Embedding
    tied: bool = Field(description="One matrix for embedding and output (Press and Wolf 2017; Inan et al. 2017).")
    output_dropout: Probability = Field(description="Dropout of the last layer's output, one mask for all steps.")
    activation_regularization: float = Field(ge=0, description="alpha of AR: weight of the outputs' squares.")
    temporal_regularization: float = Field(ge=0, description="beta of TAR: weight of the squares of their changes.")
    initial_range: float | None = Field(gt=0, description="Weights begin uniform in +-this; null: the layers' own.")
    adaptive_softmax: AdaptiveSoftmax
    ngram: PositiveInt = Field(description="n of the interpolated Kneser-Ney baseline.")
    baselines: tuple[Literal["unigram", "kneser_ney"], ...] = Field(
        description="How often each token comes; an n-gram model (Chen and Goodman 1999)."
    )


TaskConfig = Annotated[
    Forecasting | Classification | Regression | PolyphonicMusic | LanguageModelling, Field(discriminator="name")
]
