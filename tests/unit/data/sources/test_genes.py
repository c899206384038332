from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.sections import data

from seqexp.data.dna import reverse_complement
from seqexp.data.sequence_data import SequenceData
from seqexp.data.sources.genes import encode, load, read_inputs
from seqexp.data.spec import ExampleSpec, Labels, Tokens
from seqexp.errors import ConfigError, DataError

SPLIT = {"valid": 0.1, "test": 0.2, "stratified": True, "seed": 1}


def made_up(count: int, length: int = 12) -> list[str]:
    """Sequences, no two alike, none the reverse complement of another."""
    random, found = np.random.default_rng(0), {}
    while len(found) < count:
        letters = "".join(random.choice(list("ACGT"), length))
        if not found.keys() & {letters, reverse_complement(letters)} and letters != reverse_complement(letters):
            found[letters] = None
    return list(found)


@pytest.fixture
def fasta(tmp_path: Path) -> list[str]:
    """Two files of 30 sequences, one a class."""
    letters = made_up(60)
    for i, name in enumerate(("no", "yes")):
        own = letters[30 * i : 30 * i + 30]
        (tmp_path / f"{name}.fasta").write_text("".join(f">{name}{j}\n{s}\n" for j, s in enumerate(own)))
    return [str(tmp_path / "no.fasta"), str(tmp_path / "yes.fasta")]


def letters_of(made: SequenceData, split: str) -> list[str]:
    """The letters of a split's tokens, which are nucleotides."""
    return [
        "".join(made.preprocessing["known"][t - 2] for t in made.splits[split][i])
        for i in range(len(made.splits[split]))
    ]


def test_files_of_two_classes_become_tokens_and_classes(fasta: list[str]) -> None:
    made = load(data("genes", path=fasta, ambiguity="refuse"))
    assert made.spec == ExampleSpec(Tokens(6), Labels(2))
    assert made.classes == ("no", "yes")
    assert [len(made.splits[s]) for s in ("train", "valid", "test")] == [43, 5, 12]
    all_letters = made_up(60)
    for split in made.splits:
        for letters, target in zip(letters_of(made, split), made.splits[split].targets, strict=True):
            assert all_letters.index(letters) // 30 == target
    joined = "".join(all_letters)
    assert made.facts["share of G and C"] == pytest.approx(
        (joined.count("G") + joined.count("C")) / len(joined), abs=1e-4
    )
    assert "ambiguous letters" not in made.facts
    assert made.notes == ()


def test_the_fingerprint_is_of_what_is_read_not_of_how_it_is_split(fasta: list[str], tmp_path: Path) -> None:
    first = load(data("genes", path=fasta)).fingerprint
    assert load(data("genes", path=fasta, split=SPLIT | {"seed": 2}, tokens="codon")).fingerprint == first
    (tmp_path / "yes.fasta").write_text((tmp_path / "yes.fasta").read_text() + ">more\nACGT\n")
    assert load(data("genes", path=fasta)).fingerprint != first


def test_the_folds_of_one_data_set_partition_it(fasta: list[str]) -> None:
    tested: Counter[str] = Counter()
    for fold in range(5):
        made = load(data("genes", path=fasta, folds=5, fold=fold))
        parts = {s: set(letters_of(made, s)) for s in made.splits}
        assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == 60
        assert np.bincount(made.splits["test"].targets).tolist() == [6, 6]  # each class has its share
        tested.update(parts["test"])
    assert tested == Counter(made_up(60))


def test_train_alone_is_read_on_both_strands(fasta: list[str]) -> None:
    plain = load(data("genes", path=fasta))
    both = load(data("genes", path=fasta, reverse_complement=True))
    train = letters_of(plain, "train")
    assert letters_of(both, "train") == train + [reverse_complement(letters) for letters in train]
    assert both.splits["train"].targets.tolist() == plain.splits["train"].targets.tolist() * 2
    for split in ("valid", "test"):
        assert letters_of(both, split) == letters_of(plain, split)


def test_a_reverse_complement_that_is_in_test_is_not_trained_on(tmp_path: Path) -> None:
    train, test = made_up(40), [reverse_complement(made_up(40)[0]), "ACGTACGTAAAA"]
    for name, sequences in (("train", train), ("test", test)):
        rows = [f"{letters},{i % 2}" for i, letters in enumerate(sequences)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["sequence,label", *rows]))
    paths = {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv")}
    made = load(data("genes", **paths, reverse_complement=True))
    assert not set(letters_of(made, "train")) & set(test)
    held_out = len(made.splits["valid"])
    in_train = train[0] in letters_of(made, "train")
    assert len(made.splits["train"]) == 2 * (40 - held_out) - in_train
    assert ("1 reverse complements of train are in valid or test: left out" in made.notes) == in_train


def test_kmers_of_valid_and_test_are_not_in_the_vocabulary(tmp_path: Path) -> None:
    for name, letters in (("train", "AC"), ("test", "GT")):
        rows = [f"{''.join(np.random.default_rng(i).choice(list(letters), 30))},{i % 2}" for i in range(20)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["sequence,label", *rows]))
    made = load(
        data("genes", path=str(tmp_path / "train.csv"), test_path=str(tmp_path / "test.csv"), tokens="kmer", k=2)
    )
    assert made.spec.inputs == Tokens(2 + 4)
    assert set(made.splits["test"].values.tolist()) == {1}
    assert 1 not in made.splits["train"].values


def test_rna_is_read_as_dna_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "\n".join(["sequence,label", *(f"{s.replace('T', 'u')},{i % 2}" for i, s in enumerate(made_up(40)))])
    )
    made = load(data("genes", path=str(path)))
    count = sum("T" in letters for letters in made_up(40))
    assert made.notes == (f"U is read as T in {count} sequences",)
    assert sorted(letters for split in made.splits for letters in letters_of(made, split)) == sorted(made_up(40))


def test_what_is_cut_or_left_out_is_said(fasta: list[str]) -> None:
    made = load(data("genes", path=fasta, tokens="kmer", k=5, overlap=False, max_length=1))
    assert set(made.splits["train"].lengths) == {1}
    assert "test: 12 sequences end in part of a token, which is left out" in made.notes
    assert "test: 12 sequences are cut after 1 tokens (data.max_length)" in made.notes


@pytest.mark.parametrize(
    ("line", "changes", "says"),
    [
        ("ACGZ,a", {}, r"x\.csv line 2 has 'Z' at position 4, which is no nucleotide"),
        (",a", {}, r"x\.csv line 2 has no letters"),
        ("ACN,a", {"ambiguity": "refuse"}, r"x\.csv line 2 has the ambiguous letter 'N' at position 3"),
        ("AC,a", {"tokens": "codon"}, r"x\.csv line 2 has 2 letters, but a token has 3"),
    ],
)
def test_a_bad_sequence_is_named_with_its_line(tmp_path: Path, line: str, changes: dict[str, str], says: str) -> None:
    rows = [f"{letters},{'ab'[i % 2]}" for i, letters in enumerate(made_up(40))]
    (tmp_path / "x.csv").write_text("\n".join(["sequence,label", line, *rows]))
    with pytest.raises(DataError, match=says):
        load(data("genes", path=str(tmp_path / "x.csv"), **changes, split=SPLIT | {"test": 0.01, "valid": 0.01}))


def test_one_fasta_file_is_one_class_and_refused(fasta: list[str]) -> None:
    with pytest.raises(DataError, match=r"has the label 'no' only; .* data\.label_pattern"):
        load(data("genes", path=fasta[0]))


def test_a_test_split_needs_something_to_train_on(fasta: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"data\.test_path needs data\.path"):
        load(data("genes", test_path=fasta))


def test_without_a_path_promoters_are_made_up() -> None:
    made = load(data("genes", examples=200))
    assert made.classes == ("other", "promoter")
    assert [len(made.splits[s]) for s in ("train", "valid", "test")] == [144, 16, 40]
    assert made.notes == ()


def test_new_inputs_become_the_tokens_of_training(tmp_path: Path, fasta: list[str]) -> None:
    config = data("genes", path=fasta, tokens="kmer", k=2, max_length=3)
    made = load(config)
    path = tmp_path / "new.txt"
    path.write_text("acgu\nACGTT\n")
    inputs = read_inputs(config, path)
    assert inputs == ("ACGT", "ACGTT")
    known = made.preprocessing["known"]
    wanted = [known.index(kmer) + 2 for kmer in ("AC", "CG", "GT")]
    assert [t.tolist() for t in encode(config, made.preprocessing, inputs)] == [wanted, wanted]
    with pytest.raises(DataError, match="sequence 2 has 'Q' at position 1"):
        encode(config, made.preprocessing, ["AC", "Q"])
    path.write_text("ACGT\nACQT\n")
    with pytest.raises(DataError, match=r"new\.txt line 2 has 'Q' at position 3"):
        read_inputs(config, path)


def test_no_copy_of_a_splice_junction_is_in_train_and_test(shared_data: Path) -> None:
    made = load(data("genes", path=str(shared_data / "genes" / "splice.data"), folds=10))
    parts = [set(letters_of(made, split)) for split in made.splits]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 3_005
    assert any("185" in note for note in made.notes)
    assert made.classes == ("EI", "IE", "N")
    assert made.facts["ambiguous letters"] == "D 2, N 56, R 1, S 1"
