"""seqexp: train, resume and compare recurrent sequence models against classical methods.

from seqexp import train, load_run

run = train("model=gru", "data=stocks", "data.target=volatility")
run.results        # a pandas DataFrame: the model and every classical method
run.metrics        # a pandas DataFrame: training and validation over time
run.model          # a torch module, ready to call
run.predict("new_prices.csv")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from seqexp.run.loaded import Run

__all__ = ["load_run", "train"]


def train(*overrides: str, quiet: bool = True) -> Run:
    """Train an experiment, go on with it, or open it if it is complete: what `seqexp train` does.

    Args:
        overrides: What would be typed, `"model=gru"`, `"data.horizon=5"`, each a text of its own.
        quiet: Show no progress.

    Returns:
        The run, whose metrics, results and model can be read.

    Raises:
        seqexp.errors.SeqexpError: With the message the command would show.
        KeyboardInterrupt: If it was interrupted; the same call goes on from there.
    """
    from seqexp.config.compose import compose
    from seqexp.run.loaded import Run
    from seqexp.run.train import train as run_training

    said = [*overrides, "tracking.progress=none"] if quiet else list(overrides)
    outcome = run_training(compose(said), ["seqexp.train", *overrides])
    if outcome.signal is not None:
        raise KeyboardInterrupt(f"stopped by signal {outcome.signal}")
    return Run(outcome.directory)


def load_run(run: str | Path, checkpoint: str = "best", outputs: str | Path = "outputs") -> Run:
    """Open a run. Nothing in its directory is executed.

    Args:
        run: Its directory, a unique part of its name from the start, or `latest`.
        checkpoint: Whose weights: best, last, or the path of a checkpoint.
        outputs: Where runs are looked for by name.

    Raises:
        seqexp.errors.RunError: If there is no such run, or several.
    """
    from seqexp.run.loaded import load_run as load

    return load(run, checkpoint, outputs)
