from __future__ import annotations

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from seqexp.config.folder import CONF
from seqexp.config.schema.diagnostics import DiagnosticsConfig, GradientFlow, NoDiagnostics

SECTION: TypeAdapter[NoDiagnostics | GradientFlow] = TypeAdapter(DiagnosticsConfig)


@pytest.mark.parametrize("name", ["none", "gradient_flow"])
def test_each_option_is_a_file(name: str) -> None:
    values = yaml.safe_load((CONF / "diagnostics" / f"{name}.yaml").read_text())
    assert SECTION.validate_python(values).model_dump() == values
    assert values["name"] == name


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"name": "gradient_flow", "every_epochs": 0}, "greater than or equal to 1"),
        ({"name": "gradient_flow"}, "Field required"),
        ({"name": "none", "every_epochs": 1}, "Extra inputs are not permitted"),
        ({"name": "weights"}, "'none', 'gradient_flow'"),
    ],
)
def test_what_no_diagnostics_can_be_is_refused(values: dict[str, object], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        SECTION.validate_python(values)
