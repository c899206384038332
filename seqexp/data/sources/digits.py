"""Handwritten digits read pixel by pixel: scikit-learn's 8 x 8, or MNIST's 28 x 28 from its files (Le et al. 2015).

Shapes: S images, P pixels of each.
"""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqexp.config.schema.sequences import DigitsData, ExampleSplit
from seqexp.data.fingerprint import fingerprint_of
from seqexp.data.panel import Ints
from seqexp.data.sequence_data import SequenceData
from seqexp.data.sequences import Sequences
from seqexp.data.spec import ExampleSpec, Labels, Vectors
from seqexp.errors import DataError, first_line

PERMUTATION_SEED = 1
"""Of the one order in which `data.permuted` reads the pixels, in every run."""
_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_MAGIC = {3: 2051, 1: 2049}
"""How an idx file of unsigned bytes begins, by its dimensions."""


class _Images(NamedTuple):
    pixels: NDArray[np.float32]
    """(S, P), in 0..1."""
    labels: Ints
    """(S)"""


def load(config: DigitsData) -> SequenceData:
    """Sequences (P, 1) of pixels from 0 to 1, row by row or in one random order, and the digit each shows.

    Raises:
        DataError: If a file is missing, damaged, or no idx file; if a class is too small to be split.
    """
    test: _Images | None = None
    if config.path:
        train, test = _mnist(config.path)
        about = "MNIST, the official test split"
    else:
        train = _scikit_learn()
        about = "scikit-learn's digits (8 x 8, 1,797 of them) in place of MNIST (28 x 28, 70,000)"
    if test is None:
        train, test = _split(train, config.split, "test")
    train, valid = _split(train, config.split, "valid")
    pixels = train.pixels.shape[1]
    order = np.arange(pixels)
    if config.permuted:
        order = np.random.default_rng(PERMUTATION_SEED).permutation(pixels)
    splits = {
        name: Sequences(
            images.pixels[:, order].reshape(-1, 1),
            np.arange(len(images.labels) + 1, dtype=np.int64) * pixels,
            images.labels,
        )
        for name, images in (("train", train), ("valid", valid), ("test", test))
    }
    return SequenceData(
        splits,
        ExampleSpec(Vectors(1), Labels(10)),
        fingerprint_of(splits),
        classes=tuple(str(digit) for digit in range(10)),
        facts={"images": about, "order": "one random permutation" if config.permuted else "row by row"},
    )


def _scikit_learn() -> _Images:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return _Images((pixels / 16).astype(np.float32), labels.astype(np.int64))


def _split(images: _Images, split: ExampleSplit, part: Literal["valid", "test"]) -> tuple[_Images, _Images]:
    """What is left, and the part."""
    from sklearn.model_selection import train_test_split

    share: float = getattr(split, part)
    by = images.labels if split.stratified else None
    rows = np.arange(len(images.labels))
    try:
        kept, drawn = train_test_split(rows, test_size=share, random_state=split.seed, stratify=by)
    except ValueError as error:
        raise DataError(
            f"{len(rows)} images cannot be split with data.split.{part}={share}: {first_line(error)}; choose another "
            "share, or data.split.stratified=false"
        ) from None
    return _Images(images.pixels[kept], images.labels[kept]), _Images(images.pixels[drawn], images.labels[drawn])


def _mnist(paths: tuple[str, ...]) -> tuple[_Images, _Images]:
    folder = Path(paths[0])
    if len(paths) > 1 or not folder.is_dir():
        raise DataError(
            f"data.path={','.join(paths)} must be one folder with MNIST's four files, {', '.join(_names())} (.gz too)"
        )
    train, test = (_pair(folder, *_FILES[split]) for split in ("train", "test"))
    if train.pixels.shape[1] != test.pixels.shape[1]:
        raise DataError(
            f"{folder}: images of train have {train.pixels.shape[1]} pixels, those of test {test.pixels.shape[1]}; "
            "take all four files from one data set"
        )
    return train, test


def _names() -> list[str]:
    return [name for pair in _FILES.values() for name in pair]


def _pair(folder: Path, images: str, labels: str) -> _Images:
    at, pixels = _read(folder, images, 3)
    label_at, digits = _read(folder, labels, 1)
    if len(pixels) != len(digits):
        raise DataError(f"{at} has {len(pixels)} images, but {label_at} has {len(digits)} labels; they belong together")
    if not len(pixels):
        raise DataError(f"{at} has no images")
    if digits.max() > 9:
        raise DataError(
            f"{label_at} must hold digits 0 to 9, but image {int((digits > 9).argmax())} has {digits.max()}"
        )
    flat = pixels.reshape(len(pixels), -1).astype(np.float32)
    flat /= 255
    return _Images(flat, digits.astype(np.int64))


def _read(folder: Path, name: str, dimensions: int) -> tuple[Path, NDArray[Any]]:
    """An idx file of unsigned bytes: a magic number, the sizes (big-endian, 4 bytes each), then the values."""
    dotted = name.replace("-idx", ".idx")  # as some copies have it
    path = next((p for n in (name, dotted) for p in (folder / n, folder / f"{n}.gz") if p.is_file()), None)
    if path is None:
        raise DataError(f"{folder} has no file {name} (or {name}.gz); it needs {', '.join(_names())}")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {first_line(error)}; copy it again") from None
    header = np.frombuffer(data[: 4 * (1 + dimensions)], dtype=">i4") if len(data) >= 4 * (1 + dimensions) else None
    if header is None or header[0] != _MAGIC[dimensions] or (header[1:] < 0).any():
        raise DataError(
            f"{path} is no idx file of {'images' if dimensions == 3 else 'labels'}: it must begin with the number "
            f"{_MAGIC[dimensions]}, and its sizes"
        )
    sizes = [int(size) for size in header[1:]]
    values = np.frombuffer(data, dtype=np.uint8, offset=4 * (1 + dimensions))
    if len(values) != prod(sizes):
        raise DataError(
            f"{path} says {' x '.join(map(str, sizes))} values, but has {len(values)}; it was cut off: copy it again"
        )
    return path, values.reshape(sizes)
