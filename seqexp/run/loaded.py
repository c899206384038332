"""A run that is on the disk: its metrics as tables, its model ready to call, scores and forecasts from it.

Nothing from the directory is executed: configuration is plain YAML, weights are tensors.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from seqexp.config.compose import from_run
from seqexp.config.schema import Experiment
from seqexp.errors import CheckpointError, ConfigError
from seqexp.run.device import prepare
from seqexp.run.problem import Problem, Record, Told, build_problem, family_of, trained_model
from seqexp.run.train import check_data
from seqexp.store import checkpoint, metric_log
from seqexp.store.run_directory import RunDirectory, find

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn


def _nothing(message: str) -> None:
    """Say nothing."""


class Run:
    """One run.

    Args:
        directory: Where it is.
        which: The checkpoint to use: best, last, or the path of one.
        say: Is told what the user should know.
    """

    def __init__(self, directory: RunDirectory, which: str = "best", say: Callable[[str], None] = _nothing) -> None:
        self.directory = directory
        self._which = which
        self._say = say

    def __repr__(self) -> str:
        return f"<Run {self.directory}: {self.directory.status()['state']}>"

    @cached_property
    def experiment(self) -> Experiment:
        """The configuration it was trained by."""
        return from_run(self.directory.read_config(), str(self.directory.config))

    @property
    def metrics(self) -> pd.DataFrame:
        """A row for each line of the log: `split`, `step`, `epoch` and the metrics."""
        import pandas as pd

        return pd.DataFrame([line for line in metric_log.read(self.directory.metrics) if "of" not in line])

    @property
    def results(self) -> pd.DataFrame:
        """The test metrics of the model and each classical method, a row each."""
        import pandas as pd

        lines = [line for line in metric_log.read(self.directory.metrics) if "of" in line]
        hidden = ("by_step", "split", "step", "epoch")
        rows = [{k: v for k, v in line.items() if k not in hidden} for line in lines]
        return pd.DataFrame(rows).set_index("of") if rows else pd.DataFrame()

    @cached_property
    def checkpoint(self) -> dict[str, Any]:
        """What the chosen checkpoint holds.

        Raises:
            CheckpointError: If there is none, or it cannot be trusted.
        """
        folder = self.directory.checkpoints
        if self._which == "last":
            found = checkpoint.load_newest(folder, self._say)
            if found is None:
                raise CheckpointError(f"{self.directory} has no checkpoint yet; train it first")
            return found[1]
        if self._which != "best":
            return checkpoint.load(Path(self._which))
        best = checkpoint.best(folder, self.experiment.trainer.mode, self.directory.status().get("best"))
        if best is None:
            raise CheckpointError(
                f"{self.directory} has no validated checkpoint yet; train it, or use --checkpoint last"
            )
        return checkpoint.load(best)

    @cached_property
    def problem(self) -> Problem:
        """Its data, split and scaled as in training.

        Raises:
            RunError: If the data is not what it was trained on.
        """
        problem = build_problem(self.experiment, prepare(self.experiment), self.checkpoint["preprocessing"])
        check_data(self.directory, problem)
        return problem

    @cached_property
    def model(self) -> nn.Module:
        """The trained model, in evaluation mode, with averaged weights where it has them."""
        return trained_model(self.experiment, self.checkpoint, prepare(self.experiment))

    def evaluate(self, split: str = "test") -> list[Record]:
        """Score the model and every classical method on a split, and keep the forecasts as Parquet.

        Args:
            split: valid or test.

        Returns:
            A record of metrics for the model, then one for each method.

        Raises:
            ConfigError: If there is no such split.
        """
        if split not in ("valid", "test"):
            raise ConfigError(f"--split must be valid or test, but is '{split}'")
        keep, told = self.directory.predictions / f"{split}.parquet", Told(self._say, _nothing)
        with torch.inference_mode():
            return self.problem.test(self.model, self.checkpoint, split, keep=keep, losses=None, told=told)

    def generate(
        self, prompt: str, *, length: int = 200, temperature: float = 1.0, top_k: int | None = None,
        top_p: float | None = None, seed: int = 1,
    ) -> str:  # fmt: skip
        """Go on with a text, as `seqexp.run.language.generate` says.

        Raises:
            ConfigError: If the run is no language model, or a number is out of its range.
        """
        if self.experiment.task.name != "language_modelling":
            raise ConfigError(
                f"--prompt needs a language model, but {self.directory} is one of {self.experiment.task.name}; use "
                "--input"
            )
        from seqexp.run.language import LanguageModel, generate, vocabulary_of

        assert isinstance(self.model, LanguageModel)
        return generate(
            self.model, vocabulary_of(self.checkpoint), prompt, length=length, temperature=temperature, top_k=top_k,
            top_p=top_p, seed=seed,
        )  # fmt: skip

    def predict(self, source: str | Path | pd.DataFrame) -> pd.DataFrame:
        """Forecast what follows new data, or label it, or (a language model) score it.

        Args:
            source: A file, or a frame, with the columns of the training data: a window of history at the least for
                forecasts; for labels also a file of one text a line.

        Returns:
            Forecasts: `series`, `time`, `step`, `forecast` and the bounds of the 80 and 95 % intervals, in the user's
            units. Labels: `example`, `label`, `probability` and a column for each class.

        Raises:
            DataError: If columns are missing, or the history is too short.
        """
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            if not isinstance(source, str | Path):
                source.to_parquet(path := Path(folder) / "input.parquet", index=False)
                source = path
            return family_of(self.experiment).predict(
                self.experiment, self.model, self.checkpoint, Path(source), self._say
            )


def load_run(run: str | Path, checkpoint: str = "best", outputs: str | Path = "outputs") -> Run:
    """Open a run.

    Args:
        run: Its directory, a unique part of its name from the start, or `latest`.
        checkpoint: best, last, or the path of a checkpoint.
        outputs: Where runs are looked for by name.

    Raises:
        RunError: If there is no such run, or several.
    """
    return Run(find(Path(outputs), str(run)), checkpoint)
