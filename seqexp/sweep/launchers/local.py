"""`hydra/launcher=local`: a few processes on this machine, each a fork that runs one job and ends.

The parent has imported what a job needs and started no thread, so a fork costs milliseconds and nothing of one job
reaches the next. A worker that the system killed is started again and goes on from its checkpoint. Signals go from
here to the workers, which save and end; if this process is killed, they notice and do the same.
"""

from __future__ import annotations

import gc
import os
import select
import signal
from collections import Counter, deque
from collections.abc import Sequence

from seqexp.config.schema.sweep import Sweep
from seqexp.errors import ConfigError
from seqexp.sweep.launchers import POLL_SECONDS, Ended, Run, Watch
from seqexp.sweep.launchers.worker import Worker, start
from seqexp.sweep.plan import Job
from seqexp.training.signals import StopRequest, listening


def launch(jobs: Sequence[Job], *, run: Run, settings: Sweep, watch: Watch, log: str) -> Ended:
    """Run jobs in worker processes; as `seqexp.sweep.launchers.launch`.

    Raises:
        ConfigError: Where processes cannot be forked.
    """
    if not hasattr(os, "fork"):
        raise ConfigError("hydra/launcher=local needs a system with fork (Linux, macOS); use hydra/launcher=basic")
    gc.collect()
    gc.freeze()  # else the first collection in a worker would copy every page
    try:
        with listening() as stop:
            stop.waits = True
            return _Driver(jobs, run=run, settings=settings, watch=watch, log=log).drive(stop)
    finally:
        gc.unfreeze()


def number_of_workers(settings: Sweep, threads: int) -> int:
    """As said, or as many as this process has processors for, at so many threads each."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return settings.workers or max(1, there // threads)


class _Driver:
    """The parent's side: which jobs wait, which run, how they ended."""

    def __init__(self, jobs: Sequence[Job], *, run: Run, settings: Sweep, watch: Watch, log: str) -> None:
        self.waiting, self.run, self.settings, self.watch, self.log = deque(jobs), run, settings, watch, log
        self.workers = number_of_workers(settings, max(job.composed.experiment.threads for job in jobs))
        self.running: dict[int, Worker] = {}
        self.kills: Counter[Job] = Counter()
        self.refused: set[Job] = set()
        self.ended = Ended()
        self.stopping = False
        self.lifeline = os.pipe()
        """Nobody writes to it. Its end tells the workers that this process is gone."""

    def drive(self, stop: StopRequest) -> Ended:
        """Until every job ended, or a signal stopped all."""
        try:
            while self.running or (self.waiting and not self.stopping):
                if stop() and self.ended.signal is None:
                    self.ended.signal = stop.signal
                    self._stop_all(stop.signal or signal.SIGTERM)
                self._start_some()
                readable, _, _ = select.select(list(self.running), [], [], POLL_SECONDS)
                for worker in [self.running[fd] for fd in readable]:
                    self._hear(worker)
                self.watch.tick([worker.job for worker in self.running.values()])
        finally:
            for worker in self.running.values():
                worker.signal(signal.SIGTERM)
            for end in self.lifeline:
                os.close(end)
        return self.ended

    def _start_some(self) -> None:
        while not self.stopping and len(self.running) < self.workers and (job := self._next()):
            worker = start(job, self.run, self.lifeline, self.log)
            self.running[worker.answers] = worker
            self.watch.started(job)

    def _next(self) -> Job | None:
        """The first that waits and that nobody else writes."""
        for _ in range(len(self.waiting)):
            job = self.waiting.popleft()
            if job.state() == "complete":  # another sweep has run it meanwhile
                self.watch.ended(job)
            elif job.is_taken():
                self.waiting.append(job)
            else:
                return job
        return None

    def _hear(self, worker: Worker) -> None:
        """Read what a worker says; at its end, decide what becomes of its job."""
        if not worker.read():
            return
        del self.running[worker.answers]
        job, answer = worker.job, worker.end()
        if answer.signal is not None:
            self._was_stopped(job, answer.signal)
        elif answer.error is None:
            self.watch.ended(job)
        elif answer.refused and (job.directory.is_claimed() or job not in self.refused):
            self.refused.add(job)
            self.waiting.append(job)
        else:
            self._failed(job, answer.error)

    def _was_stopped(self, job: Job, number: int) -> None:
        if self.stopping:
            return
        self.kills[job] += 1
        count, most, name = self.kills[job], self.settings.retries, signal.Signals(number).name
        if count > most:
            self._failed(job, f"killed {count} times, last by {name} (sweep.retries={most})")
        else:
            self.watch.say(f"{job.directory} was killed by {name}; it goes on from its checkpoint, {count} of {most}")
            self.waiting.appendleft(job)

    def _failed(self, job: Job, error: str) -> None:
        self.ended.failures.append((job, error))
        self.watch.ended(job, error)
        if self.settings.fail_fast:
            self._stop_all(signal.SIGTERM)

    def _stop_all(self, number: int) -> None:
        self.stopping = True
        for worker in self.running.values():
            worker.signal(number)
