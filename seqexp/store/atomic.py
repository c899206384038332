"""Files that are there whole or not at all, whenever the machine stops."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from seqexp.errors import RunError

TEMPORARY = ".tmp"
"""The ending of files being written. One that is left over belongs to a process that was killed."""


class HashingWriter:
    """A binary file that computes the SHA-256 of what passes through, so nothing is read back to check it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.error: OSError | None = None
        """Why a write failed; who writes may raise something else in its stead."""

    def write(self, data: bytes) -> int:
        """Write and hash `data`."""
        self._hash.update(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._file.flush()

    def hexdigest(self) -> str:
        """64 hexadecimal digits over everything written."""
        return self._hash.hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` at the end, in one step, and durably.

    The old file stays whole until then: temporary file, fsync, rename over, fsync of the folder.

    Raises:
        RunError: If the disk is full or the folder cannot be written; what was there is unharmed.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RunError(cannot_write(path, error)) from error
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`, whole or not at all.

    Raises:
        RunError: If it cannot be written.
    """
    with replacing(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Put `value` in the place of `path` as JSON, whole or not at all.

    Raises:
        RunError: If it cannot be written.
    """
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; a file's own fsync does not."""
    if os.name == "nt":  # Windows has no handle to a folder's names
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_temporaries(folder: Path) -> None:
    """Remove what a killed process left half written."""
    for leftover in folder.glob(f"*{TEMPORARY}"):
        leftover.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> str:
    """The message for a file that could not be written."""
    reason = error.strerror or str(error)
    return f"cannot write {path}: {reason}; make room or give another place with outputs=FOLDER, then run again"
