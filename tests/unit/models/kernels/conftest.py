"""Which kernels this machine can make and run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from seqexp.models.kernels.build import VARIANTS, Format, Variant, default_variant, load

WIDE = "wide"
"""16 numbers a vector, as AVX-512 has them, on whatever is here: the layout of that variant, slowly."""
VARIANTS[WIDE] = Variant(64, VARIANTS[default_variant()].flags)
OTHERS = [name for name in VARIANTS if name in ("plain", WIDE)]


@pytest.fixture(autouse=True, scope="session")
def _compiled() -> None:
    """These tests need a compiler, as the kernels do. What is in the user's cache is not compiled again."""
    here = default_variant()
    wanted: list[tuple[str, Format]] = [(here, "float32"), (here, "float64"), (WIDE, "float32"), ("plain", "float32")]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda w: load(*w), wanted))
    if made[0].reason:
        pytest.skip(made[0].reason)
