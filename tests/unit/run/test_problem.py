"""Which family of tasks an experiment is of, and that no other is so much as imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqexp.config.compose import compose
from seqexp.config.schema import TASK_OF
from seqexp.run.problem import build_problem, evaluation_limit, family_of, new_state, plan_of

FAMILIES = {
    "forecasting": "forecasting",
    "classification": "sequences",
    "regression": "sequences",
    "polyphonic_music": "sequences",
    "language_modelling": "language",
}


@pytest.mark.parametrize("data", TASK_OF)
def test_the_family_is_that_of_the_task(data: str) -> None:
    family = family_of(compose([f"data={data}", "data.path=a.csv"] if data == "table" else [f"data={data}"]).experiment)
    assert getattr(family, "__name__", "") == f"seqexp.run.{FAMILIES[TASK_OF[data]]}"
    for name in ("build_problem", "new_model", "predict", "describe", "render"):
        assert callable(getattr(family, name)), name


ALONE = """
import sys
import torch
from seqexp.config.compose import compose
from seqexp.run.problem import build_problem

build_problem(compose(sys.argv[1:]).experiment, torch.device("cpu")).build_model()
print(*(name for name in sys.modules if name.startswith("seqexp.")), "tokenizers" in sys.modules)
"""


def loaded(*overrides: str) -> set[str]:
    """The modules of seqexp that a process has after it built a problem and a model; and True or False."""
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, *overrides], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def families(modules: set[str]) -> set[str]:
    return {name for name in set(FAMILIES.values()) if f"seqexp.run.{name}" in modules}


def test_a_forecast_loads_nothing_of_texts(tiny: tuple[str, ...]) -> None:
    modules = loaded(*tiny)
    assert families(modules) == {"forecasting"}
    assert "seqexp.data.windows" in modules
    foreign = {"seqexp.models.sequence_model", "seqexp.data.sequence_order", "seqexp.data.tokenizer", "True"}
    assert modules & foreign == set()


def test_a_text_loads_nothing_of_forecasts_nor_of_other_sequences(tiny_text: tuple[str, ...]) -> None:
    modules = loaded(*tiny_text)
    assert families(modules) == {"sequences"}
    assert "seqexp.data.sources.text" in modules
    foreign = {
        "seqexp.data.sources.genes", "seqexp.data.sources.stocks", "seqexp.data.windows", "seqexp.models.forecaster",
        "seqexp.models.language_model",
    }  # fmt: skip
    assert modules & foreign == set()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], ("valid", 512, None)),
        (["trainer.eval_batch_size=7", "trainer.limit_batches=3"], ("valid", 7, 3)),
        (["trainer.overfit_batches=2", "trainer.batch_size=5"], ("train", 5, 2)),
    ],
)
def test_a_validation_is_of_valid_unless_one_batch_is_to_be_overfitted(
    overrides: list[str], expected: tuple[str, int, int | None]
) -> None:
    assert evaluation_limit(compose(["data=text", *overrides]).experiment) == expected


def test_a_plan_has_the_updates_of_the_order(tiny_text: tuple[str, ...]) -> None:
    problem = build_problem(compose([*tiny_text]).experiment, torch.device("cpu"))
    # 120 reviews: 24 of the test, a tenth of the other 96 validates, and 86 are four batches of 24
    assert dict(problem.sizes) == {"train": 86, "valid": 10, "test": 24}
    plan = plan_of(problem)
    assert (plan.steps_per_epoch, plan.total_steps, plan.lr) == (4, 12, 0.02)


def test_a_state_has_an_average_where_one_is_asked_for(tiny_text: tuple[str, ...]) -> None:
    for decay in (0.0, 0.9):
        problem = build_problem(compose([*tiny_text, f"trainer.ema_decay={decay}"]).experiment, torch.device("cpu"))
        state = new_state(problem)
        names = {name for name, _ in state.model.named_parameters()}
        assert (set(state.average) if state.average else None) == (names if decay else None)


def test_new_problems_of_one_experiment_are_the_same(tiny_text: tuple[str, ...], tmp_path: Path) -> None:
    experiment = compose([*tiny_text, f"outputs={tmp_path}"]).experiment
    one, other = (build_problem(experiment, torch.device("cpu")) for _ in range(2))
    assert one.describe() == other.describe()
    assert one.preprocessing == other.preprocessing
    assert [one.order.indices(1, step) for step in range(4)] == [other.order.indices(1, step) for step in range(4)]
    assert list(tmp_path.iterdir()) == []
