from __future__ import annotations

import hashlib
import json
import random
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from seqexp.config.compose import compose, validate
from seqexp.config.identity import EXTENDS, MAY_DIFFER, differences, identity, run_name, run_path, under
from seqexp.config.schema import Experiment

# One experiment, every key of it. Written out here: conf/ may change its mind, this may not.
FIXED: dict[str, Any] = {
    "name": "stocks", "seed": 1, "outputs": "outputs", "device": "auto", "threads": 1,
    "data": {
        "name": "stocks", "path": "/data/prices.csv", "date_format": None, "window": 64, "horizon": 1, "stride": 1,
        "season": "auto",
        "start": None, "columns": {}, "tickers": None, "adjust": True, "target": "close", "features": "auto",
        "split": {"train": None, "valid": 0.15, "test": 0.15, "valid_from": None, "test_from": None, "until": None},
        "scaling": {"target": "standard", "features": "standard", "scope": "series"},
        "cleaning": {"unsorted": "sort", "duplicates": "refuse", "non_finite": "refuse", "gaps": "keep",
                     "short": "refuse"},
    },
    "model": {
        "name": "lstm", "hidden_sizes": [64], "bidirectional": False, "dropout": 0.0, "variational_dropout": 0.0,
        "layer_norm": False, "residual": False, "initial_state": "zero", "orthogonal": None, "weight_drop": 0.0,
        "readout": "auto",
        "linear_skip": True, "kernel": "torch", "patch_size": 1, "forget_gate_bias": None,
    },
    "task": {
        "name": "forecasting", "head": "point", "loss": "mse", "huber_delta": 1.0, "anchor": "auto", "lags": [],
        "quantiles": [0.1, 0.5, 0.9], "baselines": ["naive", "ridge"], "series_by_series": 32,
    },
    "optimizer": {"name": "adam", "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False,
                  "weight_decay": 0.0},
    "scheduler": {"name": "constant", "warmup_steps": 0},
    "trainer": {
        "max_epochs": 30, "steps_per_epoch": None, "batch_size": 64, "eval_batch_size": 512, "accumulate": 1,
        "clip_norm": 1.0, "clip_value": None, "precision": "float32", "ema_decay": 0.0, "monitor": "loss",
        "mode": "min", "early_stopping": {"patience": 5, "min_delta": 0.0},
        "checkpoints": {"every_steps": None, "keep_last": 2, "keep_best": 1}, "log_every": 50, "validate_every": 1,
        "deterministic": True, "limit_batches": None, "overfit_batches": None, "profile": False,
    },
    "tracking": {"progress": "auto"}, "diagnostics": {"name": "none"},
}  # fmt: skip


@pytest.fixture(scope="module")
def fixed() -> Experiment:
    return validate(FIXED)


def test_the_hash_of_a_known_experiment_is_what_it_always_was(fixed: Experiment) -> None:
    """If this fails, every run that users have becomes another run. Change it only when that is meant."""
    assert identity(fixed) == "47a473c1eb256f967607f898dc14da4453f5d54d28a3f8cc754eb901211c5116"


def test_the_hash_is_sha256_of_the_sorted_json_without_what_may_differ(fixed: Experiment) -> None:
    values = json.loads(json.dumps(FIXED))
    del values["name"], values["outputs"], values["tracking"], values["diagnostics"], values["trainer"]["checkpoints"]
    # Several ways to say a thing are one thing.
    values["data"] |= {"path": ["/data/prices.csv"], "season": 0, "tickers": [], "features": ["auto"]}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    assert identity(fixed) == hashlib.sha256(text.encode("ascii")).hexdigest()


def shuffled(value: Any, order: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    items = [(k, shuffled(v, order)) for k, v in value.items()]
    order.shuffle(items)
    return dict(items)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_keys_changes_nothing(fixed: Experiment, seed: int) -> None:
    values = shuffled(FIXED, random.Random(seed))
    assert list(values) != list(FIXED)
    assert identity(validate(values)) == identity(fixed)


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("data.path", "/a.csv", ["/a.csv"]),
        ("data.path", None, []),
        ("data.tickers", "A", ["A"]),
        ("model.hidden_sizes", 8, [8]),
        ("optimizer.weight_decay", 0, 0.0),
        ("trainer.clip_norm", 1, 1.0),
        ("data.path", "/a/../b.csv", "/b.csv"),
    ],
)
def test_two_ways_to_say_a_thing_are_one_experiment(key: str, one: Any, other: Any) -> None:
    assert identity(said(key, one)) == identity(said(key, other))


def said(key: str, value: Any) -> Experiment:
    values = json.loads(json.dumps(FIXED))
    *parents, last = key.split(".")
    section = values
    for parent in parents:
        section = section[parent]
    section[last] = value
    return validate(values)


def leaves(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each dotted key with its value and its annotation."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, field.annotation


def another(value: Any, annotation: Any) -> Any:
    """A value of the same type that is not this one."""
    choices = [a for a in typing.get_args(annotation) if isinstance(a, str)]
    if choices:
        return next((c for c in choices if c != value), None)
    if value is None:
        types = str(annotation)
        return "2019-01-31" if "str" in types else 1 if "int" in types else False if "bool" in types else 0.5
    change: dict[type, Callable[[Any], Any]] = {
        bool: lambda v: not v,
        int: lambda v: v + 1,
        float: lambda v: v + 0.25,
        str: lambda v: f"{v}x",
        dict: lambda v: {**v, "date": "x"},
        tuple: lambda v: v[1:] if len(v) > 1 else (*v, v[0]) if v else ("x",) if "str" in str(annotation) else (1,),
    }
    return change[type(value)](value)


def with_leaf(model: BaseModel, key: str, value: Any) -> BaseModel:
    head, _, rest = key.partition(".")
    inner = with_leaf(getattr(model, head), rest, value) if rest else value
    return model.model_copy(update={head: inner})


OPTIONS = ((), ("data=table",), ("model=rnn",), ("model=gru", "optimizer=sgd"), ("optimizer=rmsprop",),
           ("optimizer=adagrad", "scheduler=step"), ("optimizer=adamw", "scheduler=cosine"), ("scheduler=linear",),
           ("scheduler=plateau",), ("scheduler=one_cycle",))  # fmt: skip


@pytest.mark.parametrize("overrides", OPTIONS, ids=" ".join)
def test_every_other_key_is_another_experiment(overrides: tuple[str, ...]) -> None:
    experiment = compose(overrides).experiment
    original, changed, kept = identity(experiment), set(), set()
    for key, value, annotation in leaves(experiment):
        new = another(value, annotation)
        if new is None:  # the name of a section with one kind only
            continue
        other = with_leaf(experiment, key, new)
        assert isinstance(other, Experiment)
        (changed if identity(other) != original else kept).add(key)
    only_one = {"diagnostics.name"}  # the name of a section with one key has no other value of its own type
    assert kept | only_one == {k for k, _, _ in leaves(experiment) if under(k, MAY_DIFFER)} | only_one
    assert len(changed) > 50
    assert {"seed", "device", "threads", "data.split.valid", "trainer.deterministic"} <= changed


def test_no_two_options_are_one_experiment() -> None:
    assert len({identity(compose(o).experiment) for o in OPTIONS}) == len(OPTIONS)


@pytest.mark.parametrize("key", EXTENDS)
def test_a_longer_experiment_is_another_one_unless_a_run_is_resumed(fixed: Experiment, key: str) -> None:
    """A schedule may depend on the length: only a run that is resumed keeps its name as it is extended."""
    longer = with_leaf(fixed, key, 60)
    assert isinstance(longer, Experiment)
    assert identity(longer) != identity(fixed)
    assert set(differences(fixed.model_dump(), longer.model_dump())) == {key}


def test_every_key_that_is_named_exists(fixed: Experiment) -> None:
    known = {k for e in (fixed, compose(["data=language"]).experiment) for k, _, _ in leaves(e)}
    for key in (*MAY_DIFFER, *EXTENDS):
        assert any(under(k, (key,)) for k in known), key


def test_the_name_of_a_run_is_readable_and_ends_in_the_hash(fixed: Experiment) -> None:
    assert run_name(fixed) == f"lstm-seed1-{identity(fixed)[:8]}"
    assert run_name(said("seed", 7)).startswith("lstm-seed7-")
    assert run_path(fixed) == Path(fixed.outputs) / fixed.name / run_name(fixed)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({}, {}, {}),
        ({"a": 1, "b": {"c": [1]}}, {"b": {"c": [1]}, "a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": (1, 2)}),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 3, "d": 2}}}, {"a.b.c": (1, 3)}),
        ({"a": 1}, {"b": 1}, {"a": (1, None), "b": (None, 1)}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": ({"b": 1}, 5)}),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a": ([1, 2], [2, 1])}),
        ({"b": 1, "a": 1}, {"b": 2, "a": 2}, {"a": (1, 2), "b": (1, 2)}),
    ],
)
def test_differences_are_dotted_keys_with_both_values(old: Any, new: Any, found: dict[str, Any]) -> None:
    assert differences(old, new) == found
    assert list(differences(old, new)) == sorted(found)
    assert differences(new, old) == {k: (b, a) for k, (a, b) in found.items()}


@pytest.mark.parametrize(
    ("key", "keys", "is_under"),
    [("a.b", ("a",), True), ("a", ("a",), True), ("ab", ("a",), False), ("a", ("a.b",), False), ("a.b.c", ("x", "a.b"),
     True), ("a", (), False)],
)  # fmt: skip
def test_a_key_lies_under_another_by_its_dots(key: str, keys: tuple[str, ...], is_under: bool) -> None:
    assert under(key, keys) is is_under
