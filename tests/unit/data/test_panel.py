from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.series import panel

from seqexp.data.panel import Panel, series_of


def example() -> Panel:
    return panel([1, 2, 3], [4, 5], times="D", observed=[[1]] * 5, known=[[2]] * 5)


def test_lengths_and_series_of_rows() -> None:
    data = example()
    assert data.dated
    assert not panel([1, 2]).dated
    assert data.lengths.tolist() == [3, 2]
    assert series_of(data.offsets, np.array([0, 2, 3, 4])).tolist() == [0, 0, 1, 1]


def test_a_series_without_rows_owns_none() -> None:
    assert series_of(np.array([0, 2, 2, 3]), np.array([0, 1, 2])).tolist() == [0, 0, 2]


def test_the_fingerprint_is_of_the_content_alone() -> None:
    assert example().fingerprint == example().fingerprint
    assert replace(example(), notes=("said",), season=7).fingerprint == example().fingerprint
    # the layout in memory says nothing
    assert replace(example(), target=np.asfortranarray(example().target)).fingerprint == example().fingerprint


@pytest.mark.parametrize("part", ["names", "target_names", "observed_names", "offsets", "times", "target", "known"])
def test_any_change_changes_the_fingerprint(part: str) -> None:
    data = example()
    value = getattr(data, part)
    changed = (*value[:-1], "other") if isinstance(value, tuple) else value.copy()
    if not isinstance(value, tuple):
        changed[-1] = changed[-1] + np.ones((), changed.dtype if changed.dtype.kind != "M" else "m8[ns]")
    assert replace(data, **{part: changed}).fingerprint != data.fingerprint


def test_names_do_not_run_into_one_another() -> None:
    data = example()
    one, other = replace(data, names=("ab", "c")), replace(data, names=("a", "bc"))
    assert one.fingerprint != other.fingerprint
