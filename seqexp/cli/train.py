"""`seqexp train`: compose, validate, then train, continue, or show what is complete."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqexp.cli.options import groups_help, take_flag, take_option

if TYPE_CHECKING:
    from seqexp.config.compose import Composed
    from seqexp.run.train import Outcome
    from seqexp.sweep.launchers import Ended, Run
    from seqexp.sweep.plan import Job

HELP = """usage: seqexp train [-m] [--json] [--config-dir DIR] [group=option ...] [key=value ...]

Train an experiment; or go on with it, if this very experiment is unfinished; or say that it is complete.

  seqexp train model=lstm data=stocks
  seqexp train model=gru data=table data.path=load.csv data.target=OT data.horizon=24 seed=2
  seqexp train experiment=stacked_lstm trainer.max_epochs=5 outputs=elsewhere
  seqexp train -m model=rnn,lstm,gru data=stocks seed=1,2,3

  -m, --multirun     one job for each combination of values separated by commas, here one after another;
                     hydra/launcher=local: in several processes at once; sweep.zip, sweep.workers, ...: docs/sweeps.md
  --json             a line of JSON for each event on standard output
  --config-dir DIR   one more folder of YAML, searched after seqexp's own
  --cfg job          print the composed configuration and stop; --info, --hydra-help: Hydra's own words

Groups and their options (files under conf/):
{groups}
Any key of docs/configuration.md can be set: seed=2, model.hidden_sizes=[128,64], optimizer.lr=3e-4, ...
"""

_HYDRA = ("--cfg", "-c", "--info", "-i", "--hydra-help", "--package", "-p", "--resolve", "--config-name", "-cn",
          "--config-path", "-cp", "--version", "--run", "-r")  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    rest = list(arguments)
    if take_flag(rest, "-h", "--help"):
        print(HELP.format(groups=groups_help()), end="")
        return 0
    if take_flag(rest, "--json"):
        rest.append("tracking.progress=json")
    if any(a.split("=")[0] == "--experimental-rerun" for a in rest):
        from seqexp.errors import ConfigError

        raise ConfigError("--experimental-rerun executes code from a file and is not offered; type the command again")
    if take_flag(rest, "-m", "--multirun"):
        return _sweep(rest, arguments)
    if any(a.split("=")[0] in _HYDRA for a in rest):
        return _hydra(rest)
    _refuse_words_of_sweeps(rest)
    from seqexp.config.compose import compose

    config_dir = take_option(rest, "--config-dir", "-cd")
    _refuse_flags(rest)
    return _train(compose(rest, config_dir), ["seqexp", "train", *arguments])


def _refuse_flags(arguments: Sequence[str]) -> None:
    if flags := [a for a in arguments if a.startswith("-")]:
        from seqexp.errors import ConfigError

        raise ConfigError(f"there is no flag {flags[0]}; `seqexp train --help` lists them")


def _refuse_words_of_sweeps(arguments: Sequence[str]) -> None:
    if words := [a for a in arguments if a.startswith(("sweep.", "hydra/launcher="))]:
        from seqexp.errors import ConfigError

        raise ConfigError(f"'{words[0]}' says how a sweep is run: add -m, or leave it out")


def _train(composed: Composed, command: Sequence[str]) -> int:
    from seqexp.run.train import train

    return report(train(composed, command), composed.experiment.tracking.progress)


def report(outcome: Outcome, style: str) -> int:
    """Show how it ended: the table of results, where everything is, and the exit code."""
    if outcome.signal is not None:
        return 128 + outcome.signal
    from seqexp.run.results import show

    show(outcome.directory, style, was_complete=outcome.was_complete)
    return 0


def _hydra(arguments: list[str]) -> int:
    """Hydra's own flags. What it would print is validated first."""
    from seqexp.config.compose import compose, hydra_main

    overrides = [a for a in arguments if "=" in a and not a.startswith("-")]
    general = [a for a in arguments if a in ("--hydra-help", "--version")]
    if not general:
        compose(overrides, _peek(arguments))
    hydra_main(general or arguments)
    return 0


def _peek(arguments: Sequence[str]) -> str | None:
    return take_option(list(arguments), "--config-dir", "-cd")


def _sweep(arguments: list[str], typed: Sequence[str]) -> int:
    """Every job's configuration is validated before the first starts; one that fails does not stop the rest."""
    from seqexp.config.overrides import sweep_jobs
    from seqexp.sweep.drive import drive
    from seqexp.sweep.manifest import manifest_of
    from seqexp.sweep.plan import plan
    from seqexp.sweep.settings import settings_of, split

    overrides = list(arguments)
    config_dir = take_option(overrides, "--config-dir", "-cd")
    _refuse_flags(overrides)
    own, overrides = split(overrides)
    settings, launcher = settings_of(own)
    jobs = plan(sweep_jobs(overrides, config_dir, settings.zip), config_dir)
    command = ["seqexp", "train", *typed]
    manifest = manifest_of(jobs, command=command, config_dir=config_dir, launcher=launcher, settings=own)
    return finish(drive(manifest, jobs, settings, lambda: runner(launcher, jobs, command)), len(jobs))


def finish(ended: Ended, jobs: int) -> int:
    """Name each failed job with its last line and its directory; the exit code."""
    if ended.failures:
        from seqexp.cli import fail

        lines = [f"{job.directory}: {line}" for job, line in ended.failures]
        fail(f"{len(lines)} of {jobs} jobs failed:\n  " + "\n  ".join(lines), 1)
    if ended.signal is not None:
        print(f"stopped by signal {ended.signal}; the same command goes on", file=sys.stderr)
        return 128 + ended.signal
    return 1 if ended.failures else 0


def runner(launcher: str, jobs: Sequence[Job], command: Sequence[str]) -> Run:
    """Prepare this process to run the jobs of a sweep.

    Returns:
        What trains one: in this process with all its progress, in a worker in silence.
    """
    # Before numpy and torch start their pools: as many threads as a job may have, wherever it runs.
    threads = max(job.composed.experiment.threads for job in jobs)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
    if launcher == "basic":
        return lambda composed: _train(composed, command)
    for name in _WORKERS_NEED:
        importlib.import_module(name)
    return lambda composed: _train_quietly(composed, command)


_WORKERS_NEED = (
    "seqexp.run.train", "pandas", "pyarrow.parquet", "pyarrow.pandas_compat", "scipy.stats", "sklearn.linear_model",
    "arch", "torch.utils.serialization.config", "encodings.utf_8_sig",
    "statsmodels.tsa.holtwinters", "statsmodels.tsa.statespace.sarimax", "statsmodels.tsa.stattools",
)  # fmt: skip
"""What a job imports on its way: the parent of all workers has it once for them all."""


def _train_quietly(composed: Composed, command: Sequence[str]) -> int:
    from seqexp.config.compose import Composed
    from seqexp.run.train import train

    tracking = composed.experiment.tracking.model_copy(update={"progress": "none"})
    experiment = composed.experiment.model_copy(update={"tracking": tracking})
    outcome = train(Composed(experiment, composed.values), command)
    return 0 if outcome.signal is None else 128 + outcome.signal
