"""What a data set of sequences is, in the words of an experiment: sizes, lengths, classes, what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqexp.config.schema import Experiment
from seqexp.data.split import SPLITS
from seqexp.run.sequences.problem import load, plain_spec

_SHOWN_STEPS = 12


def describe(experiment: Experiment) -> dict[str, Any]:
    """Everything about the data, as plain values.

    Raises:
        DataError: If the data is not as it must be.
    """
    data = load(experiment)
    splits = {}
    for name in SPLITS:
        sequences = data.splits[name]
        lengths = sequences.lengths
        split: dict[str, Any] = {
            "sequences": len(sequences),
            "steps": int(lengths.sum()),
            "shortest": int(lengths.min()),
            "median": float(np.median(lengths)),
            "longest": int(lengths.max()),
        }
        if data.classes:
            counts = np.bincount(sequences.targets, minlength=len(data.classes))
            split["classes"] = dict(zip(data.classes, counts.tolist(), strict=True))
        splits[name] = split
    return {
        "data": experiment.data.name,
        "task": experiment.task.name,
        **plain_spec(data.spec),
        "splits": splits,
        "facts": dict(data.facts),
        "notes": list(data.notes),
        "fingerprint": data.fingerprint,
        "first_sequence": data.splits["train"][0][:_SHOWN_STEPS].tolist(),
    }


def render(description: Mapping[str, Any]) -> str:
    """The description as lines for a person."""
    d = description
    kind, shape = d["inputs"]
    goal, targets = d["targets"]
    lines = [
        f"data         {d['data']}, for {d['task'].replace('_', ' ')}",
        f"inputs       {kind.lower()}: {', '.join(f'{k} {v:,}' for k, v in shape.items())}",
        f"targets      {goal.lower()}{': ' if targets else ''}{', '.join(_said(k, v) for k, v in targets.items())}",
    ]
    for name, split in d["splits"].items():
        lines.append(
            f"{name:<12} {split['sequences']:,} sequences of {split['shortest']:,} to {split['longest']:,} steps, "
            f"median {split['median']:,.0f}"
        )
        if "classes" in split:
            lines.append(f"{'':<12} {', '.join(f'{k} {n:,}' for k, n in split['classes'].items())}")
    lines += [f"{k.replace('_', ' '):<12} {v}" for k, v in d["facts"].items()]
    lines += [f"note         {note}" for note in d["notes"]]
    lines.append(f"fingerprint  {d['fingerprint'][:16]}")
    return "\n".join(lines)


def _said(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "at every step" if value else "one a sequence"
    return f"{key} {value:,}"
