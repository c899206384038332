from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqexp.track.gradient_flow import GradientFlowObserver, Norms, read
from seqexp.training.state import Progress

NORMS = np.array([[0.0, 1e-30, 0.25], [0.0, 1.0, 2.0]])


def watched(
    folder: Path, *, every: int = 1, said: list[str] | None = None, factor: float = 1.0
) -> tuple[GradientFlowObserver, Callable[[int], None]]:
    count = iter(range(1, 100))
    observer = GradientFlowObserver(
        folder, lambda: NORMS * next(count) * factor, every=every, say=([] if said is None else said).append
    )
    return observer, lambda epoch: observer.validated(Progress(epoch=epoch, step=10 * epoch), {}, False)


def table(folder: Path) -> dict[int, Norms]:
    return read(folder / "gradient_flow.csv")


def test_the_untrained_model_and_some_epochs_are_measured(tmp_path: Path) -> None:
    folder = tmp_path / "diagnostics"
    observer, epoch_ended = watched(folder, every=2)
    observer.begin(Progress())
    for epoch in (1, 2, 3, 4):
        observer.stepped(Progress(), 1)
        observer.logged(Progress(), {})
        epoch_ended(epoch)
    assert list(table(folder)) == [0, 2, 4]
    for times, norms in enumerate(table(folder).values(), start=1):
        np.testing.assert_allclose(norms, NORMS * times, rtol=1e-8)
    lines = (folder / "gradient_flow.csv").read_text().splitlines()
    assert lines[:4] == ["epoch,layer,step,norm", "0,1,1,0", "0,1,2,1e-30", "0,1,3,0.25"]


def test_what_was_measured_after_the_checkpoint_comes_again(tmp_path: Path) -> None:
    observer, epoch_ended = watched(tmp_path)
    observer.begin(Progress())
    for epoch in (1, 2, 3):
        epoch_ended(epoch)
    observer, epoch_ended = watched(tmp_path, factor=1000.0)  # resumed from the end of epoch 1
    observer.begin(Progress(epoch=1, step=10))
    epoch_ended(2)
    assert {epoch: norms[1, 1] for epoch, norms in table(tmp_path).items()} == {0: 1.0, 1: 2.0, 2: 1000.0}


def test_the_figure_has_a_panel_a_layer(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    said: list[str] = []
    observer, epoch_ended = watched(tmp_path, said=said)
    observer.begin(Progress())
    first = (tmp_path / "gradient_flow.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    for epoch in range(1, 9):
        epoch_ended(epoch)
    assert (tmp_path / "gradient_flow.png").read_bytes() != first
    assert said == []


def test_norms_that_are_all_zero_can_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    watched(tmp_path, factor=0.0)[0].begin(Progress())
    assert (tmp_path / "gradient_flow.png").exists()


def test_without_matplotlib_the_numbers_are_there_and_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said: list[str] = []
    observer, epoch_ended = watched(tmp_path, said=said)
    observer.begin(Progress())
    epoch_ended(1)
    assert list(table(tmp_path)) == [0, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["gradient_flow.csv"]
    assert said == [
        f"{tmp_path / 'gradient_flow.csv'} has the norms; with `pip install 'seqexp[plot]'` they are drawn too"
    ]
