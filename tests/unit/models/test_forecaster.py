"""The forecaster's parts, each against a sum written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sections import recurrent
from torch import Tensor, nn

from seqexp.data.batch import ForecastBatch
from seqexp.data.spec import Continuous, Horizon, SequenceSpec
from seqexp.errors import ConfigError
from seqexp.models.forecaster import Forecaster


def spec(
    *, steps: int = 6, features: int = 4, anchored: int = 1, future: int = 0, h: int = 3, channels: int = 1,
    parameters: int = 1,
) -> SequenceSpec:  # fmt: skip
    return SequenceSpec(Continuous(steps, features, anchored, future), Horizon(h, channels, parameters))


def batch(of: SequenceSpec, count: int = 5) -> ForecastBatch:
    i, t = of.inputs, of.targets
    future = torch.randn(count, t.steps, i.future, dtype=torch.float64) if i.future else None
    return ForecastBatch(
        torch.randn(count, i.steps, i.features, dtype=torch.float64),
        future,
        torch.zeros(count, t.steps, t.channels, dtype=torch.float64),
    )


def made(of: SequenceSpec, kind: str = "gru", **changes: Any) -> Forecaster:
    return Forecaster(recurrent(kind, **{"hidden_sizes": [7]} | changes), of).double().eval()


def shake(*layers: nn.Module | None) -> None:
    with torch.no_grad():
        for layer in layers:
            assert layer is not None
            for parameter in layer.parameters():
                parameter.normal_()


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("parameters", [1, 2, 3, 13])
def test_untrained_it_says_zero_which_is_the_anchor(kind: str, parameters: int) -> None:
    of = spec(features=7, anchored=4, future=2, channels=2, parameters=parameters)
    said = made(of, kind)(batch(of))
    assert said.shape == (5, 3, 2, parameters)
    assert torch.equal(said, torch.zeros_like(said))


@settings(deadline=None, max_examples=20)
@given(
    steps=st.integers(1, 5), h=st.integers(1, 4), channels=st.integers(1, 3), lags=st.integers(0, 2),
    parameters=st.integers(1, 3), covariates=st.integers(0, 2),
)  # fmt: skip
def test_linear_skip_is_one_map_of_each_channels_own_history(
    *, steps: int, h: int, channels: int, lags: int, parameters: int, covariates: int
) -> None:
    anchored = channels * (1 + lags)
    of = spec(
        steps=steps, features=anchored + covariates, anchored=anchored, h=h, channels=channels, parameters=parameters
    )
    model, given_batch = made(of), batch(of)
    shake(model.skip)
    assert model.skip is not None
    x = given_batch.inputs[..., :anchored].reshape(-1, steps, 1 + lags, channels)  # n t l c
    weight = model.skip.weight.reshape(h, parameters, 1 + lags, steps)  # k p l t
    expected = torch.einsum("ntlc,kplt->nkcp", x, weight) + model.skip.bias.reshape(h, 1, parameters)
    torch.testing.assert_close(model(given_batch), expected, rtol=0, atol=1e-12)


def test_linear_skip_reads_nothing_but_the_anchored_window() -> None:
    of = spec(features=5, anchored=2, channels=2)
    model, one = made(of), batch(of)
    shake(model.skip)
    other = ForecastBatch(
        torch.cat((one.inputs[..., :2], torch.randn_like(one.inputs[..., 2:])), -1), None, one.targets
    )
    assert torch.equal(model(one), model(other))
    swapped = ForecastBatch(one.inputs[..., [1, 0, 2, 3, 4]], None, one.targets)
    torch.testing.assert_close(model(swapped), model(one).flip(2))  # shared by the channels


def test_without_linear_skip_there_is_none() -> None:
    model = made(spec(), linear_skip=False)
    assert model.skip is None
    assert not [name for name, _ in model.named_parameters() if name.startswith("skip")]


@pytest.mark.parametrize("readout", ["last", "mean", "max"])
def test_head_is_linear_in_what_the_stack_is_read_as(readout: str) -> None:
    of = spec(h=3, channels=2, anchored=2, parameters=2)
    model, given_batch = made(of, readout=readout, hidden_sizes=[5, 4]), batch(of)
    shake(model.head)
    outputs, _ = model.stack(given_batch.inputs)
    read = {"last": outputs[:, -1], "mean": outputs.mean(1), "max": outputs.max(1).values}[readout]
    weight, bias = model.head.weight.reshape(3, 2, 2, 4), model.head.bias.reshape(3, 2, 2)
    expected = torch.einsum("nj,kcpj->nkcp", read, weight) + bias
    torch.testing.assert_close(model(given_batch), expected, rtol=0, atol=1e-12)


def test_future_covariates_act_on_their_own_step_alone() -> None:
    of = spec(future=3, h=4, channels=2, anchored=2, parameters=2)
    model, given_batch = made(of), batch(of)
    shake(model.ahead)
    assert model.ahead is not None
    assert given_batch.future is not None
    expected = torch.empty(5, 4, 2, 2, dtype=torch.float64)
    for n in range(5):
        for k in range(4):
            said: Tensor = model.ahead.weight @ given_batch.future[n, k] + model.ahead.bias  # (C * P)
            expected[n, k] = said.reshape(2, 2)
    torch.testing.assert_close(model(given_batch), expected, rtol=0, atol=1e-12)


class TestPatches:
    def test_some_steps_are_read_as_one(self) -> None:
        of = spec(steps=6, features=2)
        model, given_batch = made(of, patch_size=3), batch(of)
        seen: list[Tensor] = []
        model.stack.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
        model(given_batch)
        x = given_batch.inputs
        patches = [torch.cat([x[:, t] for t in steps], dim=-1) for steps in ((0, 1, 2), (3, 4, 5))]
        assert torch.equal(seen[0], torch.stack(patches, dim=1))  # (N, 2, 3 * D), a patch's steps in their order
        assert model.stack.layers[0].input_size == 6

    def test_the_skip_still_reads_every_step(self) -> None:
        of = spec(steps=6)
        plain, patched, given_batch = made(of), made(of, patch_size=2), batch(of)
        shake(plain.skip)
        assert plain.skip is not None
        assert patched.skip is not None
        patched.skip.load_state_dict(plain.skip.state_dict())
        torch.testing.assert_close(patched(given_batch), plain(given_batch))

    @pytest.mark.parametrize(("window", "patch", "better"), [(30, 24, 48), (7, 2, 8), (5, 6, 6)])
    def test_a_window_of_no_whole_patches_is_refused(self, window: int, patch: int, better: int) -> None:
        with pytest.raises(ConfigError) as caught:
            made(spec(steps=window), patch_size=patch)
        assert str(caught.value) == (
            f"model.patch_size must divide data.window={window}, but is {patch}; try data.window={better}"
        )


@torch.no_grad()
def test_dropout_before_the_head_is_for_training_alone() -> None:
    torch.manual_seed(0)
    of = spec()
    model, one = made(of, dropout=0.5), batch(of, count=1)
    shake(model.head)
    calm = model(one)
    assert torch.equal(model(one), calm)
    many = ForecastBatch(one.inputs.expand(4000, -1, -1), None, one.targets)
    said = model.train()(many)
    assert (said[0] != calm[0]).any()
    torch.testing.assert_close(said.mean(0), calm[0], rtol=0, atol=5 * float(said.std(0).max()) / 4000**0.5)
