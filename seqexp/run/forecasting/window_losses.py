"""The losses of every forecaster on every test window, kept so that runs can be compared in pairs.

Shapes: N windows, h steps, C channels, Q quantile levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seqexp.data.panel import Floats, Ints, series_of
from seqexp.store.atomic import replacing
from seqexp.tasks.forecasting import ForecastingTask
from seqexp.tasks.metrics import Forecast, seasonal_scales

Forecasts = Iterable[tuple[Ints, Forecast]]
Keep = Callable[[str, Forecasts], Iterator[tuple[Ints, Forecast]]]
"""Passes forecasts of a name through, and keeps their losses."""


@contextmanager
def kept(path: Path, task: ForecastingTask) -> Iterator[Keep]:
    """Write losses as Parquet, whole or not at all: `of`, `series`, `origin` and a column for each loss.

    Raises:
        RunError: If the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    panel, (first, _) = task.target.panel, task.borders.rows("test")
    scale = seasonal_scales(task.target.series(), task.borders.start, first, panel.season)[0]  # (S, C)
    names = np.array(panel.names, dtype=object)
    blocks: list[pa.Table] = []

    def keep(name: str, forecasts: Forecasts) -> Iterator[tuple[Ints, Forecast]]:
        for origins, forecast in forecasts:
            series = series_of(panel.offsets, origins)
            columns = {"of": [name] * len(origins), "series": names[series], "origin": panel.times[origins]}
            blocks.append(pa.table(columns | losses(task, origins, forecast, scale[series][:, None])))
            yield origins, forecast

    path.parent.mkdir(exist_ok=True)
    with replacing(path) as file:
        yield keep
        pq.write_table(pa.concat_tables(blocks), file)


def losses(task: ForecastingTask, origins: Ints, forecast: Forecast, scale: Floats) -> dict[str, Floats]:
    """The losses of some windows, each a mean over steps and channels (N).

    Args:
        task: Knows what came.
        origins: The last row of each window (N).
        forecast: What was forecast.
        scale: What MASE divides by (N, 1, C).
    """
    truth, point = task.target.truth(origins), forecast.point
    if task.target.binary:
        rose, said = truth > 0.5, np.clip(point, 1e-12, 1 - 1e-12)
        terms = {
            "correct": ((said > 0.5) == rose).astype(float),
            "log_loss": -np.log(np.where(rose, said, 1 - said)),
            "brier": (said - rose) ** 2,
        }
        return {name: values.mean(axis=(1, 2)) for name, values in terms.items()}
    predictor, error = task.predictor, np.abs(truth - point)
    levels = sorted(set(predictor.config.quantiles))
    gap = truth[..., None] - forecast.quantiles[..., [predictor.levels.index(q) for q in levels]]
    pinball = np.maximum(np.array(levels) * gap, (np.array(levels) - 1) * gap)
    terms = {"absolute": error, "square": error**2, "scaled": error / scale, "crps": 2 * pinball.mean(axis=-1)}
    if task.target.positive:
        ratio = np.maximum(truth, 1e-12) ** 2 / np.maximum(point, 1e-12) ** 2
        terms["qlike"] = ratio - np.log(ratio) - 1
    return {name: values.mean(axis=(1, 2)) for name, values in terms.items()}
