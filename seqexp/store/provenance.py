"""`provenance.json`: what a result was made with, so that it can be made again."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "seqexp",
    "torch",
    "numpy",
    "pandas",
    "hydra-core",
    "omegaconf",
    "pydantic",
    "scipy",
    "tokenizers",
    "scikit-learn",
    "statsmodels",
    "arch",
)


def collect(*, device: str, threads: int, data: dict[str, Any]) -> dict[str, Any]:
    """Versions, git commit, host, device, threads and data fingerprint.

    Args:
        device: The device that is used.
        threads: The threads that are used.
        data: The fingerprint and shape of the data.
    """
    return {
        "versions": {"python": platform.python_version(), **{p: _version(p) for p in PACKAGES}},
        "git": _git(Path.cwd()),
        "host": {"name": socket.gethostname(), "system": platform.platform(), "cores": os.cpu_count()},
        "device": device,
        "threads": threads,
        "cpu_capability": _cpu_capability(),
        "data": data,
        "extensions": [],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_capability() -> str | None:
    """The instruction set torch uses; another gives other bits."""
    torch = sys.modules.get("torch")
    return str(torch.backends.cpu.get_cpu_capability()) if torch else None


def _git(folder: Path) -> dict[str, Any] | None:
    """The commit of the working directory, and whether it was changed since; None outside a repository."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        commit = subprocess.run(
            [git, "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=5, check=False
        )
        if commit.returncode:
            return None
        changes = subprocess.run(
            [git, "status", "--porcelain", "--untracked-files=no"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"commit": commit.stdout.strip(), "changed": bool(changes.stdout.strip())}
