"""What a kernel is told: `struct Call` of `plan.h`, field by field."""

from __future__ import annotations

import ctypes

CELLS = ("lstm", "gru", "gru_reset_before", "rnn_tanh", "rnn_relu")
"""In the order the library numbers them."""
GATES = {"lstm": 4, "gru": 3, "gru_reset_before": 3, "rnn_tanh": 1, "rnn_relu": 1}
SAVED = {"lstm": 6, "gru": 4, "gru_reset_before": 3, "rnn_tanh": 0, "rnn_relu": 0}
"""How many numbers a step keeps for each unit, beside its output, until the way back."""

_NUMBERS = ("cell", "reverse", "threads", "batch", "steps", "features", "units", "x_row", "x_step")
_TENSORS = (
    "x", "h0", "c0", "w_x", "w_h", "b_x", "b_h", "mask", "lengths", "y", "h_end", "c_end", "saved",
    "dy", "dh_end", "dc_end", "dx", "dh0", "dc0", "dw_x", "dw_h", "db_x", "db_h",
)  # fmt: skip


class Call(ctypes.Structure):
    """The arguments of `forward` and `backward`; a tensor that is not there is a null pointer."""

    _fields_ = (*((n, ctypes.c_int64) for n in _NUMBERS), *((n, ctypes.c_void_p) for n in _TENSORS))
