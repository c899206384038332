from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqexp.errors import RunError
from seqexp.store.atomic import (
    HashingWriter,
    cannot_write,
    replacing,
    sweep_temporaries,
    write_bytes,
    write_json,
)


def test_a_new_file_holds_what_was_written(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"one")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a"]


def test_the_old_file_is_there_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_json_is_written_with_a_last_newline_and_without_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1, None]}
    assert (tmp_path / "a.json").read_text().endswith("}\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1, None]}


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), replacing(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


KILLER = """
import os, signal, sys
from pathlib import Path
from seqexp.store import atomic

name, call, when = sys.argv[2], int(sys.argv[3]), sys.argv[4]
count = 0

def die(function):
    def wrapped(*args, **options):
        global count
        count += 1
        if count == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **options)
        if count == call and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapped

if name == "write":
    import io
    class Dying(io.FileIO):
        write = die(io.FileIO.write)
    Path.open = lambda self, mode: Dying(str(self), mode)
else:
    setattr(os, name, die(getattr(os, name)))
with atomic.replacing(Path(sys.argv[1])) as file:
    for _ in range(3):
        file.write(b"new " * 20_000)
"""
NEW = b"new " * 60_000


@pytest.mark.parametrize(
    ("name", "call", "when", "survives"),
    [
        ("write", 1, "before", "old"),
        ("write", 1, "after", "old"),
        ("write", 2, "before", "old"),
        ("write", 3, "after", "old"),
        ("fsync", 1, "before", "old"),
        ("fsync", 1, "after", "old"),
        ("replace", 1, "before", "old"),
        ("replace", 1, "after", "new"),
        ("open", 1, "before", "new"),
        ("fsync", 2, "before", "new"),
        ("fsync", 2, "after", "new"),
        ("close", 1, "after", "new"),
    ],
)
def test_killed_at_any_system_call_the_file_is_whole(
    tmp_path: Path, name: str, call: int, when: str, survives: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old " * 60_000)
    ended = subprocess.run([sys.executable, "-c", KILLER, path, name, str(call), when], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == (NEW if survives == "new" else b"old " * 60_000)
    sweep_temporaries(tmp_path)
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failing_system_call_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(RunError) as error:
        write_bytes(path, b"new")
    assert str(error.value).startswith(f"cannot write {path}: {os.strerror(number)}; make room or")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.fixture
def small_files() -> Any:
    """No file may pass 10,000 bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_message_and_leaves_the_old_file(tmp_path: Path, small_files: Callable[[int], None]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    small_files(10_000)
    with pytest.raises(RunError, match=r"cannot write .*a: File too large; make room or give another place"):
        write_bytes(path, b"new" * 100_000)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    with pytest.raises(RunError, match=r"cannot write .*folder/a: Not a directory"):
        write_bytes(tmp_path / "folder" / "a", b"new")


def test_only_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    for name in ("a", "a.123.tmp", "b.tmp", "tmp"):
        (tmp_path / name).write_text("")
    sweep_temporaries(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a", "tmp"]
    sweep_temporaries(tmp_path / "is_not_there")


def test_the_hash_is_over_everything_written(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        writer = HashingWriter(file)
        assert writer.write(b"one") == 3
        writer.write(b"two")
        writer.flush()
    assert writer.hexdigest() == hashlib.sha256(b"onetwo").hexdigest()


def test_the_message_names_place_reason_and_way_out() -> None:
    text = cannot_write(Path("/x/y"), OSError(errno.EACCES, "Permission denied"))
    assert text.startswith("cannot write /x/y: Permission denied; make room or give another place")
