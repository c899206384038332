"""Arithmetic: float32, or autocast to bf16, or to fp16 with a scaled loss (Micikevicius et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_SUPPORTED = {
    torch.bfloat16: torch.ops.mkldnn._is_mkldnn_bf16_supported,
    torch.float16: torch.ops.mkldnn._is_mkldnn_fp16_supported,
}


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context of a forward pass; nothing at all for float32."""
    if precision == "float32":
        return nullcontext()
    return _half(_DTYPES[precision], device)


@contextmanager
def _half(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    onednn = torch._C._get_mkldnn_enabled()
    # oneDNN's LSTM refuses half precision on processors without AVX-512, and torch asks it all the same.
    torch._C._set_mkldnn_enabled(onednn and (device.type != "cpu" or _SUPPORTED[dtype]()))
    try:
        with torch.autocast(device.type, dtype=dtype):
            yield
    finally:
        torch._C._set_mkldnn_enabled(onednn)


def loss_scaler(precision: str, device: torch.device) -> torch.amp.GradScaler | None:
    """A scaler that keeps fp16 gradients from vanishing; None where nothing needs scaling."""
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None
