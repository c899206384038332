"""What every source of sequences by themselves gives: three splits, their shapes, and what was fitted on train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seqexp.data.sequences import Sequences
from seqexp.data.spec import ExampleSpec, Labels


@dataclass(frozen=True)
class SequenceData:
    """Data that is ready to be learned from."""

    splits: Mapping[str, Sequences]
    """train, valid and test"""
    spec: ExampleSpec
    fingerprint: str
    """Of all that was read, in hexadecimal digits."""
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    """What was fitted on train and what inputs to come need, as plain values: vocabulary, how letters are read."""
    classes: tuple[str, ...] = ()
    """The names of the classes, in their order."""
    notes: tuple[str, ...] = ()
    """What the user should know: what was dropped, cut, not understood."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What `seqexp data describe` shows besides sizes, classes and lengths; plain values."""
    floor: Mapping[str, float] = field(default_factory=dict)
    """What is known without any method: the loss of saying nothing about the input, by name."""

    def __post_init__(self) -> None:
        if isinstance(self.spec.targets, Labels) and self.spec.targets.classes != len(self.classes):
            raise ValueError(f"{self.spec.targets.classes} classes, but {len(self.classes)} names")
