"""What every test may use: a small file of prices, an experiment that trains in a second, a finished run of it."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: tests share their cores


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 weekdays of prices, a random walk that is the same every time."""
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    path.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *walk(120)]) + "\n")
    return path


def walk(days: int, seed: int = 0) -> Sequence[str]:
    """Lines of daily bars."""
    drawn, close, day, lines = random.Random(seed), 100.0, date(2020, 1, 1), []
    while len(lines) < days:
        if day.weekday() < 5:
            first, close = close, close * (1 + drawn.gauss(0, 0.01))
            high, low = max(first, close) * 1.004, min(first, close) * 0.996
            lines.append(f"{day},{first:.4f},{high:.4f},{low:.4f},{close:.4f},{drawn.randint(900_000, 1_100_000)}")
        day += timedelta(days=1)
    return lines


@pytest.fixture(scope="session")
def tiny(prices: Path) -> tuple[str, ...]:
    """Overrides of an experiment of 12 updates in 3 epochs, with two baselines: about a second in all."""
    return (
        "data=stocks",
        f"data.path={prices}",
        "data.window=8",
        "model.hidden_sizes=[4]",
        "task.baselines=[naive,ridge]",
        "trainer.max_epochs=3",
        "trainer.batch_size=16",
        "trainer.log_every=2",
    )


@pytest.fixture(scope="session")
def finished(tiny: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a complete run of `tiny`. Do not change it: copy it first."""
    from seqexp.config.compose import compose
    from seqexp.run.train import train

    outputs = tmp_path_factory.mktemp("finished")
    return train(compose([*tiny, f"outputs={outputs}", "tracking=quiet"]), ["pytest"]).directory.path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data sets in a folder beside the repository, or where SEQEXP_SHARED_DATA says."""
    folder = Path(os.environ.get("SEQEXP_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"there are no shared data sets in {folder}; SEQEXP_SHARED_DATA names their folder")
    return folder
