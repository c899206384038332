from __future__ import annotations

import json
import os
import platform
import re
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy
import pydantic
import pytest
import torch

from seqexp.store import provenance


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory outside any repository."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def collected(**data: Any) -> dict[str, Any]:
    return provenance.collect(device="cpu", threads=3, data=data)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    ended = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.mark.usefixtures("folder")
def test_versions_are_those_the_packages_say_themselves() -> None:
    versions = collected()["versions"]
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert versions["torch"] == metadata.version("torch")
    assert versions["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert versions["numpy"] == numpy.__version__
    assert versions["pydantic"] == pydantic.__version__
    assert None not in versions.values()


def test_every_dependency_has_its_version_noted() -> None:
    """But for readers and printers of files, which change no number."""
    needed = {re.split(r"[<>=;\s\[]", r)[0] for r in metadata.requires("seqexp") or [] if "extra ==" not in r}
    assert needed - set(provenance.PACKAGES) == {"pyarrow", "pyyaml", "rich"}


@pytest.mark.usefixtures("folder")
def test_a_package_that_is_not_there_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
    assert collected()["versions"]["no-such-package"] is None


@pytest.mark.usefixtures("folder")
def test_what_is_handed_over_and_the_host_are_noted() -> None:
    found = collected(fingerprint="abc")
    assert (found["device"], found["threads"], found["data"]) == ("cpu", 3, {"fingerprint": "abc"})
    assert found["host"] == {"name": socket.gethostname(), "system": platform.platform(), "cores": os.cpu_count()}
    assert found["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert found["extensions"] == []
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.usefixtures("folder")
def test_torch_is_not_loaded_to_ask_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    assert collected()["cpu_capability"] is None
    assert "torch" not in sys.modules


def test_the_commit_is_noted_and_whether_a_tracked_file_changed(folder: Path) -> None:
    assert collected()["git"] is None
    git(folder, "init", "--quiet")
    assert collected()["git"] is None  # a repository without a commit
    (folder / "a.txt").write_text("one")
    git(folder, "add", "a.txt")
    git(folder, "commit", "--quiet", "-m", "first")
    commit = git(folder, "rev-parse", "HEAD")
    assert len(commit) == 40
    (folder / "untracked.txt").write_text("")
    assert collected()["git"] == {"commit": commit, "changed": False}
    (folder / "a.txt").write_text("two")
    assert collected()["git"] == {"commit": commit, "changed": True}


@pytest.mark.usefixtures("folder")
def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert collected()["git"] is None


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("error", [OSError("no"), subprocess.TimeoutExpired("git", 5)])
def test_a_git_that_fails_or_hangs_stops_no_training(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def run(*_: Any, timeout: float, **__: Any) -> None:
        assert timeout <= 10
        raise error

    monkeypatch.setattr(provenance.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(provenance.subprocess, "run", run)
    assert collected()["git"] is None


@pytest.mark.usefixtures("folder")
def test_nothing_of_the_environment_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_TOKEN", "SEQEXP_SECRET", "PASSWORD"):
        monkeypatch.setenv(name, "swordfish-12345")
    text = json.dumps(collected())
    assert "swordfish" not in text
    assert "API_TOKEN" not in text
