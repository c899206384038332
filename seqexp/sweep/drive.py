"""A sweep from its jobs to its summary: what is complete is skipped, the rest is launched, all is told at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from seqexp.config.schema.sweep import Sweep
from seqexp.sweep import summary
from seqexp.sweep.launchers import Ended, Run, launch
from seqexp.sweep.manifest import Manifest
from seqexp.sweep.plan import Job
from seqexp.sweep.screen import Screen


def drive(manifest: Manifest, jobs: Sequence[Job], settings: Sweep, make_run: Callable[[], Run]) -> Ended:
    """Run what is not complete.

    Args:
        manifest: Of the whole sweep; written before the first job starts.
        jobs: Those that may have to be run.
        settings: Of the sweep.
        make_run: Prepares this process and gives what trains one experiment. Called only if there is work.

    Returns:
        Which jobs failed, and the signal that stopped it.
    """
    style = jobs[0].composed.experiment.tracking.progress if jobs else "plain"
    before = [row["state"] for row in summary.rows(manifest)]
    if style != "none":
        print(f"sweep of {summary.counted(before)}; {manifest.directory}", file=sys.stderr)
    manifest.write()
    waiting = [job for job in jobs if job.state() != "complete"]
    if style not in ("json", "none"):
        for job in jobs:
            if job not in waiting:
                print(f"{job.directory} is complete; nothing to train")
        sys.stdout.flush()
    ended = Ended()
    if waiting:
        workers = _workers(manifest.launcher, settings, waiting)
        screen = Screen(style, len(before), before.count("complete"), workers)
        log = str(manifest.directory / "workers.log")
        try:
            ended = launch(manifest.launcher, waiting, run=make_run(), settings=settings, watch=screen, log=log)
        finally:
            screen.close()
    found = summary.rows(manifest)
    failed = {job.directory.path.resolve(): line for job, line in ended.failures}
    for row in found:  # a directory that a wrong configuration began is gone again, and cannot say so itself
        if line := failed.get(Path(row["run"]).resolve()):
            row |= {"state": "failed", "reason": line}
    summary.write_csv(manifest, found)
    if style == "json":
        print(json.dumps({"event": "sweep", "sweep": str(manifest.directory), "jobs": found}))
    elif style != "none":
        print(f"{summary.table(found)}everything is in {manifest.directory}")
    return ended


def _workers(launcher: str, settings: Sweep, waiting: Sequence[Job]) -> int:
    if launcher == "basic":
        return 0
    from seqexp.sweep.launchers.local import number_of_workers

    return number_of_workers(settings, max(job.composed.experiment.threads for job in waiting))
