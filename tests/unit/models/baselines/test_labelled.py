from __future__ import annotations

import numpy as np

from seqexp.models.baselines.labelled import Labelled

PIECES = [np.full(n, i, np.int32) for i, n in enumerate((3, 1, 4, 2))]
EACH = Labelled(PIECES, np.concatenate(PIECES))


def test_length_is_known_where_it_is_the_same_for_all() -> None:
    assert EACH.length is None
    assert Labelled(PIECES[:1] * 2, np.zeros(2)).length == 3


def test_few_steps_are_all_kept() -> None:
    assert EACH.some(10, each_step=True) is EACH


def test_of_many_steps_whole_sequences_are_drawn_with_their_own_targets() -> None:
    drawn = EACH.some(7, each_step=True)
    assert 0 < len(drawn.pieces) < 4
    assert sum(len(p) for p in drawn.pieces) <= 7
    np.testing.assert_array_equal(drawn.targets, np.concatenate(drawn.pieces))
    whole = Labelled(PIECES, np.arange(4)).some(7)
    assert [p[0] for p in whole.pieces] == whole.targets.tolist() == [p[0] for p in drawn.pieces]


def test_one_sequence_is_kept_however_long_it_is() -> None:
    assert len(Labelled(PIECES, np.arange(4)).some(0).pieces) == 1
