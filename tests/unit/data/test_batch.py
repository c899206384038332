from __future__ import annotations

import torch

from seqexp.data.batch import ForecastBatch


def test_a_batch_is_as_long_as_it_has_windows() -> None:
    # not of steps or features, and also where targets are empty
    assert len(ForecastBatch(torch.zeros(3, 8, 2), None, torch.empty(0))) == 3
