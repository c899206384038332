from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence

import pytest
import torch

from seqexp.config.compose import compose
from seqexp.config.schema import Experiment
from seqexp.errors import ConfigError
from seqexp.models.kernels import build
from seqexp.run.device import kernel_of, prepare


def experiment(*overrides: str) -> Experiment:
    return compose(["data=stocks", *overrides]).experiment


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(mode)


def here(monkeypatch: pytest.MonkeyPatch, *, cuda: bool = False, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("there", "chosen"),
    [({}, "cpu"), ({"cuda": True}, "cuda"), ({"mps": True}, "mps"), ({"cuda": True, "mps": True}, "cuda")],
)
def test_auto_takes_a_gpu_where_there_is_one(
    there: dict[str, bool], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch, **there)
    assert prepare(experiment()) == torch.device(chosen)
    assert prepare(experiment("device=cpu")) == torch.device("cpu")


@pytest.mark.parametrize(
    ("there", "asked", "listed"),
    [
        ({}, "cuda", "cpu"),
        ({}, "mps", "cpu"),
        ({"cuda": True}, "mps", "cpu, cuda"),
        ({"mps": True}, "cuda", "cpu, mps"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    there: dict[str, bool], asked: str, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch, **there)
    with pytest.raises(ConfigError) as caught:
        prepare(experiment(f"device={asked}"))
    assert str(caught.value) == (
        f"device must be one that is here ({listed}), but is '{asked}'; use device=auto, or install a build of "
        f"PyTorch with {asked}"
    )


def test_an_unknown_device_is_refused_by_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"device must be .*cpu.*cuda.*mps.*but is 'tpu'"):
        experiment("device=tpu")


def test_fp16_is_refused_on_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, mps=True)
    with pytest.raises(ConfigError, match="precision must be float32 or bf16 on mps, but is 'fp16'"):
        prepare(experiment("trainer.precision=fp16"))
    assert prepare(experiment("trainer.precision=bf16")) == torch.device("mps")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_asked_for(threads: int) -> None:
    prepare(experiment("device=cpu", f"threads={threads}"))
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("overrides", "mode"), [((), 2), (("trainer.deterministic=false",), 0)])
def test_only_deterministic_algorithms_are_let_through_unless_told_otherwise(
    overrides: Sequence[str], mode: int
) -> None:
    prepare(experiment("device=cpu", *overrides))
    assert torch.get_deterministic_debug_mode() == mode


def test_the_kernel_is_named_with_what_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert kernel_of(experiment(), cpu, pytest.fail) == "torch"
    fused = experiment("model.kernel=fused")
    monkeypatch.setattr(build, "load", lambda _: build.Kernels(ctypes.CDLL(None), "g++ 12.2", ""))
    assert kernel_of(fused, cpu, pytest.fail) == f"fused {build.default_variant()}, g++ 12.2"


def test_the_fused_kernels_are_refused_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    fused = experiment("model.kernel=fused")
    with pytest.raises(ConfigError, match=r"^model\.kernel=fused is for the CPU, but the device is cuda; use"):
        kernel_of(fused, torch.device("cuda"), pytest.fail)
    monkeypatch.setattr(build, "load", lambda _: build.Kernels(None, "", "no C++ compiler found"))
    with pytest.raises(
        ConfigError, match=r"not to be had here: no C\+\+ compiler found; install .* model\.kernel=auto"
    ):
        kernel_of(fused, torch.device("cpu"), pytest.fail)
    with pytest.raises(
        ConfigError, match=r"trainer\.precision must be float32 with model\.kernel=fused, but is 'bf16'"
    ):
        experiment("model.kernel=fused", "trainer.precision=bf16")


def test_auto_takes_the_fused_kernels_where_they_are_and_says_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    auto, cpu, heard = experiment("model.kernel=auto"), torch.device("cpu"), list[str]()
    monkeypatch.setattr(build, "load", lambda _: build.Kernels(ctypes.CDLL(None), "g++ 12.2", ""))
    assert kernel_of(auto, cpu, pytest.fail) == f"fused {build.default_variant()}, g++ 12.2"
    assert kernel_of(auto, torch.device("cuda"), pytest.fail) == "torch"
    assert kernel_of(experiment("model.kernel=auto", "trainer.precision=bf16"), cpu, pytest.fail) == "torch"
    monkeypatch.setattr(build, "load", lambda _: build.Kernels(None, "", "no C++ compiler found"))
    assert kernel_of(auto, cpu, heard.append) == "torch"
    assert heard == ["note: torch's own layers, since there are no fused kernels here: no C++ compiler found"]
