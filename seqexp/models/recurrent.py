"""Stacks of recurrent layers: RNN, LSTM, GRU of any sizes, over torch's own layers or the fused kernels.

Shapes: N batch, T steps, D features, H hidden of a layer, K directions (1 or 2).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqexp.config.schema.model import GRU, LSTM, RNN

State = tuple[Tensor, ...]
"""One layer's state: (h,) for RNN and GRU, (h, c) for LSTM; each (K, N, H)."""


class RecurrentStack(nn.Module):
    """Layers of one kind upon another, each of its own size.

    Args:
        config: Kind, sizes and options.
        features: D, the width of the input.
    """

    def __init__(self, config: LSTM | GRU | RNN, features: int) -> None:
        super().__init__()
        self.config = config
        self.directions = 2 if config.bidirectional else 1
        widths = [features, *(h * self.directions for h in config.hidden_sizes)]
        self.layers = nn.ModuleList(
            _layer(config, width, size) for width, size in zip(widths, config.hidden_sizes, strict=False)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) if config.layer_norm else nn.Identity() for width in widths[1:])
        learned = config.initial_state == "learned"
        states = 2 if isinstance(config, LSTM) else 1
        self.initial = nn.ParameterList(
            nn.Parameter(torch.zeros(states, self.directions, size)) for size in config.hidden_sizes if learned
        )
        self._fused = _fused_kernels() if config.kernel == "fused" else None
        self.width = widths[-1]
        """The width of the output."""

    def forward(self, x: Tensor, states: list[State] | None = None) -> tuple[Tensor, list[State]]:
        """Read whole sequences.

        Args:
            x: Inputs (N, T, D).
            states: The state each layer starts from, as an earlier call returned it; None: the initial state.

        Returns:
            The last layer's outputs (N, T, K * H), and each layer's final state.
        """
        finals: list[State] = []
        for index, layer in enumerate(self.layers):
            given = states[index] if states else self._initial_state(index, len(x))
            below = self._drop(x, between=index > 0)
            above, final = self._run(layer, below, given)
            finals.append(final)
            if self.config.residual and above.shape[-1] == x.shape[-1]:
                above = above + x
            x = self.norms[index](above)
        return x, finals

    def read(self, outputs: Tensor) -> Tensor:
        """What a head sees of the outputs (N, T, K * H): one vector for each sequence (N, K * H).

        The last step of each direction (the backward one ends at the first step), or the mean or maximum.
        """
        match self.config.readout:
            case "mean":
                return outputs.mean(dim=1)
            case "max":
                return outputs.amax(dim=1)
            case "last" if self.directions == 2:
                half = self.width // 2
                return torch.cat((outputs[:, -1, :half], outputs[:, 0, half:]), dim=-1)
            case "last":
                return outputs[:, -1]

    def _run(self, layer: nn.Module, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        if self._fused is not None and x.device.type == "cpu":
            return self._fused(layer, x, state)
        above, final = layer(x, None if state is None else state if len(state) > 1 else state[0])
        return above, final if isinstance(final, tuple) else (final,)

    def _initial_state(self, index: int, batch: int) -> State | None:
        if not len(self.initial):
            return None
        # (states, K, H) -> as many (K, N, H) as the layer has states
        return tuple(s.unsqueeze(1).expand(-1, batch, -1).contiguous() for s in self.initial[index])

    def _drop(self, x: Tensor, *, between: bool) -> Tensor:
        """Dropout of a layer's inputs: element by element between layers, or one mask for all steps anywhere."""
        if not self.training:
            return x
        if self.config.variational_dropout:
            mask = torch.empty(len(x), 1, x.shape[-1], dtype=x.dtype, device=x.device)
            x = x * nn.functional.dropout(mask.fill_(1.0), self.config.variational_dropout)
        if self.config.dropout and between:
            x = nn.functional.dropout(x, self.config.dropout)
        return x


def _fused_kernels() -> Callable[..., tuple[Tensor, State]] | None:
    """What runs a layer in torch's place, if it can here: a model that was trained with it runs without it too."""
    from seqexp.models.kernels.layer import available, run_layer

    return run_layer if available() else None


def _layer(config: LSTM | GRU | RNN, features: int, hidden: int) -> nn.RNNBase:
    layer: nn.RNNBase
    match config:
        case LSTM():
            layer = nn.LSTM(features, hidden, batch_first=True, bidirectional=config.bidirectional)
        case GRU():
            layer = nn.GRU(features, hidden, batch_first=True, bidirectional=config.bidirectional)
        case RNN():
            layer = nn.RNN(
                features, hidden, nonlinearity=config.nonlinearity, batch_first=True,
                bidirectional=config.bidirectional,
            )  # fmt: skip
    _initialise(layer, config, hidden)
    return layer


@torch.no_grad()
def _initialise(layer: nn.RNNBase, config: LSTM | GRU | RNN, hidden: int) -> None:
    for name, parameter in layer.named_parameters():
        if config.orthogonal and name.startswith("weight_hh"):
            for gate in torch.split(parameter, hidden):
                nn.init.orthogonal_(gate)
        if isinstance(config, LSTM) and name.startswith("bias"):
            # torch adds two biases; the forget gate is the second of four.
            parameter[hidden : 2 * hidden] = config.forget_gate_bias if name.startswith("bias_ih") else 0.0
