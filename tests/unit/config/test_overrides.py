from __future__ import annotations

from pathlib import Path

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from seqexp.config.overrides import parse_assignment, sweep_jobs
from seqexp.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("trainer.max_epochs=20", "trainer.max_epochs", 20),
        ("optimizer.lr=3e-4", "optimizer.lr", 3e-4),
        ("a=[1,b]", "a", [1, "b"]),
        ("a={b:1}", "a", {"b": 1}),
        ("a='x, y'", "a", "x, y"),
        ("a=null", "a", None),
        ("a=true", "a", True),
        ("a=", "a", ""),
        ("+a=1", "a", 1),
    ],
)
def test_an_assignment_is_read_by_the_same_grammar(text: str, key: str, value: object) -> None:
    assert parse_assignment(text) == (key, value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [("a", "must be key=value"), ("~a", "must be key=value with one value"), ("a=1,2", "names several values"),
     ("a=[1", "cannot be read"), ("a=range(1,3)", "names several values")],
)  # fmt: skip
def test_what_is_no_assignment_is_told(text: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        parse_assignment(text)


SWEEPS = [
    ["model=rnn,lstm", "seed=1,2", "name=x"],
    ["seed=range(1,4)", "model=choice(gru,rnn)"],
    ["model.hidden_sizes=[1],[2,3]", "+data.columns.date='a,b',c"],
    ["seed=1,2", "model=gru", "seed=5"],
    ["seed=5", "model=gru,rnn", "seed=1,2"],
    ["name=x"],
]


@pytest.mark.parametrize("overrides", SWEEPS)
def test_a_sweep_has_the_jobs_of_hydra_in_its_order(overrides: list[str]) -> None:
    parsed = OverridesParser.create().parse_overrides(overrides)
    assert [sweep_jobs(overrides)] == BasicSweeper.split_arguments(parsed, None)


def test_the_last_choice_turns_fastest() -> None:
    assert sweep_jobs(SWEEPS[0]) == [
        ["model=rnn", "seed=1", "name=x"],
        ["model=rnn", "seed=2", "name=x"],
        ["model=lstm", "seed=1", "name=x"],
        ["model=lstm", "seed=2", "name=x"],
    ]


def test_a_glob_sweeps_over_the_files_of_a_group(mine: Path) -> None:
    assert sweep_jobs(["model=glob(*)"]) == [["model=gru"], ["model=lstm"], ["model=rnn"]]
    assert sweep_jobs(["optimizer=glob(ad*,exclude=*w)"]) == [["optimizer=adagrad"], ["optimizer=adam"]]
    assert sweep_jobs(["model=glob([s*,r*])"], str(mine)) == [["model=rnn"], ["model=small"]]


def test_a_sweep_that_cannot_be_read_says_all_that_is_wrong() -> None:
    with pytest.raises(ConfigError) as error:
        sweep_jobs(["seed=interval(1,2)", "foo", "model=gru,rnn"])
    assert error.value.problems == (
        "'foo' must be key=value; quote special characters: 'key=\"a, b\"'  (command line)",
        "'seed=interval(1,2)' must name its values, as in seed=1,2 or seed=range(1,3)",
    )


def test_zipped_keys_advance_together_in_the_place_of_the_first() -> None:
    words = ["model=rnn,gru", "seed=1,2", "+optimizer.lr=0.1,0.2", "name=x"]
    assert sweep_jobs(words, zipped=[["model", "optimizer.lr"]]) == [
        ["model=rnn", "+optimizer.lr=0.1", "seed=1", "name=x"],
        ["model=rnn", "+optimizer.lr=0.1", "seed=2", "name=x"],
        ["model=gru", "+optimizer.lr=0.2", "seed=1", "name=x"],
        ["model=gru", "+optimizer.lr=0.2", "seed=2", "name=x"],
    ]
    assert sweep_jobs(["a=1,2", "b=3,4", "c=range(5,7)"], zipped=[["a", "c", "b"]]) == [
        ["a=1", "c=5", "b=3"], ["a=2", "c=6", "b=4"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zipped", "problem"),
    [
        ([["a", "b"]], "sweep.zip needs as many values of each key of a group, but a has 2, b has 3"),
        ([["a", "x"]], "sweep.zip names 'x', which is not swept; say x=VALUE,VALUE or leave it out"),
        ([["a", "c"], ["c"]], "sweep.zip names 'c' twice; a key advances with one group"),
    ],
)
def test_keys_that_cannot_be_zipped_are_told(zipped: list[list[str]], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        sweep_jobs(["a=1,2", "b=1,2,3", "c=1,2"], zipped=zipped)
    assert error.value.problems == (problem,)


@pytest.mark.parametrize("override", ["seed=range(1,1)", "model=glob(x*)"])
def test_a_sweep_over_nothing_is_told(override: str) -> None:
    with pytest.raises(ConfigError) as error:
        sweep_jobs(["name=a,b", override])
    assert error.value.problems == (f"'{override}' names no value, so the sweep has no job",)
