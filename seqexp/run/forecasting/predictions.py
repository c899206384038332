"""Forecasts as tables: what `predict` prints, and what a test leaves in `predictions/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqexp.data.panel import Floats, Ints, Panel
from seqexp.store.atomic import replacing
from seqexp.tasks.forecasting import ForecastingTask
from seqexp.tasks.metrics import INTERVALS, Forecast

if TYPE_CHECKING:
    import pandas as pd


def frame(panel: Panel, origins: Ints, forecast: Forecast, levels: tuple[float, ...], *, binary: bool) -> pd.DataFrame:
    """Forecasts as a table, a row for each origin, step and channel.

    Args:
        panel: The series.
        origins: The last known row of each forecast (N).
        forecast: In the user's units.
        levels: The quantile levels it has.
        binary: Whether it is the probability of a rise.
    """
    import pandas as pd

    count, horizon, channels = forecast.point.shape
    series = np.searchsorted(panel.offsets, origins, side="right") - 1
    rows = origins[:, None] + np.arange(1, horizon + 1)  # (N, h)
    each = horizon * channels
    columns: dict[str, Any] = {
        "series": np.repeat(np.array(panel.names, dtype=object)[series], each),
        "time": np.repeat(panel.times[rows].ravel(), channels),
        "step": np.tile(np.repeat(np.arange(1, horizon + 1), channels), count),
    }
    if channels > 1:
        columns["target"] = np.tile(np.array(panel.target_names, dtype=object), count * horizon)
    if binary:
        columns["probability_of_rise"] = forecast.point.ravel()
        return pd.DataFrame(columns)
    columns["forecast"] = forecast.point.ravel()
    for percent, (low, high) in INTERVALS.items():
        columns[f"lower_{percent}"] = forecast.quantiles[..., levels.index(low)].ravel()
        columns[f"upper_{percent}"] = forecast.quantiles[..., levels.index(high)].ravel()
    return pd.DataFrame(columns)


def kept(
    forecasts: Iterable[tuple[Ints, Forecast]], path: Path, task: ForecastingTask
) -> Iterator[tuple[Ints, Forecast]]:
    """Pass forecasts through, writing them beside what came as Parquet, whole or not at all.

    Raises:
        RunError: If the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(exist_ok=True)
    with replacing(path) as file:
        writer = None
        try:
            for origins, forecast in forecasts:
                rows = frame(task.target.panel, origins, forecast, task.predictor.levels, binary=task.target.binary)
                truth: Floats = task.target.truth(origins)
                rows.insert(list(rows.columns).index("step") + 1, "actual", truth.ravel())
                block = pa.Table.from_pandas(rows, preserve_index=False)
                writer = writer or pq.ParquetWriter(file, block.schema)
                writer.write_table(block)
                yield origins, forecast
        finally:
            if writer is not None:
                writer.close()  # left open it would complain, some time later, that the file is closed
