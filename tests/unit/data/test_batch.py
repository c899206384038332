from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

from seqexp.data.batch import IGNORED, ForecastBatch, SequenceBatch, StreamBatch


def test_a_batch_is_as_long_as_it_has_windows() -> None:
    # not of steps or features, and also where targets are empty
    assert len(ForecastBatch(torch.zeros(3, 8, 2), None, torch.empty(0))) == 3


def test_a_batch_of_sequences_is_as_long_as_it_has_targets() -> None:
    # 3 sequences, of which 7 steps have a target: the loop weighs losses by that
    steps, lengths = torch.zeros(3, 4, dtype=torch.long), torch.tensor([4, 2, 1])
    assert len(SequenceBatch(steps, lengths, torch.full((3, 4), 1), scored=7)) == 7


def test_a_stretch_of_streams_is_as_long_as_it_has_tokens() -> None:
    tokens = torch.zeros(3, 5, dtype=torch.long)
    assert len(StreamBatch(tokens, tokens, first=True)) == 15


def test_what_is_ignored_is_what_torch_ignores() -> None:
    scores = torch.tensor([[2.0, -1.0], [50.0, -50.0]])
    assert F.cross_entropy(scores, torch.tensor([1, IGNORED])) == F.cross_entropy(scores[:1], torch.tensor([1]))
