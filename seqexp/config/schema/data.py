"""What can be said about the data: where it is, what is predicted from what, how it is split and scaled."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqexp.config.schema.base import Date, Names, PositiveInt, Season, Section, Size
from seqexp.config.schema.sequences import LanguageData, SequenceData


class Split(Section):
    """Train comes first, then valid, then test; no target window crosses a border.

    Shares are of the timeline that all series have in common, so that no series is trained on days that
    another is tested on. Whole numbers are steps of each series.
    """

    train: Size | None = Field(description="Share or steps from the start; null: all that valid and test leave.")
    valid: Size = Field(description="Share or steps that follow train (or precede test, where train is null).")
    test: Size = Field(description="Share or steps that follow valid (or end the series, where train is null).")
    valid_from: Date | None = Field(description="First date of valid; with `test_from`, instead of the sizes.")
    test_from: Date | None = Field(description="First date of test.")
    until: Date | None = Field(description="Last date used at all.")

    @model_validator(mode="after")
    def _consistent(self) -> Split:
        if (self.valid_from is None) != (self.test_from is None):
            raise ValueError("needs both valid_from and test_from, or neither")
        if self.valid_from and self.test_from and self.valid_from >= self.test_from:
            raise ValueError(f"needs valid_from ({self.valid_from}) before test_from ({self.test_from})")
        shares = [s for s in (self.train, self.valid, self.test) if s is not None and s < 1]
        if self.valid_from is None and sum(shares) > 1 + 1e-9:
            raise ValueError(f"has shares that add up to {sum(shares):g}; they must not pass 1")
        return self


class Scaling(Section):
    """How values are brought to a common size. Fitted on train alone."""

    target: Literal["standard", "robust", "minmax", "log", "none"] = Field(
        description="standard: minus mean, over standard deviation; robust: minus median, over interquartile "
        "range; minmax: to 0..1; log: standard on the logarithm; none."
    )
    features: Literal["standard", "robust", "minmax", "none"] = Field(
        description="The same for everything that is read but not predicted."
    )
    scope: Literal["series", "global"] = Field(description="One scale for each series, or one for all.")


class Cleaning(Section):
    """What happens to rows that are not as they should be. `refuse` names the row and stops."""

    unsorted: Literal["sort", "refuse"] = Field(description="Rows out of time order.")
    duplicates: Literal["refuse", "first", "last", "mean"] = Field(
        description="Rows of one series with the same time: refuse, or keep the first, the last, their mean."
    )
    non_finite: Literal["refuse", "drop", "ffill", "interpolate"] = Field(
        description="Empty, NaN or infinite numbers: refuse; drop the row; repeat the last value; interpolate "
        "(linear, inside train, valid and test alike: it looks one known value ahead)."
    )
    gaps: Literal["keep", "refuse", "ffill", "interpolate"] = Field(
        description="Missing time steps: keep (the next row follows the last), refuse, or fill."
    )
    short: Literal["refuse", "drop"] = Field(description="Series too short for one window and its horizon.")


class _TimeSeries(Section):
    """What every source of time series has."""

    path: Names = Field(
        description="Files (CSV or Parquet, .gz too), folders or globs; null: the data that comes with seqexp."
    )
    date_format: str | None = Field(description="strptime format of the times; null: inferred.")
    window: PositiveInt = Field(description="Steps of history the model reads.")
    horizon: PositiveInt = Field(description="Steps it forecasts.")
    stride: PositiveInt = Field(description="Steps between the origins of two training windows.")
    season: Season = Field(description="Steps in a season (MASE, seasonal naive, anchor); auto: from the frequency.")
    start: Date | None = Field(description="First date used.")
    split: Split
    scaling: Scaling
    cleaning: Cleaning


class StocksData(_TimeSeries):
    """Daily (or any other) bars: date, open, high, low, close, adjusted close, volume, one ticker or many."""

    name: Literal["stocks"]
    columns: dict[str, str] = Field(
        description="For unusual headers: which column holds date, open, high, low, close, adj_close, volume, "
        "ticker. Usual spellings are found without."
    )
    tickers: Names = Field(description="Only these tickers; null: all.")
    adjust: bool = Field(description="Use the adjusted close, and scale open, high and low with it, when there is one.")
    target: Literal["close", "return", "direction", "volatility"] = Field(
        description="close: the price; return: log return from the last close; direction: whether it rises; "
        "volatility: annualised, realised over the days up to each step."
    )
    features: Names = Field(
        description="Names such as log_return, range, volume_change, sma_20, day_of_week; auto: those the "
        "columns allow."
    )


class TableData(_TimeSeries):
    """Any table of time series: wide, long, or one series a row; any frequency; one to thousands of series."""

    name: Literal["table"]
    test_path: Names = Field(description="Files that continue the series of `path`, appended as their end.")
    layout: Literal["auto", "wide", "long", "rows"] = Field(
        description="wide: a column for each target; long: a series column and rows under one another; "
        "rows: one series a row, its id first."
    )
    header: Literal["auto", "yes", "no"] = Field(description="Whether the first line names the columns.")
    time_column: str | None = Field(description="The column of times; null: found by name or content.")
    series_column: str | None = Field(description="The column of series ids (long); null: found by name.")
    target: Names = Field(description="Columns to forecast; null: every number column that is no covariate.")
    known: Names = Field(description="Covariates known for the future too, such as a price or a holiday.")
    observed: Names = Field(description="Covariates known up to now only.")
    calendar: Names = Field(
        description="Calendar covariates, known for the future: hour_of_day, day_of_week, day_of_month, "
        "day_of_year, week_of_year, month, minute_of_hour, each as sine and cosine; weekend."
    )
    multivariate: bool = Field(
        description="true: the targets are channels of one series, forecast together; false: each is its own."
    )
    frequency: str = Field(description="A pandas offset such as h, D, B, MS, 15min; auto: found; none.")


TimeSeriesData = StocksData | TableData
DataConfig = Annotated[TimeSeriesData | SequenceData | LanguageData, Field(discriminator="name")]
