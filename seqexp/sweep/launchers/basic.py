"""`hydra/launcher=basic`: in this process, one after another."""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Sequence

from seqexp.config.schema.sweep import Sweep
from seqexp.errors import RunError, SeqexpError
from seqexp.sweep.launchers import POLL_SECONDS, Ended, Run, Watch, last_line
from seqexp.sweep.plan import Job


def launch(jobs: Sequence[Job], *, run: Run, settings: Sweep, watch: Watch, log: str) -> Ended:
    """Run jobs one after another; as `seqexp.sweep.launchers.launch`."""
    del log
    waiting, ended = deque(jobs), Ended()
    while waiting:
        job = waiting.popleft()
        if job.state() == "complete":  # another sweep has run it meanwhile
            watch.ended(job)
            continue
        if job.is_taken():
            waiting.append(job)
            if all(j.is_taken() for j in waiting):
                time.sleep(POLL_SECONDS)
            continue
        watch.started(job)
        try:
            code = run(job.composed)
        except Exception as error:  # whatever it was: the other jobs go on
            if isinstance(error, RunError) and job.directory.is_claimed():
                waiting.append(job)
                continue
            if not isinstance(error, SeqexpError):
                traceback.print_exc()
            ended.failures.append((job, last_line(error)))
            watch.ended(job, last_line(error))
            if settings.fail_fast:
                return ended
            continue
        if code > 128:
            ended.signal = code - 128
            return ended
        watch.ended(job)
    return ended
