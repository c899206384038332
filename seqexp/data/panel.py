"""Many series over time, end to end in flat arrays.

Shapes: R rows of all series together, S series, C target channels, O observed and K known covariates.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Times = NDArray[Any]
"""datetime64[ns], or int64 positions where the data has no dates."""


@dataclass(frozen=True)
class Panel:
    """What a source of time series gives."""

    names: tuple[str, ...]
    """The series, S."""
    offsets: Ints
    """(S + 1): series s is rows offsets[s] to offsets[s + 1]."""
    times: Times
    """(R): dates, or plain positions where the data has none. Rising within a series."""
    target: Floats
    """(R, C), in the user's units."""
    target_names: tuple[str, ...]
    observed: NDArray[np.float32]
    """(R, O): covariates known up to now. NaN where there is not enough history to compute one."""
    observed_names: tuple[str, ...]
    known: NDArray[np.float32]
    """(R, K): covariates known for the future too."""
    known_names: tuple[str, ...]
    frequency: str | None
    """A pandas offset; None where there are no dates."""
    season: int
    """Steps in a season; 1 where there is none."""
    notes: tuple[str, ...] = field(default=())
    """What was found in the data and what was done about it, in words."""

    @property
    def dated(self) -> bool:
        """Whether `times` are dates."""
        return self.times.dtype.kind == "M"

    @property
    def lengths(self) -> Ints:
        """(S): rows of each series."""
        return np.diff(self.offsets)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over names, times and values: the same data has the same fingerprint wherever it lies."""
        digest = hashlib.sha256()
        for names in (self.names, self.target_names, self.observed_names, self.known_names):
            digest.update("\x00".join(names).encode() + b"\x01")
        for array in (self.offsets, self.times.view(np.int64), self.target, self.observed, self.known):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def series_of(offsets: Ints, rows: Ints) -> Ints:
    """Which series each row belongs to."""
    return np.searchsorted(offsets, rows, side="right") - 1
