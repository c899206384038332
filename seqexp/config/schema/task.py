"""What can be said about the task: what is learned, in which form, and what it must be better than."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from seqexp.config.schema.base import PositiveInt, Section

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
        if len(set(self.baselines)) != len(self.baselines):
            raise ValueError(f"names a baseline twice: {list(self.baselines)}")
        return self


TaskConfig = Forecasting
