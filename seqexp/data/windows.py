"""Windows over series: views of the rows, gathered batch by batch, never laid out one by one.

Shapes: R rows, N windows of a batch, T steps, D features, h horizon, C channels, O observed and K known covariates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqexp.config.schema.data import Scaling
from seqexp.data.batch import ForecastBatch
from seqexp.data.order import Passes, permutation
from seqexp.data.panel import Ints, Panel
from seqexp.data.scaling import Scale, fit
from seqexp.data.spec import Continuous
from seqexp.data.split import Borders
from seqexp.data.target import LevelTarget


class WindowSource:
    """All rows as tensors on the device, from which any window can be gathered.

    Args:
        target: What is learned, fitted.
        covariates: Scaled (R, O + K).
        known: How many of them, the last, are known for the future.
        window: T.
        lags: The target this many steps back is read too, at every step.
        device: Where the tensors lie.
    """

    def __init__(
        self, target: LevelTarget, covariates: Tensor, *, known: int, window: int, lags: Sequence[int],
        device: torch.device,
    ) -> None:  # fmt: skip
        self.target = target
        self.window, self.lags, self.device = window, tuple(lags), device
        level = target.level()
        self._channels = level.shape[1]
        self._rows = torch.cat((level, covariates), dim=1).to(device)
        self._known = covariates[:, covariates.shape[1] - known :].contiguous().to(device) if known else None
        self.input_scale = torch.ones(self._channels, device=device)

    @property
    def spec(self) -> Continuous:
        """The shape of the inputs."""
        anchored = self._channels * (1 + len(self.lags))
        covariates = self._rows.shape[1] - self._channels
        known = 0 if self._known is None else self._known.shape[1]
        return Continuous(self.window, anchored + covariates, anchored, known)

    def gather(self, origins: Tensor, *, targets: bool = True) -> ForecastBatch:
        """The windows that end at some rows.

        Args:
            origins: The last row of each window (N), int64, on the device.
            targets: Whether the horizon is known; without, targets are empty.
        """
        c, target = self._channels, self.target
        first = origins - (self.window - 1)
        inputs = _stretches(self._rows, self.window, first)  # (N, T, C + O + K), a copy
        past = inputs[..., :c]
        goal = inputs.new_empty(0)
        if targets:
            goal = target.goal(past, _stretches(self._rows, target.horizon, origins + 1)[..., :c])
        own = target.inputs(past)
        if self.lags:
            shift = past - own  # lagged values are told from the same anchor
            lagged = [_stretches(self._rows, self.window, first - lag)[..., :c] - shift for lag in self.lags]
            own = torch.cat([block * self.input_scale for block in (own, *lagged)], dim=-1)
            inputs = torch.cat((own, inputs[..., c:]), dim=-1)
        else:
            torch.mul(own, self.input_scale, out=past)  # in its place among the covariates
        future = None if self._known is None else _stretches(self._known, target.horizon, origins + 1)
        return ForecastBatch(inputs, future, goal)

    def fit_input_scale(self, origins: Tensor) -> None:
        """Bring the anchored window to unit size, judged on some windows of train."""
        self.input_scale = torch.ones_like(self.input_scale)
        c = self._channels
        size = self.gather(origins, targets=False).inputs[..., :c].double().square().mean(dim=(0, 1)).sqrt()
        self.input_scale = torch.where(size > 1e-9, 1.0 / size, 1.0).float()


class Windows:
    """The windows of one split, by number."""

    def __init__(self, source: WindowSource, origins: NDArray[np.int32]) -> None:
        self.source = source
        self.origins = origins
        self._origins = torch.from_numpy(origins).to(source.device)

    def __len__(self) -> int:
        return len(self.origins)

    def batch(self, indices: Tensor) -> ForecastBatch:
        """Some windows.

        Args:
            indices: Their numbers (N), on the device.
        """
        return self.source.gather(torch.index_select(self._origins, 0, indices).long())

    def batches(self, size: int, limit: int | None = None) -> Iterator[Ints]:
        """The origins of the windows in their own order, `size` at a time, at most `limit` times."""
        origins = self.all_origins(size, limit)
        for i in range(0, len(origins), size):
            yield origins[i : i + size]

    def all_origins(self, size: int, limit: int | None = None) -> Ints:
        """The origins of the first `limit` batches of `size` windows; of all where there is no limit."""
        count = len(self) if limit is None else min(len(self), limit * size)
        return self.origins[:count].astype(np.int64)


class TrainingOrder:
    """Training batches by position alone: update `step` of epoch `epoch` is a pure function of the seed.

    Args:
        windows: Train.
        seed: The experiment's.
        batch_size: Windows in a batch.
        accumulate: Batches in an update.
        steps_per_epoch: Updates that count as an epoch; None: one pass.
        first_batches: Use only so many batches, in the order of time; None: all, shuffled.
    """

    def __init__(
        self, windows: Windows, *, seed: int, batch_size: int, accumulate: int, steps_per_epoch: int | None,
        first_batches: int | None = None,
    ) -> None:  # fmt: skip
        self._windows, self._seed, self._size = windows, seed, batch_size
        self._shuffled = first_batches is None
        self._samples = len(windows) if first_batches is None else min(len(windows), first_batches * batch_size)
        self._passes = Passes(-(-self._samples // batch_size), accumulate, steps_per_epoch)
        self.steps_per_epoch = self._passes.steps_per_epoch
        self._pass, self._permutation = -1, torch.empty(0, dtype=torch.int32)

    def batches(self, epoch: int, step: int) -> list[ForecastBatch]:
        """The batches of one update."""
        return [self._windows.batch(i) for i in self._indices(epoch, step)]

    def indices(self, epoch: int, step: int) -> list[int]:
        """The windows of one update."""
        return [int(i) for part in self._indices(epoch, step) for i in part]

    def _indices(self, epoch: int, step: int) -> list[Tensor]:
        numbers = self._passes.of(epoch, step)
        return [self._order(p)[b * self._size : (b + 1) * self._size] for p, b in numbers]

    def _order(self, number: int) -> Tensor:
        if number != self._pass:
            device = self._windows.source.device
            order = permutation(self._samples, self._seed, number) if self._shuffled else torch.arange(self._samples)
            self._pass, self._permutation = number, order.to(device)
        return self._permutation


def origins_of(
    panel: Panel, borders: Borders, split: str, *, shape: tuple[int, int], reach: int, stride: int = 1
) -> NDArray[np.int32]:
    """The last row of each window of a split, in the order of series and time.

    Every target lies inside the split. Inputs may reach back into earlier splits, which are known by then.

    Args:
        panel: The data.
        borders: Where the splits are.
        split: train, valid or test.
        shape: T and h.
        reach: How many rows before the window are read too, as lags are.
        stride: Rows between two origins.
    """
    window, horizon = shape
    first, stop = borders.rows(split)
    begin = np.maximum(first - 1, panel.offsets[:-1] + window - 1 + reach)
    ranges = [np.arange(a, b, stride, dtype=np.int32) for a, b in zip(begin, stop - horizon, strict=True)]
    origins = np.concatenate(ranges) if ranges else np.empty(0, np.int32)
    unusable = ~np.isfinite(panel.observed).all(axis=1)
    if unusable.any():  # rows without enough history for a feature: no window may hold one
        bad = np.concatenate(([0], np.cumsum(unusable, dtype=np.int32)))
        origins = origins[bad[origins + 1] == bad[origins + 1 - window]]
    return origins


def scaled_covariates(
    panel: Panel, borders: Borders | None, scale: Scale | None, scaling: Scaling
) -> tuple[Tensor, Scale]:
    """Observed and known covariates (R, O + K), scaled by `scale` or by one fitted on train."""
    values = np.concatenate((panel.observed, panel.known), axis=1)
    if scale is None:
        assert borders is not None
        scale = fit(
            [values[a:b] for a, b in zip(*borders.rows("train"), strict=True)],
            scaling.features,
            scaling.scope,
        )
    series = np.arange(len(panel.names))
    center, width = scale.of(series)
    for s, (a, b) in enumerate(zip(panel.offsets[:-1], panel.offsets[1:], strict=True)):
        values[a:b] = (values[a:b] - center[s]) / width[s]
    return torch.from_numpy(values), scale


def _stretches(rows: Tensor, steps: int, first: Tensor) -> Tensor:
    """The `steps` rows from each of some rows on (N, steps, columns).

    A view of all stretches, which overlap, costs nothing; picking from it copies each in one piece.
    """
    count, columns = rows.shape
    view = rows.as_strided((count - steps + 1, steps, columns), (columns, columns, 1))
    return torch.index_select(view, 0, first)
