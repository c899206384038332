"""What every test may use: small files of prices and of reviews, experiments that train in a second, a finished run."""

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
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 reviews, no two alike: one word among others says whether it is good or bad."""
    path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    path.write_text("\n".join(["label,text", *opinions(120)]) + "\n")
    return path


def opinions(count: int, seed: int = 0) -> Sequence[str]:
    """Lines of a label and a text of 3 to 11 words, the labels in turn."""
    words = {"bad": ("dull", "poor", "weak", "cold", "slow"), "good": ("great", "fine", "warm", "bright", "moving")}
    others = ("a", "the", "film", "plot", "of", "it", "was", "and", "with", "its", "actor", "scene", "story", "very")
    drawn, lines = random.Random(seed), list[str]()
    while len(lines) < count:
        label = ("bad", "good")[len(lines) % 2]
        text = drawn.choices(others, k=drawn.randint(2, 10))
        text.insert(drawn.randint(0, len(text)), drawn.choice(words[label]))
        if (line := f"{label},{' '.join(text)}") not in lines:
            lines.append(line)
    return lines


@pytest.fixture(scope="session")
def tiny_text(reviews: Path) -> tuple[str, ...]:
    """Overrides of an experiment of 12 updates in 3 epochs, with two baselines: about a second in all."""
    return (
        "data=text",
        f"data.path={reviews}",
        "data.tokenizer.min_count=1",
        "data.batching.bucket=2",
        "model.hidden_sizes=[6]",
        "task.embedding.size=8",
        "task.baselines=[majority,naive_bayes]",
        "optimizer.lr=0.02",
        "trainer.max_epochs=3",
        "trainer.batch_size=24",
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
