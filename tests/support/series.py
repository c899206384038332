"""Series for tests: the data section of a configuration, panels made of arrays, and files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import ArrayLike
from pydantic import TypeAdapter

from seqexp.config.folder import CONF
from seqexp.config.schema.data import Cleaning, DataConfig, Scaling, Split
from seqexp.data.panel import Panel
from seqexp.data.split import Borders, split_panel
from seqexp.data.target import LevelTarget


def _values(name: str) -> dict[str, Any]:
    values = yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text())
    values.pop("defaults", None)
    return values


def _section(schema: Any, values: dict[str, Any]) -> Any:
    return TypeAdapter(schema).validate_json(json.dumps(values))


def data(name: str, **changes: Any) -> Any:
    """The data section, stocks or table; `split`, `scaling` and `cleaning` may be changed in part."""
    values = _values("base/time_series") | _values(name)
    for part in ("split", "scaling", "cleaning"):
        changes[part] = values[part] | changes.get(part, {})
    return _section(DataConfig, values | changes)


def split(**changes: Any) -> Split:
    """How series are split."""
    section: Split = _section(Split, _values("base/time_series")["split"] | changes)
    return section


def scaling(**changes: Any) -> Scaling:
    """How values are scaled."""
    section: Scaling = _section(Scaling, _values("base/time_series")["scaling"] | changes)
    return section


def cleaning(**changes: Any) -> Cleaning:
    """What is done about gaps, doubles and broken cells."""
    section: Cleaning = _section(Cleaning, _values("base/time_series")["cleaning"] | changes)
    return section


def panel(
    *series: ArrayLike, times: str | Sequence[Any] | None = None, season: int = 1, observed: ArrayLike | None = None,
    known: ArrayLike | None = None,
) -> Panel:  # fmt: skip
    """A panel of series `s0`, `s1`, ...

    Args:
        series: The rows of each, (R,) or (R, C).
        times: Steps (`D`, `h`) from 2020-01-01 on, or the times of each series; None: positions.
        season: Steps in a season.
        observed: Covariates of all rows, (R,) or (R, O).
        known: The same, known ahead.
    """
    values = [np.asarray(rows, dtype=np.float64) for rows in series]
    values = [rows[:, None] if rows.ndim == 1 else rows for rows in values]
    counts = [len(rows) for rows in values]
    stamps = [np.arange(n) for n in counts]
    if isinstance(times, str):
        stamps = [np.datetime64("2020-01-01", times) + n for n in stamps]
    elif times is not None:
        stamps = [np.asarray(t) for t in times]
    dated = stamps[0].dtype.kind == "M"
    seen, ahead = (_covariates(c, sum(counts)) for c in (observed, known))
    return Panel(
        names=tuple(f"s{i}" for i in range(len(values))),
        offsets=np.cumsum([0, *counts]).astype(np.int64),
        times=np.concatenate(stamps).astype("datetime64[ns]" if dated else np.int64),
        target=np.concatenate(values),
        target_names=tuple(f"y{i}" for i in range(values[0].shape[1])),
        observed=seen,
        observed_names=tuple(f"o{i}" for i in range(seen.shape[1])),
        known=ahead,
        known_names=tuple(f"k{i}" for i in range(ahead.shape[1])),
        frequency=times if isinstance(times, str) else None,
        season=season,
    )


def _covariates(values: ArrayLike | None, rows: int) -> np.ndarray:
    columns = np.empty((rows, 0)) if values is None else np.asarray(values)
    return (columns[:, None] if columns.ndim == 1 else columns).astype(np.float32)


def write(path: Path, text: str) -> Path:
    """A file of these lines."""
    path.write_text(text.strip() + "\n")
    return path


def borders(data: Panel, **sizes: Any) -> Borders:
    """Where the panel is split."""
    return split_panel(data, split(**sizes))


def both_ways(target: LevelTarget, origins: list[int], window: int) -> tuple[np.ndarray, np.ndarray]:
    """What is learned: from the tensors of batches, and in float64."""
    level, rows = target.level(), np.array(origins)
    past = torch.stack([level[o - window + 1 : o + 1] for o in origins])
    ahead = torch.stack([level[o + 1 : o + 1 + target.horizon] for o in origins])
    return target.goal(past, ahead).numpy(), target.learned(rows)
