"""What can be said about looking into a run: measured on the side, it changes no result."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seqexp.config.schema.base import PositiveInt, Section


class NoDiagnostics(Section):
    """Nothing is measured besides losses and metrics."""

    name: Literal["none"]


class GradientFlow(Section):
    """The norm of dL/dh_t at each step t, of the first training batch: where the gradient vanishes, or does not.

    Written to diagnostics/gradient_flow.csv and drawn as gradient_flow.png in the run directory.
    """

    name: Literal["gradient_flow"]
    every_epochs: PositiveInt = Field(
        description="Epochs between two measurements; the untrained model is measured too."
    )


DiagnosticsConfig = Annotated[NoDiagnostics | GradientFlow, Field(discriminator="name")]
