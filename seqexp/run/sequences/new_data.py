"""What a trained model says of new texts or genes: a label and the probability of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqexp.config.schema import Experiment
from seqexp.config.schema.sequences import GenesData, TextData
from seqexp.data.sequences import Sequences, SequenceSource
from seqexp.errors import ConfigError
from seqexp.run.sequences.problem import task_of
from seqexp.run.sequences.results import answers_frame

if TYPE_CHECKING:
    import pandas as pd


def predict(
    experiment: Experiment,
    model: nn.Module,
    payload: Mapping[str, Any],
    source: Path,
    say: Callable[[str], None],
) -> pd.DataFrame:
    """Label the sequences of a file.

    Args:
        experiment: What the model was trained by.
        model: The trained model.
        payload: Its checkpoint: the vocabulary that was fitted on train, and the classes.
        source: A file in a format of the training data, its labels left out or ignored; or one sequence a line.
        say: Is told what the user should know.

    Returns:
        A row for each sequence (or each of its steps): `example`, (`step`,) `label`, `probability`, and a column
        `p_NAME` for each class.

    Raises:
        ConfigError: If the data was made up, so that there is nothing to read.
        DataError: If the file cannot be read, or a sequence is empty.
    """
    del say
    preprocessing, device = payload["preprocessing"], next(model.parameters()).device
    pieces = _read(experiment, preprocessing, source)
    each_step = bool(preprocessing["spec"]["targets"][1].get("each_step", False))
    classes = tuple(preprocessing["classes"])
    task = task_of(experiment, classes, np.ones(len(classes), np.int64), each_step=each_step)
    unknown = np.zeros(sum(map(len, pieces)) if each_step else len(pieces), np.int64)
    batches = SequenceSource(Sequences.joined(pieces, unknown), each_step=each_step, device=device)
    answers = []
    for indices in batches.batches(experiment.trainer.eval_batch_size, limit=len(pieces)):  # in their own order
        batch = batches.batch(indices)
        with torch.inference_mode():
            answers.append(task.answers(model(batch).float(), batch))
    examples = np.arange(len(pieces))
    if each_step:
        examples = np.repeat(examples, batches.lengths)
    return answers_frame(np.concatenate(answers), examples, classes, each_step=each_step)


def _read(experiment: Experiment, preprocessing: Mapping[str, Any], source: Path) -> list[NDArray[Any]]:
    """The sequences of a file, as the model was trained to read them."""
    match experiment.data:
        case TextData() as config:
            from seqexp.data.sources import text

            return text.encode(config, preprocessing, text.read_inputs(config, source, preprocessing["classes"]))
        case GenesData() as config:
            from seqexp.data.sources import genes

            return genes.encode(config, preprocessing, genes.read_inputs(config, source))
        case _:
            raise ConfigError(
                f"data={experiment.data.name} has no files of new sequences; predict needs data=text or data=genes, "
                "and what this model said of its test split is in predictions/test.parquet"
            )
