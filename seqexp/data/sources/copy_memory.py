"""The copy task: ten digits, a long nothing, then the ten digits again (Arjovsky et al. 2016).

The layout is that of Bai, Kolter and Koltun 2018, over the symbols 0 to 9:

    input    d1 ... d10   0 (T - 1 times)   9 (11 times)       d: 1 to 8
    target   0 (T + 10 times)               d1 ... d10
"""

from __future__ import annotations

from math import log

import numpy as np

from seqexp.config.schema.sequences import CopyMemoryData
from seqexp.data.fingerprint import fingerprint_of
from seqexp.data.sequence_data import SequenceData
from seqexp.data.sequences import Sequences
from seqexp.data.spec import ExampleSpec, Labels, Tokens

DIGITS = 10
"""How many are to be remembered."""
_KINDS, _SIGNAL = 8, 9


def load(config: CopyMemoryData) -> SequenceData:
    """Sequences of T + 20 tokens with a class 0 to 9 at each step.

    Everywhere in seqexp token 0 is padding, so symbol s is read as token s + 1; the classes are the symbols.
    Each split is a function of the seed and its own size alone.
    """
    sizes = {"train": config.train, "valid": config.valid, "test": config.test}
    splits = {name: _draw(size, config.length, [config.seed, i]) for i, (name, size) in enumerate(sizes.items())}
    steps = config.length + 2 * DIGITS
    floor = DIGITS * log(_KINDS) / steps
    return SequenceData(
        splits,
        ExampleSpec(Tokens(11), Labels(10, each_step=True)),
        fingerprint_of(splits),
        classes=tuple(str(symbol) for symbol in range(10)),
        facts={
            "target": f"the first {DIGITS} symbols, in the last {DIGITS} of {steps} steps",
            "floor": f"without memory the cross entropy is 10 ln 8 / (T + 20) = {floor:.4g}",
        },
        floor={"memoryless": floor},
    )


def _draw(size: int, length: int, seed: list[int]) -> Sequences:
    digits = np.random.default_rng(seed).integers(1, _KINDS + 1, size=(size, DIGITS))
    steps = length + 2 * DIGITS
    symbols = np.zeros((size, steps), dtype=np.int32)
    symbols[:, :DIGITS] = digits
    symbols[:, -DIGITS - 1 :] = _SIGNAL
    targets = np.zeros((size, steps), dtype=np.int64)
    targets[:, -DIGITS:] = digits
    offsets = np.arange(size + 1, dtype=np.int64) * steps
    return Sequences((symbols + 1).ravel(), offsets, targets.ravel())
