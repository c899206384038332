from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from support.sections import data

from seqexp.data.sequence_data import SequenceData
from seqexp.data.sources.music import load
from seqexp.data.spec import ExampleSpec, Keys, Vectors
from seqexp.errors import DataError

SPLITS = ("train", "valid", "test")


def roll(*steps: tuple[int, ...]) -> NDArray[np.uint8]:
    made = np.zeros((len(steps), 88), dtype=np.uint8)
    for step, keys in enumerate(steps):
        made[step, list(keys)] = 1
    return made


def cells(*pieces: Any) -> NDArray[Any]:
    made = np.empty((1, len(pieces)), dtype=object)
    for i, piece in enumerate(pieces):
        made[0, i] = piece
    return made


def saved(folder: Path, **changes: Any) -> Path:
    """A file like those of the literature, but for some of it; None leaves out."""
    plain = {f"{split}data": cells(roll((0, 87), (1,), ())) for split in SPLITS}
    path = folder / "music.mat"
    savemat(path, {name: value for name, value in {**plain, **changes}.items() if value is not None})
    return path


def of(path: Path) -> SequenceData:
    return load(data("music", path=str(path)))


def test_each_step_is_to_be_told_from_those_before(tmp_path: Path) -> None:
    pieces = roll((0, 87), (1,), (2, 3)), roll((4,), (5,))
    made = of(saved(tmp_path, traindata=cells(*pieces)))
    assert made.spec == ExampleSpec(Vectors(88), Keys(88))
    train = made.splits["train"]
    assert train.lengths.tolist() == [2, 1]
    np.testing.assert_array_equal(train.values, np.concatenate([p[:-1] for p in pieces]))
    np.testing.assert_array_equal(train.targets, np.concatenate([p[1:] for p in pieces]))
    assert train.values.dtype == train.targets.dtype == np.float32
    assert made.notes == ()
    assert made.facts["sounding"] == "1.33 of 88 keys at a step of train, on average"  # 1, 2 and 1


@pytest.mark.parametrize("kind", [np.float64, np.int16, bool])
def test_zeros_and_ones_of_any_kind_are_a_roll(tmp_path: Path, kind: Any) -> None:
    made = of(saved(tmp_path, validdata=cells(roll((7,), (8,)).astype(kind))))
    assert np.argwhere(made.splits["valid"].targets).tolist() == [[0, 8]]


def test_pieces_of_one_step_are_dropped_and_told(tmp_path: Path) -> None:
    made = of(saved(tmp_path, testdata=cells(roll((1,)), roll((1,), (2,)), np.zeros((0, 88)))))
    assert len(made.splits["test"]) == 1
    assert made.notes == ("2 pieces of test dropped: with one step there is none to predict",)
    with pytest.raises(DataError, match="valid has no piece of 2 steps or more"):
        of(saved(tmp_path, validdata=cells(roll((1,)))))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validdata": None}, r"has no validdata; it needs traindata, validdata, testdata"),
        ({"validdata": None, "testdata": None}, r"has no validdata and no testdata"),
        ({"traindata": np.zeros((3, 88))}, r"traindata must be a cell array of piano rolls, but is .* numbers"),
        ({"traindata": "text"}, r"but is an array of text"),
        ({"traindata": cells()}, r"traindata has no pieces"),
        ({"testdata": cells(roll((1,), (2,)), np.zeros((5, 87)))}, r"testdata, piece 2 must be .* but is 5 x 87"),
        ({"testdata": cells(np.zeros((5, 2, 88)))}, r"piece 1 must be steps x 88 keys, but is 5 x 2 x 88"),
        ({"testdata": cells(roll((1,), (2,)) * 64)}, r"piece 1, step 1, key 2 must be 0 or 1, but is 64; write 1"),
        ({"testdata": cells(np.full((2, 88), np.nan))}, r"step 1, key 1 must be 0 or 1, but is nan"),
        ({"testdata": cells("song")}, r"piece 1 must hold numbers, but holds text"),
        ({"testdata": cells({"a": 1.0})}, r"piece 1 must hold numbers, but holds structures"),
        ({"testdata": cells(cells(roll((1,))))}, r"piece 1 must hold numbers, but holds cells or objects"),
        ({"testdata": cells(np.full((2, 88), 1j))}, r"piece 1 must hold numbers, but holds complex numbers"),
    ],
)  # fmt: skip
def test_what_is_no_piano_roll_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        of(saved(tmp_path, **changes))


def test_what_is_no_matlab_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    whole = path.read_bytes()
    for content in (
        b"",
        b"a text, not music",
        bytes(range(256)) * 4,
        whole[: len(whole) // 2],
        b"MATLAB 7.3" + whole[:9],
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"music\.mat (cannot be read as a MATLAB file|has no )"):
            of(path)
    for wrong in (tmp_path, tmp_path / "nowhere.mat"):
        with pytest.raises(DataError, match=r"must be one MATLAB file with traindata, validdata, testdata"):
            of(wrong)


# Generated.


def test_without_a_path_there_are_200_progressions_of_triads_in_four_parts() -> None:
    made = load(data("music"))
    assert [len(made.splits[s]) for s in SPLITS] == [140, 30, 30]
    assert made.fingerprint == load(data("music")).fingerprint
    triads = {
        frozenset((root + i) % 12 for i in kind) for root in range(12) for kind in ((0, 4, 7), (0, 3, 7), (0, 3, 6))
    }
    everything = np.concatenate([made.splits[s].values for s in SPLITS])
    for step in np.unique(everything, axis=0):
        pitches = np.flatnonzero(step) + 21
        assert len(pitches) == 4
        bass, *upper = (int(p) for p in pitches)
        assert bass < 48 <= min(upper)
        assert frozenset(p % 12 for p in upper) in triads
        assert frozenset(((p - bass) % 12) for p in upper) in {frozenset(t) for t in ((0, 4, 7), (0, 3, 7), (0, 3, 6))}


def test_every_piece_begins_on_the_tonic_and_ends_on_it_after_the_dominant() -> None:
    train = load(data("music")).splits["train"]
    keys = set()
    for i in range(len(train)):
        piece = np.concatenate([train[i], train.targets[train.offsets[i + 1] - 1][None]])
        bass = [int(np.flatnonzero(step)[0]) % 12 for step in piece]
        changes = [b for k, b in enumerate(bass) if k == 0 or b != bass[k - 1]]
        assert changes[0] == changes[-1]
        assert (changes[-2] - changes[-1]) % 12 == 7  # a fifth above
        keys.add(changes[0])
    assert len(keys) == 12


# As spread with the literature.


@pytest.mark.parametrize(
    ("name", "sizes", "uniform"), [("JSB_Chorales", [229, 76, 77], 13_578), ("Nottingham", [694, 173, 170], 175_867)]
)
def test_the_files_of_the_literature(shared_data: Path, name: str, sizes: list[int], uniform: int) -> None:
    made = of(shared_data / "music" / f"{name}.mat")
    assert [len(made.splits[s]) for s in SPLITS] == sizes
    assert len(made.splits["train"].targets) == uniform
    assert 3.5 < made.splits["train"].targets.sum(axis=1).mean() < 4.5
    assert math.isclose(made.splits["train"].values.max(), 1.0)
