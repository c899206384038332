"""Checkpoints: `checkpoints/step-00001200.pt` beside `step-00001200.pt.sha256`.

A file holds tensors and plain values only, is loaded with `weights_only=True`, and is believed only when its
bytes match the checksum. What is kept is judged from the disk, never from memory.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

from seqexp.errors import CheckpointError, first_line
from seqexp.store.atomic import HashingWriter, replacing, sync_folder, write_bytes

_NAME = re.compile(r"step-(\d{8,})\.pt")
_ENTRY = re.compile(r"^([0-9a-f]{64})  .*$(?:\n# score (\S+)$)?", re.MULTILINE)


def save(folder: Path, step: int, payload: Mapping[str, Any], score: float | None = None) -> Path:
    """Write a checkpoint, whole or not at all.

    The checksum is in place before the checkpoint is, so a checkpoint that exists can always be verified. The
    score stands under it as a comment, so the best can be told without loading any. Where a step is saved once
    more, the old checksum stays below: the old checkpoint is good until the new one has taken its place.

    Args:
        folder: Where to.
        step: Updates made.
        payload: Tensors and plain values.
        score: The monitored metric, where it was just validated.

    Raises:
        RunError: If the disk is full or the folder cannot be written.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:08d}.pt"
    with replacing(path) as file:
        writer = HashingWriter(file)
        try:
            torch.save(dict(payload), cast("IO[bytes]", writer))
        except RuntimeError:
            if writer.error:  # a full disk, which torch reports as an "unexpected pos"
                raise writer.error from None
            raise
        comment = "" if score is None else f"# score {score!r}\n"
        old = _sidecar_text(path) if path.exists() else ""
        write_bytes(_sidecar(path), f"{writer.hexdigest()}  {path.name}\n{comment}{old}".encode())
    return path


def steps(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by step, oldest first."""
    found = {int(m[1]): p for p in folder.glob("step-*.pt") if (m := _NAME.fullmatch(p.name))}
    return dict(sorted(found.items()))


def ranked(folder: Path, mode: str) -> list[Path]:
    """The checkpoints that follow a validation, best first; of equals the older first.

    Args:
        folder: Where they are.
        mode: min or max, whether a lower or a higher score is better.
    """
    return [path for _, _, path in _scored(folder, mode)]


def best(folder: Path, mode: str, score: float | None) -> Path | None:
    """The best checkpoint; None where no validation ever gave a score.

    Args:
        folder: Where they are.
        mode: min or max.
        score: The best score by the run's own count. Where only worse ones are left, the best has been lost.

    Raises:
        CheckpointError: If it has been lost: another would give other numbers.
    """
    scored = _scored(folder, mode)
    wanted = None if score is None else score if mode == "min" else -score
    if wanted is not None and (not scored or scored[0][0] > wanted):
        raise CheckpointError(
            f"the best checkpoint, with score {score:g}, is missing from {folder}; restore it from a copy, or delete "
            "the run directory to start again"
        )
    return scored[0][2] if scored else None


def load(path: Path) -> dict[str, Any]:
    """A verified checkpoint, on the CPU. Executes nothing from the file.

    Raises:
        CheckpointError: If it is missing, does not match its checksum, or holds more than tensors and plain values.
    """
    verify(path)
    return _read(path)


def _read(path: Path) -> dict[str, Any]:
    import torch

    try:
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a stranger's bytes make the unpickler stumble in every possible way
        raise CheckpointError(f"{path} cannot be loaded as tensors and plain values: {first_line(error)}") from None
    if not isinstance(payload, dict):
        raise CheckpointError(f"{path} is no checkpoint of seqexp")
    return payload


def verify(path: Path) -> None:
    """Compare a checkpoint with its checksum.

    Raises:
        CheckpointError: If either is missing or they do not match.
    """
    try:
        found = _digest(path)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    expected = _entries(path)
    if not expected:
        raise CheckpointError(f"{path} has no checksum beside it ({_sidecar(path).name})")
    if found not in expected:
        wanted = next(iter(expected))
        raise CheckpointError(f"{path} is damaged: its SHA-256 is {found[:12]}..., but {wanted[:12]}... was written")


def load_newest(folder: Path, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that can be trusted, or None where none was ever made.

    One that is damaged is said aloud and set aside, and the one before it is taken: training repeats the steps
    between, and ends the same.

    Raises:
        CheckpointError: If there are checkpoints, but none can be trusted.
    """
    found = list(steps(folder).values())
    problems = []
    for path in reversed(found):
        try:
            verify(path)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        payload = _read(path)  # what is as it was written, and cannot be loaded, is no accident: nothing is deleted
        for problem in problems:
            say(f"{problem}; going on from {path.name} instead")
        for newer in found[found.index(path) + 1 :]:
            discard(newer)
        return path, payload
    if problems:
        raise CheckpointError(
            f"no checkpoint in {folder} can be trusted:\n  " + "\n  ".join(problems) + "\n"
            "restore one from a copy, or delete the run directory to start again"
        )
    return None


def prune(folder: Path, *, keep_last: int, keep_best: int, mode: str) -> None:
    """Delete all but the newest and the best checkpoints, as the disk has them."""
    found = list(steps(folder).values())
    kept = {*found[-keep_last:], *ranked(folder, mode)[:keep_best]}
    for path in found:
        if path not in kept:
            discard(path)
    for sidecar in folder.glob("step-*.pt.sha256"):
        if not sidecar.with_suffix("").exists():
            sidecar.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Delete a checkpoint, the checkpoint before its checksum, so that none is ever left unverifiable."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
    _sidecar(path).unlink(missing_ok=True)


def _scored(folder: Path, mode: str) -> list[tuple[float, int, Path]]:
    """Score (negative where higher is better), step and path of each validated checkpoint, best first."""
    scores = []
    for step, path in steps(folder).items():
        score = _score(path)
        if score is not None:
            scores.append((score if mode == "min" else -score, step, path))
    return sorted(scores)


def _score(path: Path) -> float | None:
    """The score under a checkpoint's checksum, if it is a number."""
    entries = _entries(path)
    text = entries.get(_digest(path), "") if len(entries) > 1 else next(iter(entries.values()), "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _entries(path: Path) -> dict[str, str]:
    """The checksums a checkpoint may have, newest first, each with the score under it, or nothing."""
    return dict(_ENTRY.findall(_sidecar_text(path)))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sidecar_text(path: Path) -> str:
    try:
        return _sidecar(path).read_text(errors="replace")
    except OSError:
        return ""


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
