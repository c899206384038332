"""A small problem over each kind of sequences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.sequences import fasta, tagged

from seqexp.config.compose import compose
from seqexp.run.sequences.problem import SequenceProblem, build_problem


@pytest.fixture(scope="session")
def small(reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Overrides of a small data set of each kind."""
    folder = tmp_path_factory.mktemp("sequences")
    genes = fasta(folder / "promoter.fasta", "AT"), fasta(folder / "other.fasta", "CGAT")
    sizes = ["data.length=5", "data.train=40", "data.valid=10", "data.test=12"]
    words = "data.tokenizer.min_count=1"
    return {
        "text": ["data=text", f"data.path={reviews}", words],
        "tags": ["data=text", f"data.path={tagged(folder / 'tags.conll')}", words],
        "genes": ["data=genes", f"data.path=[{genes[0]},{genes[1]}]"],
        "adding": ["data=adding", *sizes],
        "copy_memory": ["data=copy_memory", *sizes],
        "digits": ["data=digits"],
        "music": ["data=music"],
    }


@pytest.fixture(scope="session")
def built(small: dict[str, list[str]]) -> Callable[..., SequenceProblem]:
    """`built("text", "seed=2")`: the problem of a small data set."""

    def of(name: str, *overrides: str) -> SequenceProblem:
        words = [*small[name], "model.hidden_sizes=[5]", "trainer.batch_size=8", *overrides]
        return build_problem(compose(words).experiment, torch.device("cpu"))

    return of
