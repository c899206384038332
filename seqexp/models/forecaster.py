"""A recurrent forecaster: a stack reads the window, a head gives the whole horizon at once, a linear skip beside it.

Shapes: N windows, T steps, D features, h horizon, C channels, K covariates known ahead, P parameters of the head.
"""

from __future__ import annotations

from torch import Tensor, nn

from seqexp.config.schema.model import GRU, LSTM, RNN
from seqexp.data.batch import ForecastBatch
from seqexp.data.spec import SequenceSpec
from seqexp.errors import ConfigError
from seqexp.models.recurrent import RecurrentStack


class Forecaster(nn.Module):
    """Direct multi-step forecasts (h, C, P) read from the stack's last (or pooled) output.

    The skip is the linear autoregression of LSTNet (Lai et al. 2018) and of NLinear (Zeng et al. 2023): one map
    from the anchored window to the horizon, shared by channels. Patches are those of PatchTST (Nie et al. 2023).

    Args:
        config: The stack and its options.
        spec: The shape of the problem.

    Raises:
        ConfigError: If the window is no whole number of patches.
    """

    def __init__(self, config: LSTM | GRU | RNN, spec: SequenceSpec) -> None:
        super().__init__()
        inputs, targets = spec.inputs, spec.targets
        if inputs.steps % config.patch_size:
            raise ConfigError(
                f"model.patch_size must divide data.window={inputs.steps}, but is {config.patch_size}; try "
                f"data.window={-(-inputs.steps // config.patch_size) * config.patch_size}"
            )
        self.spec = spec
        self.patch_size = config.patch_size
        self.stack = RecurrentStack(config, inputs.features * config.patch_size)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.stack.width, targets.steps * targets.channels * targets.parameters)
        self.ahead = nn.Linear(inputs.future, targets.channels * targets.parameters) if inputs.future else None
        history = inputs.steps * (inputs.anchored // targets.channels)
        self.skip = nn.Linear(history, targets.steps * targets.parameters) if config.linear_skip else None
        # An untrained forecaster says exactly its anchor: "as now", or "as last season".
        for layer in (self.head, self.ahead, self.skip):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, batch: ForecastBatch) -> Tensor:
        """The parameters of each step's forecast (N, h, C, P)."""
        targets = self.spec.targets
        shape = (-1, targets.steps, targets.channels, targets.parameters)
        inputs = batch.inputs  # (N, T, D)
        if self.patch_size > 1:
            inputs = inputs.reshape(len(inputs), -1, self.patch_size * inputs.shape[2])  # (N, T / p, p * D)
        outputs, _ = self.stack(inputs)
        forecast: Tensor = self.head(self.dropout(self.stack.read(outputs))).view(shape)
        if self.ahead is not None and batch.future is not None:
            forecast = forecast + self.ahead(batch.future).view(shape)
        if self.skip is not None:
            forecast = forecast + self._linear(batch.inputs)
        return forecast

    def _linear(self, inputs: Tensor) -> Tensor:
        """The linear map of the target's own history (N, h, C, P)."""
        assert self.skip is not None
        targets = self.spec.targets
        count, steps, _ = inputs.shape
        history = inputs[..., : self.spec.inputs.anchored].reshape(count, steps, -1, targets.channels)
        by_channel = history.permute(0, 3, 2, 1).flatten(2)  # (N, C, lags * T)
        linear: Tensor = self.skip(by_channel).view(count, targets.channels, targets.steps, targets.parameters)
        return linear.transpose(1, 2)
