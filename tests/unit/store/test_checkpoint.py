from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqexp.errors import CheckpointError, RunError
from seqexp.store import checkpoint


def payload(value: float = 1.0) -> dict[str, Any]:
    return {"model": {"w": torch.full((3, 2), value)}, "progress": {"step": 7, "best": None}, "names": ["a", "b"]}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Checkpoints of steps 1 to 3, of which 2 has the lowest score and 1 the highest."""
    for step, score in ((1, 0.9), (2, 0.1), (3, 0.5)):
        checkpoint.save(tmp_path, step, payload(step), score)
    return tmp_path


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_what_is_saved_is_loaded_bit_for_bit(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path / "checkpoints", 12, payload(0.1))
    assert path == tmp_path / "checkpoints" / "step-00000012.pt"
    loaded = checkpoint.load(path)
    assert torch.equal(loaded["model"]["w"], torch.full((3, 2), 0.1))
    assert loaded["progress"] == {"step": 7, "best": None}
    assert loaded["names"] == ["a", "b"]


def test_the_checksum_is_what_sha256sum_would_say(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 1, payload(), score=0.1)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.with_name(f"{path.name}.sha256").read_text() == f"{digest}  {path.name}\n# score 0.1\n"


def test_checkpoints_are_found_by_step_whatever_else_is_there(three: Path) -> None:
    for name in ("step-1.pt", "step-00000009.pt.123.tmp", "other.pt", "step-00000010.pt.sha256"):
        (three / name).write_text("")
    checkpoint.save(three, 123_456_789, payload())
    assert list(checkpoint.steps(three)) == [1, 2, 3, 123_456_789]
    assert checkpoint.steps(three / "nowhere") == {}


def test_ranked_reads_scores_from_the_disk(three: Path) -> None:
    checkpoint.save(three, 4, payload())  # not validated
    checkpoint.save(three, 5, payload(), float("nan"))
    checkpoint.save(three, 6, payload(), 0.1)  # equal to 2, which is older
    names = [p.name[-4:-3] for p in checkpoint.ranked(three, "min")]
    assert names == ["2", "6", "3", "1"]
    assert [p.name[-4:-3] for p in checkpoint.ranked(three, "max")] == ["1", "3", "2", "6"]


def test_best_is_none_without_scores_and_an_error_where_it_was_lost(three: Path) -> None:
    assert checkpoint.best(three, "min", 0.1) == three / "step-00000002.pt"
    assert checkpoint.best(three, "max", 0.9) == three / "step-00000001.pt"
    assert checkpoint.best(three, "min", 0.2) == three / "step-00000002.pt"  # improved by less than min_delta
    assert checkpoint.best(three / "nowhere", "min", None) is None
    checkpoint.discard(three / "step-00000002.pt")
    with pytest.raises(CheckpointError, match=r"with score 0\.1, is missing from .*; restore it from a copy, or"):
        checkpoint.best(three, "min", 0.1)
    with pytest.raises(CheckpointError, match="is missing"):
        checkpoint.best(three / "nowhere", "max", 0.9)


@pytest.mark.parametrize(("last", "best", "kept"), [(1, 1, [2, 3]), (2, 1, [2, 3]), (1, 2, [2, 3]), (3, 1, [1, 2, 3])])
def test_prune_keeps_the_newest_and_the_best(three: Path, last: int, best: int, kept: list[int]) -> None:
    checkpoint.prune(three, keep_last=last, keep_best=best, mode="min")
    assert list(checkpoint.steps(three)) == kept
    assert len(os.listdir(three)) == 2 * len(kept)


def test_prune_by_the_highest_score(three: Path) -> None:
    checkpoint.prune(three, keep_last=1, keep_best=1, mode="max")
    assert list(checkpoint.steps(three)) == [1, 3]


def test_prune_removes_checksums_without_a_checkpoint(three: Path) -> None:
    (three / "step-00000001.pt").unlink()
    checkpoint.prune(three, keep_last=1, keep_best=1, mode="min")
    assert not (three / "step-00000001.pt.sha256").exists()


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "first byte": (lambda p: flip(p, 0), "is damaged: its SHA-256 is"),
    "middle byte": (lambda p: flip(p, p.stat().st_size // 2), "is damaged"),
    "last byte": (lambda p: flip(p, -1), "is damaged"),
    "truncated": (lambda p: os.truncate(p, p.stat().st_size // 2), "is damaged"),
    "one byte short": (lambda p: os.truncate(p, p.stat().st_size - 1), "is damaged"),
    "longer": (lambda p: p.write_bytes(p.read_bytes() + b"\0"), "is damaged"),
    "empty": (lambda p: p.write_bytes(b""), "is damaged"),
    "zeroed": (lambda p: p.write_bytes(bytes(p.stat().st_size)), "is damaged"),
    "missing": (lambda p: p.unlink(), "cannot read .*: No such file"),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "cannot read .*: Is a directory"),
    "no checksum": (lambda p: p.with_name(f"{p.name}.sha256").unlink(), "has no checksum beside it"),
    "empty checksum": (lambda p: p.with_name(f"{p.name}.sha256").write_text(""), "has no checksum beside it"),
    "binary checksum": (lambda p: p.with_name(f"{p.name}.sha256").write_bytes(b"\xff\xfe" * 40), "has no checksum"),
    "other checksum": (lambda p: p.with_name(f"{p.name}.sha256").write_text("0" * 64 + "  x\n"), "0{12}... was"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_found(three: Path, how: str) -> None:
    path = three / "step-00000003.pt"
    DAMAGE[how][0](path)
    with pytest.raises(CheckpointError, match=DAMAGE[how][1]):
        checkpoint.load(path)


@pytest.mark.parametrize("how", [h for h in DAMAGE if h not in ("missing", "a folder")])
def test_the_newest_that_is_whole_is_taken_and_it_is_said_aloud(three: Path, how: str) -> None:
    DAMAGE[how][0](three / "step-00000003.pt")
    said: list[str] = []
    found = checkpoint.load_newest(three, said.append)
    assert found is not None
    assert found[0] == three / "step-00000002.pt"
    assert float(found[1]["model"]["w"][0, 0]) == 2.0
    assert len(said) == 1
    assert said[0].endswith("; going on from step-00000002.pt instead")
    assert list(checkpoint.steps(three)) == [1, 2]


def test_nothing_is_said_where_all_is_well(three: Path) -> None:
    said: list[str] = []
    found = checkpoint.load_newest(three, said.append)
    assert found is not None
    assert found[0].name == "step-00000003.pt"
    assert said == []
    assert checkpoint.load_newest(three / "nowhere", said.append) is None


def test_where_none_is_whole_it_is_an_error_and_nothing_is_deleted(three: Path) -> None:
    for path in checkpoint.steps(three).values():
        flip(path, 100)
    before = sorted(os.listdir(three))
    with pytest.raises(CheckpointError, match="can be trusted") as error:
        checkpoint.load_newest(three, lambda _: None)
    assert str(error.value).count("is damaged") == 3
    assert "restore one from a copy, or delete the run directory to start again" in str(error.value)
    assert sorted(os.listdir(three)) == before


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


def signed(path: Path) -> Path:
    """A file with its right checksum, as an attacker would give it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    return path


@pytest.mark.parametrize("form", ["torch", "torch, nested", "torch, legacy", "pickle", "zip"])
def test_a_pickle_bomb_is_refused_and_never_goes_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "step-00000001.pt"
    if form == "torch, nested":
        torch.save({**payload(), "more": [Bomb()]}, path)
    elif form == "pickle":
        path.write_bytes(pickle.dumps(Bomb()))
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
            archive.writestr("archive/version", "3\n")
    else:
        torch.save(Bomb(), path, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(CheckpointError, match="cannot be loaded as tensors and plain values"):
        checkpoint.load(signed(path))
    assert not (tmp_path / "exploded").exists()


def test_a_bomb_in_place_of_the_newest_stops_everything(three: Path) -> None:
    torch.save(Bomb(), three / "step-00000003.pt")
    signed(three / "step-00000003.pt")
    with pytest.raises(CheckpointError, match="cannot be loaded as tensors and plain values"):
        checkpoint.load_newest(three, lambda _: None)
    assert list(checkpoint.steps(three)) == [1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken", bytes(1000)])
def test_bytes_that_are_no_checkpoint_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "step-00000001.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be loaded as tensors and plain values"):
        checkpoint.load(signed(path))


def test_a_file_of_plain_values_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "step-00000001.pt"
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="is no checkpoint of seqexp"):
        checkpoint.load(signed(path))


KILLER = """
import os, signal, sys
from pathlib import Path
import torch
from seqexp.store import checkpoint

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
    checkpoint.HashingWriter.write = die(checkpoint.HashingWriter.write)
else:
    setattr(os, name, die(getattr(os, name)))
for number in range(int(sys.argv[5])):
    checkpoint.save(Path(sys.argv[1]), 7, {"model": {"w": torch.full((3, 2), float(number))}}, score=0.25)
"""


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True], ids=["first save", "same step saved again"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("name", "call"), [("write", 1), ("write", 5), ("fsync", 1), ("fsync", 2), ("fsync", 3), ("replace", 1),
                       ("replace", 2), ("fsync", 4)]
)  # fmt: skip
def test_killed_at_any_system_call_of_a_save(tmp_path: Path, name: str, call: int, when: str, again: bool) -> None:
    if again:
        checkpoint.save(tmp_path, 7, {"model": {"w": torch.full((3, 2), 9.0)}}, score=None)
    ended = subprocess.run([sys.executable, "-c", KILLER, tmp_path, name, str(call), when, "1"], check=False)
    assert ended.returncode == -signal.SIGKILL
    found = checkpoint.load_newest(tmp_path, lambda _: None)
    if found is None:
        assert not again
        return
    new = float(found[1]["model"]["w"][0, 0]) == 0.0
    assert new or again
    assert checkpoint.ranked(tmp_path, "min") == ([tmp_path / "step-00000007.pt"] if new else [])


def test_saving_a_step_again_never_leaves_it_unverifiable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a signal at an epoch's last step: the resumed run validates, and saves that step once more."""
    path = checkpoint.save(tmp_path, 7, payload(9.0))
    replace, names = os.replace, []

    def failing(source: Path, target: Path) -> None:
        names.append(target.name)
        if target.name == path.name:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, 7, payload(1.0), score=0.5)
    monkeypatch.undo()
    assert names == ["step-00000007.pt.sha256", "step-00000007.pt"]
    assert float(checkpoint.load(path)["model"]["w"][0, 0]) == 9.0
    assert checkpoint.ranked(tmp_path, "min") == []
    checkpoint.save(tmp_path, 7, payload(1.0), score=0.5)
    assert float(checkpoint.load(path)["model"]["w"][0, 0]) == 1.0
    assert checkpoint.ranked(tmp_path, "min") == [path]


@pytest.mark.parametrize("limit", [0, 60, 700, 5_000, 40_000])
def test_a_full_disk_during_a_save_is_one_message_and_harms_nothing(three: Path, limit: int) -> None:
    resource = pytest.importorskip("resource")
    before = sorted(os.listdir(three))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(RunError, match=r"cannot write .*step-00000004\.pt.*: File too large; make room or"):
            checkpoint.save(three, 4, {"model": {"w": torch.zeros(20_000)}}, 0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    found = checkpoint.load_newest(three, lambda _: None)
    assert found is not None
    assert found[0].name == "step-00000003.pt"
    left = set(os.listdir(three)) - set(before)
    assert left <= {"step-00000004.pt.sha256"}  # the next prune takes it away
    checkpoint.prune(three, keep_last=3, keep_best=3, mode="min")
    assert sorted(os.listdir(three)) == before
