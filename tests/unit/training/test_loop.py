"""The contract: stopped after any step and gone on with in new objects, a run ends as if it had never stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from support.sections import optimizer, recurrent, scheduler, trainer
from torch import Tensor, nn

from seqexp.config.schema.training import OptimizerConfig, SchedulerConfig, Trainer
from seqexp.data.batch import ForecastBatch
from seqexp.data.order import permutation
from seqexp.data.spec import Continuous, Horizon, SequenceSpec
from seqexp.errors import TrainingError
from seqexp.models.forecaster import Forecaster
from seqexp.store import checkpoint
from seqexp.tasks import losses
from seqexp.training import rng
from seqexp.training.loop import Plan, Surroundings, finished, fit, learning_rate
from seqexp.training.optim import Optimizer
from seqexp.training.state import Progress, TrainState

KINDS = ("rnn", "lstm", "gru")
STEPS, FEATURES, HORIZON, BATCH = 5, 3, 2, 4
SPEC = SequenceSpec(Continuous(STEPS, FEATURES, 1, 0), Horizon(HORIZON, 1, 1))


def windows(count: int, seed: int) -> ForecastBatch:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, STEPS, FEATURES, generator=generator)
    return ForecastBatch(inputs, None, inputs[:, -1:, :1] * torch.tensor([[[0.8], [0.5]]]) + 0.1)


@dataclass
class Data:
    """`TrainingData` over a few windows: 11 in batches of 4, so an epoch's last batch is short."""

    accumulate: int = 1
    count: int = 11
    all: ForecastBatch = field(init=False)

    def __post_init__(self) -> None:
        self.all = windows(self.count, seed=1)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(math.ceil(self.count / BATCH) / self.accumulate)

    def batches(self, epoch: int, step: int) -> list[ForecastBatch]:
        parts = torch.tensor(self.indices(epoch, step)).split(BATCH)
        return [ForecastBatch(self.all.inputs[i], None, self.all.targets[i]) for i in parts]

    def indices(self, epoch: int, step: int) -> list[int]:
        size = BATCH * self.accumulate
        return [int(i) for i in permutation(self.count, 7, epoch)[step * size : (step + 1) * size]]


def loss(state: TrainState, batch: ForecastBatch) -> Tensor:
    return losses.mse(state.model(batch), batch.targets)


HELD_OUT = windows(9, seed=2)


def validate(state: TrainState) -> dict[str, float]:
    assert not state.model.training
    return {"loss": float(loss(state, HELD_OUT)), "worse": float(state.progress.epoch)}


@dataclass
class Watch:
    """Notes every event, as the metric log would."""

    events: list[tuple[Any, ...]] = field(default_factory=list)

    def stepped(self, progress: Progress, samples: int) -> None:
        self.events.append(("stepped", progress.epoch, progress.batch, progress.step, samples))

    def logged(self, progress: Progress, metrics: Mapping[str, float]) -> None:
        self.events.append(("logged", progress.step, dict(metrics)))

    def validated(self, progress: Progress, metrics: Mapping[str, float], improved: bool) -> None:
        self.events.append(("validated", progress.epoch, progress.step, dict(metrics), improved))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [e[1:] for e in self.events if e[0] == kind]


@dataclass
class Job:
    """A training: how it is set up, and what happens around it."""

    kind: str
    trainer: Trainer
    scheduler: SchedulerConfig
    folder: Path
    optimizer: OptimizerConfig = field(default_factory=lambda: optimizer("adamw"))
    validate: Callable[[TrainState], Mapping[str, float]] = validate
    watch: Watch = field(default_factory=Watch)
    durable: bool = True
    """Whether what it saves will be needed: writing takes most of the time."""
    kept: int = 0
    """Events up to the last save: a resumed run's log is cut back to there."""

    def fresh(self) -> TrainState:
        config = recurrent(self.kind, hidden_sizes=[4, 3], dropout=0.3, variational_dropout=0.2)
        model = Forecaster(config, SPEC)
        average = {name: p.detach().clone() for name, p in model.named_parameters()} if self.trainer.ema_decay else None
        return TrainState(model, Optimizer(list(model.parameters()), self.optimizer), None, average)

    @property
    def data(self) -> Data:
        return Data(self.trainer.accumulate)

    @property
    def plan(self) -> Plan:
        return Plan(self.trainer, self.scheduler, 0.05, self.data.steps_per_epoch)

    def run(self, state: TrainState, stop: Callable[[], bool] = lambda: False) -> bool:
        def save(s: TrainState) -> None:
            if self.durable:
                checkpoint.save(self.folder, s.progress.step, s.state_dict(), s.progress.score)
            self.kept = len(self.watch.events)

        return fit(state, self.plan, Surroundings(self.data, loss, self.validate, save, stop, self.watch))

    def begin(self) -> TrainState:
        rng.seed_all(3)
        return self.fresh()

    def resume(self) -> TrainState:
        """New objects with what the newest checkpoint holds; the generators are elsewhere until it is loaded."""
        rng.seed_all(99)
        state = self.fresh()
        found = checkpoint.load_newest(self.folder, pytest.fail)
        if found is None:
            return self.begin()
        state.load_state_dict(found[1])
        del self.watch.events[self.kept :]
        return state


def identical(ours: Any, theirs: Any, path: str = "state") -> None:
    assert type(ours) is type(theirs), path
    if isinstance(ours, Tensor):
        assert ours.dtype == theirs.dtype, path
        assert torch.equal(ours, theirs), path
    elif isinstance(ours, Mapping):
        assert list(ours) == list(theirs), path
        for key in ours:
            identical(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), path
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            identical(a, b, f"{path}[{i}]")
    else:
        assert ours == theirs, path


SETTINGS: dict[str, tuple[Any, ...]] = {
    "cosine, EMA, accumulation": (
        {"max_epochs": 4, "ema_decay": 0.9, "accumulate": 2, "log_every": 3},
        scheduler("cosine", warmup_steps=2),
    ),
    "plateau, early stopping": (
        {"max_epochs": 4, "ema_decay": 0.0, "log_every": 3, "early_stopping": {"patience": 1}},
        scheduler("plateau", patience=0),
    ),
    "plateau, EMA, validation every other epoch": (
        {"max_epochs": 3, "ema_decay": 0.8, "validate_every": 2, "log_every": 4, "checkpoints": {"every_steps": 4}},
        scheduler("plateau", patience=0, warmup_steps=3),
    ),
    "averaging from the third epoch on": (
        {"max_epochs": 4, "monitor": "worse", "log_every": 2, "early_stopping": {"patience": 1}},
        scheduler("constant"),
        optimizer("nt_asgd", non_monotone=1),
    ),
}


def job(kind: str, setting: str, folder: Path) -> Job:
    changes, schedule, *rule = SETTINGS[setting]
    return Job(kind, trainer(**changes), schedule, folder, *rule)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_stopped_after_any_step_it_ends_as_if_never_stopped(kind: str, setting: str, tmp_path: Path) -> None:
    whole = job(kind, setting, tmp_path / "whole")
    state, whole.durable = whole.begin(), False
    assert whole.run(state)
    final, last = state.state_dict(), state.progress.step
    assert last >= 8
    assert bool(final["average"]) == ("EMA" in setting or "averaging" in setting)
    assert {"logged", "validated"} <= {e[0] for e in whole.watch.events}
    for k in range(last + 1):
        broken = job(kind, setting, tmp_path / f"{k}")
        state = broken.begin()
        done = broken.run(state, lambda state=state, k=k: state.progress.step == k)
        assert state.progress.step == k
        assert not done or k == last
        again, broken.durable = broken.resume(), False
        assert again.progress.step == k
        assert broken.run(again)
        identical(again.state_dict(), final, f"stopped after {k}")
        assert broken.watch.events == whole.watch.events


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_again_and_again_it_still_ends_the_same(kind: str, tmp_path: Path) -> None:
    whole = job(kind, "cosine, EMA, accumulation", tmp_path / "whole")
    state = whole.begin()
    whole.run(state)
    broken = job(kind, "cosine, EMA, accumulation", tmp_path / "broken")
    current, rounds = broken.begin(), 0
    while not broken.run(current, lambda s=current, at=rounds: s.progress.step > at):
        current, rounds = broken.resume(), rounds + 1
    assert rounds >= 7
    identical(current.state_dict(), state.state_dict())
    assert broken.watch.events == whole.watch.events


def test_a_signal_at_an_epochs_last_step_stops_before_the_validation(tmp_path: Path) -> None:
    work = job("rnn", "plateau, early stopping", tmp_path)
    state = work.begin()
    assert not work.run(state, lambda: state.progress.step == 3)
    assert work.watch.of("validated") == []
    assert (state.progress.epoch, state.progress.batch) == (0, 3)
    assert list(checkpoint.steps(tmp_path)) == [3]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", [False, True], ids=["before it is scored", "after it is scored"])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_during_a_validation_it_goes_on_from_the_last_checkpoint(kind: str, after: bool, tmp_path: Path) -> None:
    setting = "plateau, EMA, validation every other epoch"
    whole = job(kind, setting, tmp_path / "whole")
    state = whole.begin()
    whole.run(state)
    broken, calls = job(kind, setting, tmp_path / "broken"), 0

    def dies(s: TrainState) -> Mapping[str, float]:
        nonlocal calls
        calls += 1
        if calls == 1 and not after:
            raise Killed
        metrics = validate(s)
        if calls == 1:
            raise Killed
        return metrics

    broken.validate = dies
    dying = broken.begin()
    with pytest.raises(Killed):
        broken.run(dying)
    assert dying.progress.step == 6
    again = broken.resume()
    assert again.progress.step == 4  # the last of every_steps before the epoch's end
    assert broken.run(again)
    identical(again.state_dict(), state.state_dict())
    assert broken.watch.events == whole.watch.events


def test_a_signal_that_comes_during_a_validation_stops_after_it(tmp_path: Path) -> None:
    whole = job("gru", "plateau, early stopping", tmp_path / "whole")
    state = whole.begin()
    whole.run(state)
    broken, asked = job("gru", "plateau, early stopping", tmp_path / "broken"), False

    def signalled(s: TrainState) -> Mapping[str, float]:
        nonlocal asked
        asked = True
        return validate(s)

    broken.validate = signalled
    stopping = broken.begin()
    assert not broken.run(stopping, lambda: asked)
    assert (stopping.progress.epoch, stopping.progress.batch, stopping.progress.step) == (1, 0, 3)
    assert len(broken.watch.of("validated")) == 1
    asked, broken.validate = False, validate
    again = broken.resume()
    assert broken.run(again)
    identical(again.state_dict(), state.state_dict())
    assert broken.watch.events == whole.watch.events


def test_a_finished_run_does_nothing_when_it_is_run_again(tmp_path: Path) -> None:
    done = job("rnn", "cosine, EMA, accumulation", tmp_path)
    state = done.begin()
    done.run(state)
    events, before = list(done.watch.events), state.state_dict()["progress"]
    again = done.resume()
    assert finished(again, done.plan)
    assert done.run(again)
    assert done.watch.events == events
    assert asdict(again.progress) == before


# What the loop does, with scripted validations.


def scripted(values: Sequence[float], tmp_path: Path, **changes: Any) -> Job:
    schedule = changes.pop("scheduler", scheduler("constant"))
    rule = changes.pop("optimizer", optimizer("adamw"))
    found = iter(values)
    return Job("rnn", trainer(**changes), schedule, tmp_path, rule, validate=lambda _: {"loss": next(found)})


def test_validations_counted_from_the_best_stop_it_early(tmp_path: Path) -> None:
    early = scripted([5, 4, 4.5, 3, 3, 3, 0], tmp_path, max_epochs=20, early_stopping={"patience": 2})
    state = early.begin()
    assert early.run(state)
    assert [e[3] for e in early.watch.of("validated")] == [True, True, False, True, False, False]
    p = state.progress
    assert (p.epoch, p.best, p.best_epoch, p.best_step, p.without_improvement) == (6, 3, 4, 12, 2)


def test_an_improvement_smaller_than_min_delta_does_not_count(tmp_path: Path) -> None:
    early = scripted([5, 4.9, 4.85, 4.4], tmp_path, max_epochs=4, early_stopping={"patience": None, "min_delta": 0.5})
    state = early.begin()
    early.run(state)
    assert [e[3] for e in early.watch.of("validated")] == [True, False, False, True]


def test_higher_is_better_where_it_is_said(tmp_path: Path) -> None:
    early = scripted([1, 3, 2], tmp_path, max_epochs=3, mode="max")
    state = early.begin()
    early.run(state)
    assert (state.progress.best, state.progress.best_epoch) == (3, 2)


@pytest.mark.parametrize("patience", [0, 1, 2])
def test_plateau_drops_the_rate_when_torchs_does(patience: int, tmp_path: Path) -> None:
    values = [5.0, 5.0, 4.0, 4.1, 4.2, 4.3, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    schedule = scheduler("plateau", factor=0.5, patience=patience, min_factor=0.1)
    ours = scripted(values, tmp_path, max_epochs=12, early_stopping={"patience": None}, scheduler=schedule)
    ours.run(ours.begin())
    weight = nn.Parameter(torch.zeros(1))
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        torch.optim.SGD([weight], lr=0.05), factor=0.5, patience=patience, threshold=0, min_lr=0.005, eps=0
    )
    rates = []
    for value in values:
        rates.append(theirs.optimizer.param_groups[0]["lr"])
        theirs.step(value)
    assert [e[2]["lr"] for e in ours.watch.of("validated")] == pytest.approx(rates, rel=1e-12)
    assert rates[-1] < 0.05


@pytest.mark.parametrize("mode", ["min", "max"])
def test_averaging_begins_when_a_validation_is_worse_than_all_but_the_last(mode: str, tmp_path: Path) -> None:
    sign = 1 if mode == "min" else -1
    #        0    1    2    3    4: worse than the best of 0 and 1, the last two before it do not count
    values = [5.0, 4.0, 3.0, 3.5, 4.5, 9.0, 9.0, 9.0]
    work = scripted(
        [sign * v for v in values], tmp_path, max_epochs=20, mode=mode, early_stopping={"patience": 2},
        optimizer=optimizer("nt_asgd", non_monotone=2),
    )  # fmt: skip
    state, seen = work.begin(), []
    work.validate = watched(work.validate, seen)
    assert work.run(state)
    # Patience is for the average: without it, training would have ended with the fifth epoch.
    assert (state.progress.average_from, state.progress.epoch, state.progress.best) == (15, 7, sign * 3.0)
    assert [averaged for averaged, _ in seen] == [False] * 5 + [True] * 2
    assert all(used == averaged for averaged, used in seen)


def watched(validation: Callable[[TrainState], Any], seen: list[tuple[bool, bool]]) -> Callable[[TrainState], Any]:
    """Notes whether there is an average, and whether that is what is validated."""

    def noted(state: TrainState) -> Any:
        kept = state.average or {}
        used = all(torch.equal(p, kept[n]) for n, p in state.model.named_parameters()) if kept else False
        seen.append((bool(kept), used))
        return validation(state)

    return noted


def test_lines_come_every_so_many_steps_with_the_mean_loss_over_samples(tmp_path: Path) -> None:
    seen: list[tuple[float, int]] = []

    def noted(state: TrainState, batch: ForecastBatch) -> Tensor:
        value = loss(state, batch)
        seen.append((float(value.detach()), len(batch)))
        return value

    work = Job("rnn", trainer(max_epochs=2, log_every=2), scheduler("constant"), tmp_path)
    around = Surroundings(work.data, noted, validate, lambda _: None, lambda: False, work.watch)
    fit(work.begin(), work.plan, around)
    assert [n for _, n in seen] == [4, 4, 3] * 2

    def mean(part: Sequence[tuple[float, int]]) -> float:
        return sum(v * n for v, n in part) / sum(n for _, n in part)

    # Step 3 ends the epoch, and the line of step 4 is of step 4 alone.
    lines = work.watch.of("logged")
    assert [step for step, _ in lines] == [2, 4, 6]
    expected = [mean(seen[0:2]), mean(seen[3:4]), mean(seen[4:6])]
    assert [m["loss"] for _, m in lines] == pytest.approx(expected, rel=1e-6)
    epochs = [m["train_loss"] for _, _, m, _ in work.watch.of("validated")]
    assert epochs == pytest.approx([mean(seen[:3]), mean(seen[3:])], rel=1e-6)


def test_the_last_epoch_is_validated_whatever_validate_every_says(tmp_path: Path) -> None:
    work = scripted([1.0] * 5, tmp_path, max_epochs=5, validate_every=2, early_stopping={"patience": None})
    work.run(work.begin())
    assert [epoch for epoch, *_ in work.watch.of("validated")] == [2, 4, 5]


def test_the_average_is_validated_and_the_weights_go_on(tmp_path: Path) -> None:
    seen: list[dict[str, Tensor]] = []

    def noted(state: TrainState) -> dict[str, float]:
        seen.append({n: p.detach().clone() for n, p in state.model.named_parameters()})
        return validate(state)

    work = Job("gru", trainer(max_epochs=1, ema_decay=0.9), scheduler("constant"), tmp_path, validate=noted)
    state = work.begin()
    work.run(state)
    assert state.average is not None
    for name, parameter in state.model.named_parameters():
        assert torch.equal(seen[0][name], state.average[name])
        assert not torch.equal(parameter, state.average[name])


def test_validation_draws_no_random_number(tmp_path: Path) -> None:
    before: list[Tensor] = []

    def noted(state: TrainState) -> dict[str, float]:
        before.append(torch.get_rng_state())
        return validate(state)

    work = Job("lstm", trainer(max_epochs=1), scheduler("constant"), tmp_path, validate=noted)
    work.run(work.begin())
    assert torch.equal(torch.get_rng_state(), before[0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("at", [1, 4, 7])
def test_a_loss_that_is_not_finite_stops_it_naming_step_and_samples(bad: float, at: int, tmp_path: Path) -> None:
    work = Job("rnn", trainer(max_epochs=3, log_every=2), scheduler("constant"), tmp_path)
    count = 0

    def breaks(state: TrainState, batch: ForecastBatch) -> Tensor:
        nonlocal count
        count += 1
        return loss(state, batch) * (bad if count == at else 1.0)

    saved: list[int] = []
    around = Surroundings(
        work.data, breaks, lambda _: {"loss": 1.0}, lambda s: saved.append(s.progress.step), lambda: False, work.watch
    )
    epoch, step = divmod(at - 1, 3)
    samples = ", ".join(map(str, work.data.indices(epoch, step)[:8]))
    with pytest.raises(TrainingError) as caught:
        fit(work.begin(), work.plan, around)
    said = str(caught.value)
    assert said.startswith(f"the loss is {bad} in step {at} (epoch {epoch + 1}, samples {samples}")
    assert "try a lower optimizer.lr" in said.lower()
    assert all(step < at for step in saved)


def test_a_bad_loss_is_found_before_a_stop_saves_it(tmp_path: Path) -> None:
    work = Job("rnn", trainer(max_epochs=1, log_every=50), scheduler("constant"), tmp_path)
    state = work.begin()
    saved: list[int] = []
    around = Surroundings(
        work.data, lambda s, b: loss(s, b) * float("nan"), validate, lambda s: saved.append(s.progress.step),
        lambda: state.progress.step == 2, work.watch,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="in step 1 "):
        fit(state, work.plan, around)
    assert saved == []


def test_it_saves_every_so_many_steps_and_after_each_validation(tmp_path: Path) -> None:
    work = Job("rnn", trainer(max_epochs=2, checkpoints={"every_steps": 2}), scheduler("constant"), tmp_path)
    saved: list[tuple[int, bool]] = []
    around = Surroundings(
        work.data, loss, validate, lambda s: saved.append((s.progress.step, s.progress.score is not None)),
        lambda: False, work.watch,
    )  # fmt: skip
    fit(work.begin(), work.plan, around)
    assert saved == [(2, False), (3, True), (4, False), (6, True)]


def test_the_rate_of_the_next_update_is_that_of_the_schedule(tmp_path: Path) -> None:
    work = Job("rnn", trainer(max_epochs=2, log_every=1), scheduler("linear", final_factor=0.1), tmp_path)
    state = work.begin()
    assert learning_rate(state, work.plan) == 0.05
    work.run(state)
    # A line after update n shows the rate of update n + 1; there are 6, the last at a tenth.
    rates = [m["lr"] for _, m in work.watch.of("logged")]
    assert rates[:5] == pytest.approx([0.05 * (1 - 0.9 * n / 5) for n in range(1, 6)])
