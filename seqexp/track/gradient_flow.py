"""The flow of gradients through time as an observer: numbers in a table, and a figure of them.

Shapes: L layers, T steps.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqexp.store.atomic import replacing, write_bytes
from seqexp.training.cadence import itstime
from seqexp.training.observer import Metrics
from seqexp.training.state import Progress

Norms = NDArray[np.float64]
"""(L, T)"""
TABLE, FIGURE = "gradient_flow.csv", "gradient_flow.png"
_CURVES = 6
"""Epochs that are drawn: the first, the last, and some between."""


class GradientFlowObserver:
    """Measures before the first update and after some epochs.

    Args:
        folder: Where `gradient_flow.csv` (epoch, layer, step, norm) and `gradient_flow.png` are written.
        measure: Gives the norms of dL/dh_t of the model as it is now.
        every: Epochs between two measurements.
        say: Is told once where the figure would need another package.
    """

    def __init__(self, folder: Path, measure: Callable[[], Norms], *, every: int, say: Callable[[str], None]) -> None:
        self._folder, self._measure, self._every, self._say = folder, measure, every, say
        self._told = False

    def begin(self, progress: Progress) -> None:
        """Measure the untrained model, if it is that."""
        if progress.step == 0:
            self._record(0)

    def stepped(self, progress: Progress, samples: int) -> None:
        """Nothing."""

    def logged(self, progress: Progress, metrics: Metrics) -> None:
        """Nothing."""

    def validated(self, progress: Progress, metrics: Metrics, improved: bool) -> None:
        """Measure, if it is time."""
        del metrics, improved
        if itstime(progress.epoch, self._every):
            self._record(progress.epoch)

    def _record(self, epoch: int) -> None:
        norms = self._measure()
        self._folder.mkdir(exist_ok=True)
        table = self._folder / TABLE
        # What a killed process measured beyond its last checkpoint comes again.
        known = {e: n for e, n in (read(table) if table.exists() else {}).items() if e < epoch} | {epoch: norms}
        _write(table, known)
        try:
            _draw(self._folder / FIGURE, known)
        except ModuleNotFoundError:
            if not self._told:
                self._say(f"{table} has the norms; with `pip install 'seqexp[plot]'` they are drawn too")
            self._told = True


def read(table: Path) -> dict[int, Norms]:
    """The norms of each epoch, from the file."""
    rows = np.loadtxt(table, delimiter=",", skiprows=1, ndmin=2)
    found = {}
    for epoch in np.unique(rows[:, 0]):
        some = rows[rows[:, 0] == epoch]
        found[int(epoch)] = some[:, 3].reshape(int(some[:, 1].max()), -1)
    return found


def _write(table: Path, known: dict[int, Norms]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", "layer", "step", "norm"])
    for epoch, norms in known.items():
        for (layer, step), norm in np.ndenumerate(norms):
            writer.writerow([epoch, layer + 1, step + 1, f"{norm:.9g}"])
    write_bytes(table, text.getvalue().encode())


def _draw(path: Path, known: dict[int, Norms]) -> None:
    """One panel a layer, one curve an epoch."""
    from matplotlib.figure import Figure

    epochs = sorted(known)
    chosen = [epochs[i] for i in sorted({round(k) for k in np.linspace(0, len(epochs) - 1, _CURVES)})]
    layers = len(known[epochs[-1]])
    figure = Figure(figsize=(7.0, 2.6 * layers + 0.6), layout="constrained")
    for layer, axes in enumerate(figure.subplots(layers, sharex=True, squeeze=False)[:, 0]):
        for shade, epoch in zip(np.linspace(0.75, 0.0, len(chosen)), chosen, strict=True):
            norms = known[epoch][layer]
            if (norms > 0).any():  # a norm of zero has no place on this axis
                axes.plot(np.arange(1, len(norms) + 1), np.where(norms > 0, norms, np.nan), color=str(shade),
                          label="untrained" if epoch == 0 else f"epoch {epoch}")  # fmt: skip
                axes.set_yscale("log")
        axes.set_ylabel(f"layer {layer + 1}: norm of dL/dh")
        if axes.lines:
            axes.legend(fontsize="small")
    axes.set_xlabel("step t")
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)
