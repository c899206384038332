from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from seqexp.sweep import screen
from seqexp.sweep.plan import Job
from seqexp.sweep.screen import Screen, duration

DONE = {"model": "lstm", "headline": "mase", "results": {"lstm": 0.5, "naive": 0.6}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time, to be set."""
    now = [100.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    return iter([now])


@pytest.fixture
def now(clock: Iterator[list[float]]) -> list[float]:
    return next(clock)


def test_in_this_process_a_line_stands_before_each_job_with_the_time_left(
    jobs: Callable[..., list[Job]], now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    shown, three = Screen("plain", 4, 1, 0), jobs(3)
    for job in three:
        shown.started(job)
        now[0] += 50
        shown.ended(job)
    assert capsys.readouterr().err.splitlines() == [
        f"[2/4] {three[0].directory}",
        f"[3/4] {three[1].directory}  (about 1:40 left)",
        f"[4/4] {three[2].directory}  (about 0:50 left)",
    ]


def test_of_workers_a_line_comes_at_the_end_of_each_job(
    jobs: Callable[..., list[Job]], now: list[float], complete: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shown, three = Screen("plain", 6, 0, 2), jobs(3)
    for job in three:
        shown.started(job)
    now[0] += 30
    complete(three[1], **DONE)
    shown.ended(three[1])  # 30 s a job, five left, two at once: 75 s
    shown.ended(three[0], "the loss is nan")
    shown.say("some\x1bthing")
    shown.ended(three[2])
    assert capsys.readouterr().err.splitlines() == [
        f"[1/6] {three[1].directory} complete, mase 0.5000 (best classical: naive 0.6000)  (about 1:15 left)",
        f"[2/6] {three[0].directory} failed: the loss is nan  (about 1:00 left)",
        "some\\x1bthing",
        f"[3/6] {three[2].directory} complete  (about 0:45 left)",
    ]


def test_machines_read_a_line_of_json_a_job(
    jobs: Callable[..., list[Job]], complete: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    shown, (one, two) = Screen("json", 2, 0, 2), jobs(2)
    complete(one, **DONE)
    for job, failure in ((one, None), (two, "no")):
        shown.started(job)
        shown.ended(job, failure)
    shown.say("x")
    out, err = capsys.readouterr()
    first, second, third = (json.loads(line) for line in out.splitlines())
    assert (first["event"], first["run"], first["state"], first["score"]) == (
        "job",
        str(one.directory),
        "complete",
        0.5,
    )
    assert (second["state"], second["reason"], second["score"]) == ("failed", "no", None)
    assert third == {"event": "message", "text": "x"}
    assert err == ""


def test_in_silence_nothing_is_said(jobs: Callable[..., list[Job]], capsys: pytest.CaptureFixture[str]) -> None:
    for workers in (0, 2):
        shown, (job,) = Screen("none", 1, 0, workers), jobs(1)
        shown.started(job)
        shown.say("x")
        shown.tick([job])
        shown.ended(job)
        shown.close()
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_a_table_shows_the_running_jobs(
    jobs: Callable[..., list[Job]], now: list[float], complete: Callable[..., None],
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    shown, (one, two, _) = Screen("live", 3, 0, 2), jobs(3, "trainer.max_epochs=9")
    complete(one, state="running", heartbeat=1e18, host="elsewhere", epoch=4, best=0.123456)
    for job in (one, two):
        shown.started(job)
    now[0] += 65
    shown.tick([one, two])
    shown.tick([two])  # too early to draw again
    text = capsys.readouterr().err
    assert f"{one.directory}  4/9    0.1235      1:05" in text
    assert f"{two.directory}  0/9    –           1:05" in text
    assert "0 of 3 done, 1 wait" in text
    shown.ended(one)
    shown.close()
    assert f"[1/3] {one.directory} complete  (about 1:05 left)" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (65, "1:05"), (7205.4, "2:00:05")])
def test_a_time_is_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text
