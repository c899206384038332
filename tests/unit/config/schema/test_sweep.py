from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from seqexp.config.folder import CONF
from seqexp.config.schema.sweep import Sweep

DEFAULTS: dict[str, Any] = yaml.safe_load((CONF / "sweep.yaml").read_text())


def sweep(**changes: Any) -> Sweep:
    return Sweep.model_validate_json(json.dumps(DEFAULTS | changes))


def test_every_key_is_at_home_in_its_file_and_says_what_it_means() -> None:
    assert set(DEFAULTS) == set(Sweep.model_fields)
    assert all(field.is_required() and field.description for field in Sweep.model_fields.values())


def test_groups_of_keys_are_lists_of_texts() -> None:
    assert sweep(zip=[["model", "optimizer.lr"], ["seed"]]).zip == (("model", "optimizer.lr"), ("seed",))


@pytest.mark.parametrize(
    "changes", [{"zip": ["model"]}, {"zip": [[1]]}, {"workers": 0}, {"retries": -1}, {"fail_fast": 1}, {"worker": 1}]
)
def test_what_no_sweep_can_do_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        sweep(**changes)
    assert error.value.error_count() == 1
