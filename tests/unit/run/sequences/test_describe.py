from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqexp.config.compose import compose
from seqexp.run.sequences.describe import describe, render
from seqexp.run.sequences.problem import SequenceProblem

Small = dict[str, list[str]]


@pytest.mark.parametrize("name", ["text", "tags", "genes", "adding", "copy_memory", "digits", "music"])
def test_everything_is_said_in_plain_values_and_in_words(
    small: Small, built: Callable[..., SequenceProblem], name: str
) -> None:
    said, data = describe(compose(small[name]).experiment), built(name).data
    assert json.loads(json.dumps(said)) == said
    for split, sequences in data.splits.items():
        found = said["splits"][split]
        assert (found["sequences"], found["steps"]) == (len(sequences), len(sequences.values))
        assert found["median"] == np.median(np.diff(sequences.offsets))
        assert sum(found.get("classes", {}).values()) in (0, len(sequences.targets))
    assert said["fingerprint"] == data.fingerprint
    words = render(said)
    assert words.splitlines()[-1] == f"fingerprint  {data.fingerprint[:16]}"
    assert f"train        {len(data.splits['train']):,} sequences of " in words


def test_reviews_in_numbers(small: Small, reviews: Path) -> None:
    said = describe(compose([*small["text"]]).experiment)
    lengths = [len(line.split(",")[1].split()) for line in reviews.read_text().splitlines()[1:]]
    assert (said["data"], said["task"]) == ("text", "classification")
    # 14 common words and 10 that decide, padding and unknown
    assert said["inputs"] == ["Tokens", {"vocabulary": 26}]
    assert said["targets"] == ["Labels", {"classes": 2, "each_step": False}]
    assert {k: v["sequences"] for k, v in said["splits"].items()} == {"train": 86, "valid": 10, "test": 24}
    assert sum(v["steps"] for v in said["splits"].values()) == sum(lengths)
    assert min(v["shortest"] for v in said["splits"].values()) == min(lengths)
    assert max(v["longest"] for v in said["splits"].values()) == max(lengths)
    assert said["splits"]["test"]["classes"] == {"bad": 12, "good": 12}
    assert len(said["first_sequence"]) <= 12


def test_reviews_in_words(small: Small) -> None:
    lines = render(describe(compose(small["text"]).experiment)).splitlines()
    assert lines[:3] == [
        "data         text, for classification",
        "inputs       tokens: vocabulary 26",
        "targets      labels: classes 2, one a sequence",
    ]
    assert lines[3].startswith("train        86 sequences of 3 to 11 steps, median ")
    assert lines[4] == "             bad 43, good 43"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("tags", "targets      labels: classes 2, at every step"),
        ("adding", "inputs       vectors: features 2"),
        ("adding", "targets      number"),
        ("music", "targets      keys: count 88"),
        ("copy_memory", "train        40 sequences of 25 to 25 steps, median 25"),
    ],
)
def test_shapes_are_said_in_words(small: Small, name: str, line: str) -> None:
    assert line in render(describe(compose(small[name]).experiment)).splitlines()


def test_what_was_dropped_is_noted(tmp_path: Path, reviews: Path) -> None:
    header, *rows = reviews.read_text().splitlines()
    (tmp_path / "twice.csv").write_text("\n".join([header, *rows, *rows[:7], ""]))
    said = describe(compose(["data=text", f"data.path={tmp_path / 'twice.csv'}"]).experiment)
    assert any("7 sequences" in note and "dropped" in note for note in said["notes"])
    assert all(f"note         {note}" in render(said) for note in said["notes"])
