from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from support.sections import recurrent

from seqexp.config.schema.model import GRU, LSTM, RNN


@pytest.mark.parametrize(("name", "section"), [("lstm", LSTM), ("gru", GRU), ("rnn", RNN)])
def test_a_name_chooses_its_section(name: str, section: type) -> None:
    assert type(recurrent(name)) is section


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("rnn", {"nonlinearity": "relu", "orthogonal": False}, "with nonlinearity relu needs orthogonal=true"),
        ("rnn", {"nonlinearity": "sigmoid"}, "'tanh' or 'relu'"),
        ("lstm", {"nonlinearity": "tanh"}, "Extra inputs"),
        ("gru", {"forget_gate_bias": 1.0}, "Extra inputs"),
        ("lstm", {"dropout": 1.0}, "less than 1"),
        ("lstm", {"weight_drop": 1.0}, "less than 1"),
        ("lstm", {"patch_size": 0}, "greater than or equal to 1"),
        ("lstm", {"hidden_sizes": []}, "at least 1"),
        ("lstm", {"readout": "first"}, "'last', 'mean', 'max' or 'attention'"),
    ],
)
def test_what_no_model_can_be_is_refused(name: str, changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        recurrent(name, **changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [("rnn", {"nonlinearity": "relu"}), ("rnn", {"orthogonal": False}), ("lstm", {"hidden_sizes": [128, 64]}),
     ("lstm", {"forget_gate_bias": -1.5}), ("gru", {"bidirectional": True, "variational_dropout": 0.5})],
)  # fmt: skip
def test_what_a_model_can_be_is_accepted(name: str, changes: dict[str, Any]) -> None:
    values = recurrent(name, **changes).model_dump(mode="json")
    assert {key: values[key] for key in changes} == changes
