"""The values of `conf/` when nothing is said, and what validation says of changes to them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from seqexp.config.compose import Composed, compose, validate
from seqexp.config.schema import TASK_OF, Experiment
from seqexp.errors import ConfigError

Values = dict[str, Any]


@pytest.fixture(scope="session")
def option() -> Callable[[str, str], Composed]:
    """The experiment with one option of one group chosen, composed once."""

    @cache
    def chosen(group: str, name: str) -> Composed:
        data = next((d for d, task in TASK_OF.items() if group == "task" and task == name), None)
        chosen = compose([f"{group}={name}", *([f"data={data}"] if data else [])])
        with_path = hasattr(chosen.experiment.data, "path")
        said = [f"{group}={name}", *([f"data={data}"] if data else []), *(["data.path=a.csv"] if with_path else [])]
        return compose(said)

    return chosen


@pytest.fixture(scope="session")
def composed_values() -> Values:
    return compose([]).values


@pytest.fixture
def values(composed_values: Values) -> Values:
    """A copy to change."""
    return copy.deepcopy(composed_values)


@pytest.fixture
def changed(values: Values) -> Callable[..., Experiment]:
    """`changed({"trainer.max_epochs": 0})`: the experiment with these keys changed, as said on the command line."""

    def apply(changes: Values) -> Experiment:
        for key, value in changes.items():
            *parents, last = key.split(".")
            section = values
            for parent in parents:
                section = section[parent]
            section[last] = value
        return validate(values, list(changes))

    return apply


@pytest.fixture
def problems(changed: Callable[..., Experiment]) -> Callable[..., list[str]]:
    """What is said of the same."""

    def apply(changes: Values) -> list[str]:
        with pytest.raises(ConfigError) as error:
            changed(changes)
        return list(error.value.problems)

    return apply


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A user's own folder."""
    folder = tmp_path / "my conf"
    (folder / "experiment").mkdir(parents=True)
    (folder / "model").mkdir()
    (folder / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: small\nname: mine\ntrainer:\n  max_epochs: 7\n"
    )
    (folder / "model" / "small.yaml").write_text("defaults:\n  - base/recurrent@_here_\n  - _self_\nname: gru\n"
                                                 "hidden_sizes: [3]\n")  # fmt: skip
    (folder / "model" / "gru.yaml").write_text("name: rnn\n")  # the name of one of ours
    return folder
