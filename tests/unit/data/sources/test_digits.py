from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from support.sections import data

from seqexp.data.sequence_data import SequenceData
from seqexp.data.sources.digits import load
from seqexp.data.spec import ExampleSpec, Labels, Vectors
from seqexp.errors import DataError

SPLITS = ("train", "valid", "test")
SPLIT = {"valid": 0.1, "test": 0.2, "stratified": True, "seed": 1}


def images(made: SequenceData, split: str) -> NDArray[Any]:
    part = made.splits[split]
    return part.values.reshape(len(part), -1)


def test_without_a_path_the_digits_are_scikit_learns() -> None:
    made = load(data("digits"))
    assert made.spec == ExampleSpec(Vectors(1), Labels(10))
    assert made.classes == tuple("0123456789")
    assert "in place of MNIST" in made.facts["images"]
    assert [len(made.splits[s]) for s in SPLITS] == [1293, 144, 360]  # 20 % of 1797, then 10 % of the rest
    pixels, labels = load_digits(return_X_y=True)
    expected = sorted((*row, label) for row, label in zip((pixels / 16).tolist(), labels.tolist(), strict=True))
    parts = ((images(made, s).tolist(), made.splits[s].targets.tolist()) for s in SPLITS)
    found = [(*row, label) for part in parts for row, label in zip(*part, strict=True)]
    assert sorted(found) == expected  # each image once, with its own label


def test_every_class_has_its_share_of_each_split() -> None:
    counts = {s: np.bincount(load(data("digits")).splits[s].targets) for s in SPLITS}
    total = counts["train"] + counts["valid"] + counts["test"]
    assert np.abs(counts["test"] - 0.2 * total).max() <= 1
    assert np.abs(counts["valid"] - 0.08 * total).max() <= 1


def test_the_draw_follows_its_own_seed() -> None:
    one, again, other = (load(data("digits", split={**SPLIT, "seed": seed})) for seed in (1, 1, 2))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    loose = load(data("digits", split={**SPLIT, "stratified": False}))
    assert np.bincount(loose.splits["test"].targets).std() > np.bincount(one.splits["test"].targets).std()


def test_one_permutation_serves_all_splits_and_runs() -> None:
    plain, permuted, other = (
        load(data("digits", permuted=permuted, split={**SPLIT, "seed": seed}))
        for permuted, seed in ((False, 1), (True, 1), (True, 2))
    )
    before, after = images(plain, "train").T, images(permuted, "train").T
    order = [int((before == [pixel]).all(axis=1).argmax()) for pixel in after]
    assert order != sorted(order)
    for split in SPLITS:
        np.testing.assert_array_equal(images(plain, split)[:, order], images(permuted, split))
    np.testing.assert_array_equal(
        images(load(data("digits", split={**SPLIT, "seed": 2})), "test")[:, order], images(other, "test")
    )


# MNIST's files.


def idx(magic: int, values: NDArray[Any]) -> bytes:
    """As their page describes them: a magic number and the sizes, big-endian, then bytes."""
    return b"".join(int(n).to_bytes(4, "big") for n in (magic, *values.shape)) + values.astype(np.uint8).tobytes()


def write_mnist(folder: Path, *, train: int = 40, test: int = 10, side: int = 3, packed: bool = False) -> None:
    rng = np.random.default_rng(0)
    for name, count in (("train", train), ("t10k", test)):
        pixels, labels = rng.integers(0, 256, (count, side, side)), np.arange(count) % 10
        for kind, content in (("images-idx3", idx(2051, pixels)), ("labels-idx1", idx(2049, labels))):
            path = folder / f"{name}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_keeps_its_own_test_split(tmp_path: Path, packed: bool) -> None:
    write_mnist(tmp_path, packed=packed)
    made = load(data("digits", path=str(tmp_path), split={**SPLIT, "valid": 0.25}))
    assert [len(made.splits[s]) for s in SPLITS] == [30, 10, 10]
    assert np.bincount(made.splits["valid"].targets).tolist() == [1] * 10
    rng = np.random.default_rng(0)
    rng.integers(0, 256, (40, 3, 3))
    expected = rng.integers(0, 256, (10, 9)).astype(np.float32) / 255
    np.testing.assert_array_equal(images(made, "test"), expected)
    assert made.splits["test"].targets.tolist() == list(range(10))
    assert made.facts["images"] == "MNIST, the official test split"


def test_names_with_a_dot_are_known_too(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    assert len(load(data("digits", path=str(tmp_path), split={**SPLIT, "valid": 0.25})).splits["test"]) == 10


LABELS, IMAGES = "train-labels-idx1-ubyte", "train-images-idx3-ubyte"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (LABELS, None, rf"has no file {LABELS} \(or {LABELS}\.gz\)"),
        (LABELS, b"", rf"{LABELS} is no idx file of labels: it must begin with the number 2049"),
        (IMAGES, b"\x89PNG" + bytes(40), rf"{IMAGES} is no idx file of images"),
        (IMAGES, idx(2051, np.zeros((40, 3, 3)))[:-1], r"says 40 x 3 x 3 values, but has 359; it was cut off"),
        (IMAGES, idx(2051, np.zeros((39, 3, 3))), r"has 39 images, but .* has 40 labels; they belong together"),
        (IMAGES, idx(2051, np.zeros((40, 2, 2))), r"images of train have 4 pixels, those of test 9"),
        (LABELS, idx(2049, np.full(40, 10)), r"must hold digits 0 to 9, but image 0 has 10"),
        (LABELS, (2049).to_bytes(4, "big") + b"\xff\xff\xff\xff", "is no idx file of labels"),
    ],
)
def test_what_is_no_mnist_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    write_mnist(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(data("digits", path=str(tmp_path)))


def test_a_packed_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    write_mnist(tmp_path, packed=True)
    path = tmp_path / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=rf"{IMAGES}\.gz cannot be read: .*; copy it again"):
        load(data("digits", path=str(tmp_path)))


def test_a_path_must_be_one_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (str(tmp_path / "file"), str(tmp_path / "nowhere"), [str(tmp_path), str(tmp_path)]):
        with pytest.raises(DataError, match=r"must be one folder with MNIST's four files, train-images-idx3-ubyte, "):
            load(data("digits", path=path))


def test_no_images_and_too_few_of_a_class_are_told(tmp_path: Path) -> None:
    write_mnist(tmp_path, train=0)
    with pytest.raises(DataError, match="has no images"):
        load(data("digits", path=str(tmp_path)))
    write_mnist(tmp_path, train=11)
    with pytest.raises(DataError, match=r"11 images cannot be split with data\.split\.valid=0\.1: .*stratified=false"):
        load(data("digits", path=str(tmp_path)))
