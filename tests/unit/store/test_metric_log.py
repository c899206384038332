from __future__ import annotations

import json
import math
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqexp.errors import RunError
from seqexp.store.metric_log import MetricLog, read

RECORDS = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}, {"step": 3, "loss": 0.125}]


def written(path: Path, records: list[dict[str, Any]], position: int = 0) -> int:
    with MetricLog(path, position) as log:
        for record in records:
            log.write(record)
        return log.flush()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert written(path, RECORDS) == path.stat().st_size
    assert list(read(path)) == RECORDS


def test_nothing_is_written_before_it_is_flushed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricLog(path) as log:
        log.write(RECORDS[0])
        assert path.read_bytes() == b""
        assert log.flush() == path.stat().st_size > 0
        log.write(RECORDS[1])
    assert list(read(path)) == RECORDS[:2]


def test_what_came_after_the_position_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    position = written(path, RECORDS[:1])
    written(path, RECORDS[1:], position)
    assert list(read(path)) == RECORDS
    assert written(path, [{"step": 2, "loss": 9.0}], position) == path.stat().st_size
    assert list(read(path)) == [RECORDS[0], {"step": 2, "loss": 9.0}]


def test_a_cut_log_has_the_length_it_was_cut_to(tmp_path: Path) -> None:
    """As when a run is stopped right after it was resumed, before its first line."""
    path = tmp_path / "metrics.jsonl"
    position = written(path, RECORDS[:1])
    written(path, RECORDS[1:], position)
    assert written(path, [], position) == position == path.stat().st_size


def test_a_log_that_is_shorter_than_its_checkpoint_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    length = written(path, RECORDS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError) as error:
        MetricLog(path, length)
    assert f"has {length - 1} bytes, but the checkpoint was made when it had {length}" in str(error.value)
    assert "Restore it from a copy, or delete the run directory" in str(error.value)
    assert path.stat().st_size == length - 1


def test_a_last_line_in_mid_write_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    written(path, RECORDS)
    for size in range(path.stat().st_size):
        path.write_bytes(path.read_bytes()[: size + 1])
        whole = path.read_bytes().count(b"\n")
        assert list(read(path)) == RECORDS[:whole]
        written(path, RECORDS)


@pytest.mark.parametrize("line", [b"{", b"[1]", b"3", b"\xff\xfe", b"", b"\0\0\0", b"nul", b"[" * 100_000])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step":1}\n' + line + b'\n{"step":3}\n')
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2 is not a JSON object: the log was damaged"):
        list(read(path))


def test_no_log_has_no_records(tmp_path: Path) -> None:
    assert list(read(tmp_path / "metrics.jsonl")) == []


def test_numbers_that_are_not_finite_become_null(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    written(path, [{"a": math.nan, "b": {"c": [1.0, -math.inf, (math.inf,)]}, "d": "nan", "e": True}])
    assert list(read(path)) == [{"a": None, "b": {"c": [1.0, None, [None]]}, "d": "nan", "e": True}]


@given(st.dictionaries(st.text(), st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.text(),
                                            st.none(), st.booleans(), st.lists(st.floats(allow_nan=False,
                                            allow_infinity=False)))))  # fmt: skip
def test_any_plain_record_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, record: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.unlink(missing_ok=True)
    written(path, [record, record])
    assert list(read(path)) == [record, record]
    assert path.read_bytes().count(b"\n") == 2


def test_a_log_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*metrics\.jsonl: Is a directory"):
        (tmp_path / "metrics.jsonl").mkdir()
        MetricLog(tmp_path / "metrics.jsonl")


def test_a_full_disk_keeps_what_was_durable(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    position = written(path, RECORDS)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (position + 40, limits[1]))
    try:
        with pytest.raises(RunError, match=r"cannot write .*metrics\.jsonl: File too large"):
            written(path, RECORDS * 10, position)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(read(path))[:3] == RECORDS
    written(path, [{"step": 4}], position)
    assert list(read(path)) == [*RECORDS, {"step": 4}]
    assert json.loads(path.read_bytes().splitlines()[-1]) == {"step": 4}
