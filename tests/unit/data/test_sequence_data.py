from __future__ import annotations

import numpy as np
import pytest

from seqexp.data.sequence_data import SequenceData
from seqexp.data.sequences import Sequences
from seqexp.data.spec import ExampleSpec, Keys, Labels, Number, Tokens, Vectors


def test_each_class_has_a_name() -> None:
    spec = ExampleSpec(Tokens(5), Labels(2))
    assert SequenceData({}, spec, "ab", classes=("bad", "good")).classes == ("bad", "good")
    with pytest.raises(ValueError, match="2 classes, but 1 names"):
        SequenceData({}, spec, "ab", classes=("bad",))


@pytest.mark.parametrize("targets", [Number(), Keys(88)])
def test_what_has_no_classes_needs_no_names(targets: Number | Keys) -> None:
    splits = {"train": Sequences.joined([np.zeros((2, 3), np.float32)], np.zeros(1, np.float32))}
    data = SequenceData(splits, ExampleSpec(Vectors(3), targets), "ab")
    assert (data.classes, data.notes) == ((), ())
    assert (dict(data.facts), dict(data.preprocessing), dict(data.floor)) == ({}, {}, {})
