"""One direction of one recurrent layer as an operator of torch, with its gradient.

Shapes: N batch, T steps, D features, H hidden, G gates. Weights lie as in torch's layers: w_x (G * H, D),
w_h (G * H, H), b_x and b_h (G * H); gates in torch's order, LSTM i, f, c~, o and GRU r, z, n. The equations are those
of `seqexp.models.equations`.

Registered with `torch.library.Library`, not `custom_op`: the latter imports torch's compiler when first called,
which takes seconds.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqexp.models.kernels.build import Format, default_variant, lanes, load
from seqexp.models.kernels.call import CELLS, GATES, SAVED, Call

_FORMATS: dict[torch.dtype, Format] = {torch.float32: "float32", torch.float64: "float64"}


def recurrence(
    cell: str,
    x: Tensor,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    reverse: bool = False,
    variant: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a recurrence over whole sequences.

    Args:
        cell: lstm, gru (resets after the product, as torch and cuDNN), gru_reset_before (Cho et al. 2014), rnn_tanh
            or rnn_relu.
        x: Inputs (N, T, D), float32 or float64, on the CPU. Time-major data may come as a transposed view.
        weights: w_x, w_h, b_x, b_h.
        h0: Initial state (N, H); None: zeros.
        c0: Initial cell (N, H), LSTM only; None: zeros.
        lengths: Steps of each row (N,), whole numbers from 0 to T; None: T for all.
        mask: What h_{t-1} is multiplied by (N, H) wherever weights see it: variational dropout of the recurrence (Gal
            and Ghahramani 2016). It has no gradient.
        reverse: Each row from its last step to its first.
        variant: The instruction set, a key of `VARIANTS`; None: the best one here.

    Returns:
        The outputs (N, T, H), zero behind the end of a row; the final state h (N, H) of each row (after its first step
        if `reverse`), and the final cell c (N, H), empty but for the LSTM.

    Raises:
        ValueError: A shape, number format, device or name is wrong.
        RuntimeError: There is no library; `load` tells why before anything runs.
    """
    _check(cell, x, weights, lengths, mask)
    N, T, _ = x.shape
    H = weights[1].shape[1]
    h0 = _state("h0", h0, x, H)
    c0 = _state("c0", c0, x, H) if cell == "lstm" else _nothing("c0", c0, x)
    if lengths is not None:
        lengths = lengths.to(torch.int64).contiguous()
        pairs = int(lengths.sum())
    else:
        pairs = N * T
    x = x if x.stride(-1) == 1 or x.shape[-1] == 1 else x.contiguous()
    given = [t.contiguous() for t in (h0, c0, *weights)]
    mask = mask.contiguous() if mask is not None else None
    save = torch.is_grad_enabled() and any(t.requires_grad for t in (x, *given))
    # Eagerly the function, whose gradient costs less to set up; to whoever traces, the operator with its own.
    run: Any = _Recurrence.apply if save and not torch.compiler.is_compiling() else torch.ops.seqexp.recurrence
    y, h_end, c_end, _ = run(x, *given, lengths, mask, cell, reverse, pairs, save, variant or default_variant())
    return y, h_end, c_end


def _check(cell: str, x: Tensor, weights: tuple[Tensor, ...], lengths: Tensor | None, mask: Tensor | None) -> None:
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(CELLS)}, but is {cell}")
    if x.dim() != 3 or x.dtype not in _FORMATS or x.device.type not in ("cpu", "meta"):
        raise ValueError(f"x must be (N, T, D) in float32 or float64 on the CPU, but is {_described(x)}")
    (N, T, D), H = x.shape, weights[1].shape[-1]
    gates = GATES[cell] * H
    expected = [(gates, D), (gates, H), (gates,), (gates,)]
    for name, tensor, shape in zip(("w_x", "w_h", "b_x", "b_h"), weights, expected, strict=True):
        _expect(name, tensor, shape, x)
    if mask is not None:
        _expect("mask", mask, (N, H), x)
        if mask.requires_grad:
            raise ValueError("mask has no gradient; detach it")
    if lengths is not None:
        if lengths.shape != (N,) or lengths.is_floating_point():
            raise ValueError(f"lengths must be whole numbers ({N},), but are {_described(lengths)}")
        if N and not 0 <= int(lengths.min()) <= int(lengths.max()) <= T:
            raise ValueError(f"lengths must be from 0 to {T}, but are from {lengths.min()} to {lengths.max()}")


def _expect(name: str, tensor: Tensor, shape: tuple[int, ...], like: Tensor) -> None:
    if tensor.shape != shape or tensor.dtype != like.dtype or tensor.device != like.device:
        wanted = f"{tuple(shape)} {str(like.dtype).removeprefix('torch.')} on {like.device}"
        raise ValueError(f"{name} must be {wanted}, but is {_described(tensor)}")


def _described(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"


def _state(name: str, state: Tensor | None, x: Tensor, H: int) -> Tensor:
    if state is None:
        return x.new_zeros(x.shape[0], H)
    _expect(name, state, (x.shape[0], H), x)
    return state


def _nothing(name: str, state: Tensor | None, x: Tensor) -> Tensor:
    if state is not None:
        raise ValueError(f"{name} is for the LSTM alone")
    return x.new_empty(0)


class _Inputs(NamedTuple):
    """What both directions are given, in the order of the operators' arguments."""

    x: Tensor
    h0: Tensor
    c0: Tensor
    w_x: Tensor
    w_h: Tensor
    b_x: Tensor
    b_h: Tensor
    lengths: Tensor | None
    mask: Tensor | None
    cell: str
    reverse: bool
    pairs: int
    """Of rows and steps within their lengths, in all."""

    def pointers(self) -> dict[str, int]:
        return {n: v.data_ptr() for n, v in self._asdict().items() if isinstance(v, Tensor)}


def _run(function: str, variant: str, given: _Inputs, **tensors: Tensor | None) -> None:
    """Fill in a call and make it. Tensors outlive it: the caller holds them."""
    kernels = load(variant, _FORMATS[given.x.dtype])
    if kernels.library is None:
        raise RuntimeError(kernels.reason)
    N, T, D = given.x.shape
    call = Call(
        cell=CELLS.index(given.cell), reverse=given.reverse, threads=torch.get_num_threads(),
        batch=N, steps=T, features=D, units=given.h0.shape[1], x_row=given.x.stride(0), x_step=given.x.stride(1),
        **given.pointers(), **{n: t.data_ptr() for n, t in tensors.items() if t is not None},
    )  # fmt: skip
    if getattr(kernels.library, function)(ctypes.byref(call)):
        raise MemoryError("the fused kernels got no memory")


def _results(given: _Inputs, save: bool, variant: str) -> tuple[Tensor, ...]:
    """Empty y, h_end, c_end and what the way back needs."""
    (N, T, _), H = given.x.shape, given.h0.shape[1]
    width = lanes(variant, _FORMATS[given.x.dtype])
    kept = (given.pairs, SAVED[given.cell] * ((H + width - 1) // width * width)) if save else (0, 0)
    x = given.x
    return x.new_empty(N, T, H), torch.empty_like(given.h0), torch.empty_like(given.c0), x.new_empty(kept)


def _forward(*arguments: Any) -> tuple[Tensor, ...]:
    *inputs, save, variant = arguments
    given = _Inputs(*inputs)
    y, h_end, c_end, saved = results = _results(given, save, variant)
    _run("forward", variant, given, y=y, h_end=h_end, c_end=c_end, saved=saved if save else None)
    return results


def _forward_fake(*arguments: Any) -> tuple[Tensor, ...]:
    *inputs, save, variant = arguments
    return _results(_Inputs(*inputs), save, variant)


def _gradients(*arguments: Any) -> tuple[Tensor, ...]:
    """Empty dx, dh0, dc0, dw_x, dw_h, db_x, db_h; nothing in those not asked for."""
    given = _Inputs(*arguments[3:15])
    need_x, need_weights, _ = arguments[17:]
    of_weights = [torch.empty_like(w) if need_weights else w.new_empty(0) for w in given[3:7]]
    dx = given.x.new_empty(given.x.shape) if need_x else given.x.new_empty(0)
    return dx, torch.empty_like(given.h0), torch.empty_like(given.c0), *of_weights


def _backward(*arguments: Any) -> tuple[Tensor, ...]:
    (dy, dh, dc), (y, saved), variant = arguments[:3], arguments[15:17], arguments[-1]
    results = _gradients(*arguments)
    names = ("dx", "dh0", "dc0", "dw_x", "dw_h", "db_x", "db_h")
    wanted = (arguments[17], True, True, *[arguments[18]] * 4)
    outs = {n: t for n, t, want in zip(names, results, wanted, strict=True) if want}
    _run("backward", variant, _Inputs(*arguments[3:15]), y=y, saved=saved, dy=dy, dh_end=dh, dc_end=dc, **outs)
    return results


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, cell, reverse, pairs, _save, variant = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors, output[0], output[3])
    ctx.options, ctx.variant = (cell, reverse, pairs), variant
    ctx.mark_non_differentiable(output[3])


def _differentiate(ctx: Any, dy: Tensor | None, dh: Tensor | None, dc: Tensor | None, _: None) -> tuple[Any, ...]:
    *tensors, y, saved = ctx.saved_tensors
    need = ctx.needs_input_grad
    ends = [torch.zeros_like(s) if d is None else d.contiguous() for d, s in zip((dh, dc), tensors[1:3], strict=True)]
    gradients = torch.ops.seqexp.recurrence_backward(
        None if dy is None else dy.contiguous(), *ends, *tensors, *ctx.options, y, saved,
        need[0], any(need[3:7]), ctx.variant,
    )  # fmt: skip
    return *(g if n else None for g, n in zip(gradients, need[:7], strict=True)), *[None] * 7


_once: Any = once_differentiable(_differentiate)


class _Recurrence(torch.autograd.Function):
    """The operator with its gradient, as `torch.func.grad` and its kin can see it, too."""

    @staticmethod
    def forward(*arguments: Any) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            return torch.ops.seqexp.recurrence(*arguments)

    setup_context = staticmethod(_remember)
    backward = staticmethod(_once)


def _register() -> torch.library.Library:
    library: Any = torch.library.Library("seqexp", "FRAGMENT")  # type: ignore[no-untyped-call]
    given = (
        "Tensor x, Tensor h0, Tensor c0, Tensor w_x, Tensor w_h, Tensor b_x, Tensor b_h,"
        " Tensor? lengths, Tensor? mask, str cell, bool reverse, SymInt pairs"
    )
    results = "(Tensor, Tensor, Tensor, Tensor)"
    library.define(f"recurrence({given}, bool save, str variant) -> {results}")
    library.define(
        f"recurrence_backward(Tensor? dy, Tensor dh, Tensor dc, {given}, Tensor y, Tensor saved, bool need_x,"
        f" bool need_weights, str variant) -> {results[:-1]}, Tensor, Tensor, Tensor)"
    )
    library.impl("recurrence", _forward, "CPU")
    library.impl("recurrence_backward", _backward, "CPU")
    torch.library.register_fake("seqexp::recurrence", _forward_fake, lib=library)
    torch.library.register_fake("seqexp::recurrence_backward", _gradients, lib=library)
    torch.library.register_autograd("seqexp::recurrence", _once, setup_context=_remember, lib=library)
    return library  # type: ignore[no-any-return]


_LIBRARY = _register()
"""Held on to: with it the operators go."""
