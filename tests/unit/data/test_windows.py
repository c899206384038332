from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.series import panel, scaling, split
from torch.utils._python_dispatch import TorchDispatchMode

from seqexp.config.compose import compose
from seqexp.data.panel import Panel
from seqexp.data.scaling import Scale
from seqexp.data.spec import Continuous
from seqexp.data.split import split_panel
from seqexp.data.target import LevelTarget
from seqexp.data.windows import TrainingOrder, Windows, WindowSource, origins_of, scaled_covariates
from seqexp.errors import DataError
from seqexp.run.problem import Problem, build_problem

CPU = torch.device("cpu")


def source_of(
    values: Panel, *, window: int, horizon: int = 1, lags: Sequence[int] = (), anchor: str = "last",
    scale: Scale | None = None,
) -> WindowSource:  # fmt: skip
    """Windows over a panel whose covariates stay as they are."""
    target = LevelTarget(values, horizon=horizon, anchor=anchor, logarithm=False)
    target.scale = scale or target.scale
    covariates = torch.from_numpy(np.concatenate((values.observed, values.known), axis=1))
    return WindowSource(
        target, covariates, known=values.known.shape[1], window=window, lags=lags, device=CPU
    )  # fmt: skip


# Windows, cut out by hand.


def test_a_window_by_hand() -> None:
    values = panel([1, 2, 4, 7, 11, 16], observed=[10, 20, 30, 40, 50, 60], known=[0, 1, 0, 1, 0, 1])
    source = source_of(values, window=2, horizon=2, lags=[1])
    batch = source.gather(torch.tensor([2, 3]))
    # the target and the target a step before, from the last value; then observed, then known
    assert batch.inputs.tolist() == [[[-2, -3, 20, 1], [0, -2, 30, 0]], [[-3, -5, 30, 0], [0, -3, 40, 1]]]
    assert batch.targets.tolist() == [[[3], [7]], [[4], [9]]]
    assert batch.future is not None
    assert batch.future.tolist() == [[[1], [0]], [[0], [1]]]
    assert source.spec == Continuous(steps=2, features=4, anchored=2, future=1)


def naive(
    values: Panel, scale: Scale, origin: int, *, window: int, horizon: int, lags: Sequence[int], anchor: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One window in float64, step by step."""
    series = int(np.searchsorted(values.offsets, origin, side="right") - 1)
    center, width = scale.center[series], scale.scale[series]

    def base(step: int) -> np.ndarray:
        if anchor == "none":
            return center
        if anchor == "last":
            return values.target[origin]
        row = origin + step
        while row > origin:  # the same phase of the season, where it was seen last
            row -= values.season
        while row <= origin - values.season:
            row += values.season
        return values.target[row]

    steps = range(1 - window, 1)
    own = [[(values.target[origin + s - lag] - base(s)) / width for lag in (0, *lags)] for s in steps]
    rows = slice(origin - window + 1, origin + 1)
    inputs = np.concatenate((np.array(own).reshape(window, -1), values.observed[rows], values.known[rows]), axis=1)
    goal = np.array([(values.target[origin + s] - base(s)) / width for s in range(1, horizon + 1)])
    return inputs, values.known[origin + 1 : origin + 1 + horizon], goal


@settings(max_examples=80, deadline=None)
@given(draw=st.data())
def test_gather_is_slicing(draw: st.DataObject) -> None:
    drawn = np.random.default_rng(draw.draw(st.integers(0, 1000)))
    window, horizon, channels = draw.draw(st.tuples(st.integers(1, 12), st.integers(1, 9), st.integers(1, 3)))
    lags = draw.draw(st.lists(st.integers(1, 7), max_size=3))
    anchor = draw.draw(st.sampled_from(["last", "season", "none"]))
    covariates = draw.draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    season = draw.draw(st.integers(1, window))
    observed, known = (drawn.normal(size=(90, count)) for count in covariates)
    values = panel(
        drawn.normal(size=(50, channels)).cumsum(axis=0), drawn.normal(size=(40, channels)),
        observed=observed, known=known, season=season,
    )  # fmt: skip
    scale = Scale(drawn.normal(size=(2, channels)), drawn.random((2, channels)) + 0.5)
    source = source_of(values, window=window, horizon=horizon, lags=lags, anchor=anchor, scale=scale)
    assert source.spec == Continuous(
        window, channels * (1 + len(lags)) + sum(covariates), channels * (1 + len(lags)), covariates[1]
    )
    reach = window - 1 + max(lags, default=0)
    allowed = [*range(reach, 50 - horizon), *range(50 + reach, 90 - horizon)]
    origins = draw.draw(st.lists(st.sampled_from(allowed), min_size=1, max_size=6))
    batch = source.gather(torch.tensor(origins))
    assert batch.inputs.dtype == batch.targets.dtype == torch.float32
    expected = [naive(values, scale, o, window=window, horizon=horizon, lags=lags, anchor=anchor) for o in origins]
    for n, (inputs, future, goal) in enumerate(expected):
        np.testing.assert_allclose(batch.inputs[n], inputs, atol=1e-4)
        np.testing.assert_allclose(batch.targets[n], goal, atol=1e-4)
        if batch.future is None:
            assert covariates[1] == 0
        else:
            np.testing.assert_allclose(batch.future[n], future)
    without = source.gather(torch.tensor(origins), targets=False)
    assert torch.equal(without.inputs, batch.inputs)
    assert without.targets.numel() == 0


@pytest.mark.parametrize("lags", [[], [2]])
def test_the_input_scale_brings_the_anchored_window_to_unit_size(lags: list[int]) -> None:
    drawn = np.random.default_rng(0)
    target = np.stack([3 * drawn.normal(size=200), np.full(200, 5.0)], axis=1)
    values = panel(target, observed=drawn.normal(size=200))
    source = source_of(values, window=10, lags=lags)
    origins = torch.arange(20, 190)
    before = source.gather(origins).inputs
    source.fit_input_scale(origins)
    size = before[..., 0].double().square().mean().sqrt()
    assert source.input_scale[0].item() == pytest.approx(1 / size.item())
    assert source.input_scale[1].item() == 1  # a channel that never moves stays as it is
    after = source.gather(origins).inputs
    np.testing.assert_allclose(after[..., 0], before[..., 0] / size, rtol=1e-5)
    if lags:
        np.testing.assert_allclose(after[..., 2], before[..., 2] / size, rtol=1e-5)
    assert torch.equal(after[..., -1], before[..., -1])
    scale = source.input_scale.clone()
    source.fit_input_scale(origins)  # fitted anew, not on what is already scaled
    assert torch.equal(source.input_scale, scale)


def test_a_batch_is_a_copy_that_may_be_written_to() -> None:
    source = source_of(panel([1, 2, 4, 7, 11], known=[1, 2, 3, 4, 5]), window=2)
    first = source.gather(torch.tensor([2]))
    for tensor in (first.inputs, first.future, first.targets):
        assert tensor is not None
        tensor.fill_(99)
    again = source.gather(torch.tensor([2]))
    assert again.inputs.tolist() == [[[-2, 2], [0, 3]]]
    assert again.targets.item() == 3


# Windows are never laid out.


class Allocated(TorchDispatchMode):
    """The bytes of every storage that operations make anew."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {a.untyped_storage().data_ptr() for a in torch.utils._pytree.tree_leaves(args) if torch.is_tensor(a)}
        result = func(*args, **(kwargs or {}))
        for made in torch.utils._pytree.tree_leaves(result):
            if torch.is_tensor(made) and made.untyped_storage().data_ptr() not in given:
                self.bytes.append(made.untyped_storage().nbytes())
        return result


def test_windows_take_no_memory_of_their_own() -> None:
    rows, window = 100_000, 5_000
    values = panel(np.arange(rows), observed=np.zeros(rows))
    with Allocated() as allocated:
        source = source_of(values, window=window, lags=[3])
        windows = Windows(source, np.arange(window + 3, rows - 1, dtype=np.int32))
    assert max(allocated.bytes) <= rows * 2 * 4  # the rows: a target and a covariate of 4 bytes; windows: 3.8 GB
    with Allocated() as allocated:
        batch = windows.batch(torch.tensor([0, 90_000]))
    assert batch.inputs.shape == (2, window, 3)
    assert max(allocated.bytes) <= batch.inputs.numel() * 4
    held = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes()
        for t in vars(source).values()
        if torch.is_tensor(t)
    }
    assert sum(held.values()) == rows * 2 * 4 + 4


# No value of the future is seen.


def table_file(path: Path, rows: int = 200, spike: int | None = None) -> Path:
    """A table of one target, an observed and a known covariate; from row `spike` on all is enormous."""
    drawn = np.random.default_rng(1)
    values = 100 + np.stack([drawn.normal(size=rows).cumsum(), drawn.normal(size=rows), drawn.random(rows)], axis=1)
    values[:, 0] += 5 * np.sin(2 * np.pi * np.arange(rows) / 7)
    if spike is not None:
        values[spike:] *= 1e9
    days = np.datetime64("2020-01-01") + np.arange(rows)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "load", "wind", "price"])
        writer.writerows([str(d), *map(repr, map(float, v))] for d, v in zip(days, values, strict=True))
    return path


def bars_file(path: Path, rows: int = 200, spike: int | None = None, seed: int = 2) -> Path:
    drawn = np.random.default_rng(seed)
    close = 100 * np.exp(drawn.normal(0, 0.01, rows).cumsum())
    values = np.stack([close * 0.999, close * 1.01, close * 0.98, close, drawn.integers(1000, 2000, rows)], axis=1)
    if spike is not None:
        values[spike:] *= 1e6 * (1 + np.arange(rows - spike))[:, None]
    days = np.datetime64("2020-01-01") + np.arange(rows)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Date", "Open", "High", "Low", "Close", "Volume"])
        writer.writerows([str(d), *map(repr, map(float, v))] for d, v in zip(days, values, strict=True))
    return path


def everything(problem: Problem) -> list[torch.Tensor]:
    """What a model is trained on, and what was fitted for it."""
    windows = problem.task.splits.train
    batch = windows.batch(torch.arange(len(windows)))
    assert len(batch) > 50
    found = [batch.inputs, batch.targets, problem.preprocessing["input_scale"]]
    return found + ([batch.future] if batch.future is not None else [])


TABLE = ["data=table", "data.target=load", "data.known=price", "data.observed=wind", "data.calendar=[day_of_week]"]
FEATURES = "sma_5,ema_5,rsi,macd,atr,bollinger,garman_klass,relative_volume_5,close_in_range_5,overnight"
LEAKS = {
    **{f"table, {how}": [*TABLE, f"data.scaling.target={how}"] for how in ("standard", "robust", "minmax", "log")},
    "table, global": [*TABLE, "data.scaling.scope=global", "data.scaling.features=robust"],
    **{f"table, {anchor}": [*TABLE, f"task.anchor={anchor}", "task.lags=[7]"] for anchor in ("last", "season", "none")},
    "close": ["data=stocks"],
    "close, two tickers": ["data=stocks"],
    "close, two tickers, global": ["data=stocks", "data.scaling.scope=global", "data.scaling.features=minmax"],
    "close, by dates": ["data=stocks", "data.split.valid_from=2020-05-20", "data.split.test_from=2020-06-19"],
    "volatility": ["data=stocks", "data.target=volatility"],
    "direction, features": ["data=stocks", "data.target=direction", f"data.features=[{FEATURES}]"],
}  # fmt: skip


def problem_of(case: str, folder: Path, spike: int | None) -> Problem:
    """The problem of a case, over files of its own of which all rows from `spike` on are enormous."""
    folder.mkdir()
    path = folder
    if "two tickers" in case:
        bars_file(folder / "a.csv", spike=spike)
        bars_file(folder / "b.csv", spike=spike, seed=3)
    else:
        path = (bars_file if "data=stocks" in LEAKS[case] else table_file)(folder / "rows.csv", spike=spike)
    keys = [*LEAKS[case], f"data.path={path}", "data.window=24", "data.horizon=3"]
    return build_problem(compose(keys).experiment, CPU)


@pytest.mark.parametrize("case", LEAKS)
def test_a_spike_after_train_moves_nothing_that_is_trained_on(tmp_path: Path, case: str) -> None:
    clean, spiked = (problem_of(case, tmp_path / name, row) for name, row in (("clean", None), ("spiked", 140)))
    for problem in (clean, spiked):  # train is rows 0 to 139 of each series
        assert problem.task.borders.valid.tolist() == [140, 340][: len(problem.panel.names)]
    tensors, spiked_tensors = everything(clean), everything(spiked)
    assert [t.shape for t in tensors] == [t.shape for t in spiked_tensors]
    assert all(torch.equal(a, b) for a, b in zip(tensors, spiked_tensors, strict=True))
    assert all(torch.isfinite(t).all() for t in tensors)
    for key in ("target", "covariates", "frequency", "season", "spec"):
        assert clean.preprocessing[key] == spiked.preprocessing[key]


@pytest.mark.parametrize("case", LEAKS)
def test_what_comes_after_a_window_moves_no_input_of_it(tmp_path: Path, case: str) -> None:
    windows, origin = [], 180  # in test
    for name, spike in (("clean", None), ("spiked", origin + 1)):
        problem = problem_of(case, tmp_path / name, spike)
        origins = torch.from_numpy(problem.task.splits.test.origins).long()
        assert origin in origins
        windows.append(problem.task.source.gather(origins[origins <= origin]).inputs)
    assert torch.equal(*windows)


# Which windows there are.


def test_origins_by_hand() -> None:
    data_ = panel(np.zeros(20), np.zeros(12))
    borders = split_panel(data_, split(valid=4, test=3))  # train 0-12, 20-24; valid 13-16, 25-28; test 17-19, 29-31
    assert origins_of(data_, borders, "train", shape=(3, 2), reach=0).tolist() == [*range(2, 11), 22]
    assert origins_of(data_, borders, "valid", shape=(3, 2), reach=0).tolist() == [12, 13, 14, 24, 25, 26]
    assert origins_of(data_, borders, "test", shape=(3, 2), reach=0).tolist() == [16, 17, 28, 29]
    assert origins_of(data_, borders, "train", shape=(3, 2), reach=4, stride=3).tolist() == [6, 9]
    assert origins_of(data_, borders, "test", shape=(3, 4), reach=0).tolist() == []


def test_no_window_holds_a_row_without_all_features() -> None:
    observed = np.arange(30.0)
    observed[[0, 1, 12]] = np.nan
    data_ = panel(np.zeros(30), observed=observed)
    borders = split_panel(data_, split(valid=5, test=5))
    expected = [o for o in range(2, 19) if np.isfinite(observed[o - 2 : o + 1]).all()]
    assert origins_of(data_, borders, "train", shape=(3, 1), reach=0).tolist() == expected


def test_a_split_without_a_whole_window_is_refused(tmp_path: Path) -> None:
    path = table_file(tmp_path / "rows.csv", rows=40)
    keys = [*TABLE, f"data.path={path}", "data.window=8", "data.horizon=10"]
    with pytest.raises(DataError, match=r"valid has no whole window: data\.window=8 and data\.horizon=10 do not fit"):
        build_problem(compose(keys).experiment, CPU)


def test_windows_come_in_batches_in_their_own_order() -> None:
    windows = Windows(source_of(panel(np.arange(40)), window=2), np.arange(5, 30, dtype=np.int32))
    assert len(windows) == 25
    assert [b.tolist() for b in windows.batches(10)] == [[*range(5, 15)], [*range(15, 25)], [*range(25, 30)]]
    assert [len(b) for b in windows.batches(10, limit=2)] == [10, 10]
    assert windows.all_origins(10, 9).tolist() == list(range(5, 30))
    batch = windows.batch(torch.tensor([3, 0], dtype=torch.int32))
    assert torch.equal(batch.targets, windows.source.gather(torch.tensor([8, 5])).targets)


def test_covariates_of_a_new_panel_may_be_scaled_as_those_of_the_old() -> None:
    old = panel(np.zeros(30), observed=np.arange(30.0))
    _, scale = scaled_covariates(old, split_panel(old, split(valid=5, test=5)), None, scaling())
    new = replace(old, observed=old.observed + 100)
    scaled, _ = scaled_covariates(new, None, scale, scaling())
    # train was 0 to 19: mean 9.5, standard deviation sqrt((400 - 1) / 12)
    np.testing.assert_allclose(scaled[:, 0], (np.arange(30) + 100 - 9.5) / np.sqrt(399 / 12), rtol=1e-5)


# The order of training.


def order_of(count: int, *, seed: int = 1, batch_size: int = 4, accumulate: int = 1, **options: Any) -> TrainingOrder:
    windows = Windows(source_of(panel(np.arange(count + 10)), window=2), np.arange(2, count + 2, dtype=np.int32))
    options = {"steps_per_epoch": None, "first_batches": None} | options
    return TrainingOrder(windows, seed=seed, batch_size=batch_size, accumulate=accumulate, **options)


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "count": draw(st.integers(1, 60)),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "batch_size": draw(st.integers(1, 9)),
        "accumulate": draw(st.integers(1, 3)),
    }


@settings(max_examples=50, deadline=None)
@given(epoch=st.integers(0, 50), options=orders())
def test_an_epoch_visits_every_window_once(epoch: int, options: dict[str, Any]) -> None:
    order, full = order_of(**options), options["batch_size"] * options["accumulate"]
    assert order.steps_per_epoch == -(-options["count"] // full)
    updates = [order.indices(epoch, step) for step in range(order.steps_per_epoch)]
    assert sorted(chain(*updates)) == list(range(options["count"]))
    assert all(len(update) == full for update in updates[:-1])
    assert updates[-1]


@settings(max_examples=50, deadline=None)
@given(steps=st.one_of(st.none(), st.integers(1, 20)), stop=st.integers(0, 40), options=orders())
def test_going_on_in_the_middle_of_an_epoch_gives_the_same_rest(
    steps: int | None, stop: int, options: dict[str, Any]
) -> None:
    whole = order_of(**options, steps_per_epoch=steps)
    unbroken = [whole.indices(*divmod(update, whole.steps_per_epoch)) for update in range(stop + 10)]
    torch.manual_seed(stop)  # nothing else has a say
    resumed = order_of(**options, steps_per_epoch=steps)
    rest = [resumed.indices(*divmod(update, whole.steps_per_epoch)) for update in range(stop, stop + 10)]
    assert rest == unbroken[stop:]


@pytest.mark.parametrize("accumulate", [1, 2, 3])
def test_epochs_of_some_steps_are_stretches_of_whole_passes(accumulate: int) -> None:
    order = order_of(10, batch_size=4, steps_per_epoch=2, accumulate=accumulate)  # batches of 4, 4 and 2 are a pass
    updates = [order.indices(epoch, step) for epoch in range(3) for step in range(2)]
    visited = list(chain(*updates))
    passes = [visited[i : i + 10] for i in range(0, len(visited), 10)]
    assert len(passes) == 2 * accumulate
    assert all(sorted(p) == list(range(10)) for p in passes)
    assert len({tuple(p) for p in passes}) == len(passes)  # each in an order of its own


def test_overfitting_takes_the_first_batches_in_the_order_of_time() -> None:
    order = order_of(10, batch_size=4, first_batches=2)
    assert [order.indices(epoch, step) for epoch in (0, 5) for step in (0, 1)] == [[0, 1, 2, 3], [4, 5, 6, 7]] * 2


def test_the_batches_of_an_update_are_the_windows_of_its_indices() -> None:
    order = order_of(10, batch_size=3, accumulate=2)
    batches = order.batches(1, 0)
    assert [len(b) for b in batches] == [3, 3]
    source = order._windows.source
    expected = source.gather(torch.tensor(order.indices(1, 0)) + 2)  # window i ends at row i + 2
    assert torch.equal(torch.cat([b.inputs for b in batches]), expected.inputs)
