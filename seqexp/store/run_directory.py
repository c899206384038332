"""A run directory: where its files are, how far it is, and who may write it.

    config.yaml  status.json  metrics.jsonl  checkpoints/  predictions/  provenance.json  log.txt

Two processes never write one run. The claim is a lock the system itself releases when its holder dies, so a
killed run can be taken up at once; a run on another host counts as alive while its heartbeat is fresh.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import yaml

from seqexp.errors import RunError
from seqexp.store import safe_yaml
from seqexp.store.atomic import cannot_write, sweep_temporaries, write_bytes, write_json

HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 60.0


class RunDirectory:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.status_file = path / "status.json"
        self.metrics = path / "metrics.jsonl"
        self.checkpoints = path / "checkpoints"
        self.predictions = path / "predictions"
        self.losses = self.predictions / "test-losses.parquet"
        self.provenance = path / "provenance.json"
        self.log = path / "log.txt"
        self.profile = path / "profile"
        self.diagnostics = path / "diagnostics"
        self._status: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        """Whether a run was ever begun here."""
        return self.config.is_file()

    def read_config(self) -> dict[str, Any]:
        """The experiment as it was said.

        Raises:
            RunError: If the file is missing or is not plain YAML.
        """
        return safe_yaml.load(self.config)

    def write_config(self, values: dict[str, Any]) -> None:
        """Write the experiment as it was said.

        Raises:
            RunError: If it cannot be written.
        """
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
        write_bytes(self.config, text.encode())

    def status(self) -> dict[str, Any]:
        """`state`, `reason`, `pid`, `host`, `heartbeat`, `epoch`, `step`, and the results once there are any.

        Raises:
            RunError: If the file is damaged.
        """
        return {"state": "pending", **(read_json(self.status_file) if self.status_file.exists() else {})}

    def observed_status(self) -> dict[str, Any]:
        """The same as seen from outside: `stopped` where its process is gone, `damaged` where it cannot be read."""
        try:
            status = self.status()
        except RunError:
            return {"state": "damaged"}
        return {**status, "state": "stopped"} if status["state"] == "running" and not is_alive(status) else status

    def update(self, **fields: Any) -> None:
        """Change some fields of the status, atomically. Only the holder of the claim may.

        Raises:
            RunError: If it cannot be written.
        """
        with self._lock:
            self._status |= fields
            write_json(self.status_file, {**self._status, "heartbeat": time.time()})

    def is_claimed(self) -> bool:
        """Whether another process, here or on another machine, writes this run now."""
        if self._is_held_elsewhere(self.status()):
            return True
        try:
            lock = (self.path / ".lock").open("r+b")
        except OSError:
            return False
        with lock:
            return not _try_lock(lock)

    def remove(self) -> None:
        """Delete the directory, and its parent if it holds nothing else."""
        shutil.rmtree(self.path)
        with suppress(OSError):
            self.path.parent.rmdir()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Be the only writer of this run, with a heartbeat, until the block ends.

        Raises:
            RunError: If another process is writing it, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a+b")
        except OSError as error:
            raise RunError(cannot_write(self.path, error)) from error
        with lock:
            if not _try_lock(lock):
                raise RunError(self._taken("is being written by another process"))
            status = self.status()
            if self._is_held_elsewhere(status):
                raise RunError(self._taken("is being written on another machine"))
            for folder in (self.path, self.checkpoints, self.predictions):
                sweep_temporaries(folder)
            self._status = {**status, "pid": os.getpid(), "host": socket.gethostname()}
            stop = threading.Event()
            beat = threading.Thread(target=self._beat, args=(stop,), name="heartbeat", daemon=True)
            beat.start()
            try:
                yield
            finally:
                stop.set()
                beat.join()

    def _is_held_elsewhere(self, status: Mapping[str, Any]) -> bool:
        """Whether it runs on another machine, where locks may not reach."""
        elsewhere = status.get("host") not in (None, socket.gethostname())
        return status["state"] == "running" and elsewhere and is_alive(status)

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            with suppress(RunError):  # a full disk is reported by whoever writes something that matters
                self.update()

    def _taken(self, what: str) -> str:
        with suppress(RunError):
            status = self.status()
            what += f" (pid {status.get('pid', '?')} on {status.get('host', '?')}, epoch {status.get('epoch', 0)})"
        return f"{self.path} {what}; wait for it or stop it, then run the same command again to continue"


def is_alive(status: Mapping[str, Any]) -> bool:
    """Whether the process of a running status still beats; one of this machine must also be there."""
    if time.time() - float(status.get("heartbeat", 0)) > STALE_SECONDS:
        return False
    if os.name != "posix" or status.get("host") != socket.gethostname():
        return True
    try:
        os.kill(int(status.get("pid", 0)), 0)  # asks, and kills nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def find(outputs: Path, run: str) -> RunDirectory:
    """The run meant by a path, by a unique part of `name/run` from its start, or by `latest`.

    Raises:
        RunError: If there is none, or more than one.
    """
    if (Path(run) / "config.yaml").is_file():
        return RunDirectory(Path(run))
    runs = list(all_runs(outputs))
    if run == "latest" and runs:
        return max(runs, key=lambda r: r.config.stat().st_mtime)
    found = [r for r in runs if r.path.name.startswith(run) or f"{r.path.parent.name}/{r.path.name}".startswith(run)]
    found = found or [r for r in runs if r.path.name.rpartition("-")[2].startswith(run)]
    if len(found) == 1:
        return found[0]
    if found:
        names = "\n  ".join(str(r) for r in found[:20])
        raise RunError(f"'{run}' means {len(found)} runs; say more of the name:\n  {names}")
    there = f"{len(runs)} runs are there; `seqexp runs` lists them" if runs else "there are none yet"
    raise RunError(f"no run '{run}' in {outputs}: {there}; --outputs names another folder")


def all_runs(outputs: Path) -> Iterator[RunDirectory]:
    """Every run under a folder, by name."""
    for group in _folders(outputs):
        for path in _folders(group):
            if os.path.exists(f"{path}/config.yaml"):
                yield RunDirectory(Path(path))


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON object from a file.

    Raises:
        RunError: If it cannot be read.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read as JSON ({error}); it was damaged") from None
    if not isinstance(value, dict):
        raise RunError(f"{path} holds no JSON object; it was damaged")
    return value


def _folders(path: str | Path) -> list[str]:
    try:
        return sorted(e.path for e in os.scandir(path) if e.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _try_lock(file: IO[bytes]) -> bool:
    """Whether the lock is ours now. The system lets go of it when this process ends, however it ends."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
