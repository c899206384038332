from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqexp.compare.gather import Member
from seqexp.compare.groups import grouped, keys_of
from seqexp.errors import ConfigError
from seqexp.store.run_directory import RunDirectory


def member(**config: Any) -> Member:
    return Member(RunDirectory(Path("run")), {k.replace("__", "."): v for k, v in config.items()}, {}, {})


RUNS = [
    member(model__name=model, optimizer__lr=lr, seed=seed, data__window=8)
    for model, lr in (("gru", 0.1), ("lstm", 0.1), ("lstm", 0.2))
    for seed in (1, 2)
]


def test_the_fewest_keys_that_tell_runs_apart_make_groups() -> None:
    keys = keys_of(RUNS, [], ["seed"])
    assert keys == ["model.name", "optimizer.lr"]
    groups = grouped(RUNS, keys)
    assert list(groups) == ["gru optimizer.lr=0.1", "lstm optimizer.lr=0.1", "lstm optimizer.lr=0.2"]
    assert [[m.config["seed"] for m in group] for group in groups.values()] == [[1, 2]] * 3


def test_keys_may_be_asked_for() -> None:
    keys = keys_of(RUNS, ["model"], ["seed"])
    assert keys == ["model.name"]
    assert {name: len(group) for name, group in grouped(RUNS, keys).items()} == {"gru": 2, "lstm": 4}


def test_runs_that_differ_in_nothing_but_the_seed_are_one_group() -> None:
    assert list(grouped(RUNS[:2], keys_of(RUNS[:2], [], ["seed"]))) == ["gru"]


@pytest.mark.parametrize(
    ("by", "over", "message"),
    [
        (["optimizer.lrs"], ["seed"], r"^--by optimizer\.lrs is no key of these runs; did you mean 'optimizer\.lr'\?"),
        ([], ["sed"], r"^--over sed is no key of these runs; did you mean 'seed'\?"),
        (["model"], ["zzz"], r"^--over zzz is no key of these runs; `seqexp runs diff` shows"),
    ],
)
def test_a_key_that_no_run_has_is_refused(by: list[str], over: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        keys_of(RUNS, by, over)


def test_folds_need_not_be_there_to_be_averaged_over() -> None:
    assert keys_of(RUNS, [], ["seed", "data.fold"]) == ["model.name", "optimizer.lr"]
