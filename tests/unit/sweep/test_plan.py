from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seqexp.errors import ConfigError
from seqexp.run.train import directory_of
from seqexp.sweep.plan import Job, plan, sweep_name, varying


def test_a_job_has_the_directory_that_its_experiment_has_alone(jobs: Callable[..., list[Job]], tmp_path: Path) -> None:
    for job in jobs(2, "name=abc", "model=gru"):
        assert job.directory.path == directory_of(job.composed.experiment).path
        assert job.directory.path.parent == tmp_path / "abc"
        assert job.overrides[-1] == f"seed={job.composed.experiment.seed}"


def test_every_problem_of_every_job_is_told_once() -> None:
    with pytest.raises(ConfigError) as error:
        plan([["seed=-1", "foo=1"], ["seed=-2", "foo=1"], ["seed=3"]], None)
    assert error.value.problems == (
        "seed must be at least 0, but is -1  (command line)",
        "unknown key 'foo'  (command line)",
        "seed must be at least 0, but is -2  (command line)",
    )


@pytest.mark.parametrize(
    ("words", "both"),
    [
        ([["seed=2"], ["seed=1"], ["seed=2"]], "'seed=2' twice"),
        ([["seed=2", "tracking=quiet"], ["seed=2"]], "'seed=2 tracking=quiet' and 'seed=2'"),
        ([["model.hidden_sizes=8"], ["model.hidden_sizes=[8]"]], "'model.hidden_sizes=8' and 'model.hidden_sizes=[8]'"),
    ],
)
def test_two_equal_jobs_are_refused(words: list[list[str]], both: str) -> None:
    with pytest.raises(ConfigError, match="two jobs of the sweep are the same experiment") as error:
        plan(words, None)
    assert f": {both}. Take out" in str(error.value)


def test_a_sweep_has_one_name_in_whatever_order_its_jobs_were_said() -> None:
    name = sweep_name("abc", ["abc/lstm-1", "abc/gru-2"])
    assert name == "abc-8c441359"  # sha256 of "abc/gru-2\nabc/lstm-1"
    assert sweep_name("abc", ["abc/gru-2", "abc/lstm-1"]) == name
    assert sweep_name("abc", ["abc/gru-2", "abc/lstm-2"]) != name


def test_only_keys_that_differ_are_told() -> None:
    words = [["model=rnn", "seed=1", "name=x"], ["model=gru", "seed=1", "name=x"], ["seed=1", "+lr=3", "name=x"]]
    assert varying(words) == [{"model": "rnn", "lr": ""}, {"model": "gru", "lr": ""}, {"model": "", "lr": "3"}]
    assert varying([["a=1", "b=2"]]) == [{}]


@pytest.mark.parametrize(
    ("status", "state", "taken"),
    [
        (None, "pending", False),
        ("{", "damaged", False),
        ({"state": "failed"}, "failed", False),
        ({"state": "running", "pid": 2**22 + 1, "heartbeat": 1e18, "host": socket.gethostname()}, "stopped", False),
        ({"state": "running", "heartbeat": 0.0, "host": "elsewhere"}, "stopped", False),
        ({"state": "running", "heartbeat": 1e18, "host": "elsewhere"}, "running", True),
        # The process of a recycled number is there, but holds no lock.
        ({"state": "running", "pid": os.getpid(), "heartbeat": 1e18, "host": socket.gethostname()}, "running", False),
    ],
)  # fmt: skip
def test_a_jobs_state_is_that_of_its_run(
    jobs: Callable[..., list[Job]], status: object, state: str, taken: bool
) -> None:
    (job,) = jobs(1)
    if status is not None:
        job.directory.path.mkdir(parents=True)
        job.directory.status_file.write_text(status if isinstance(status, str) else json.dumps(status))
    assert (job.state(), job.is_taken()) == (state, taken)


def test_a_job_is_taken_while_it_is_written(jobs: Callable[..., list[Job]]) -> None:
    (job,) = jobs(1)
    with job.directory.claimed():
        job.directory.update(state="running", heartbeat=time.time())
        assert job.is_taken()
    assert not job.is_taken()
