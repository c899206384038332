"""`seqexp train`: compose, validate, then train, continue, or show what is complete."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqexp.cli.options import groups_help, take_flag, take_option

if TYPE_CHECKING:
    from seqexp.config.compose import Composed
    from seqexp.config.schema import Experiment
    from seqexp.run.train import Outcome

HELP = """usage: seqexp train [-m] [--json] [--config-dir DIR] [group=option ...] [key=value ...]

Train an experiment; or go on with it, if this very experiment is unfinished; or say that it is complete.

  seqexp train model=lstm data=stocks
  seqexp train model=gru data=table data.path=load.csv data.target=OT data.horizon=24 seed=2
  seqexp train experiment=stacked_lstm trainer.max_epochs=5 outputs=/tmp/runs
  seqexp train -m model=rnn,lstm,gru data=stocks seed=1,2,3

  -m, --multirun     one job for each combination of values separated by commas
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
    from seqexp.config.compose import compose

    config_dir = take_option(rest, "--config-dir", "-cd")
    _refuse_flags(rest)
    return _train(compose(rest, config_dir), ["seqexp", "train", *arguments])


def _refuse_flags(arguments: Sequence[str]) -> None:
    if flags := [a for a in arguments if a.startswith("-")]:
        from seqexp.errors import ConfigError

        raise ConfigError(f"there is no flag {flags[0]}; `seqexp train --help` lists them")


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
    hydra_main(general or arguments, print)  # none of these flags runs a job
    return 0


def _peek(arguments: Sequence[str]) -> str | None:
    return take_option(list(arguments), "--config-dir", "-cd")


def _sweep(arguments: list[str], typed: Sequence[str]) -> int:
    """Every job's configuration is validated before the first starts; one that fails does not stop the rest."""
    from seqexp.config.compose import compose, hydra_main
    from seqexp.config.overrides import sweep_jobs
    from seqexp.errors import ConfigError, SeqexpError

    overrides = list(arguments)
    config_dir = take_option(overrides, "--config-dir", "-cd")
    _refuse_flags(overrides)
    jobs = sweep_jobs(overrides, config_dir)
    composed: list[Composed] = []
    problems: dict[str, None] = {}
    for job in jobs:
        try:
            composed.append(compose(job, config_dir))
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ConfigError(list(problems))
    first = composed[0].experiment
    print(f"sweep of {len(jobs)} jobs", file=sys.stderr)
    failures: list[str] = []
    count = 0

    def run(composed: Composed) -> None:
        nonlocal count
        from seqexp.run.train import directory_of

        count += 1
        print(f"[{count}/{len(jobs)}] {directory_of(composed.experiment)}", file=sys.stderr)
        try:
            code = _train(composed, ["seqexp", "train", *typed])
        except SeqexpError as error:
            failures.append(f"{directory_of(composed.experiment)}: {str(error).splitlines()[-1]}")
            return
        if code > 128:
            raise SystemExit(code)

    if not any(a.startswith("hydra.sweep.dir=") for a in overrides):
        arguments.append(f"hydra.sweep.dir={sweep_directory(first, overrides)}")
    hydra_main(["-m", *arguments], run)
    if failures:
        from seqexp.cli import fail

        return fail(f"{len(failures)} of {len(jobs)} jobs failed:\n  " + "\n  ".join(failures), 1)
    return 0


def sweep_directory(first: Experiment, overrides: Sequence[str]) -> str:
    """`outputs/sweeps/stocks-3fa9c2d1`: the same for the same sweep typed again, in whatever order."""
    import hashlib

    digest = hashlib.sha256("\n".join(sorted(overrides)).encode()).hexdigest()[:8]
    return f"{first.outputs}/sweeps/{first.name}-{digest}"
