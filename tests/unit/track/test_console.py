from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.sections import scheduler, trainer

from seqexp.track import console as module
from seqexp.track.console import ConsoleObserver, _duration
from seqexp.training.loop import Plan
from seqexp.training.state import Progress

PLAN = Plan(trainer(max_epochs=4), scheduler("constant"), 0.1, steps_per_epoch=10)
TRAIN, VALID = {"loss": 0.5, "lr": 0.1}, {"train_loss": 0.25, "loss": 0.125, "mae": 1.5}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, in a list of one number that a test may change."""
    now = [100.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written to stderr, as if it were a terminal of 100 columns."""
    written = io.StringIO()

    def made(**options: Any) -> Console:
        assert options.pop("stderr") is True
        return Console(file=written, force_terminal=True, width=100, color_system=None, **options)

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(module, "Console", made)
    return written


def through(observer: ConsoleObserver, clock: list[float]) -> None:
    """Two epochs of 10 steps with 4 samples each, in 20 seconds, the second no better."""
    with observer:
        observer.say("begins")
        observer.begin(PLAN, Progress())
        for epoch in range(2):
            for batch in range(10):
                clock[0] += 1.0
                progress = Progress(epoch=epoch, batch=batch + 1, step=epoch * 10 + batch + 1)
                observer.stepped(progress, 4)
                if batch == 4:
                    observer.logged(progress, TRAIN)
            observer.validated(Progress(epoch=epoch + 1, step=epoch * 10 + 10), VALID, improved=epoch == 0)
        observer.end()
        observer.say("ended")


def test_where_nobody_watches_it_is_one_line_an_epoch_on_stderr(
    tmp_path: Path, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    through(ConsoleObserver("auto", tmp_path / "log.txt"), clock)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "begins",
        "epoch   1/4  train loss 0.25  valid loss 0.125  best  4 samples/s",
        "epoch   2/4  train loss 0.25  valid loss 0.125  4 samples/s",
        "ended",
    ]


def test_the_log_has_the_same_lines_with_their_time(
    tmp_path: Path, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.txt"
    log.write_text("from before\n")
    for style in ("plain", "none", "json"):
        through(ConsoleObserver(style, log), clock)
    first, *lines = log.read_text(encoding="utf-8").splitlines()
    assert first == "from before"
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in lines)
    said = [line[21:] for line in lines]
    assert said[:4] == [
        "begins",
        "epoch   1/4  train loss 0.25  valid loss 0.125  best",
        "epoch   2/4  train loss 0.25  valid loss 0.125",
        "ended",
    ]
    assert said[4:8] == said[8:] == said[:4]
    capsys.readouterr()


def test_none_shows_nothing(tmp_path: Path, clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    through(ConsoleObserver("none", tmp_path / "log.txt"), clock)
    assert capsys.readouterr() == ("", "")


def test_json_is_a_line_an_event_on_stdout(
    tmp_path: Path, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    through(ConsoleObserver("json", tmp_path / "log.txt"), clock)
    out, err = capsys.readouterr()
    assert err == ""
    events = [json.loads(line) for line in out.splitlines()]
    assert events == [
        {"event": "message", "text": "begins"},
        {"event": "train", "step": 5, "epoch": 0, **TRAIN},
        {"event": "valid", "step": 10, "epoch": 1, **VALID, "best": True},
        {"event": "train", "step": 15, "epoch": 1, **TRAIN},
        {"event": "valid", "step": 20, "epoch": 2, **VALID, "best": False},
        {"event": "message", "text": "ended"},
    ]


def test_json_has_null_for_what_is_not_finite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleObserver("json", tmp_path / "log.txt") as observer:
        observer.event("train", {"loss": math.nan, "grad_norm": math.inf, "step": 1})
    assert json.loads(capsys.readouterr().out) == {"event": "train", "loss": None, "grad_norm": None, "step": 1}


def test_on_a_terminal_one_line_lives_and_is_gone_in_the_end(
    tmp_path: Path, clock: list[float], terminal: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    through(ConsoleObserver("auto", tmp_path / "log.txt"), clock)
    text = terminal.getvalue()
    # After 7 of 40 steps in 7 seconds, 33 are left at one a second.
    assert "epoch 1/4  step 7/10  loss 0.5  " in text
    assert "4 samples/s  at most 0:33 left" in text
    assert "epoch 2/4  step 3/10  loss 0.5  valid loss 0.125  4 samples/s  at most 0:27 left" in text
    assert "epoch   1/4  train loss" not in text  # the lines of plain
    assert "\x1b[2K" in text  # the line is erased and written anew
    assert text.endswith("\x1b[?25hended\n") or text.rstrip().endswith("ended")
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor comes back
    assert capsys.readouterr() == ("", "")


def test_the_live_line_knows_the_best_so_far(tmp_path: Path, clock: list[float], terminal: io.StringIO) -> None:
    with ConsoleObserver("live", tmp_path / "log.txt") as observer:
        observer.begin(PLAN, Progress(epoch=1, step=10))
        observer.validated(Progress(epoch=2, step=20), VALID, improved=True)
        clock[0] += 5
        observer.stepped(Progress(epoch=2, batch=5, step=25, best=0.125, best_epoch=2), 8)
    assert "epoch 3/4  step 5/10  valid loss 0.125 (best 0.125, epoch 2)  2 samples/s  at most 0:05 left" \
        in terminal.getvalue()  # fmt: skip


def test_the_live_line_moves_ten_times_a_second_at_the_most(
    tmp_path: Path, clock: list[float], terminal: io.StringIO
) -> None:
    with ConsoleObserver("live", tmp_path / "log.txt") as observer:
        observer.begin(PLAN, Progress())
        for step in range(1, 41):
            clock[0] += 1 / 64  # 40 steps in 0.625 seconds
            observer.stepped(Progress(batch=step, step=step), 1)
    shown = re.findall(r"step (\d+)/10", terminal.getvalue())
    assert list(dict.fromkeys(shown)) == ["1", "8", "15", "22", "29", "36"]  # 7 of 64 parts of a second pass 0.1


def test_the_live_line_is_shortened_to_the_terminal(tmp_path: Path, clock: list[float], terminal: io.StringIO) -> None:
    plan = Plan(trainer(max_epochs=4, monitor="a_metric_" * 20), scheduler("constant"), 0.1, 10)
    with ConsoleObserver("live", tmp_path / "log.txt") as observer:
        observer.begin(plan, Progress())
        observer.validated(Progress(), {"train_loss": 1.0, plan.trainer.monitor: 0.5}, improved=True)
        clock[0] += 1
        observer.stepped(Progress(batch=1, step=1), 1)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]", terminal.getvalue())]
    assert max(map(len, lines)) <= 100
    assert any(line.endswith("…") for line in lines)


@pytest.mark.usefixtures("clock")
def test_what_is_being_done_is_named_on_a_terminal_alone(
    tmp_path: Path, terminal: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with ConsoleObserver("live", tmp_path / "log.txt") as observer:
        observer.working("fitting arima")
        observer.working("fitting ets")
    assert "fitting arima ..." in terminal.getvalue()
    assert "fitting ets ..." in terminal.getvalue()
    assert terminal.getvalue().count("\x1b[?25h") == 2
    with ConsoleObserver("plain", tmp_path / "log.txt") as observer:
        observer.working("fitting arima")
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "log.txt").read_text() == ""


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(
    tmp_path: Path, clock: list[float], terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    through(ConsoleObserver("auto", tmp_path / "log.txt"), clock)
    assert "epoch   1/4  train loss 0.25  valid loss 0.125  best  4 samples/s\n" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


@pytest.mark.parametrize("style", ["plain", "live"])
@pytest.mark.usefixtures("clock")
def test_text_from_outside_is_no_markup_and_is_not_wrapped(tmp_path: Path, terminal: io.StringIO, style: str) -> None:
    text = "[red]data[/red] [/] " + "long " * 60 + "end"
    with ConsoleObserver(style, tmp_path / "log.txt") as observer:
        observer.say(text)
    assert f"{text}\n" in terminal.getvalue()


@pytest.mark.usefixtures("clock")
def test_an_error_takes_the_live_line_away(tmp_path: Path, terminal: io.StringIO) -> None:
    observer = ConsoleObserver("live", tmp_path / "log.txt")
    with pytest.raises(KeyError), observer:
        observer.begin(PLAN, Progress())
        raise KeyError
    assert terminal.getvalue().count("\x1b[?25h") == 1


def test_speed_counts_from_where_a_run_goes_on(
    tmp_path: Path, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with ConsoleObserver("plain", tmp_path / "log.txt") as observer:
        clock[0] += 1000  # before training begins
        observer.begin(PLAN, Progress(epoch=1, step=10))
        clock[0] += 2
        observer.stepped(Progress(epoch=1, batch=1, step=11), 5000)
        observer.validated(Progress(epoch=2, step=20), VALID, improved=False)
    assert capsys.readouterr().err.endswith("2,500 samples/s\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (0.4, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_a_duration_is_minutes_and_seconds_or_hours_too(seconds: float, text: str) -> None:
    assert _duration(seconds) == text
