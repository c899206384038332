"""Genes from the shell: files of the user's, folds, new sequences, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from integration.runs import status, the_run
from integration.test_bad_input import assert_refused

if TYPE_CHECKING:
    from integration.conftest import Cli

TINY = (
    "data=genes", "model=gru", "model.hidden_sizes=[8]", "task.embedding.size=4", "task.baselines=[majority]",
    "trainer.max_epochs=1", "trainer.batch_size=8", "tracking=quiet",
)  # fmt: skip
FASTA = "data.path=[at.fasta,gc.fasta]"


@pytest.fixture
def fasta(cli: Cli) -> Cli:
    """A file of 20 sequences rich in A and T, and one of 20 rich in G and C."""
    random = np.random.default_rng(0)
    for name, shares in (("at", [0.4, 0.1, 0.1, 0.4]), ("gc", [0.1, 0.4, 0.4, 0.1])):
        texts = ["".join(random.choice(list("ACGT"), int(random.integers(20, 30)), p=shares)) for _ in range(20)]
        (cli.cwd / f"{name}.fasta").write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(texts)))
    return cli


def test_a_fasta_file_a_class_trains_and_labels_new_sequences(fasta: Cli) -> None:
    ended = fasta("train", *TINY, FASTA, "data.tokens=kmer", "data.k=2", "trainer.max_epochs=15", "optimizer.lr=0.05")
    assert ended.code == 0, ended.err
    assert status(the_run(fasta.cwd))["state"] == "complete"
    (fasta.cwd / "new.txt").write_text("aauauuaauuaaauuuaaua\nGGCGCCGCGNCCGGCGCGCC\n")  # RNA, and a letter not seen
    told = fasta("predict", "latest", "--input", "new.txt")
    assert told.code == 0, told.err
    rows = list(csv.DictReader(io.StringIO(told.out)))
    assert [row["label"] for row in rows] == ["at", "gc"]
    for row in rows:
        assert float(row["p_at"]) + float(row["p_gc"]) == pytest.approx(1)


def test_folds_are_runs_of_their_own(fasta: Cli) -> None:
    ended = fasta("train", "-m", *TINY, FASTA, "data.folds=4", "data.fold=0,1")
    assert ended.code == 0, ended.err
    assert len(list(fasta.cwd.glob("outputs/genes/*/status.json"))) == 2


def test_describe_says_what_letters_there_are(fasta: Cli) -> None:
    (fasta.cwd / "gc.fasta").write_text((fasta.cwd / "gc.fasta").read_text() + ">more\nACGNNRY\n")
    told = fasta("data", "describe", "data=genes", FASTA, "--json")
    assert told.code == 0, told.err
    facts = json.loads(told.out)["facts"]
    assert facts["ambiguous letters"] == "N 2, R 1, Y 1"
    assert 0.4 < facts["share of G and C"] < 0.6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data.path=bad.csv"], r"bad\.csv line 3 has 'J' at position 2, which is no nucleotide"),
        (["data.path=zero.fasta", "data.label_pattern='(.)'"], r"zero\.fasta line 3 \(b\) has no letters"),
        (["data.path=at.fasta"], r"the label 'at' only; .* data\.label_pattern"),
        (["data.path=binary.fasta"], r"binary\.fasta is a binary file"),
        ([FASTA, "data.folds=21"], r"data\.folds=21, but class"),
        ([FASTA, "data.folds=5", "data.fold=5"], r"needs a fold below folds=5"),
        ([FASTA, "data.label_pattern='(['"], r"data\.label_pattern must be a regular expression"),
        (["data.path=none.fasta"], r"none\.fasta does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_words(fasta: Cli, settings: list[str], message: str) -> None:
    (fasta.cwd / "bad.csv").write_text("sequence,label\nACGT,a\nAJGT,b\n")
    (fasta.cwd / "zero.fasta").write_text(">a\nACGT\n>b\n>c\nACGT\n")
    (fasta.cwd / "binary.fasta").write_bytes(b">a\n\x00\x01\x02")
    assert_refused(fasta("train", *TINY, *settings), message)
