"""What can be said about how a sweep is run. No part of an experiment, so it never changes a run's identity."""

from __future__ import annotations

from pydantic import Field

from seqexp.config.schema.base import PositiveInt, Section


class Sweep(Section):
    """Which values go together, where jobs run, and what happens when one fails."""

    zip: tuple[tuple[str, ...], ...] = Field(
        description="Groups of swept keys that advance together instead of being combined: [[model,optimizer.lr]]."
    )
    fail_fast: bool = Field(description="Stop the sweep when a job fails; else the others go on.")
    workers: PositiveInt | None = Field(
        description="Processes of hydra/launcher=local; null: one for every `threads` cores."
    )
    retries: int = Field(ge=0, description="How often a job that the system killed goes on from its checkpoint.")
