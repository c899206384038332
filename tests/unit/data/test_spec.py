from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict

import pytest

from seqexp.data.spec import (
    Continuous,
    ExampleSpec,
    Horizon,
    Keys,
    Labels,
    Number,
    SequenceSpec,
    Tokens,
    Vectors,
)


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


@pytest.mark.parametrize(
    ("targets", "outputs", "each_step"),
    [
        (Labels(5), 5, False),
        (Labels(5, each_step=True), 5, True),
        (Keys(88), 88, True),
        (Number(), 1, False),
    ],
)
def test_targets_say_how_many_numbers_a_model_gives_and_where(
    targets: Labels | Number | Keys, outputs: int, each_step: bool
) -> None:
    for inputs in (Tokens(7), Vectors(3)):
        spec = ExampleSpec(inputs, targets)
        assert (spec.outputs, spec.each_step) == (outputs, each_step)
