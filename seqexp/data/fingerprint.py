"""The fingerprint of sequences: the same data has the same one, wherever it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from seqexp.data.sequences import Sequences


def fingerprint_of(splits: Mapping[str, Sequences]) -> str:
    """SHA-256 over every split's steps, lengths and targets."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(name.encode())
        for array in (split.values, split.offsets, split.targets):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
