"""A process that has imported everything once and runs each command in a fork, injured if asked.

Importing torch and pandas costs seconds; a fork costs nothing, and from there on it is the real command: the same
`seqexp.cli.main`, in a process of its own that can be killed. Jobs come on stdin, a line of JSON each:

    {"args": [...], "cwd": ..., "files": ..., "env": {...}, "limit": bytes, "faults": [...], "record": bool,
     "again": bool}
    {"wait": pid}

With `again`, a command's configuration is composed here, the first time it comes, and not in the fork: composing is
most of a tiny run's time, and the tests of kills type the same command a hundred times.

`files` is a folder that holds `stdin` and gets `stdout`, `stderr` and, with `record`, `events.json`. A fault is
`{"at": "module:name.name", "call": 3, "when": "before", "signal": 9}`, at a function's third call, or
`{"at": "file", "call": 17, ...}`, at the 17th thing done to a file under `outputs`. `raise` in place of `signal`
names an errno to be raised there. `{"at": "time", "seconds": 0.2}` ends the process from outside, whatever it is at.
"""

from __future__ import annotations

import errno
import gc
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Preload, then serve."""
    for name in (
        "seqexp.cli.train", "seqexp.cli.resume", "seqexp.cli.evaluate", "seqexp.cli.predict", "seqexp.cli.runs",
        "seqexp.cli.data", "seqexp.run.train", "seqexp.run.resume", "seqexp.run.loaded", "pandas", "pyarrow.parquet",
        "sklearn.linear_model", "scipy.stats", "hydra.main", "seqexp.run.forecasting", "seqexp.run.sequences",
        "seqexp.run.language", "seqexp.data.sources.text", "seqexp.data.sources.genes",
    ):  # fmt: skip
        importlib.import_module(name)
    from seqexp.config.compose import compose

    compose(["seed=1"])  # the grammar of overrides is read at the first use
    gc.collect()
    gc.freeze()  # else the first collection in a fork would copy every page
    for line in sys.stdin:
        job = json.loads(line)
        if "wait" in job:
            _, status = os.waitpid(job["wait"], os.WUNTRACED)
            code = None if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
            print(json.dumps({"code": code}), flush=True)
            continue
        if job["again"]:
            compose_once(job["args"])
        pid = os.fork()
        if pid == 0:
            os._exit(serve(job))
        print(json.dumps({"pid": pid}), flush=True)


COMPOSED: dict[tuple[str, ...], Any] = {}


def compose_once(arguments: list[str]) -> None:
    """Compose `train ...` and remember it."""
    from seqexp.config.compose import compose

    overrides = tuple(arguments[1:])
    if overrides not in COMPOSED:
        COMPOSED[overrides] = compose(overrides)


def serve(job: dict[str, Any]) -> int:
    """Be the command, and return its exit code."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(f"{job['files']}/{name}", flags, 0o600), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.chdir(job["cwd"])
    os.environ.update(job["env"])
    from seqexp.store import run_directory

    run_directory.HEARTBEAT_SECONDS = 3600.0  # the heartbeat would make the count of file events a matter of time
    os.fsync = lambda _: None  # slow, and for the death of a machine: that of a process loses no byte
    events = watch(job["cwd"]) if job["record"] or any(f["at"] == "file" for f in job["faults"]) else None
    for fault in job["faults"]:
        injure(fault, events)
    if job["again"]:
        importlib.import_module("seqexp.config.compose").compose = lambda overrides, _: COMPOSED[tuple(overrides)]
    if job["limit"] is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], job["limit"]))
    code = run(job["args"])
    if job["record"] and events is not None:
        with open(f"{job['files']}/events.json", "w", encoding="utf-8") as file:
            json.dump(events.seen, file)
    return code


def run(arguments: list[str]) -> int:
    """What `seqexp.__main__` does, with the traceback that Python would print."""
    import seqexp.cli

    sys.argv = ["seqexp", *arguments]
    code: Any = 1
    try:
        code = seqexp.cli.main(arguments)
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


class Events:
    """What was done to files so far, and what to do at one of these moments."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.at: dict[int, Callable[[], None]] = {}

    def happen(self, what: str) -> None:
        """Note one more, and act if it is the one."""
        self.seen.append(what)
        self.at.get(len(self.seen), lambda: None)()


def watch(cwd: str) -> Events:
    """Note every opening for writing, renaming, removal and sync of a file under `outputs`, before and after."""
    events, below = Events(), os.path.join(os.path.realpath(cwd), "outputs")

    def under(path: Any) -> str | None:
        if isinstance(path, int):
            return None
        full = os.path.realpath(os.fsdecode(path))
        return os.path.basename(full) if full.startswith(below) else None

    def hook(event: str, args: tuple[Any, ...]) -> None:
        changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir")
        if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
            changes = True
        if changes and (name := under(args[0])):
            events.happen(f"{event} {name}")

    sys.addaudithook(hook)
    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, noted(getattr(os, name), name, events))
    return events


def noted(function: Callable[..., Any], name: str, events: Events) -> Callable[..., Any]:
    """The same function, with events before it (where no audit hook sees it) and after it."""

    def wrapped(*args: Any, **options: Any) -> Any:
        if name == "fsync":
            events.happen("before fsync")
        result = function(*args, **options)
        events.happen(f"after {name}")
        return result

    return wrapped


def injure(fault: dict[str, Any], events: Events | None) -> None:
    """Set up one fault."""

    def strike() -> None:
        if "raise" in fault:
            number = getattr(errno, fault["raise"])
            raise OSError(number, os.strerror(number))
        os.kill(os.getpid(), fault.get("signal", signal.SIGKILL))

    if fault["at"] == "time":
        signal.setitimer(signal.ITIMER_REAL, fault["seconds"])  # SIGALRM, which nobody handles, kills like SIGKILL
        return
    if fault["at"] == "file":
        assert events is not None
        events.at[fault["call"]] = strike
        return
    module, _, path = fault["at"].partition(":")
    *parents, last = path.split(".")
    owner: Any = importlib.import_module(module)
    for parent in parents:
        owner = getattr(owner, parent)
    original, count = getattr(owner, last), 0

    def wrapped(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == fault["call"] and fault["when"] == "before":
            strike()
        result = original(*args, **options)
        if count == fault["call"] and fault["when"] == "after":
            strike()
        return result

    setattr(owner, last, wrapped)


if __name__ == "__main__":
    main()
