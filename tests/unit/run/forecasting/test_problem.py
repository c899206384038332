from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqexp.config.compose import compose
from seqexp.errors import CheckpointError, DataError
from seqexp.run.problem import Problem, build_problem, trained_model
from seqexp.store import checkpoint

CPU = torch.device("cpu")


def built(tiny: Sequence[str], *overrides: str) -> Problem:
    return build_problem(compose([*tiny, *overrides]).experiment, CPU)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in ours)
    return bool(ours == theirs)


AUTO = 6  # log_return, range, overnight, volume_change, volatility_20, sma_20


@pytest.mark.parametrize(
    ("overrides", "inputs", "targets"),
    [  # features and how many are the target's own history; horizon and parameters
        ([], (1 + AUTO, 1), (1, 1)),
        (["data.features=[]", "data.horizon=4"], (1, 1), (4, 1)),
        (["data.features=[log_return]", "task.lags=[3,5]"], (3 + 1, 3), (1, 1)),
        (["data.features=[day_of_week]", "task.head=gaussian"], (1 + 2, 1), (1, 2)),
        (["task.head=quantile", "task.quantiles=[0.2,0.8]"], (1 + AUTO, 1), (1, 7)),
        (["data.target=direction", "data.horizon=2"], (1 + AUTO, 1), (2, 1)),
    ],
)
def test_every_size_follows_from_the_data_and_the_task(
    tiny: Sequence[str], overrides: list[str], inputs: tuple[int, int], targets: tuple[int, int]
) -> None:
    problem = built(tiny, *overrides)
    spec = problem.task.spec
    assert (spec.inputs.steps, spec.inputs.features, spec.inputs.anchored, spec.inputs.future) == (8, *inputs, 0)
    assert (spec.targets.steps, spec.targets.channels, spec.targets.parameters) == (targets[0], 1, targets[1])
    batch = problem.order.batches(0, 0)[0]
    assert batch.inputs.shape == (16, 8, inputs[0])
    assert problem.build_model()(batch).shape == (16, targets[0], 1, targets[1])


def test_a_table_gives_its_channels_and_what_is_known_ahead(tmp_path: Path) -> None:
    problem = built((), *table(tmp_path / "load.csv"))
    spec = problem.task.spec
    assert (spec.inputs.features, spec.inputs.anchored, spec.inputs.future) == (2 + 1 + 1 + 2, 2, 1 + 2)
    assert (spec.targets.steps, spec.targets.channels) == (3, 2)
    batch = problem.order.batches(0, 0)[0]
    assert batch.future is not None
    assert batch.future.shape[1:] == (3, 3)


def table(path: Path, rows: int = 80) -> list[str]:
    generator = np.random.default_rng(0)
    lines = [
        f"2021-01-{1 + i // 24:02d} {i % 24:02d}:00,{a:.3f},{b:.3f},{c:.3f},{d:.3f}"
        for i, (a, b, c, d) in enumerate(generator.normal(10, 1, size=(rows, 4)))
    ]
    path.write_text("\n".join(["time,heat,power,price,wind", *lines]) + "\n")
    return [
        "data=table", f"data.path={path}", "data.target=[heat,power]", "data.known=[price]", "data.observed=[wind]",
        "data.multivariate=true", "data.calendar=[hour_of_day]", "data.window=6", "data.horizon=3", "data.season=1",
        "trainer.batch_size=8",
    ]  # fmt: skip


class TestWhatIsFitted:
    def changed(self, prices: Path, tmp_path: Path, rows: slice) -> Path:
        """The prices, wild in some rows."""
        lines = prices.read_text().splitlines()
        for i in range(1, len(lines))[rows]:
            day, *values = lines[i].split(",")
            factor = 1.0 + (i % 5)
            lines[i] = ",".join([day, *(f"{float(v) * factor:.4f}" for v in values)])
        path = tmp_path / "prices.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    @pytest.mark.parametrize("how", ["standard", "robust", "minmax", "log"])
    @pytest.mark.parametrize("anchor", ["last", "none"])
    def test_is_fitted_on_train_alone(
        self, tiny: Sequence[str], prices: Path, tmp_path: Path, how: str, anchor: str
    ) -> None:
        options = [f"data.scaling.target={how}", f"task.anchor={anchor}"]
        before = built(tiny, *options)
        stop = int(before.task.borders.valid[0])
        assert stop == 120 - 18 - 18
        after = built(tiny, *options, f"data.path={self.changed(prices, tmp_path, slice(stop, None))}")
        assert after.panel.fingerprint != before.panel.fingerprint
        assert same(after.preprocessing, before.preprocessing)
        inside = built(tiny, *options, f"data.path={self.changed(prices, tmp_path, slice(stop - 1, stop))}")
        assert not same(inside.preprocessing["target"], before.preprocessing["target"])
        assert not same(inside.preprocessing["covariates"], before.preprocessing["covariates"])

    def test_training_batches_do_not_know_what_comes_after_train(
        self, tiny: Sequence[str], prices: Path, tmp_path: Path
    ) -> None:
        before = built(tiny)
        stop = int(before.task.borders.valid[0])
        after = built(tiny, f"data.path={self.changed(prices, tmp_path, slice(stop, None))}")
        for step in range(before.order.steps_per_epoch):
            (a,), (b,) = before.order.batches(0, step), after.order.batches(0, step)
            assert torch.equal(a.inputs, b.inputs)
            assert torch.equal(a.targets, b.targets)

    def test_scales_are_numpys_over_the_rows_of_train(self, tiny: Sequence[str]) -> None:
        problem = built(tiny)
        stop = int(problem.task.borders.valid[0])
        moves = np.diff(np.log(problem.panel.target[:stop, 0]))
        state = problem.preprocessing
        assert state["target"]["anchor"] == "last"
        assert state["target"]["scale"]["scale"][0][0] == pytest.approx(np.sqrt(np.mean(moves**2)))
        returns = problem.panel.observed[1:stop, list(problem.panel.observed_names).index("log_return")]
        index = state["columns"]["observed"].index("log_return")
        assert state["covariates"]["center"][0][index] == pytest.approx(returns.mean(), abs=1e-9)
        assert state["covariates"]["scale"][0][index] == pytest.approx(returns.std(), rel=1e-6)

    def test_it_loads_as_plain_values(self, tiny: Sequence[str], tmp_path: Path) -> None:
        fitted = built(tiny).preprocessing
        torch.save(fitted, tmp_path / "fitted.pt")
        assert same(torch.load(tmp_path / "fitted.pt", weights_only=True), fitted)


def test_splits_hold_every_window_whose_targets_lie_in_them(tiny: Sequence[str]) -> None:
    problem = built(tiny, "data.horizon=3", "data.features=[]")
    train, valid, test = (getattr(problem.task.splits, s).origins for s in ("train", "valid", "test"))
    np.testing.assert_array_equal(train, np.arange(7, 84 - 3))
    np.testing.assert_array_equal(valid, np.arange(83, 102 - 3))
    np.testing.assert_array_equal(test, np.arange(101, 120 - 3))


def test_it_says_what_the_data_is(tiny: Sequence[str]) -> None:
    said = built(tiny, "data.features=[]").describe()
    assert said["windows"] == {"train": 84 - 8, "valid": 18, "test": 18}
    assert (said["series"], said["rows"]) == (1, 120)
    assert (said["first"][:10], said["last"][:10]) == ("2020-01-01", "2020-06-16")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.horizon=19", "valid has no whole window: data.window=8 and data.horizon=19 do not fit into 84 rows of"),
        ("data.window=84", "train has no whole window: data.window=84 and data.horizon=1 do not fit into 84 rows of"),
    ],
)
def test_a_split_without_one_whole_window_is_refused(tiny: Sequence[str], override: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        built(tiny, "data.features=[]", override)
    assert str(caught.value).startswith(message)


class TestTrainedModel:
    def test_has_the_averaged_weights_where_there_are_any(self, tiny: Sequence[str]) -> None:
        problem = built(tiny)
        model = problem.build_model()
        average = {n: p.detach() + 1 for n, p in model.named_parameters()}
        payload = {"preprocessing": problem.preprocessing, "model": model.state_dict()}
        plain = trained_model(problem.experiment, {**payload, "average": {}}, CPU)
        averaged = trained_model(problem.experiment, {**payload, "average": average}, CPU)
        assert not plain.training
        for (name, own), a, b in zip(model.named_parameters(), plain.parameters(), averaged.parameters(), strict=True):
            assert torch.equal(a, own), name
            assert torch.equal(b, own + 1), name

    def test_of_another_configuration_is_refused(self, tiny: Sequence[str], finished: Path) -> None:
        (path, *_) = checkpoint.steps(finished / "checkpoints").values()
        other = compose([*tiny, "model.hidden_sizes=[5]"]).experiment
        with pytest.raises(CheckpointError, match="belongs to another model: size mismatch"):
            trained_model(other, checkpoint.load(path), CPU)
