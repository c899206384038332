"""Test results of language models: the network and n-gram models on the same tokens, as records.

Shapes: L tokens of a split, T of a stretch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from seqexp.data.stream_order import ScoredText
from seqexp.models.baselines.ngram import KneserNey, LogProbabilities, unigram
from seqexp.run.language.problem import LanguageProblem, parts
from seqexp.run.problem import Record, Told
from seqexp.store.atomic import replacing
from seqexp.tasks.language_modelling import SplitLoss, score

if TYPE_CHECKING:
    import pandas as pd

_MOST_COUNTED = 10_000_000
"""Tokens an n-gram model learns from: counts are in memory, unlike the text."""
_STRETCH = 1 << 18
"""Tokens an n-gram model scores at a time."""


def records(
    problem: LanguageProblem, model: nn.Module, split: str, *, keep: Path, losses: Path | None, told: Told
) -> list[Record]:
    """Score a model, in evaluation mode, then every n-gram model, on a split.

    Args:
        problem: The text.
        model: Trained.
        split: valid or test.
        keep: Where the model's losses are written as Parquet, the mean of each thousand tokens.
        losses: Where those of all are written; None: nowhere.
        told: Is told what is under way.
    """
    import pandas as pd

    text, name = problem.scored(split), str(problem.experiment.model.name)
    found = _split_loss(text)
    score(model, text.batches(problem.device), found)
    scores: dict[str, SplitLoss] = {name: found}
    for baseline, probabilities, reach in _baselines(problem, told):
        scores[baseline] = _split_loss(text)
        _score(probabilities, text, reach, scores[baseline])
    tables = {of: _table(of, each) for of, each in scores.items()}
    _write(tables[name].drop(columns="of"), keep)
    if losses is not None:
        _write(pd.concat(tables.values()), losses)
    return [{"split": split, "of": of, "model": of == name, **each.metrics()} for of, each in scores.items()]


def _baselines(problem: LanguageProblem, told: Told) -> Iterator[tuple[str, LogProbabilities, int]]:
    """Each n-gram model, fitted to train: its name, itself, and how many tokens it looks back."""
    task, train = parts(problem.experiment)[1], problem.data.corpus.splits["train"]
    if not task.baselines:
        return
    if len(train) > _MOST_COUNTED:
        told.say(f"the n-gram models are fitted to the last {_MOST_COUNTED:,} of {len(train):,} tokens of train")
    tokens, size = train[max(len(train) - _MOST_COUNTED, 0) :], problem.data.corpus.vocabulary.size
    for name in task.baselines:
        told.working(f"baseline {name}")
        if name == "unigram":
            yield name, unigram(tokens, size), 0
        else:
            yield name, KneserNey(tokens, size, order=task.ngram), task.ngram - 1


def _score(probabilities: LogProbabilities, text: ScoredText, reach: int, into: SplitLoss) -> None:
    """Score an n-gram model, which may look back beyond where a stretch begins."""
    for start, stop in text.spans():
        for first in range(start, stop, _STRETCH):
            last, begin = min(first + _STRETCH, stop), max(first - reach, 0)
            logs = probabilities(text.tokens[begin : last + 1])[first - begin :]
            into.add(np.array([first]), -logs[None])


def _split_loss(text: ScoredText) -> SplitLoss:
    return SplitLoss(len(text.tokens), text.tokens.characters)


def _table(of: str, found: SplitLoss) -> pd.DataFrame:
    import pandas as pd

    blocks, means = found.blocks()
    return pd.DataFrame({"of": of, "example": blocks, "nll": means})


def _write(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as file:
        table.to_parquet(file, index=False)
