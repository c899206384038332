"""Streams against the definition: which token is read when, and what comes after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.corpora import token_file

from seqexp.data import stream_order
from seqexp.data.stream_order import ScoredText, StreamOrder
from seqexp.errors import DataError

CPU = torch.device("cpu")


def test_streams_side_by_side_by_hand(tmp_path: Path) -> None:
    """12 tokens, two streams: 11 can be read, 5 each; token 10 is read by none, but comes after token 9."""
    tokens = token_file(tmp_path, 12)
    t = tokens[0:12].tolist()
    order = StreamOrder(tokens, streams=2, bptt=3, device=CPU)
    assert (order.steps_per_epoch, order.unread) == (2, 1)
    (first,), (second,) = order.batches(0, 0), order.batches(0, 1)
    assert first.inputs.tolist() == [t[0:3], t[5:8]]
    assert first.targets.tolist() == [t[1:4], t[6:9]]
    assert second.inputs.tolist() == [t[3:5], t[8:10]]
    assert second.targets.tolist() == [t[4:6], t[9:11]]
    assert (first.first, second.first) == (True, False)
    assert (len(first), len(second)) == (6, 4)
    assert order.indices(0, 1) == [3, 8]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(30, 90), streams=st.integers(1, 4), bptt=st.integers(1, 7), epoch=st.integers(0, 3))
def test_each_stream_is_read_from_end_to_end_in_every_epoch(
    tmp_path: Path, count: int, streams: int, bptt: int, epoch: int
) -> None:
    tokens = token_file(tmp_path, count)
    order = StreamOrder(tokens, streams=streams, bptt=bptt, device=CPU)
    batches = [b for step in range(order.steps_per_epoch) for b in order.batches(epoch, step)]
    read = torch.cat([b.inputs for b in batches], dim=1)
    said = torch.cat([b.targets for b in batches], dim=1)
    assert read.flatten().tolist() == tokens[0 : count - 1 - order.unread].tolist()
    assert said.flatten().tolist() == tokens[1 : count - order.unread].tolist()
    assert order.unread < streams
    assert [b.first for b in batches] == [True] + [False] * (len(batches) - 1)
    assert all(b.inputs.shape[1] == bptt for b in batches[:-1])


def test_epochs_that_are_no_passes_go_on_where_the_last_ended(tmp_path: Path) -> None:
    tokens = token_file(tmp_path, 31)
    passes = StreamOrder(tokens, streams=2, bptt=5, device=CPU)
    assert passes.steps_per_epoch == 3
    epochs = StreamOrder(tokens, streams=2, bptt=5, device=CPU, accumulate=2, steps_per_epoch=2)
    starts = [epochs.indices(epoch, step) for epoch in range(2) for step in range(2)]
    assert starts == [[0, 15, 5, 20], [10, 25, 0, 15], [5, 20, 10, 25], [0, 15, 5, 20]]
    assert [b.first for b in epochs.batches(0, 1)] == [False, True]


def test_some_first_batches_are_a_pass(tmp_path: Path) -> None:
    order = StreamOrder(token_file(tmp_path, 101), streams=2, bptt=5, device=CPU, first_batches=3)
    assert order.steps_per_epoch == 3
    pairs = list(order.first_pass())
    assert [rows.tolist() for _, rows in pairs] == [[0, 50], [5, 55], [10, 60]]
    assert pairs[1][0].inputs.tolist() == order.batches(0, 1)[0].inputs.tolist()


def test_too_short_a_text_is_refused_with_what_would_do(tmp_path: Path) -> None:
    StreamOrder(token_file(tmp_path, 21), streams=4, bptt=5, device=CPU)
    with pytest.raises(DataError, match=r"train has 20 tokens, too few for trainer.batch_size=4 .* which need 21;"):
        StreamOrder(token_file(tmp_path, 20), streams=4, bptt=5, device=CPU)


@pytest.mark.parametrize("count", [2, 2_050, 300_007])
def test_every_token_but_the_first_is_scored_once(tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_order, "_SCORED_TOKENS", 60_000 if count > 100_000 else 2_048)
    tokens = token_file(tmp_path, count)
    whole = tokens[0:count]
    text, times = ScoredText(tokens), np.zeros(count, dtype=int)
    ends: dict[int, int] = {}  # where each row's next input must be
    for batch, rows in text.batches(CPU):
        for row, inputs, targets in zip(rows, batch.inputs.numpy(), batch.targets.numpy(), strict=True):
            assert batch.first or row in ends
            ends[row + len(inputs)] = row
            assert (inputs == whole[row : row + len(inputs)]).all()
            assert (targets == whole[row + 1 : row + 1 + len(targets)]).all()
            times[row + 1 : row + 1 + len(targets)] += 1
    assert times[0] == 0
    assert (times[1:] == 1).all()
    assert text.spans() == [(0, count - 1)]
    first = next(text.batches(CPU))[0]
    assert len(first.inputs) == max(count // 100_000, 1)


def test_a_limit_leaves_the_beginnings_of_the_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_order, "_SCORED_STREAM", 100)
    monkeypatch.setattr(stream_order, "_SCORED_TOKENS", 20)
    text = ScoredText(token_file(tmp_path, 206), limit=3)
    assert text.spans() == [(0, 30), (102, 132)]
    rows = [(first.tolist(), b.inputs.shape) for b, first in text.batches(CPU)]
    assert rows == [([0, 102], (2, 10)), ([10, 112], (2, 10)), ([20, 122], (2, 10))]
