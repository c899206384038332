from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqexp.data.fingerprint import fingerprint_of
from seqexp.data.sequences import Sequences


def example() -> Sequences:
    values = np.arange(10, dtype=np.float32).reshape(5, 2)
    return Sequences(values, np.array([0, 2, 5]), np.array([1, 0]))


def test_the_fingerprint_is_of_the_content_alone() -> None:
    one, other = example(), replace(example(), values=np.asfortranarray(example().values))
    assert fingerprint_of({"train": one}) == fingerprint_of({"train": other})


@pytest.mark.parametrize("part", ["values", "offsets", "targets"])
def test_any_change_changes_the_fingerprint(part: str) -> None:
    one = example()
    changed = getattr(one, part).copy()
    changed[1] += 1
    widened = getattr(one, part).astype(np.complex128)
    prints = {fingerprint_of({"train": replace(one, **{part: a})}) for a in (getattr(one, part), changed, widened)}
    assert len(prints) == 3
    assert fingerprint_of({"valid": one}) != fingerprint_of({"train": one})
