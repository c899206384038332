"""What a data set is, in the words of an experiment: series, range, gaps, splits, features, first rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqexp.config.schema import Experiment
from seqexp.data.panel import Panel
from seqexp.data.split import SPLITS, split_panel
from seqexp.run.forecasting.problem import load_panel, parts, split_origins, summarised

_SHOWN_SERIES = 10
_SHOWN_ROWS = 5


def describe(experiment: Experiment) -> dict[str, Any]:
    """Everything about the data, as plain values.

    Raises:
        DataError: If the data is not as it must be.
        ConfigError: If something asked for is not in it.
    """
    panel = load_panel(experiment)
    data, _ = parts(experiment)
    borders = split_panel(panel, data.split)
    splits = {}
    for name in SPLITS:
        first, stop = borders.rows(name)
        used = stop > first
        splits[name] = {
            "rows": int((stop - first).sum()),
            "windows": len(split_origins(experiment, panel, borders, name)),
            "from": str(panel.times[first[used]].min()),
            "to": str(panel.times[stop[used] - 1].max()),
        }
    target = panel.target
    return {
        "data": data.name,
        "series": len(panel.names),
        "names": list(panel.names[:_SHOWN_SERIES]),
        "rows": int(panel.offsets[-1]),
        "shortest": int(panel.lengths.min()),
        "longest": int(panel.lengths.max()),
        "from": str(panel.times.min()),
        "to": str(panel.times.max()),
        "frequency": panel.frequency,
        "season": panel.season,
        "target": list(panel.target_names),
        "target_range": [float(target.min()), float(target.mean()), float(target.max())],
        "observed": list(panel.observed_names),
        "known": list(panel.known_names),
        "window": data.window,
        "horizon": data.horizon,
        "splits": splits,
        "notes": summarised(panel.notes),
        "fingerprint": panel.fingerprint,
        "first_rows": [_row(panel, row) for row in range(min(_SHOWN_ROWS, int(panel.offsets[1])))],
    }


def _row(panel: Panel, row: int) -> dict[str, Any]:
    return {
        "series": panel.names[0],
        "time": str(panel.times[row]),
        **dict(zip(panel.target_names, map(float, panel.target[row]), strict=True)),
        **{n: _plain(v) for n, v in zip(panel.observed_names, panel.observed[row], strict=True)},
        **{n: _plain(v) for n, v in zip(panel.known_names, panel.known[row], strict=True)},
    }


def render(description: Mapping[str, Any]) -> str:
    """The description as lines for a person."""
    d = description
    more = f", ... ({d['series']} in all)" if d["series"] > len(d["names"]) else ""
    low, mean, high = d["target_range"]
    lines = [
        f"data         {d['data']}",
        f"series       {', '.join(d['names'])}{more}",
        f"rows         {d['rows']:,} ({d['shortest']:,} to {d['longest']:,} a series)",
        f"time         {_date(d['from'])} to {_date(d['to'])}",
        f"frequency    {d['frequency'] or 'none'}, season {d['season']}",
        f"target       {', '.join(d['target'])}: {low:g} to {high:g}, mean {mean:g}",
        f"observed     {', '.join(d['observed']) or 'nothing else'}",
        f"known ahead  {', '.join(d['known']) or 'nothing'}",
        f"window       {d['window']} steps, horizon {d['horizon']}",
    ]
    for name, split in d["splits"].items():
        period = f"{_date(split['from'])} to {_date(split['to'])}"
        lines.append(f"{name:<12} {split['rows']:,} rows, {split['windows']:,} windows, {period}")
    lines += [f"note         {note}" for note in d["notes"]]
    lines.append(f"fingerprint  {d['fingerprint'][:16]}")
    columns = list(d["first_rows"][0])
    cells = [columns, *([_cell(row[c]) for c in columns] for row in d["first_rows"])]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines += ["", *("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in cells)]
    return "\n".join(lines)


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _date(text: str) -> str:
    return text.replace("T", " ").removesuffix(".000000000").removesuffix(" 00:00:00")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    return "" if value is None else _date(str(value))
