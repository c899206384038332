from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sections import data

from seqexp.data.dna import (
    KmerVocabulary,
    ambiguous,
    cleaned,
    guanine_cytosine,
    reverse_complement,
)
from seqexp.errors import DataError

# What each IUPAC letter may stand for (Cornish-Bowden 1985, table 1).
MEANS = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
PAIRS = {"A": "T", "C": "G", "G": "C", "T": "A"}


def test_the_reverse_complement_is_the_other_strand_in_its_own_direction() -> None:
    assert reverse_complement("AACGTG") == "CACGTT"
    assert reverse_complement("GAATTC") == "GAATTC"  # EcoRI's site is its own


@pytest.mark.parametrize("letter", MEANS)
def test_the_complement_of_an_ambiguous_letter_means_the_complements_of_what_it_means(letter: str) -> None:
    assert set(MEANS[reverse_complement(letter)]) == {PAIRS[base] for base in MEANS[letter]}


@given(st.text("ACGTRYSWKMBDHVN"))
@settings(deadline=None, max_examples=30)
def test_the_other_strand_of_the_other_strand_is_the_first(letters: str) -> None:
    assert reverse_complement(reverse_complement(letters)) == letters


def test_letters_become_capitals_without_blanks_and_u_is_read_as_t() -> None:
    assert cleaned(" acg u\tUn\n", "x", "letter") == "ACGTTN"


@pytest.mark.parametrize(
    ("text", "ambiguity", "says"),
    [
        ("", "letter", "genes.csv line 3 has no letters"),
        (" \t", "unknown", "genes.csv line 3 has no letters"),
        ("ACXG", "letter", "genes.csv line 3 has 'X' at position 3, which is no nucleotide; letters are A, C, G, T"),
        ("AC-G", "unknown", "'-' at position 3"),
        ("ACG\x1bT", "letter", r"'\\x1b' at position 4"),
        ("acgtn", "refuse", "ambiguous letter 'N' at position 5, and data.ambiguity=refuse"),
    ],
)
def test_what_is_no_sequence_is_refused_with_its_place(text: str, ambiguity: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        cleaned(text, "genes.csv line 3", ambiguity)


def test_facts_are_counted_over_all_sequences() -> None:
    assert guanine_cytosine(["GGCA", "TTNN"]) == 0.5  # 3 of the 6 that are A, C, G, T
    assert ambiguous(["GGCA", "TNRN"]) == {"N": 2, "R": 1}
    assert guanine_cytosine(["NN"]) == 0


def test_letters_have_fixed_tokens_whatever_train_holds() -> None:
    plain = KmerVocabulary.fit(["AAAA"], data("genes", ambiguity="refuse"))
    assert plain.size == 6
    assert plain.encode("ACGT", "x").tolist() == [2, 3, 4, 5]
    letters = KmerVocabulary.fit(["AAAA"], data("genes"))
    assert letters.size == 2 + 15
    assert len(set(letters.encode("ACGTRYSWKMBDHVN", "x").tolist()) - {0, 1}) == 15


def test_ambiguous_letters_are_all_unknown_where_asked() -> None:
    vocabulary = KmerVocabulary.fit(["AAAA"], data("genes", ambiguity="unknown"))
    assert vocabulary.encode("ANGR", "x").tolist() == [2, 1, 4, 1]


@pytest.mark.parametrize(
    ("changes", "kmers"),
    [
        ({"tokens": "kmer", "k": 3}, ["ACG", "CGT", "GTA", "TAC", "ACG", "CGG", "GGT"]),
        ({"tokens": "kmer", "k": 3, "overlap": False}, ["ACG", "TAC", "GGT"]),
        ({"tokens": "kmer", "k": 4, "overlap": False}, ["ACGT", "ACGG"]),
        ({"tokens": "codon", "k": 5}, ["ACG", "TAC", "GGT"]),
    ],
)
def test_kmers_are_what_a_window_sees(changes: dict[str, object], kmers: list[str]) -> None:
    vocabulary = KmerVocabulary.fit(["ACGTACGGT"], data("genes", **changes))
    assert vocabulary.known == tuple(sorted(set(kmers)))
    tokens = vocabulary.encode("ACGTACGGT", "x")
    assert tokens.dtype == "int32"
    assert [vocabulary.known[t - 2] for t in tokens] == kmers


def test_kmers_that_train_does_not_have_are_unknown() -> None:
    vocabulary = KmerVocabulary.fit(["AAAC", "A"], data("genes", tokens="kmer", k=3))  # one is too short for any
    assert vocabulary.known == ("AAA", "AAC")
    assert vocabulary.encode("AAACG", "x").tolist() == [2, 3, 1]
    assert vocabulary.encode("TTT", "x").tolist() == [1]  # after the last of them


@pytest.mark.parametrize(("ambiguity", "tokens"), [("letter", [2, 3, 1]), ("unknown", [2, 1, 1])])
def test_kmers_with_ambiguous_letters_are_known_only_as_letters_of_train(ambiguity: str, tokens: list[int]) -> None:
    vocabulary = KmerVocabulary.fit(["AAN"], data("genes", tokens="kmer", k=2, ambiguity=ambiguity))
    assert vocabulary.encode("AANN", "x").tolist() == tokens


def test_there_are_at_most_4_to_the_k_kmers() -> None:
    every = "AACAGATCCGCTGGTTA"  # a de Bruijn sequence: each pair once
    assert max(Counter(every[i : i + 2] for i in range(16)).values()) == 1
    assert KmerVocabulary.fit([every, every], data("genes", tokens="kmer", k=2)).size == 4**2 + 2


def test_a_sequence_shorter_than_a_token_is_refused() -> None:
    vocabulary = KmerVocabulary.fit(["AAAC"], data("genes", tokens="codon"))
    with pytest.raises(DataError, match=r"x\.csv line 2 has 2 letters, but a token has 3"):
        vocabulary.encode("AA", "x.csv line 2")


def test_a_vocabulary_comes_back_from_plain_values() -> None:
    vocabulary = KmerVocabulary.fit(["ACGTACGGT"], data("genes", tokens="kmer", k=4))
    assert KmerVocabulary.from_state(json.loads(json.dumps(vocabulary.state()))) == vocabulary
