from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from seqexp.track.profile import _RECORDED, _SKIPPED, _WARMED_UP, ProfileObserver
from seqexp.training.state import Progress

ALL = _SKIPPED + _WARMED_UP + _RECORDED


def profiled(folder: Path, steps: int) -> list[str]:
    said: list[str] = []
    with ProfileObserver(folder, said.append) as observer:
        for step in range(steps):
            # Another operator while steps are skipped than while they are recorded.
            (torch.linalg.inv if step < _SKIPPED else torch.cumsum)(torch.eye(8), *(() if step < _SKIPPED else (0,)))
            observer.stepped(Progress(step=step), 1)
            observer.logged(Progress(step=step), {})
        observer.validated(Progress(), {}, False)
    return said


@pytest.mark.parametrize("steps", [ALL, ALL + 30])
def test_the_first_steps_are_a_table_and_a_trace(tmp_path: Path, steps: int) -> None:
    (said,) = profiled(tmp_path / "profile", steps)
    assert "Self CPU" in said
    assert "aten::cumsum" in said
    assert f"the trace is in {tmp_path / 'profile' / 'trace.json'}; open it at chrome://tracing" in said
    names = [e.get("name") for e in json.loads((tmp_path / "profile" / "trace.json").read_text())["traceEvents"]]
    assert names.count("aten::cumsum") == _RECORDED
    assert "aten::linalg_inv_ex" not in names


def test_a_run_too_short_to_record_says_nothing(tmp_path: Path) -> None:
    assert profiled(tmp_path / "profile", _SKIPPED) == []
    assert not (tmp_path / "profile").exists()
