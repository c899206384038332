"""Jobs that compose, and what a launcher tells of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from seqexp.sweep.plan import Job, plan
from seqexp.sweep.settings import settings_of

Jobs = Callable[..., list[Job]]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """`jobs(3)`: that many experiments, of seeds 1, 2, 3, with their runs in the test's folder."""

    def planned(count: int, *more: str) -> list[Job]:
        return plan([[f"outputs={tmp_path}", *more, f"seed={n}"] for n in range(1, count + 1)], None)

    return planned


@pytest.fixture
def settings() -> Callable[..., Any]:
    return lambda *own: settings_of(own)[0]


def finish(job: Job, **fields: Any) -> None:
    """Write a run as if it were complete."""
    job.directory.path.mkdir(parents=True, exist_ok=True)
    job.directory.config.write_text("seed: 1\n")
    job.directory.status_file.write_text(json.dumps({"state": "complete", **fields}))


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.most = 0

    def started(self, job: Job) -> None:
        self.events.append(("started", job.composed.experiment.seed))

    def ended(self, job: Job, failure: str | None = None) -> None:
        self.events.append(("ended", job.composed.experiment.seed, failure))

    def say(self, message: str) -> None:
        self.events.append(("say", message))

    def tick(self, running: Sequence[Job]) -> None:
        self.most = max(self.most, len(running))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def complete() -> Callable[..., None]:
    return finish
