"""Piano rolls: which of 88 keys sound at each step, to be predicted from the steps before.

The files of Boulanger-Lewandowski et al. 2012 as Bai, Kolter and Koltun 2018 spread them (MATLAB), or generated
chord progressions.

Shapes: T steps of a piece, 88 keys (MIDI pitches 21 to 108).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqexp.config.schema.sequences import MusicData
from seqexp.data.fingerprint import fingerprint_of
from seqexp.data.sequence_data import SequenceData
from seqexp.data.sequences import Sequences
from seqexp.data.spec import ExampleSpec, Keys, Vectors
from seqexp.errors import DataError, first_line

KEYS, LOWEST = 88, 21
"""The keys of a piano, and the MIDI pitch of the first."""
SPLITS = {"train": "traindata", "valid": "validdata", "test": "testdata"}
"""The splits, and what the files call them."""
Roll = NDArray[np.float32]
"""(T, 88): 1 where a key sounds."""


def load(config: MusicData) -> SequenceData:
    """Sequences (T - 1, 88) of a piece's steps but the last, and as targets its steps but the first.

    Raises:
        DataError: If a file is no MATLAB file with the three splits of piano rolls.
    """
    if config.path:
        rolls, about = _read(config.path), "piano rolls from a file"
    else:
        rolls, about = _generated(), "generated: 200 chord progressions in four parts, in all keys"
    notes, splits = [], {}
    for split, pieces in rolls.items():
        kept = [piece for piece in pieces if len(piece) > 1]
        if len(kept) < len(pieces):
            notes.append(f"{len(pieces) - len(kept)} pieces of {split} dropped: with one step there is none to predict")
        if not kept:
            raise DataError(f"{split} has no piece of 2 steps or more; there is nothing to predict")
        splits[split] = Sequences.joined([p[:-1] for p in kept], np.concatenate([p[1:] for p in kept]))
    sounding = float(splits["train"].targets.sum() / len(splits["train"].targets))
    return SequenceData(
        splits,
        ExampleSpec(Vectors(KEYS), Keys(KEYS)),
        fingerprint_of(splits),
        notes=tuple(notes),
        facts={"music": about, "sounding": f"{sounding:.2f} of {KEYS} keys at a step of train, on average"},
    )


def _read(paths: tuple[str, ...]) -> dict[str, list[Roll]]:
    from scipy.io import loadmat

    path = Path(paths[0])
    if len(paths) > 1 or not path.is_file():
        raise DataError(
            f"data.path={','.join(paths)} must be one MATLAB file with {', '.join(SPLITS.values())}"
            f"{'' if path.exists() else '; it does not exist'}"
        )
    try:
        # Only what is asked for is read, and nothing in such a file is ever run.
        found = loadmat(str(path), variable_names=tuple(SPLITS.values()))
    except Exception as error:  # whatever scipy's parser trips over, the file is at fault
        raise DataError(
            f"{path} cannot be read as a MATLAB file (version 5 to 7): {first_line(error)}; save it with "
            "scipy.io.savemat, or in MATLAB with -v7"
        ) from None
    missing = [name for name in SPLITS.values() if name not in found]
    if missing:
        raise DataError(f"{path} has no {' and no '.join(missing)}; it needs {', '.join(SPLITS.values())}")
    return {split: list(_rolls(found[name], f"{path}, {name}")) for split, name in SPLITS.items()}


def _rolls(cells: NDArray[Any], place: str) -> Iterator[Roll]:
    """The pieces of a cell array."""
    if cells.dtype != object:
        raise DataError(f"{place} must be a cell array of piano rolls, but is an array of {_kind(cells)}")
    if not cells.size:
        raise DataError(f"{place} has no pieces")
    for number, piece in enumerate(cells.ravel(), start=1):
        where = f"{place}, piece {number}"
        if not isinstance(piece, np.ndarray) or piece.dtype.kind not in "biuf":
            raise DataError(f"{where} must hold numbers, but holds {_kind(np.asarray(piece))}")
        if piece.ndim != 2 or piece.shape[1] != KEYS:
            raise DataError(f"{where} must be steps x {KEYS} keys, but is {' x '.join(map(str, piece.shape))}")
        wrong = (piece != 0) & (piece != 1)
        if wrong.any():
            step, key = np.argwhere(wrong)[0]
            raise DataError(
                f"{where}, step {step + 1}, key {key + 1} must be 0 or 1, but is {piece[step, key]}; write 1 for "
                "every key that sounds, however loud"
            )
        yield np.ascontiguousarray(piece, dtype=np.float32)


def _kind(values: NDArray[Any]) -> str:
    kinds = {"U": "text", "S": "text", "O": "cells or objects", "V": "structures", "c": "complex numbers"}
    return kinds.get(values.dtype.kind, "numbers")


# Generated pieces.

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)
"""Semitones of the scale's degrees above the tonic; minor is harmonic, so that the fifth degree is a dominant."""
_FOLLOWS: Mapping[int, tuple[int, ...]] = {
    1: (4, 2, 6, 5),
    2: (5, 7),
    4: (5, 2, 7, 5),
    5: (1, 1, 1, 6),
    6: (4, 2),
    7: (1,),
}
"""Which degree's chord may follow which: tonic, subdominant, dominant, tonic (Riemann's functions)."""
_HOME = (55, 60, 67)
"""Pitches that tenor, alto and soprano stay near."""
_SEED, _SIZES = 1, {"train": 140, "valid": 30, "test": 30}


def _generated() -> dict[str, list[Roll]]:
    """The same pieces on every machine."""
    rng = np.random.default_rng(_SEED)
    return {split: [_piece(rng) for _ in range(size)] for split, size in _SIZES.items()}


def _piece(rng: np.random.Generator) -> Roll:
    """4 to 8 phrases in one key, each from the tonic to a perfect cadence; a chord sounds for 2 or 4 steps."""
    tonic, scale = int(rng.integers(12)), (_MAJOR, _MINOR)[int(rng.integers(2))]
    voices: tuple[int, ...] = _HOME
    steps: list[tuple[int, ...]] = []
    for _ in range(int(rng.integers(4, 9))):
        for degree in _phrase(rng):
            chord = [(tonic + scale[(degree - 1 + third) % 7]) % 12 for third in (0, 2, 4)]
            voices = _led(chord, voices)
            steps += [(36 + chord[0], *voices)] * int(2 * rng.integers(1, 3))  # the root in the bass
    roll = np.zeros((len(steps), KEYS), dtype=np.float32)
    for step, pitches in enumerate(steps):
        roll[step, np.array(pitches) - LOWEST] = 1.0
    return roll


def _phrase(rng: np.random.Generator) -> list[int]:
    """Degrees of the scale: I, what may follow, at last V I."""
    degrees = [1]
    for _ in range(int(rng.integers(2, 6))):
        following = _FOLLOWS[degrees[-1]]
        degrees.append(following[int(rng.integers(len(following)))])
    return [*(degrees[:-1] if degrees[-1] == 5 else degrees), 5, 1]


def _led(chord: list[int], before: tuple[int, ...]) -> tuple[int, ...]:
    """Pitches of the three upper voices, each on another note of the chord, moved as little as possible.

    Args:
        chord: Pitch classes of root, third and fifth.
        before: Where the voices were; they are drawn from there towards their home.
    """

    def nearest(pitch_class: int, voice: int) -> int:
        wanted = (before[voice] + _HOME[voice]) / 2
        return pitch_class + 12 * round((wanted - pitch_class) / 12)

    ways = [tuple(nearest(c, voice) for voice, c in enumerate(order)) for order in permutations(chord)]
    return min(ways, key=lambda way: sum(abs(p - b) for p, b in zip(way, before, strict=True)))
