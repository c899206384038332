"""Stacks of recurrent layers: RNN, LSTM, GRU of any sizes, over torch's own layers or the fused kernels.

Shapes: N batch, T steps, D features, H hidden of a layer, K directions (1 or 2).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqexp.config.schema.model import GRU, LSTM, RNN

State = tuple[Tensor, ...]
"""One layer's state: (h,) for RNN and GRU, (h, c) for LSTM; each (K, N, H)."""
Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""One direction of one layer: w_x, w_h, b_x, b_h."""


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
        self._fused = _fused_kernels() if config.kernel != "torch" else None
        self.width = widths[-1]
        """The width of the output."""
        self.attention = _attention(self.width) if config.readout == "attention" else None

    def forward(
        self, x: Tensor, states: list[State] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, list[State]]:
        """Read whole sequences.

        Args:
            x: Inputs (N, T, D).
            states: The state each layer starts from, as an earlier call returned it; None: the initial state.
            lengths: Steps of each row (N,), whole numbers from 1 to T; what lies behind is padding, and changes no
                output and no gradient. None: T for all.

        Returns:
            The last layer's outputs (N, T, K * H), zero where there is padding; and each layer's final state, none
            at all with `lengths`, where torch's layers run on behind a row's end.
        """
        finals: list[State] = []
        rows = _unequal(lengths, x)
        for index, layer in enumerate(self.layers):
            given = states[index] if states else self._initial_state(index, len(x))
            below = self._drop(x, between=index > 0)
            above, final = self._run(layer, below, given, rows)
            finals.append(final)
            if self.config.residual and above.shape[-1] == x.shape[-1]:
                above = above + x
            x = self.norms[index](above)
        if rows is not None:
            x = x.masked_fill(rows.padding, 0.0)
        return x, finals if lengths is None else []

    def read(self, outputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What a head sees of the outputs (N, T, K * H): one vector for each sequence (N, K * H).

        The last step of each direction (the backward one ends at the first step), the mean, the maximum, or the mean
        weighted by a softmax of v^T tanh(W y_t + b) over steps (Yang et al. 2016, equations 5 to 7).

        Args:
            outputs: What `forward` gave, and of these `lengths`.
            lengths: As there.
        """
        rows = _unequal(lengths, outputs)
        match self.config.readout:
            case "mean" if rows:
                return outputs.masked_fill(rows.padding, 0.0).sum(dim=1) / rows.lengths[:, None]
            case "mean":
                return outputs.mean(dim=1)
            case "max":
                return (outputs.masked_fill(rows.padding, -torch.inf) if rows else outputs).amax(dim=1)
            case "attention":
                assert self.attention is not None
                scores: Tensor = self.attention(outputs)  # (N, T, 1)
                scores = scores.masked_fill(rows.padding, -torch.inf) if rows else scores
                return (scores.softmax(dim=1) * outputs).sum(dim=1)
            case "last" | "auto":
                last = outputs[rows.each, rows.lengths - 1] if rows else outputs[:, -1]
                half = self.width // self.directions
                return torch.cat((last[:, :half], outputs[:, 0, half:]), dim=-1) if self.directions == 2 else last

    def _run(self, layer: nn.Module, x: Tensor, state: State | None, rows: _Rows | None) -> tuple[Tensor, State]:
        assert isinstance(layer, nn.RNNBase)
        drop = self.config.weight_drop if self.training else 0.0
        if self._fused is not None and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            return self._fused(layer, x, state, weights=_weights(layer, drop), lengths=rows and rows.lengths)
        if rows is not None and self.directions == 2:
            return _both_ways(layer, x, state, _weights(layer, drop), rows)
        # In one direction, what lies behind the end of a row comes too late to change it.
        if drop:
            return _scan(layer, x, state, _weights(layer, drop))
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


class _Rows:
    """Rows of unequal lengths.

    Args:
        lengths: Steps of each row (N,).
        like: Any (N, T, ...) on the same device.
    """

    def __init__(self, lengths: Tensor, like: Tensor) -> None:
        N, T = like.shape[:2]
        self.lengths = lengths
        self.each = torch.arange(N, device=like.device)
        steps = torch.arange(T, device=like.device)
        behind = steps >= lengths[:, None]
        self.padding = behind[..., None]
        """What is not to be read (N, T, 1)."""
        turned = torch.where(behind, steps, lengths[:, None] - 1 - steps)
        self._turned = (turned + T * self.each[:, None]).flatten()

    def reverse(self, x: Tensor) -> Tensor:
        """Each row (T, D) of x (N, T, D) from its own last step to its first; padding stays where it is."""
        # Of what gathers, this has the cheapest gradient on a CPU.
        return x.flatten(0, 1).index_select(0, self._turned).view(x.shape)


def _unequal(lengths: Tensor | None, like: Tensor) -> _Rows | None:
    """The rows, unless there is no padding; elsewhere than on a CPU it is not asked, since that would wait."""
    if lengths is None or (like.device.type == "cpu" and int(lengths.min()) == like.shape[1]):
        return None
    return _Rows(lengths, like)


def _both_ways(
    layer: nn.RNNBase, x: Tensor, state: State | None, weights: list[Weights], rows: _Rows
) -> tuple[Tensor, State]:  # fmt: skip
    """Both directions of a layer, the backward one from each row's own last step.

    Not by torch's PackedSequence, which on a CPU takes four times as long.
    """
    states = (None, None) if state is None else (tuple(s[:1] for s in state), tuple(s[1:] for s in state))
    forward, end = _scan(layer, x, states[0], weights[:1])
    backward, begin = _scan(layer, rows.reverse(x), states[1], weights[1:])
    finals = tuple(torch.cat(pair) for pair in zip(end, begin, strict=True))
    return torch.cat((forward, rows.reverse(backward)), dim=-1), finals


def _scan(layer: nn.RNNBase, x: Tensor, state: State | None, weights: list[Weights]) -> tuple[Tensor, State]:
    """A layer of torch with other weights, of as many directions as there are weights."""
    if state is None:
        zeros = x.new_zeros(len(weights), len(x), layer.hidden_size)
        state = (zeros, zeros) if isinstance(layer, nn.LSTM) else (zeros,)
    flat = [w for direction in weights for w in direction]
    options = (flat, True, 1, 0.0, layer.training, len(weights) == 2, True)
    with warnings.catch_warnings():
        # cuDNN would rather have all weights in one piece, which those of one direction or with gaps are not.
        warnings.filterwarnings("ignore", "RNN module weights")
        match layer:
            case nn.LSTM():
                above, *final = torch.lstm(x, state, *options)
            case nn.GRU():
                above, *final = torch.gru(x, state[0], *options)
            case _:
                run = torch.rnn_relu if layer.mode == "RNN_RELU" else torch.rnn_tanh
                above, *final = run(x, state[0], *options)
    return above, tuple(final)


def _weights(layer: nn.RNNBase, drop: float) -> list[Weights]:
    """The weights of each direction, with a share of the recurrent ones left out (Merity et al. 2018, section 2)."""
    w: list[Weights] = []
    for suffix in ("_l0", "_l0_reverse") if layer.bidirectional else ("_l0",):
        w_x, w_h, b_x, b_h = (getattr(layer, f"{n}{suffix}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        w.append((w_x, nn.functional.dropout(w_h, drop) if drop else w_h, b_x, b_h))
    return w


def _attention(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False))


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
        if config.orthogonal is not False and name.startswith("weight_hh"):
            for gate in torch.split(parameter, hidden):
                nn.init.orthogonal_(gate)
        if isinstance(config, LSTM) and name.startswith("bias"):
            # torch adds two biases; the forget gate is the second of four.
            bias = 1.0 if config.forget_gate_bias is None else config.forget_gate_bias
            parameter[hidden : 2 * hidden] = bias if name.startswith("bias_ih") else 0.0
