"""Train an experiment, or go on with it, or say that it is complete."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch

from seqexp.config.compose import Composed
from seqexp.config.identity import EXTENDS, differences, run_path, under
from seqexp.config.schema import Experiment
from seqexp.config.schema.diagnostics import GradientFlow
from seqexp.errors import ConfigError, DataError, RunError, first_line
from seqexp.run.device import kernel_of, prepare
from seqexp.run.extend import as_extended, record_extension
from seqexp.run.problem import Problem, Told, build_problem, new_state, plan_of, trained_model
from seqexp.run.results import finite, headlines
from seqexp.store import checkpoint, provenance
from seqexp.store.atomic import write_json
from seqexp.store.metric_log import MetricLog
from seqexp.store.run_directory import RunDirectory, read_json
from seqexp.track.console import ConsoleObserver
from seqexp.track.log import LogObserver
from seqexp.training import rng
from seqexp.training.loop import Surroundings, fit
from seqexp.training.observer import Observer, Observers
from seqexp.training.signals import Stopped, StopRequest, listening
from seqexp.training.state import Progress, TrainState

CHECKPOINT_VERSION = 1


@dataclass(frozen=True)
class Outcome:
    """How a call to train ended."""

    directory: RunDirectory
    state: str
    """complete or interrupted"""
    signal: int | None = None
    """What interrupted it."""
    was_complete: bool = False
    """Whether there was nothing left to do."""


def directory_of(experiment: Experiment) -> RunDirectory:
    """Where the run of an experiment is, whether or not it was begun."""
    return RunDirectory(run_path(experiment))


def train(
    composed: Composed,
    command: Sequence[str],
    directory: RunDirectory | None = None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
) -> Outcome:
    """Train to the end of the plan from wherever the run stands, then test it beside its baselines.

    Args:
        composed: The experiment.
        command: What was typed, for provenance.
        directory: The run; None: the one that belongs to the experiment's identity.
        changes: What the experiment adds to that run, with old and new values: they are recorded.

    Raises:
        SeqexpError: If it cannot go on; the run keeps its last checkpoint and is marked failed.
    """
    if directory is None:
        directory = directory_of(composed.experiment)
        composed = as_extended(directory, composed)
    longer = any(under(key, EXTENDS) for key in changes or ())
    if directory.exists() and directory.status()["state"] == "complete" and not longer:
        return Outcome(directory, "complete", was_complete=True)
    begun = directory.exists()
    with directory.claimed(), listening() as stop:
        if directory.status()["state"] == "complete" and not longer:  # finished while we waited
            return Outcome(directory, "complete", was_complete=True)
        if changes or not directory.exists():
            directory.write_config(composed.values)
        if changes:
            record_extension(directory, changes)
        try:
            with ConsoleObserver(composed.experiment.tracking.progress, directory.log) as console:
                return _train_claimed(composed.experiment, command, directory, console, stop)
        except (ConfigError, DataError):
            if not begun and not directory.checkpoints.exists():
                directory.remove()  # what the user mends will be another run
            raise


def _train_claimed(
    experiment: Experiment,
    command: Sequence[str],
    directory: RunDirectory,
    console: ConsoleObserver,
    stop: StopRequest,
) -> Outcome:
    directory.update(state="running", reason=None, **_summary(experiment))
    try:
        finished = _Training(experiment, directory, console, stop).run(command)
    except Stopped as stopped:
        directory.update(state="interrupted", reason=f"signal {stopped.number}")
        return Outcome(directory, "interrupted", stopped.number)
    except Exception as error:  # whatever it was: noted in the run, and raised again
        directory.update(state="failed", reason=first_line(error))
        raise
    if not finished:
        directory.update(state="interrupted", reason=f"signal {stop.signal}")
        return Outcome(directory, "interrupted", stop.signal)
    directory.update(state="complete", finished=time.time())
    return Outcome(directory, "complete")


class _Training:
    """One process's work on one run that it holds."""

    def __init__(
        self, experiment: Experiment, directory: RunDirectory, console: ConsoleObserver, stop: StopRequest
    ) -> None:
        self.experiment, self.directory, self.console, self.stop = experiment, directory, console, stop

    def run(self, command: Sequence[str]) -> bool:
        """Train and test; False if a signal came first."""
        device = prepare(self.experiment)
        found = checkpoint.load_newest(self.directory.checkpoints, self.console.say)
        problem = build_problem(self.experiment, device, found[1]["preprocessing"] if found else None)
        self._record_provenance(problem, command)
        rng.seed_all(self.experiment.seed)
        state = new_state(problem)
        position = 0
        if found:
            position = restore(state, found[1])
            self.directory.update(**_standing(state.progress))  # a kill may have come between checkpoint and status
        plan = plan_of(problem)
        _check_monitor(self.experiment, problem)
        self._announce(problem, state, resumed=found is not None)
        with MetricLog(self.directory.metrics, position) as log, ExitStack() as stack:
            observers: list[Observer] = [LogObserver(log), self.console]
            if isinstance(self.experiment.diagnostics, GradientFlow):
                observers.append(self._gradient_flow(problem, state, self.experiment.diagnostics))
            if self.experiment.trainer.profile:
                from seqexp.track.profile import ProfileObserver

                observers.append(stack.enter_context(ProfileObserver(self.directory.profile, self.console.say)))
            around = Surroundings(
                data=problem.order,
                loss=problem.loss,
                validate=problem.validate,
                save=lambda s: self._save(s, problem, log),
                stop=self.stop,
                observer=Observers(*observers),
            )
            self.console.begin(plan, state.progress)
            self.stop.waits = True
            finished = fit(state, plan, around)
            self.stop.waits = False
            self.console.end()
            if not finished or self.stop():  # the signal may have come in the last validation
                self.console.say(f"stopped by signal {self.stop.signal}; saved at step {state.progress.step}")
                return False
            self._test(problem, state, log)
        return True

    def _gradient_flow(self, problem: Problem, state: TrainState, config: GradientFlow) -> Observer:
        """Measures, on the first training batch, how much of the loss reaches back to each step."""
        from seqexp.models.gradient_flow import gradient_flow
        from seqexp.track.gradient_flow import GradientFlowObserver

        batch = problem.order.batches(0, 0)[0]
        observer = GradientFlowObserver(
            self.directory.diagnostics,
            # a state of its own, so that what the real one carries stays as it is
            lambda: gradient_flow(state.model, lambda model: problem.loss(replace(state, model=model), batch)),
            every=config.every_epochs,
            say=self.console.say,
        )
        observer.begin(state.progress)
        return observer

    def _save(self, state: TrainState, problem: Problem, log: MetricLog) -> None:
        progress, kept = state.progress, self.experiment.trainer.checkpoints
        payload = {
            "version": CHECKPOINT_VERSION,
            "log_position": log.flush(),
            "preprocessing": problem.preprocessing,
            **state.state_dict(),
        }
        folder, mode = self.directory.checkpoints, self.experiment.trainer.mode
        checkpoint.save(folder, progress.step, payload, progress.score)
        checkpoint.prune(folder, keep_last=kept.keep_last, keep_best=kept.keep_best, mode=mode)
        self.directory.update(**_standing(progress))

    def _test(self, problem: Problem, state: TrainState, log: MetricLog) -> None:
        """Score the best weights and the baselines on test, and add their lines to the log."""
        best = checkpoint.best(self.directory.checkpoints, self.experiment.trainer.mode, state.progress.best)
        payload = checkpoint.load(best) if best else state.state_dict()
        model = trained_model(self.experiment, {"preprocessing": problem.preprocessing, **payload}, problem.device)
        told = Told(self.console.say, self.console.working)
        keep, losses = self.directory.predictions / "test.parquet", self.directory.losses
        with torch.inference_mode():
            records = problem.test(model, payload, "test", keep=keep, losses=losses, told=told)
        for record in records:
            log.write({**record, "step": state.progress.step, "epoch": state.progress.epoch})
        log.flush()
        metric = headlines(records[0])[0]
        self.directory.update(headline=metric, results=finite({str(r["of"]): r[metric] for r in records}))

    def _record_provenance(self, problem: Problem, command: Sequence[str]) -> None:
        """Write where the run comes from; on a resume, check that it still comes from there."""
        data = problem.describe()
        fresh = provenance.collect(device=str(problem.device), threads=self.experiment.threads, data=data)
        fresh["versions"]["kernel"] = kernel_of(self.experiment, problem.device, self.console.say)
        call = {"command": list(command), "time": time.time(), "host": fresh["host"]["name"]}
        if not self.directory.provenance.exists():
            write_json(self.directory.provenance, {**fresh, "calls": [call]})
            return
        old = read_json(self.directory.provenance)
        check_data(self.directory, problem)
        versions = differences(old["versions"], fresh["versions"])
        for package, (before, now) in versions.items():
            self.console.say(f"note: this run began with {package} {before}, now it is {now}; bits may differ")
        write_json(self.directory.provenance, {**old, "calls": [*old["calls"], call]})

    def _announce(self, problem: Problem, state: TrainState, *, resumed: bool) -> None:
        for note in problem.notes[:10]:
            self.console.say(f"data: {note}")
        parameters = sum(p.numel() for p in state.model.parameters())
        progress = state.progress
        begun = f"continues at epoch {progress.epoch + 1}, step {progress.step + 1}" if resumed else "begins"
        self.console.say(
            f"{self.directory} {begun}: {self.experiment.model.name} with {parameters:,} weights on {problem.device}, "
            f"{' / '.join(f'{n:,}' for n in problem.sizes.values())} {problem.unit}"
        )


def check_data(directory: RunDirectory, problem: Problem) -> None:
    """Make sure that the data is what the run began with.

    Raises:
        RunError: If it changed, with what changed.
    """
    then, now = read_json(directory.provenance)["data"], problem.describe()
    if then["fingerprint"] != now["fingerprint"]:
        changed = differences(then, now)
        text = "; ".join(f"{k}: {a} then, {b} now" for k, (a, b) in changed.items() if k != "fingerprint")
        raise RunError(
            f"the data changed since {directory} began ({text or 'values differ'}). Put the old data back, or train "
            "on the new in a run of its own: give the file another name, or set outputs="
        )


def restore(state: TrainState, payload: dict[str, Any]) -> int:
    """Put a checkpoint's state back.

    Returns:
        The length of the metric log when it was made.

    Raises:
        CheckpointError: If it belongs to another model.
        RunError: If another version of seqexp wrote it.
    """
    if payload.get("version") != CHECKPOINT_VERSION:
        raise RunError(
            f"the checkpoint has format {payload.get('version')}, but this seqexp reads {CHECKPOINT_VERSION}; use the "
            "version that wrote it (provenance.json says which)"
        )
    state.load_state_dict(payload)
    return int(payload["log_position"])


def _check_monitor(experiment: Experiment, problem: Problem) -> None:
    known = ("loss", *problem.metric_names)
    if experiment.trainer.monitor not in known:
        from seqexp.config.explain import suggest

        raise ConfigError(
            f"trainer.monitor must be one of {', '.join(known)}, but is '{experiment.trainer.monitor}'"
            f"{suggest(experiment.trainer.monitor, known)}"
        )


def _standing(progress: Progress) -> dict[str, Any]:
    """How far it is, for the status."""
    return {
        "epoch": progress.epoch, "step": progress.step, "best": progress.best, "best_epoch": progress.best_epoch,
    }  # fmt: skip


def _summary(experiment: Experiment) -> dict[str, Any]:
    """What `seqexp runs` lists without reading anything else."""
    return {
        "model": experiment.model.name,
        "data": experiment.data.name,
        "seed": experiment.seed,
        "max_epochs": experiment.trainer.max_epochs,
        "started": time.time(),
    }
