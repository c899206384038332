from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict

import pytest

from seqexp.data.spec import Continuous, Horizon, SequenceSpec


def test_a_spec_is_rebuilt_from_plain_values() -> None:
    spec = SequenceSpec(Continuous(steps=8, features=3, anchored=1, future=2), Horizon(5, 1, 9))
    plain = asdict(spec)
    assert plain == {
        "inputs": {"steps": 8, "features": 3, "anchored": 1, "future": 2},
        "targets": {"steps": 5, "channels": 1, "parameters": 9},
    }
    assert SequenceSpec(Continuous(**plain["inputs"]), Horizon(**plain["targets"])) == spec


def test_a_spec_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Horizon(1, 1, 1).steps = 2  # type: ignore[misc]
