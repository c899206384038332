from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from support.sections import data

from seqexp.config.compose import compose
from seqexp.config.schema import TASK_OF
from seqexp.errors import ConfigError


@pytest.mark.parametrize("name", [name for name, task in TASK_OF.items() if task != "forecasting"])
def test_the_data_chooses_its_task(name: str) -> None:
    experiment = compose([f"data={name}"]).experiment
    assert (experiment.data.name, experiment.task.name) == (name, TASK_OF[name])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data=text", "task=forecasting"], "task must be classification with data=text, but is 'forecasting'"),
        (["data=stocks", "task=classification"], "task must be forecasting with data=stocks, but is 'classification'"),
        (["data=music", "task=regression"], "task must be polyphonic_music with data=music, but is 'regression'"),
        (["data=adding", "model.patch_size=4"], "model.patch_size must be 1 with task=regression: only a window"),
        (["data=language", "model.patch_size=2"], "model.patch_size must be 1 with task=language_modelling: only"),
        (["data=genes", "task.embedding.vectors=v.txt"], "task.embedding.vectors must be null with data=genes, whose"),
    ],
)
def test_a_task_or_a_model_that_does_not_suit_the_data_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compose(overrides)


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("text", {"label_pattern": "^[A-Z]+"}, "must have one group in parentheses, which is the label, but has 0"),
        ("text", {"label_pattern": "(a)(b)"}, "must have one group in parentheses, which is the label, but has 2"),
        ("genes", {"label_pattern": "(a"}, r"must be a regular expression; missing \)"),
        ("text", {"folds": 1}, "greater than or equal to 2"),
        ("text", {"folds": 5, "fold": 5}, "needs a fold below folds=5, but has fold=5"),
        ("genes", {"folds": 5, "fold": -1}, "greater than or equal to 0"),
        ("genes", {"folds": 5, "test_path": ["t.fa"]}, "has folds and a test_path; cross-validation takes its test"),
        ("text", {"format": "xml"}, "Input should be 'auto', 'csv'"),
        ("text", {"duplicates": "warn"}, "Input should be 'drop', 'group', 'keep' or 'refuse'"),
        ("text", {"max_length": 0}, "greater than or equal to 1"),
        ("text", {"batching": {"bucket": 0, "max_tokens": None}}, "greater than or equal to 1"),
        ("text", {"batching": {"bucket": 1, "max_tokens": 0}}, "greater than or equal to 1"),
        ("text", {"split": {"valid": 0, "test": 0.2, "stratified": True, "seed": 1}}, "greater than 0"),
        ("text", {"split": {"valid": 0.1, "test": 1, "stratified": True, "seed": 1}}, "less than 1"),
        ("text", {"split": {"valid": 0.1, "test": 0.2, "stratified": True, "seed": -1}}, "greater than or equal to 0"),
        ("genes", {"tokens": "letters"}, "Input should be 'nucleotide', 'kmer' or 'codon'"),
        ("genes", {"k": 0}, "greater than or equal to 1"),
        ("adding", {"length": 1}, "greater than or equal to 2"),
        ("adding", {"train": 0}, "greater than or equal to 1"),
        ("copy_memory", {"length": 0}, "greater than or equal to 1"),
        ("copy_memory", {"seed": 2**32}, "less than 4294967296"),
        ("digits", {"permuted": "no"}, "valid boolean"),
        ("language", {"bptt": 0}, "greater than or equal to 1"),
        ("language", {"valid": 0}, "greater than 0"),
        ("music", {"window": 8}, "Extra inputs are not permitted"),
    ],
)
def test_what_no_data_of_sequences_can_be_is_refused(name: str, changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        data(name, **changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("text", {"folds": 2, "fold": 1}),
        ("text", {"fold": 3}),  # counts only with folds
        ("text", {"test_path": ["t.csv"], "label_pattern": "^([A-Z]+):"}),
        ("genes", {"label_pattern": r"(?:class|label)=(\w+)", "k": 6, "overlap": False}),
        ("adding", {"length": 2}),
        ("copy_memory", {"batching": {"bucket": 3, "max_tokens": 100}}),
    ],
)
def test_what_data_of_sequences_can_be_is_accepted(name: str, changes: dict[str, Any]) -> None:
    values = data(name, **changes).model_dump(mode="json")
    assert {key: values[key] for key in changes} == changes
