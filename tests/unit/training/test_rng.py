from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from seqexp.training import rng


def draws() -> tuple[float, ...]:
    """One number from each generator, in each way that keeps something back for the next."""
    return (
        random.random(), random.gauss(0, 1), float(np.random.rand()), float(np.random.randn()),
        float(torch.rand(())), float(torch.randn(())),
    )  # fmt: skip


def test_a_seed_fixes_every_generator() -> None:
    rng.seed_all(5)
    first = draws()
    rng.seed_all(5)
    assert draws() == first
    rng.seed_all(6)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


@pytest.mark.parametrize("before", [0, 1, 2, 7])
def test_what_is_captured_is_put_back_bit_for_bit(before: int, tmp_path: Path) -> None:
    rng.seed_all(1)
    for _ in range(before):
        draws()
    random.gauss(0, 1)  # the second of a pair is kept for the next call
    np.random.randn()
    torch.save(rng.capture(), tmp_path / "rng.pt")
    expected = [draws() for _ in range(3)]
    rng.seed_all(2)
    draws()
    rng.restore(torch.load(tmp_path / "rng.pt", weights_only=True))
    assert [draws() for _ in range(3)] == expected


def test_capturing_draws_nothing() -> None:
    rng.seed_all(1)
    expected = draws()
    rng.seed_all(1)
    rng.capture()
    assert draws() == expected


def test_every_generator_is_captured() -> None:
    rng.seed_all(3)
    state = rng.capture()
    assert set(state) == {"python", "numpy", "torch", "cuda"}
    assert state["python"] == random.getstate()
    assert torch.equal(state["torch"], torch.get_rng_state())
    assert len(state["cuda"]) == torch.cuda.device_count()
    np.testing.assert_array_equal(state["numpy"][1].numpy(), np.random.get_state()[1])
