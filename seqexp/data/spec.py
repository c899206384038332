"""`SequenceSpec`: what flows into a model and out of it. Data and models meet here, so no size is said twice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Continuous:
    """Real-valued sequences."""

    steps: int
    """T: steps of a window."""
    features: int
    """D: numbers at each step."""
    anchored: int
    """How many of the D, from the first, are the target's own history: its channels, then their lags."""
    future: int
    """K: numbers known at each step of the horizon."""


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
class SequenceSpec:
    """The shapes of a problem."""

    inputs: Continuous
    targets: Horizon
