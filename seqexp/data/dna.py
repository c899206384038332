"""DNA and RNA: the letters and their complements, and how they become tokens.

Letters are those of IUPAC (Cornish-Bowden 1985, "Nomenclature for incompletely specified bases in nucleic acid
sequences"): A, C, G, T, and eleven more for what was not read clearly, N for any of the four. U of RNA is read as T.
Shapes: R letters of a sequence, T tokens.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seqexp.config.schema.sequences import GenesData
from seqexp.errors import DataError

BASES = "ACGT"
AMBIGUOUS = "BDHKMNRSVWY"
RESERVED = 2
"""Tokens below the first of the vocabulary: 0 padding, 1 unknown."""
UNKNOWN = 1

# R: A or G, Y: C or T, K: G or T, M: A or C; B: all but A, V: all but T, D: all but C, H: all but G.
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")
_NO_LETTER = re.compile(f"[^{BASES}{AMBIGUOUS}]")
_NO_BASE = re.compile(f"[^{BASES}]")


def reverse_complement(letters: str) -> str:
    """The other strand, read in its own direction."""
    return letters[::-1].translate(_COMPLEMENT)


def cleaned(text: str, place: str, ambiguity: str) -> str:
    """Letters as capitals, without blanks, U as T.

    Args:
        text: A sequence as it was read.
        place: Where it stands, for messages.
        ambiguity: `data.ambiguity`.

    Raises:
        DataError: If there is none, or a letter is no nucleotide.
    """
    letters = "".join(text.split()).upper().replace("U", "T")
    if not letters:
        raise DataError(f"{place} has no letters; a sequence needs one at least: fill it in, or remove it")
    if wrong := (_NO_BASE if ambiguity == "refuse" else _NO_LETTER).search(letters):
        letter, position = wrong[0], wrong.start() + 1
        if letter in AMBIGUOUS:
            raise DataError(
                f"{place} has the ambiguous letter '{letter}' at position {position}, and data.ambiguity=refuse; "
                "correct it, or choose data.ambiguity=letter or unknown"
            )
        raise DataError(
            f"{place} has {letter!r} at position {position}, which is no nucleotide; letters are {', '.join(BASES)}, "
            f"U, and for what is not known {', '.join(AMBIGUOUS)}"
        )
    return letters


def guanine_cytosine(sequences: Iterable[str]) -> float:
    """The share of G and C among all A, C, G and T."""
    counts: Counter[str] = Counter()
    for letters in sequences:
        counts.update({base: letters.count(base) for base in BASES})
    return (counts["G"] + counts["C"]) / max(counts.total(), 1)


def ambiguous(sequences: Iterable[str]) -> dict[str, int]:
    """How often each letter comes that is no A, C, G or T."""
    counts: Counter[str] = Counter()
    for letters in sequences:
        counts.update(_NO_BASE.findall(letters))
    return dict(sorted(counts.items()))


@dataclass(frozen=True)
class KmerVocabulary:
    """Which k-mers have a token of their own; single letters are k-mers of 1."""

    k: int
    step: int
    """Letters from one k-mer to the next."""
    known: tuple[str, ...]
    """In alphabetical order; the first is token 2."""

    @classmethod
    def fit(cls, train: Sequence[str], config: GenesData) -> KmerVocabulary:
        """All letters, or the k-mers of train.

        Args:
            train: Its sequences, as `cleaned` leaves them.
            config: What is a token, and what becomes of ambiguous letters.
        """
        letters = BASES + AMBIGUOUS if config.ambiguity == "letter" else BASES
        if config.tokens == "nucleotide":
            return cls(1, 1, tuple(sorted(letters)))
        k = 3 if config.tokens == "codon" else config.k
        step = 1 if config.tokens == "kmer" and config.overlap else k
        empty = cls(k, step, ())
        found: set[str] = set()
        for sequence in train:
            found.update(np.unique(empty._kmers(sequence)).astype(str).tolist())
        return cls(k, step, tuple(sorted(kmer for kmer in found if set(kmer) <= set(letters))))

    @property
    def size(self) -> int:
        """V: how many tokens there are, padding and unknown among them."""
        return len(self.known) + RESERVED

    def encode(self, letters: str, place: str) -> NDArray[np.int32]:
        """Tokens (T) of a sequence (R): letters after the last whole k-mer are left out.

        Raises:
            DataError: If it is shorter than a k-mer.
        """
        if len(letters) < self.k:
            raise DataError(
                f"{place} has {len(letters)} letters, but a token has {self.k}; remove it, or choose a smaller data.k "
                "or data.tokens=nucleotide"
            )
        kmers = self._kmers(letters)
        rows = np.searchsorted(self._sorted, kmers)
        found = np.append(self._sorted, b"")[rows] == kmers
        tokens: NDArray[np.int32] = np.where(found, rows + RESERVED, UNKNOWN).astype(np.int32)
        return tokens

    def state(self) -> dict[str, Any]:
        """Plain values, from which `from_state` makes the same vocabulary."""
        return {"k": self.k, "step": self.step, "known": list(self.known)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> KmerVocabulary:
        """The vocabulary of a run."""
        return cls(state["k"], state["step"], tuple(state["known"]))

    @cached_property
    def _sorted(self) -> NDArray[np.bytes_]:
        return np.array(self.known, dtype=f"S{self.k}")

    def _kmers(self, letters: str) -> NDArray[np.bytes_]:
        """The k-mers (T) of a sequence."""
        if len(letters) < self.k:
            return np.array([], dtype=f"S{self.k}")
        codes = np.frombuffer(letters.encode("ascii"), dtype=np.uint8)
        windows = np.ascontiguousarray(sliding_window_view(codes, self.k)[:: self.step])
        return windows.view(f"S{self.k}")[:, 0]
