"""What a wrong value is told, through the real schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqexp.config.compose import validate
from seqexp.config.explain import show, suggest
from seqexp.errors import ConfigError

Problems = Callable[[dict[str, Any]], list[str]]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("trainer.max_epochs", 0, "trainer.max_epochs must be at least 1, but is 0"),
        ("trainer.max_epochs", 1.5, "trainer.max_epochs must be a whole number, but is 1.5"),
        ("trainer.max_epochs", 1.0, "trainer.max_epochs must be a whole number, but is 1.0"),
        ("trainer.max_epochs", "x", "trainer.max_epochs must be a whole number, but is 'x'"),
        ("trainer.max_epochs", "1", "trainer.max_epochs must be a whole number, but is '1'"),
        ("trainer.max_epochs", True, "trainer.max_epochs must be a whole number, but is true"),
        ("trainer.max_epochs", None, "trainer.max_epochs must be a whole number, but is null"),
        ("trainer.max_epochs", [1], "trainer.max_epochs must be a whole number, but is [1]"),
        ("seed", 2**32, "seed must be less than 4294967296, but is 4294967296"),
        ("optimizer.lr", 0, "optimizer.lr must be greater than 0.0, but is 0"),
        ("optimizer.lr", 101, "optimizer.lr must be at most 100.0, but is 101"),
        ("optimizer.lr", "1e-3", "optimizer.lr must be a number, but is '1e-3'"),
        ("optimizer.lr", float("nan"), "optimizer.lr must be a finite number, but is nan"),
        ("optimizer.beta1", 1.0, "optimizer.beta1 must be less than 1.0, but is 1.0"),
        ("trainer.clip_norm", "x", "trainer.clip_norm must be a number, but is 'x'"),
        ("model.bidirectional", 1, "model.bidirectional must be true or false, but is 1"),
        ("model.bidirectional", "yes", "model.bidirectional must be true or false, but is 'yes'"),
        ("trainer.monitor", 3, "trainer.monitor must be text, but is 3"),
        ("outputs", "", "outputs must be not empty, but is ''"),
        ("data.columns", [1], "data.columns must be a group of keys, but is [1]"),
        ("data.split", 3, "data.split must be a group of keys, but is 3"),
        ("data.split", None, "data.split must be a group of keys, but is null"),
        ("task.lags", 3, "task.lags must be a list such as [1, 2], but is 3"),
        ("model.hidden_sizes", [], "model.hidden_sizes must be a list of at least 1, but is []"),
        ("model.hidden_sizes", [8, 0], "model.hidden_sizes[1] must be at least 1, but is 0"),
        ("model.hidden_sizes", 0, "model.hidden_sizes[0] must be at least 1, but is 0"),
        ("data.path", [1], "data.path[0] must be text, but is 1"),
        ("data.path", 1, "data.path must be text or a list of texts, but is 1"),
        ("device", "gpu", "device must be one of auto, cpu, cuda, mps, but is 'gpu'; did you mean 'cpu'?"),
        ("task.head", "quantiles", "task.head must be one of point, quantile, gaussian, student_t, but is 'quantiles'; "
                                   "did you mean 'quantile'?"),
        ("task.baselines", ["naive", "gjr"], "task.baselines[1] must be one of naive, drift, seasonal_naive, ridge, "
                                             "ets, arima, ewma, har, garch, gjr_garch, but is 'gjr'"),
        ("model.name", "lstmm", "model.name must be one of lstm, gru, rnn, but is 'lstmm'; did you mean 'lstm'?"),
        ("data.start", "2020-13-01", "data.start must be a date such as 2016-01-31 or 2016-01-31T12:00, but is "
                                     "'2020-13-01'"),
        ("name", "a/b", "name must be up to 80 letters, digits, '.', '_' and '-', and start with a letter or digit, "
                        "but is 'a/b'"),
        ("task.quantiles", [0, 1], "task needs quantiles between 0 and 1, but has [0.0, 1.0]"),
        ("trainer", 3, "trainer must be a group of keys, but is 3"),
        ("model.hiden_size", 3, "unknown key 'model.hiden_size'; did you mean 'model.hidden_sizes'?"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_its_rule(problems: Problems, key: str, value: Any, problem: str) -> None:
    assert problems({key: value}) == [f"{problem}  (command line)"]


def test_a_section_that_is_none_is_told(problems: Problems) -> None:
    """The words are those of the alternatives, not of the schema's library."""
    for value in (3, None, "lstm", [1]):
        (problem,) = problems({"model": value})
        assert problem.startswith("model")
        assert problem.endswith(f"but is {show(value)}  (command line)")


@pytest.mark.parametrize("jargon", ["union", "tag", "discriminator", "pydantic", "input", "instance", "valid "])
@pytest.mark.parametrize(
    "change",
    [{"model": 3}, {"model": {}}, {"model.name": 3}, {"model.name": None}, {"data": []}, {"optimizer.name": "x"},
     {"trainer.clip_norm": {}}, {"data.split.train": []}, {"data.columns": {"a": 1}}, {"scheduler": "constant"},
     {"trainer.early_stopping": {}}, {"task.baselines": [3]}, {"data.start": 2020}, {"data.season": 1.5}],
)  # fmt: skip
def test_no_message_speaks_of_the_library_that_found_it(
    problems: Problems, change: dict[str, Any], jargon: str
) -> None:
    text = " ".join(re.sub(r"'[^']*'", "", p) for p in problems(change))
    assert jargon not in text.lower().replace("data.split.valid", "")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("model.hidden_size", "model.hidden_sizes"),
        ("trainer.max_epoch", "trainer.max_epochs"),
        ("data.split.tran", "data.split.train"),
        ("trainer.early_stoping", "trainer.early_stopping"),
        ("lr", "optimizer.lr"),
        ("trainer.lr", "optimizer.lr"),
        ("hidden_size", "model.hidden_sizes"),
        ("epochs", "trainer.max_epochs"),
        ("batch_sizes", "trainer.batch_size"),
        ("sede", "seed"),
        ("modle", "model"),
        ("Model", "model"),
        ("dropout", "model.dropout"),
    ],
)
def test_an_unknown_key_is_told_the_nearest_of_its_section_then_of_its_name(
    problems: Problems, typed: str, meant: str
) -> None:
    assert problems({typed: 1}) == [f"unknown key '{typed}'; did you mean '{meant}'?  (command line)"]


@pytest.mark.parametrize("key", ["trainer.foo", "qwertz", "optimizer.alpha", "model.nonlinearity"])
def test_a_key_that_is_near_nothing_gets_no_guess(problems: Problems, key: str) -> None:
    """`alpha` is of RMSprop and `nonlinearity` of RNN: not of what was chosen."""
    assert problems({key: 1}) == [f"unknown key '{key}'  (command line)"]


def test_all_that_is_wrong_is_told_in_the_order_of_the_schema(problems: Problems) -> None:
    assert problems({"trainer.max_epochs": 0, "seed": -1, "model.hiden_size": 3, "data.window": "x"}) == [
        "seed must be at least 0, but is -1  (command line)",
        "data.window must be a whole number, but is 'x'  (command line)",
        "unknown key 'model.hiden_size'; did you mean 'model.hidden_sizes'?  (command line)",
        "trainer.max_epochs must be at least 1, but is 0  (command line)",
    ]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ([], "configuration"),
        (["trainer"], "command line"),
        (["trainer.max_epochs"], "command line"),
        (["trainer.max_epochs.x"], "command line"),
        (["trainer.max_epoch"], "configuration"),
        (["trainer.batch_size"], "configuration"),
        (["train"], "configuration"),
    ],
)
def test_it_is_told_where_the_wrong_value_was_said(values: dict[str, Any], said: list[str], where: str) -> None:
    values["trainer"]["max_epochs"] = 0
    with pytest.raises(ConfigError) as error:
        validate(values, said)
    assert error.value.problems == (f"trainer.max_epochs must be at least 1, but is 0  ({where})",)


def test_a_rule_over_several_keys_was_broken_by_the_one_that_was_said(values: dict[str, Any]) -> None:
    values["data"]["split"]["train"] = 0.9
    for said, where in ((["data.split.train"], "command line"), (["seed"], "configuration")):
        with pytest.raises(ConfigError) as error:
            validate(values, said)
        assert error.value.problems == (f"data.split has shares that add up to 1.2; they must not pass 1  ({where})",)


def test_a_missing_key_was_not_said_anywhere(values: dict[str, Any]) -> None:
    del values["trainer"]["max_epochs"], values["model"]["dropout"], values["data"]["split"]
    with pytest.raises(ConfigError) as error:
        validate(values, ["trainer.max_epochs"])
    assert error.value.problems == (
        "key 'data.split' is missing  (configuration)",
        "key 'model.dropout' is missing  (configuration)",
        "key 'trainer.max_epochs' is missing  (configuration)",
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), (False, "false"), (1, "1"), (0.5, "0.5"), ("a", "'a'"), ([1, "b"], "[1, 'b']"),
     ("x" * 100, "'" + "x" * 76 + "...")],
)  # fmt: skip
def test_a_value_is_shown_as_it_would_be_written(value: object, text: str) -> None:
    assert show(value) == text


@given(st.text() | st.lists(st.integers()) | st.floats() | st.dictionaries(st.text(), st.text()))
def test_no_value_makes_a_long_message(value: object) -> None:
    assert len(show(value)) <= 80


@pytest.mark.parametrize(
    ("word", "known", "text"),
    [
        ("lstmm", ["gru", "lstm"], "; did you mean 'lstm'?"),
        ("x", ["gru", "lstm"], ""),
        ("gru", [], ""),
        ("", ["a"], ""),
    ],
)
def test_the_nearest_word_is_suggested_if_one_is_near(word: str, known: list[str], text: str) -> None:
    assert suggest(word, known) == text
