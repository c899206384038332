from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sections import optimizer
from torch import nn

from seqexp.errors import CheckpointError
from seqexp.training.optim import Optimizer
from seqexp.training.precision import loss_scaler
from seqexp.training.state import Progress, TrainState, load_weights, progress_from


def state(seed: int = 0, *, average: bool = True, fp16: bool = False, hidden: int = 3) -> TrainState:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, hidden), nn.BatchNorm1d(hidden), nn.Linear(hidden, 1))
    kept = {n: p.detach().clone() + 1 for n, p in model.named_parameters()} if average else None
    scaler = loss_scaler("fp16", torch.device("cpu")) if fp16 else None
    return TrainState(model, Optimizer(list(model.parameters()), optimizer("adam")), scaler, kept)


def worked(seed: int = 0, *, fp16: bool = False) -> TrainState:
    """A state in which nothing is as it was at the start."""
    s = state(seed, fp16=fp16)
    for _ in range(3):
        loss = s.model(torch.randn(4, 2)).square().mean()
        s.optimizer.zero_grad()
        (s.scaler.scale(loss) if s.scaler else loss).backward()
        s.optimizer.step(0.1)
        s.losses.append(loss.detach())
        s.samples.append(4)
    if s.scaler:
        s.scaler.update(1024.0)
    s.progress = Progress(2, 3, 17, None, 0.5, 10, 1, 2, 1, 3, 1.25, 40, [0.75, 0.5, 0.625], 5)
    s.calibration = torch.randn(2, 1, 5, dtype=torch.float64)
    s.carried = [(torch.randn(1, 4, 3), torch.randn(1, 4, 3)), (torch.randn(1, 4, 2),)]  # an LSTM, a GRU above
    return s


@pytest.mark.parametrize("fp16", [False, True])
def test_everything_comes_back_from_a_file_bit_for_bit(tmp_path: Path, fp16: bool) -> None:
    ours = worked(fp16=fp16)
    saved = ours.state_dict()
    torch.save(saved, tmp_path / "state.pt")
    next_draw = torch.rand(3)
    theirs = state(seed=9, fp16=fp16)
    theirs.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(torch.rand(3), next_draw)  # the generators, last
    assert theirs.progress == ours.progress
    assert theirs.samples == [4, 4, 4]
    assert torch.equal(torch.stack(theirs.losses), torch.stack(ours.losses))
    assert theirs.calibration is not None
    assert torch.equal(theirs.calibration, ours.calibration)  # type: ignore[arg-type]
    assert [len(layer) for layer in theirs.carried or ()] == [2, 1]
    for mine, other in zip(ours.carried or (), theirs.carried or (), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, other, strict=True))
    for (name, a), b in zip(ours.model.state_dict().items(), theirs.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name  # buffers, as batch normalisation has, among them
    for name, values in ours.optimizer.slots.items():
        assert all(torch.equal(a, b) for a, b in zip(values, theirs.optimizer.slots[name], strict=True))
    assert ours.average is not None
    assert theirs.average is not None
    assert all(torch.equal(a, theirs.average[n]) for n, a in ours.average.items())
    if fp16:
        assert theirs.scaler is not None
        assert theirs.scaler.get_scale() == 1024.0


def test_a_fresh_state_comes_back_too() -> None:
    ours, theirs = state(average=False), state(1, average=False)
    theirs.load_state_dict(ours.state_dict())
    assert theirs.losses == []
    assert theirs.calibration is None
    assert theirs.carried is None
    assert theirs.average is None
    assert theirs.progress == Progress()


def test_an_average_begun_on_the_way_comes_back_too() -> None:
    ours, theirs = state(average=False), state(1, average=False)
    ours.progress.step = 7
    ours.begin_average()
    saved = ours.state_dict()
    theirs.load_state_dict(saved)
    assert ours.progress.average_from == theirs.progress.average_from == 7
    assert theirs.average is not None
    assert list(theirs.average) == [name for name, _ in theirs.model.named_parameters()]
    for name, value in theirs.average.items():
        assert torch.equal(value, ours.model.get_parameter(name))
        assert value.data_ptr() not in (saved["average"][name].data_ptr(), theirs.model.get_parameter(name).data_ptr())


def test_what_belongs_to_another_model_is_refused() -> None:
    saved = state(hidden=4).state_dict()
    with pytest.raises(CheckpointError, match=r"belongs to another model: size mismatch for 0\.weight"):
        state(hidden=3).load_state_dict(saved)
    with pytest.raises(CheckpointError, match="belongs to another model: Missing key"):
        load_weights(nn.Linear(2, 2), {})


@pytest.mark.parametrize("change", [{"tempo": 1}, {"epoch": None}])
def test_progress_of_another_version_is_refused(change: dict[str, int | None]) -> None:
    values = {k: v for k, v in (asdict(Progress()) | change).items() if v is not None or k in ("score", "best")}
    with pytest.raises(CheckpointError, match="another version of seqexp"):
        progress_from(values)


def test_averaged_weights_are_lent_and_given_back_even_after_an_error() -> None:
    s = state()
    assert s.average is not None
    own = {n: p.detach().clone() for n, p in s.model.named_parameters()}
    with s.averaged_weights():
        assert all(torch.equal(p, s.average[n]) for n, p in s.model.named_parameters())
    with pytest.raises(ValueError, match="inside"), s.averaged_weights():
        raise ValueError("inside")
    assert all(torch.equal(p, own[n]) for n, p in s.model.named_parameters())
    plain = state(average=False)
    with plain.averaged_weights():
        assert all(torch.equal(p, own[n]) for n, p in plain.model.named_parameters())


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(st.one_of(st.floats(-5, 5), st.just(math.nan), st.just(math.inf), st.just(0.0)), max_size=12),
    mode=st.sampled_from(["min", "max"]), delta=st.sampled_from([0.0, 0.5]),
)  # fmt: skip
def test_the_best_is_the_first_that_beats_the_one_before_by_more_than_delta(
    values: list[float], mode: str, delta: float
) -> None:
    progress, best, since, sign = Progress(), None, 0, 1 if mode == "min" else -1
    for number, value in enumerate(values):
        progress.step, progress.epoch = 10 * number, number
        wins = math.isfinite(value) and (best is None or sign * value < sign * best - delta)
        assert progress.improved(value, mode=mode, min_delta=delta) == wins
        best, since = (value, 0) if wins else (best, since + 1)
        if wins:
            assert (progress.best_step, progress.best_epoch) == (10 * number, number)
        assert (progress.best, progress.without_improvement) == (best, since)
        assert progress.score is value
    assert progress.history == values


@settings(deadline=None, max_examples=100)
@given(values=st.lists(st.integers(0, 9), min_size=1, max_size=12), n=st.integers(1, 4))
def test_averaging_is_due_when_algorithm_1_says_so(values: list[int], n: int) -> None:
    """Merity et al. (2018): T is set at the first v with t > n and v > min over l in 0 .. t - n - 1 of logs[l]."""
    low, high = Progress(), Progress()
    for t, v in enumerate(values):
        low.improved(float(v), mode="min", min_delta=0.0)
        high.improved(float(-v), mode="max", min_delta=0.0)
        due = t > n and v > min(values[i] for i in range(t - n))
        assert low.gone_wrong(mode="min", non_monotone=n) == due
        assert high.gone_wrong(mode="max", non_monotone=n) == due


def test_a_validation_that_is_no_number_says_nothing_about_averaging() -> None:
    progress = Progress(history=[math.nan, 2.0, 3.0])
    assert not progress.gone_wrong(mode="min", non_monotone=1)
    progress.history.append(2.5)
    assert progress.gone_wrong(mode="min", non_monotone=1)
    progress.history.append(math.nan)
    assert not progress.gone_wrong(mode="min", non_monotone=1)
