"""The device and how it computes: chosen once, before anything is made on it."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from seqexp.config.schema import Experiment
from seqexp.errors import ConfigError


def prepare(experiment: Experiment) -> torch.device:
    """Choose the device and set threads and determinism for this process.

    Raises:
        ConfigError: If the device is not there, or cannot do the asked arithmetic.
    """
    device = _choose(experiment.device)
    torch.set_num_threads(experiment.threads)
    if experiment.trainer.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # `torch.use_deterministic_algorithms` does the same and imports the compiler, which takes seconds.
        torch.set_deterministic_debug_mode("error")
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    else:
        torch.set_deterministic_debug_mode("default")
    if experiment.trainer.precision == "fp16" and device.type == "mps":
        raise ConfigError("trainer.precision must be float32 or bf16 on mps, but is 'fp16'")
    return device


def kernel_of(experiment: Experiment, device: torch.device, say: Callable[[str], None]) -> str:
    """What runs the recurrences, since it decides the last bits: torch, or the fused kernels and their compiler.

    Args:
        experiment: What was asked for.
        device: Where it runs.
        say: Is told where `auto` found no fused kernels.

    Raises:
        ConfigError: If the fused kernels are asked for where there are none.
    """
    asked = experiment.model.kernel
    suits = device.type == "cpu" and experiment.trainer.precision == "float32"
    if asked == "torch" or (asked == "auto" and not suits):
        return "torch"
    from seqexp.models.kernels.build import default_variant, load

    if device.type != "cpu":
        raise ConfigError(f"model.kernel=fused is for the CPU, but the device is {device.type}; use model.kernel=auto")
    kernels = load(default_variant())
    if kernels.library is not None:
        return f"fused {default_variant()}, {kernels.compiler}"
    if asked == "auto":
        say(f"note: torch's own layers, since there are no fused kernels here: {kernels.reason}")
        return "torch"
    raise ConfigError(
        f"model.kernel=fused is not to be had here: {kernels.reason}; install a C++ compiler, or use model.kernel=auto"
    )


def _choose(name: str) -> torch.device:
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(d for d in ("cuda", "mps", "cpu") if there[d])
    if not there[name]:
        raise ConfigError(
            f"device must be one that is here ({', '.join(d for d, is_there in there.items() if is_there)}), but is "
            f"'{name}'; use device=auto, or install a build of PyTorch with {name}"
        )
    return torch.device(name)
