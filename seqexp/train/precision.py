"""Arithmetic: float32, or autocast to bf16, or to fp16 with a scaled loss (Micikevicius et al. 2018)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context of a forward pass; nothing at all for float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=_DTYPES[precision])


def loss_scaler(precision: str, device: torch.device) -> torch.amp.GradScaler | None:
    """A scaler that keeps fp16 gradients from vanishing; None where nothing needs scaling."""
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None
