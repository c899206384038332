"""`metrics.jsonl`: one JSON object a line, append-only, cut back to the checkpoint when a run goes on.

Lines are written in batches. `flush` makes them durable and returns the length that a checkpoint records, so a
resumed run's log equals an unbroken run's but for `WALL_CLOCK`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from seqexp.errors import RunError
from seqexp.store.atomic import cannot_write

WALL_CLOCK = ("time", "seconds", "samples_per_second")
"""Fields that differ between two runs of the same experiment."""


class MetricLog:
    """The log of one run, open for appending at `position` bytes; whatever came later is cut off.

    Raises:
        RunError: If the log is shorter than `position` (it was damaged) or cannot be written.
    """

    def __init__(self, path: Path, position: int = 0) -> None:
        self._path = path
        self._lines: list[str] = []
        try:
            self._file = path.open("ab")
            length = self._file.seek(0, os.SEEK_END)
            if length < position:
                self._file.close()
                raise RunError(
                    f"{path} has {length} bytes, but the checkpoint was made when it had {position}: it was cut or "
                    "replaced. Restore it from a copy, or delete the run directory to start again"
                )
            self._file.truncate(position)
            self._file.seek(position)
        except OSError as error:
            raise RunError(cannot_write(path, error)) from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Add one line. Numbers that are not finite become null, as JSON has none."""
        self._lines.append(json.dumps(_finite(record), allow_nan=False, separators=(",", ":")))

    def flush(self) -> int:
        """Write what is gathered, durably.

        Returns:
            The length of the log in bytes.

        Raises:
            RunError: If it cannot be written.
        """
        try:
            if self._lines:
                self._file.write(("\n".join(self._lines) + "\n").encode())
                self._lines.clear()
                self._file.flush()
                os.fsync(self._file.fileno())
            return self._file.tell()
        except OSError as error:
            raise RunError(cannot_write(self._path, error)) from error

    def __enter__(self) -> MetricLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        finally:
            with suppress(OSError):  # what could not be flushed, and was said to be so
                self._file.close()


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a log, oldest first. A last line cut off in mid-write is left out.

    Raises:
        RunError: If another line cannot be read.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict):
                raise RunError(f"{path}, line {number} is not a JSON object: the log was damaged")
            yield record


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
