"""A small problem of language modelling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.corpora import prose

from seqexp.config.compose import compose
from seqexp.config.schema import Experiment
from seqexp.run.language.problem import LanguageProblem, build_problem

Compose = Callable[..., Experiment]


@pytest.fixture
def experiment(tmp_path: Path) -> Compose:
    (tmp_path / "corpus.txt").write_text(prose(400))
    given = (
        "data=language", f"data.path={tmp_path / 'corpus.txt'}", f"data.cache={tmp_path / 'cache'}", "data.bptt=10",
        "model.hidden_sizes=[6]", "task.embedding.size=5", "trainer.batch_size=7",
    )  # fmt: skip
    return lambda *overrides: compose([*given, *overrides]).experiment


@pytest.fixture
def problem(experiment: Compose) -> Callable[..., LanguageProblem]:
    return lambda *overrides: build_problem(experiment(*overrides), torch.device("cpu"))
