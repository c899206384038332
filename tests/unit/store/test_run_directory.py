from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqexp.errors import RunError
from seqexp.store import run_directory
from seqexp.store.run_directory import STALE_SECONDS, RunDirectory, all_runs, find, is_alive, read_json

NOW = 1_700_000_000.0


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "stocks" / "lstm-seed1-3fa9c2d1")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Four runs of two groups, the last of them the oldest, and things that are no run."""
    names = (
        "stocks/lstm-seed1-3fa9c2d1",
        "stocks/lstm-seed2-3fb00000",
        "stocks/gru-seed1-aa000000",
        "load/lstm-seed1-bb",
    )
    for age, name in enumerate(names):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text("seed: 1\n")
        os.utime(tmp_path / name / "config.yaml", (NOW - age, NOW - age))
    (tmp_path / "sweeps" / "stocks-12345678").mkdir(parents=True)
    (tmp_path / "stocks" / "notes.txt").write_text("")
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "stocks")
    return tmp_path


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_directory.time, "time", lambda: NOW)


HOLDER = """
import sys
from pathlib import Path
from seqexp.store.run_directory import RunDirectory

run = RunDirectory(Path(sys.argv[1]))
with run.claimed():
    run.update(state="running", epoch=3)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(run: RunDirectory) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with process:
        yield process
        process.kill()


def test_a_run_held_by_another_process_is_refused_and_that_process_named(
    run: RunDirectory, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(RunError) as error, run.claimed():
        pass
    assert str(error.value) == (
        f"{run.path} is being written by another process (pid {holder.pid} on {socket.gethostname()}, epoch 3); "
        "wait for it or stop it, then run the same command again to continue"
    )
    assert run.status()["state"] == "running"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_run_of_a_killed_process_is_taken_over_at_once(
    run: RunDirectory, holder: subprocess.Popen[str], number: signal.Signals
) -> None:
    holder.send_signal(number)
    holder.wait()
    assert run.status()["state"] == "running"  # nobody was left to say otherwise
    with run.claimed():
        run.update(state="running")
    assert run.status()["pid"] == os.getpid()
    assert run.status()["epoch"] == 3


def test_a_process_that_ends_lets_go(run: RunDirectory, holder: subprocess.Popen[str]) -> None:
    holder.communicate("")
    with run.claimed():
        pass


def test_a_run_is_claimed_once_in_one_process_too(run: RunDirectory) -> None:
    again = RunDirectory(run.path)
    with run.claimed(), pytest.raises(RunError, match="is being written by another process"), again.claimed():
        pass
    with run.claimed():
        pass


def test_an_error_in_the_block_lets_go(run: RunDirectory) -> None:
    with pytest.raises(KeyError), run.claimed():
        raise KeyError
    with run.claimed():
        pass


@pytest.mark.parametrize(
    ("host", "pid", "age", "alive"),
    [
        (socket.gethostname(), os.getpid(), 1, True),
        (socket.gethostname(), os.getpid(), STALE_SECONDS + 1, False),
        (socket.gethostname(), 2**22 + 1, 1, False),  # above the highest number of a process
        ("elsewhere", 2**22 + 1, 1, True),
        ("elsewhere", 2**22 + 1, STALE_SECONDS + 1, False),
    ],
    ids=["beats", "silent", "gone", "elsewhere", "silent elsewhere"],
)
@pytest.mark.usefixtures("clock")
def test_a_process_is_alive_while_it_beats_and_here_while_it_is_there(
    host: str, pid: int, age: float, alive: bool
) -> None:
    assert is_alive({"state": "running", "host": host, "pid": pid, "heartbeat": NOW - age}) is alive


@pytest.mark.parametrize(
    ("state", "age", "host", "free"),
    [
        ("running", STALE_SECONDS - 1, "elsewhere", False),
        ("running", STALE_SECONDS + 1, "elsewhere", True),
        ("running", STALE_SECONDS - 1, socket.gethostname(), True),
        ("interrupted", 1, "elsewhere", True),
        ("complete", 1, "elsewhere", True),
    ],
)
@pytest.mark.usefixtures("clock")
def test_on_another_machine_a_fresh_heartbeat_counts_as_a_claim(
    run: RunDirectory, state: str, age: float, host: str, free: bool
) -> None:
    run.path.mkdir(parents=True)
    status = {"state": state, "host": host, "pid": 7, "epoch": 2, "heartbeat": NOW - age}
    run.status_file.write_text(json.dumps(status))
    if free:
        with run.claimed():
            run.update(state="running")
        assert run.status() == {**status, "state": "running", "host": socket.gethostname(), "pid": os.getpid(),
                                "heartbeat": NOW}  # fmt: skip
        return
    with pytest.raises(RunError, match=r"on another machine \(pid 7 on elsewhere, epoch 2\); wait"), run.claimed():
        pass
    assert run.status() == status


def test_the_heartbeat_goes_on_until_the_block_ends(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_directory, "HEARTBEAT_SECONDS", 0.001)
    times = iter(range(10**9))
    monkeypatch.setattr(run_directory.time, "time", lambda: float(next(times)))
    beats, beaten = [], threading.Event()
    write = run_directory.write_json

    def noted(path: Path, value: dict[str, Any]) -> None:
        write(path, value)
        beats.append(value)
        if sum("epoch" in b for b in beats) >= 3:
            beaten.set()

    monkeypatch.setattr(run_directory, "write_json", noted)
    with run.claimed():
        run.update(state="running", epoch=1)
        assert beaten.wait(30)
    count = len(beats)
    assert [b["heartbeat"] for b in beats] == sorted({b["heartbeat"] for b in beats})
    said = next(i for i, b in enumerate(beats) if "epoch" in b)  # it may beat before the update
    assert said < count - 1
    assert all(b["state"] == "running" and b["epoch"] == 1 for b in beats[said:])
    assert "heartbeat" not in {t.name for t in threading.enumerate()}
    assert run.status() == beats[count - 1]


def test_a_heartbeat_that_cannot_be_written_disturbs_nothing(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_directory, "HEARTBEAT_SECONDS", 0.001)
    tries, tried = [], threading.Event()

    def full(path: Path, value: dict[str, Any]) -> None:
        del value
        tries.append(path)
        if len(tries) >= 2:
            tried.set()
        raise RunError("no room")

    monkeypatch.setattr(run_directory, "write_json", full)
    with run.claimed():
        assert tried.wait(30)


def test_what_a_killed_process_left_is_swept_once_the_run_is_ours(run: RunDirectory) -> None:
    leftovers = [folder / "a.123.tmp" for folder in (run.path, run.checkpoints, run.predictions)]
    for path in leftovers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    with run.claimed():
        assert not any(path.exists() for path in leftovers)


@pytest.mark.usefixtures("clock")
def test_the_status_gathers_what_it_is_told(run: RunDirectory) -> None:
    assert run.status() == {"state": "pending"}
    with run.claimed():
        run.update(state="running", epoch=0)
        run.update(epoch=1, best=0.5)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "heartbeat": NOW}
        assert run.status() == {"state": "running", "epoch": 1, "best": 0.5, **holder}
    again = RunDirectory(run.path)
    with again.claimed():
        again.update(state="complete", best=None)
    assert run.status() == {"state": "complete", "epoch": 1, "best": None, **holder}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read as JSON"),
        ('{"state": "run', "cannot be read as JSON"),
        ("\0\0\0\0", "cannot be read as JSON"),
        ("[1]", "holds no JSON object"),
        ("null", "holds no JSON object"),
    ],
)
def test_a_damaged_status_is_one_message(run: RunDirectory, text: str, reason: str) -> None:
    run.path.mkdir(parents=True)
    run.status_file.write_text(text)
    with pytest.raises(RunError, match=rf"status\.json {reason}.*; it was damaged"):
        run.status()
    with pytest.raises(RunError, match=r"status\.json"), run.claimed():
        pass


def test_a_status_without_a_state_is_pending(run: RunDirectory) -> None:
    run.path.mkdir(parents=True)
    run.status_file.write_text('{"epoch": 2}')
    assert run.status() == {"state": "pending", "epoch": 2}


@pytest.mark.parametrize(
    ("status", "observed"),
    [
        (None, {"state": "pending"}),
        ("{", {"state": "damaged"}),
        ({"state": "failed", "epoch": 1}, {"state": "failed", "epoch": 1}),
        ({"state": "running", "heartbeat": NOW - STALE_SECONDS - 1, "host": "x"}, {"state": "stopped", "host": "x"}),
        ({"state": "running", "heartbeat": NOW - STALE_SECONDS + 1, "host": "x"}, {"state": "running", "host": "x"}),
    ],
)
@pytest.mark.usefixtures("clock")
def test_from_outside_a_run_whose_process_is_gone_is_stopped_and_one_that_cannot_be_read_is_damaged(
    run: RunDirectory, status: object, observed: dict[str, Any]
) -> None:
    run.path.mkdir(parents=True)
    if status is not None:
        run.status_file.write_text(status if isinstance(status, str) else json.dumps(status))
    assert run.observed_status().items() >= observed.items()


def test_a_json_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"provenance\.json cannot be read as JSON \(.*No such file"):
        read_json(tmp_path / "provenance.json")


def test_the_configuration_comes_back_in_its_order_and_words(run: RunDirectory) -> None:
    values = {"seed": 1, "data": {"path": "${oc.env:HOME}/é.csv", "start": "2016-01-31"}, "a": [1.5, None, "no"]}
    run.path.mkdir(parents=True)
    assert not run.exists()
    run.write_config(values)
    assert run.exists()
    assert run.read_config() == values
    assert list(run.read_config()) == list(values)
    assert "é.csv" in run.config.read_text(encoding="utf-8")


def test_removing_a_run_takes_an_empty_group_with_it(outputs: Path) -> None:
    RunDirectory(outputs / "load" / "lstm-seed1-bb").remove()
    assert not (outputs / "load").exists()
    RunDirectory(outputs / "stocks" / "gru-seed1-aa000000").remove()
    assert len(list(all_runs(outputs))) == 2


def refuse(number: int) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize("name", ["mkdir", "open"])
def test_a_folder_that_cannot_be_written_is_one_message(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    monkeypatch.setattr(Path, name, refuse(number))
    with pytest.raises(RunError) as error, run.claimed():
        pass
    assert str(error.value).startswith(f"cannot write {run.path}: {os.strerror(number)}; make room or")


def test_a_file_in_place_of_the_outputs_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("")
    run = RunDirectory(tmp_path / "outputs" / "stocks" / "lstm")
    with pytest.raises(RunError, match=r"cannot write .*: Not a directory"), run.claimed():
        pass


def test_a_full_disk_leaves_the_old_status_and_is_one_message(run: RunDirectory) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with run.claimed():
        run.update(state="running", epoch=1)
        before = run.status()
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            with pytest.raises(RunError, match=r"cannot write .*status\.json: File too large"):
                run.update(epoch=2)
            with pytest.raises(RunError, match=r"cannot write .*config\.yaml: File too large"):
                run.write_config({"seed": 1})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert run.status() == before
        run.update(epoch=3)
    assert run.status()["epoch"] == 3
    assert not run.exists()


def test_all_runs_are_found_by_name_whatever_else_is_there(outputs: Path) -> None:
    assert [str(r.path.relative_to(outputs)) for r in all_runs(outputs)] == [
        "load/lstm-seed1-bb", "stocks/gru-seed1-aa000000", "stocks/lstm-seed1-3fa9c2d1", "stocks/lstm-seed2-3fb00000",
    ]  # fmt: skip
    assert list(all_runs(outputs / "nowhere")) == []
    assert list(all_runs(outputs / "config.yaml")) == []


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("latest", "stocks/lstm-seed1-3fa9c2d1"),
        ("gru", "stocks/gru-seed1-aa000000"),
        ("lstm-seed2", "stocks/lstm-seed2-3fb00000"),
        ("lstm-seed1-3f", "stocks/lstm-seed1-3fa9c2d1"),
        ("load/", "load/lstm-seed1-bb"),
        ("stocks/lstm-seed1", "stocks/lstm-seed1-3fa9c2d1"),
        ("aa0", "stocks/gru-seed1-aa000000"),
        ("3fb", "stocks/lstm-seed2-3fb00000"),
    ],
)
def test_a_run_is_found_by_part_of_its_name(outputs: Path, said: str, name: str) -> None:
    assert find(outputs, said).path == outputs / name


def test_a_run_is_found_by_its_path_wherever_it_is(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = outputs / "stocks" / "gru-seed1-aa000000"
    assert find(Path("/nowhere"), str(path)).path == path
    assert find(Path("/nowhere"), f"{path}/").path == path
    monkeypatch.chdir(outputs)
    assert find(Path("/nowhere"), "stocks/gru-seed1-aa000000").path.resolve() == path.resolve()


@pytest.mark.parametrize(("said", "count"), [("lstm", 3), ("lstm-seed1", 2), ("stocks", 3), ("3f", 2), ("", 4)])
def test_a_name_that_means_several_runs_lists_them(
    outputs: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, said: str, count: int
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    with pytest.raises(RunError) as error:
        find(outputs, said)
    first, *lines = str(error.value).splitlines()
    assert first == f"'{said}' means {count} runs; say more of the name:"
    assert len(lines) == count
    assert all((Path(line.strip()) / "config.yaml").is_file() for line in lines)


def test_a_name_that_means_no_run_says_what_is_there(outputs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(RunError) as error:
        find(outputs, "rnn")
    assert str(error.value) == (
        f"no run 'rnn' in {outputs}: 4 runs are there; `seqexp runs` lists them; --outputs names another folder"
    )
    empty = tmp_path_factory.mktemp("empty")
    for said in ("rnn", "latest"):
        with pytest.raises(RunError, match=f"no run '{said}' in {empty}: there are none yet; --outputs names another"):
            find(empty, said)


LISTING = """
import json, os, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from seqexp.cli import main
code = main(["runs", "--outputs", sys.argv[1], "--json"])
below = [os.path.basename(p) for p in opened if p.startswith(sys.argv[1])]
heavy = {"torch", "pandas", "numpy", "pydantic", "omegaconf", "rich"} & set(sys.modules)
print(json.dumps([code, len(below), sorted(set(below)), sorted(heavy)]), file=sys.stderr)
"""


def test_a_thousand_runs_are_listed_from_one_small_file_each(tmp_path: Path) -> None:
    for number in range(1000):
        path = tmp_path / f"group{number % 7}" / f"lstm-seed{number}-{number:08x}"
        path.mkdir(parents=True)
        (path / "config.yaml").write_text("seed: 1\n")
        (path / "status.json").write_text(json.dumps({"state": "complete", "heartbeat": number}))
    ended = subprocess.run([sys.executable, "-c", LISTING, str(tmp_path)], capture_output=True, text=True, check=True)
    rows = json.loads(ended.stdout)
    assert [r["heartbeat"] for r in rows] == list(range(1000))
    assert json.loads(ended.stderr) == [0, 1000, ["status.json"], []]


def test_a_run_is_claimed_while_it_is_written_here(run: RunDirectory) -> None:
    assert not run.is_claimed()
    with run.claimed():
        run.update(state="running")
        assert run.is_claimed()
        assert run.is_claimed(), "looking lets go of nothing"
    assert run.status()["state"] == "running"
    assert not run.is_claimed()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("age", "claimed"), [(STALE_SECONDS - 1, True), (STALE_SECONDS + 1, False)])
def test_a_run_is_claimed_while_it_beats_on_another_machine(run: RunDirectory, age: float, claimed: bool) -> None:
    run.path.mkdir(parents=True)
    run.status_file.write_text(json.dumps({"state": "running", "host": "elsewhere", "pid": 1, "heartbeat": NOW - age}))
    assert run.is_claimed() is claimed
