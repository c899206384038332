"""`SequenceSpec`: what flows into a model and out of it. Data and models meet here, so no size is said twice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Continuous:
    """Windows of real numbers, all of one length."""

    steps: int
    """T: steps of a window."""
    features: int
    """D: numbers at each step."""
    anchored: int
    """How many of the D, from the first, are the target's own history: its channels, then their lags."""
    future: int
    """K: numbers known at each step of the horizon."""


@dataclass(frozen=True)
class Vectors:
    """Sequences of real numbers, of any length."""

    features: int
    """D: numbers at each step."""


@dataclass(frozen=True)
class Tokens:
    """Sequences of tokens, of any length."""

    vocabulary: int
    """V: how many tokens there are; 0 is padding."""


@dataclass(frozen=True)
class Horizon:
    """Several steps ahead, some channels each, described by some parameters each."""

    steps: int
    """h"""
    channels: int
    """C"""
    parameters: int
    """P: 1 for a point, Q for quantiles, 2 or 3 for a distribution."""


@dataclass(frozen=True)
class Labels:
    """One of K classes."""

    classes: int
    """K"""
    each_step: bool = False
    """A label at every step, not one for the sequence."""


@dataclass(frozen=True)
class Number:
    """One number for the sequence."""


@dataclass(frozen=True)
class Keys:
    """Several yes or no at every step."""

    count: int
    """C, as of the keys of a piano."""


@dataclass(frozen=True)
class NextToken:
    """The token that follows, at every step."""

    vocabulary: int
    """V"""


@dataclass(frozen=True)
class SequenceSpec:
    """The shapes of a forecasting problem."""

    inputs: Continuous
    targets: Horizon


@dataclass(frozen=True)
class ExampleSpec:
    """The shapes of a problem over sequences by themselves."""

    inputs: Tokens | Vectors
    targets: Labels | Number | Keys

    @property
    def outputs(self) -> int:
        """Numbers a model gives for each sequence, or for each of its steps."""
        match self.targets:
            case Labels(classes):
                return classes
            case Keys(count):
                return count
            case Number():
                return 1

    @property
    def each_step(self) -> bool:
        """Whether there is a target at every step."""
        return isinstance(self.targets, Keys) or (isinstance(self.targets, Labels) and self.targets.each_step)
