"""Checkpoints: `checkpoints/step-00001200.pt` beside `step-00001200.pt.sha256`.

A file holds tensors and plain values only, is loaded with `weights_only=True`, and is believed only when its
bytes match the checksum. What is kept is judged from the disk, never from memory.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

from seqexp.errors import CheckpointError
from seqexp.store.atomic import HashingWriter, replacing, sync_folder, write_bytes

_NAME = re.compile(r"step-(\d{8,})\.pt")


def save(folder: Path, step: int, payload: Mapping[str, Any], score: float | None = None) -> Path:
    """Write a checkpoint, whole or not at all.

    The checksum is in place before the checkpoint is, so a checkpoint that exists can always be verified. The
    score stands under it as a comment, so the best can be told without loading any.

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
        torch.save(dict(payload), cast("IO[bytes]", writer))
        comment = "" if score is None else f"# score {score!r}\n"
        write_bytes(_sidecar(path), f"{writer.hexdigest()}  {path.name}\n{comment}".encode())
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
    scores = []
    for step, path in steps(folder).items():
        text = _sidecar(path).read_text(errors="replace") if _sidecar(path).exists() else ""
        if (match := re.search(r"^# score (\S+)$", text, re.MULTILINE)) and (score := _finite(match[1])) is not None:
            scores.append((score if mode == "min" else -score, step, path))
    return [path for _, _, path in sorted(scores)]


def load(path: Path) -> dict[str, Any]:
    """A verified checkpoint, on the CPU. Executes nothing from the file.

    Raises:
        CheckpointError: If it is missing, does not match its checksum, or holds more than tensors and plain values.
    """
    import torch

    verify(path)
    try:
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} cannot be loaded as tensors and plain values: {reason}") from None
    if not isinstance(payload, dict):
        raise CheckpointError(f"{path} is no checkpoint of seqexp")
    return payload


def verify(path: Path) -> None:
    """Compare a checkpoint with its checksum.

    Raises:
        CheckpointError: If either is missing or they do not match.
    """
    try:
        expected = _sidecar(path).read_text().split()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        raise CheckpointError(f"{path} has no checksum beside it ({_sidecar(path).name})") from None
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    if found != expected:
        raise CheckpointError(f"{path} is damaged: its SHA-256 is {found[:12]}..., but {expected[:12]}... was written")


def load_newest(folder: Path, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that can be trusted, or None where none was ever made.

    One that is damaged is said aloud and set aside, and the one before it is taken: training repeats the steps
    between, and ends the same.

    Raises:
        CheckpointError: If there are checkpoints, but none can be trusted.
    """
    found = steps(folder)
    problems = []
    for path in reversed(found.values()):
        try:
            payload = load(path)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            say(f"{problem}; going on from {path.name} instead")
        for newer in [p for p in found.values() if p.name > path.name]:
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


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
