"""The adding problem: the sum of the two marked among T numbers.

Hochreiter and Schmidhuber 1997, section 5.4, in the form of Bai, Kolter and Koltun 2018: numbers uniform in 0..1, both
marks anywhere, T the same for all.
"""

from __future__ import annotations

import numpy as np

from seqexp.config.schema.sequences import AddingData
from seqexp.data.fingerprint import fingerprint_of
from seqexp.data.sequence_data import SequenceData
from seqexp.data.sequences import Sequences
from seqexp.data.spec import ExampleSpec, Number, Vectors

ALWAYS_ONE = 1 / 6
"""Mean squared error of always saying 1: the variance of a sum of two uniform numbers, 2 / 12."""


def load(config: AddingData) -> SequenceData:
    """Sequences (T, 2): a number and a mark at each step; the target is the sum of the two numbers with mark 1.

    Each split is a function of the seed and its own size alone.
    """
    sizes = {"train": config.train, "valid": config.valid, "test": config.test}
    splits = {name: _draw(size, config.length, [config.seed, i]) for i, (name, size) in enumerate(sizes.items())}
    return SequenceData(
        splits,
        ExampleSpec(Vectors(2), Number()),
        fingerprint_of(splits),
        facts={
            "target": "the sum of the two marked numbers",
            "floor": "always saying 1 has mean squared error 1/6 = 0.1667; Le et al. 2015 print it as 0.1767",
        },
        floor={"always_one": ALWAYS_ONE},
    )


def _draw(size: int, length: int, seed: list[int]) -> Sequences:
    rng = np.random.default_rng(seed)
    inputs = np.zeros((size, length, 2), dtype=np.float32)
    inputs[..., 0] = rng.random((size, length), dtype=np.float32)
    first = rng.integers(length, size=size)
    second = (first + rng.integers(1, length, size=size)) % length  # any step but the first
    rows = np.arange(size)
    inputs[rows, first, 1] = inputs[rows, second, 1] = 1.0
    targets = inputs[rows, first, 0] + inputs[rows, second, 0]
    offsets = np.arange(size + 1, dtype=np.int64) * length
    return Sequences(inputs.reshape(size * length, 2), offsets, targets)
