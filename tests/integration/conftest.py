"""The command line as a user types it, each command in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Ended(NamedTuple):
    """How a command ended. `code` is minus N where signal N killed it."""

    code: int
    out: str
    err: str
    events: list[str]


class Warm:
    """Runs commands in forks of one process that has imported everything (`warm.py`)."""

    def __init__(self, scratch: Path) -> None:
        self._scratch, self._count = scratch, 0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def start(
        self, args: Sequence[str], cwd: Path, *, faults: Sequence[Mapping[str, Any]], record: bool, again: bool,
        limit: int | None, stdin: bytes, env: Mapping[str, str],
    ) -> Started:  # fmt: skip
        """Begin a command."""
        self._count += 1
        files = self._scratch / f"{self._count}"
        files.mkdir()
        (files / "stdin").write_bytes(stdin)
        job = {
            "args": list(args), "cwd": str(cwd), "files": str(files), "env": dict(env), "limit": limit,
            "faults": list(faults), "record": record, "again": again,
        }  # fmt: skip
        return Started(self, self.ask(job)["pid"], files)

    def cli(self, folder: Path) -> Cli:
        """The command line in a folder."""
        return Cli(self, folder)

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """One line there, one line back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


class Started:
    """A command under way."""

    def __init__(self, warm: Warm, pid: int, files: Path) -> None:
        self._warm, self.pid, self._files = warm, pid, files

    def said(self) -> str:
        """What it wrote to stderr so far."""
        path = self._files / "stderr"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def stopped(self) -> None:
        """Wait until it stands still, by a fault that is a SIGSTOP."""
        assert self._warm.ask({"wait": self.pid})["code"] is None

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self._warm.ask({"wait": self.pid})["code"]
        out, err = ((self._files / n).read_bytes().decode() for n in ("stdout", "stderr"))
        noted = self._files / "events.json"
        return Ended(code, out, err, json.loads(noted.read_text()) if noted.exists() else [])


class Cli:
    """`cli("train", "model=gru")`: one command, in the test's own folder."""

    def __init__(self, warm: Warm, cwd: Path) -> None:
        self._warm, self.cwd = warm, cwd

    def at(self, name: str) -> Cli:
        """The same in a new folder below."""
        folder = self.cwd / name
        folder.mkdir()
        return Cli(self._warm, folder)

    def __call__(self, *args: str, **options: Any) -> Ended:
        """Run a command to its end. Options as for `start`."""
        return self.start(*args, **options).wait()

    def start(
        self, *args: str, cwd: Path | None = None, faults: Sequence[Mapping[str, Any]] = (), record: bool = False,
        again: bool = False, limit: int | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None,
    ) -> Started:  # fmt: skip
        """Begin a command, with faults as `warm.py` has them."""
        return self._warm.start(
            args, cwd or self.cwd, faults=faults, record=record, again=again, limit=limit, stdin=stdin, env=env or {}
        )


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    process = Warm(tmp_path_factory.mktemp("warm"))
    yield process
    process.close()


@pytest.fixture
def cli(warm: Warm, tmp_path: Path) -> Cli:
    return Cli(warm, tmp_path)


@pytest.fixture
def copy(finished: Path, cli: Cli) -> Path:
    """A copy of the finished run, in the test's own folder."""
    path = cli.cwd / "outputs" / "stocks" / finished.name
    shutil.copytree(finished, path)
    return path
