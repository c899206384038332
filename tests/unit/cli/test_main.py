"""The dispatch of `seqexp`: commands, exit codes, one message and no traceback."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from seqexp import cli
from seqexp.cli import COMMANDS, main
from seqexp.errors import OUT_OF_MEMORY, CheckpointError, ConfigError, DataError, RunError, TrainingError

Ended = tuple[int, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def call(*arguments: str) -> Ended:
        try:
            code = main(list(arguments))
        except SystemExit as stopped:  # argparse, after it has printed help
            code = int(stopped.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_help_names_every_command(run: Callable[..., Ended], arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    for name, text in COMMANDS.items():
        assert f"  {name:<12}{text}\n" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_and_an_example(run: Callable[..., Ended], command: str) -> None:
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: seqexp {command}")
    assert out.count(f"seqexp {command}") >= 2
    assert max(map(len, out.splitlines())) <= 120


def test_the_version_is_the_packages(run: Callable[..., Ended]) -> None:
    assert run("--version") == (0, f"seqexp {metadata.version('seqexp')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("tran",), "there is no command 'tran'; did you mean 'seqexp train'?"),
        (("evalute", "latest"), "there is no command 'evalute'; did you mean 'seqexp evaluate'?"),
        (("model=lstm", "seed=2"), "there is no command 'model=lstm'; did you mean 'seqexp train model=lstm seed=2'?"),
        (
            ("xyz",),
            "there is no command 'xyz'; the commands are train, resume, evaluate, predict, runs,",
        ),
        (("-x",), "there is no command '-x'; the commands are train"),
        (("",), "there is no command ''; the commands are train"),
    ],
)
def test_an_unknown_command_is_told_the_nearest(
    run: Callable[..., Ended], arguments: tuple[str, ...], hint: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"seqexp: {hint}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError(["one", "two"]), 2, "one\ntwo"),
        (DataError("no rows"), 2, "no rows"),
        (RunError("no run"), 2, "no run"),
        (CheckpointError("damaged"), 1, "damaged"),
        (TrainingError("not finite"), 1, "not finite"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.csv"), 1,
         "cannot use a.csv: No such file or directory"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "cannot use: No space left on device"),
        (OSError("odd"), 1, "cannot use: odd"),
        (MemoryError(), 1, OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), 1, OUT_OF_MEMORY),
    ],
)  # fmt: skip
def test_an_error_is_one_block_on_stderr_and_its_code(
    run: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, message: str
) -> None:
    def fail(_: Any) -> int:
        raise error

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert run("train") == (code, "", f"seqexp: {message}\n")


@pytest.mark.parametrize(("number", "code"), [(None, 130), (15, 143), (1, 129)])
def test_a_signal_is_128_and_its_number(
    run: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, number: int | None, code: int
) -> None:
    stopped = KeyboardInterrupt()
    if number:
        stopped.number = number  # type: ignore[attr-defined]

    def stop(_: Any) -> int:
        raise stopped

    monkeypatch.setattr(cli, "_dispatch", stop)
    assert run("train") == (code, "", "")


def test_what_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "_dispatch", fail)
    with pytest.raises(ZeroDivisionError):
        main(["train"])


def test_a_message_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.fail("\x1b[31mred", 2) == 2
    assert capsys.readouterr().err == "seqexp: \\x1b[31mred\n"


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    """As in `seqexp runs | head -1`: the pipe is closed while there is more to say."""
    for number in range(2000):
        path = tmp_path / "g" / f"run-with-a-long-name-so-that-the-pipe-fills-{number:08}"
        path.mkdir(parents=True)
        (path / "config.yaml").write_text("")
    with subprocess.Popen(
        [sys.executable, "-m", "seqexp", "runs", "--outputs", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"run ")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
