"""Test results over sequences by themselves: the model and every classical method on the same ones, as records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from seqexp.data.panel import Floats, Ints
from seqexp.data.sequences import Sequences
from seqexp.data.spec import Keys, Labels
from seqexp.models.baselines.examples import fit_baselines
from seqexp.run.problem import Record, Told
from seqexp.run.sequences.problem import SequenceProblem
from seqexp.store.atomic import replacing

if TYPE_CHECKING:
    import pandas as pd


def records(
    problem: SequenceProblem, model: nn.Module, split: str, *, keep: Path, losses: Path | None, told: Told
) -> list[Record]:
    """Score a model, in evaluation mode, then every classical method, on a split.

    Args:
        problem: The data and the task.
        model: Trained.
        split: valid or test.
        keep: Where the model's answers are written as Parquet.
        losses: Where the losses of each target are written as Parquet; None: nowhere.
        told: Is told what is left out, and what is under way.
    """
    scored = problem.scored(split)
    truth = problem.truth(split, scored)
    found: list[Record] = []
    kept = []
    for name, answers in _everybody(problem, model, split, told):
        if not found:
            table = frame(problem, answers, _examples(problem, split, scored))
            _write(table.assign(**_actual(problem, truth)), keep)
        record = {"split": split, "of": name, "model": not found, **problem.task.score(answers, truth)}
        found.append(record | problem.task.detail(answers, truth))
        kept.append((name, problem.task.losses(answers, truth)))
    if losses is not None:
        _write(_losses(kept, _examples(problem, split, scored)), losses)
    return found


def _everybody(problem: SequenceProblem, model: nn.Module, split: str, told: Told) -> Iterator[tuple[str, Floats]]:
    """The model, then each classical method: a name, and what it says of the scored sequences."""
    yield problem.experiment.model.name, problem.answers(model, split)
    data = problem.data
    pieces = [data.splits[split][int(i)] for i in problem.scored(split)]
    train, valid = ((_pieces(s), s.targets) for s in (data.splits["train"], data.splits["valid"]))
    for name, fitted in fit_baselines(problem.experiment.task, data.spec, train, valid, told.working):
        if isinstance(fitted, str):
            told.say(f"baseline {name} left out: {fitted}")
        else:
            yield name, fitted(pieces)


def _pieces(sequences: Sequences) -> list[Any]:
    return [sequences[i] for i in range(len(sequences))]


def _examples(problem: SequenceProblem, split: str, scored: Ints) -> Ints:
    """The number of the sequence each target belongs to (M)."""
    return np.repeat(scored, problem.data.splits[split].lengths[scored]) if problem.data.spec.each_step else scored


def frame(problem: SequenceProblem, answers: Floats, examples: Ints) -> pd.DataFrame:
    """Answers as a table, a row for each target."""
    return answers_frame(answers, examples, problem.data.classes, each_step=problem.data.spec.each_step)


def answers_frame(answers: Floats, examples: Ints, classes: tuple[str, ...], *, each_step: bool) -> pd.DataFrame:
    """Answers as a table, a row for each target.

    Args:
        answers: Probabilities of K classes or C keys (M, K), or numbers (M).
        examples: The number of the sequence each belongs to, rising (M).
        classes: The K names; none where there are no classes.
        each_step: Whether there is a target at every step.

    Returns:
        `example` (and `step`), then `label`, its `probability` and a column `p_NAME` for each class; or `predicted`;
        or a column for each key.
    """
    import pandas as pd

    columns: dict[str, Any] = {"example": examples}
    if each_step:
        _, first, counts = np.unique(examples, return_index=True, return_counts=True)
        columns["step"] = np.arange(len(examples)) - np.repeat(first, counts)
    if classes:
        columns["label"] = np.array(classes, dtype=object)[answers.argmax(axis=1)]
        columns["probability"] = answers.max(axis=1)
        columns |= {f"p_{name}": answers[:, k] for k, name in enumerate(classes)}
    elif answers.ndim == 1:
        columns["predicted"] = answers
    else:
        columns |= {f"p_{key}": answers[:, key] for key in range(answers.shape[1])}
    return pd.DataFrame(columns)


def _actual(problem: SequenceProblem, truth: Any) -> dict[str, Any]:
    match problem.data.spec.targets:
        case Labels():
            return {"actual": np.array(problem.data.classes, dtype=object)[truth]}
        case Keys():
            return {"actual": [np.flatnonzero(row).tolist() for row in truth]}
        case _:
            return {"actual": truth}


def _losses(kept: list[tuple[str, dict[str, Floats]]], examples: Ints) -> pd.DataFrame:
    """The mean losses of each sequence: steps of one sequence are no independent proof."""
    import pandas as pd

    tables = [pd.DataFrame({"example": examples, **losses}).groupby("example").mean() for _, losses in kept]
    return pd.concat([t.reset_index().assign(of=name) for t, (name, _) in zip(tables, kept, strict=True)])


def _write(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as file:
        table.to_parquet(file, index=False)
