from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from support.sections import data

from seqexp.data.tokenizer import Vocabulary
from seqexp.data.vectors import read_vectors
from seqexp.errors import ConfigError, DataError, SeqexpError

GLOVE = "the 0.1 -0.2 3e-1\nat name@example.org 9 9 9\nunasked x y z\ncat 1 2 3\ncat 7 7 7\n, 4 5 6\n"


@pytest.fixture
def vocabulary() -> Vocabulary:
    tokenizer = {"kind": "word", "lowercase": True, "vocabulary_size": 50, "min_count": 1}
    return Vocabulary.fit(["the cat, the mat"], data("text", tokenizer=tokenizer).tokenizer)


def written(path: Path, content: str) -> Path:
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


@pytest.mark.parametrize("header", ["", "6 3\n"])
@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
def test_words_of_the_vocabulary_have_their_vectors(
    vocabulary: Vocabulary, tmp_path: Path, header: str, name: str
) -> None:
    vectors, found = read_vectors(written(tmp_path / name, header + GLOVE), vocabulary, 3, 0)
    assert (vectors.dtype, vectors.shape, found) == (np.float32, (vocabulary.size, 3), 3)
    rows = {vocabulary.token(i): vectors[i].tolist() for i in range(vocabulary.size)}
    assert rows["the"] == pytest.approx([0.1, -0.2, 0.3])
    assert (rows["cat"], rows[","]) == ([1, 2, 3], [4, 5, 6])  # the first of two
    assert not vectors[0].any()
    assert all(0 < abs(x) <= 0.25 for x in (*rows["mat"], *vectors[1].tolist()))


def test_words_without_a_vector_hang_on_the_seed(vocabulary: Vocabulary, tmp_path: Path) -> None:
    path = written(tmp_path / "v.txt", GLOVE)
    first, again, other = (read_vectors(str(path), vocabulary, 3, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert (first != other).any(axis=1).sum() == 2  # mat and the unknown


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        ("the 1 2\n", ConfigError, r"task\.embedding\.size must be 2, the size of the vectors in .*v\.txt, but is 3"),
        ("1 4\nthe 1 2 3 4\n", ConfigError, r"task\.embedding\.size must be 4, .* but is 3"),
        ("dog 1 2 3\nthe 1 x 3\n", DataError, r"v\.txt line 2 must have a word and 3 numbers after it"),
        ("dog 1 2 3\nthe 1\n", DataError, r"v\.txt line 2 must have a word and 3 numbers after it"),
        ("dog 1 2 3\n", DataError, r"v\.txt has none of the 4 tokens of the vocabulary"),
        ("", DataError, r"v\.txt has none of the 4 tokens"),
        ("a\x00b 1 2 3\n", DataError, r"v\.txt is not in the text format of GloVe and word2vec"),
        ("word\n", DataError, r"v\.txt is not in the text format"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_refused(
    vocabulary: Vocabulary, tmp_path: Path, content: str, kind: type[SeqexpError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        read_vectors(written(tmp_path / "v.txt", content), vocabulary, 3, 0)


def test_a_file_that_is_not_there_is_named(vocabulary: Vocabulary, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"task\.embedding\.vectors=.*none\.txt cannot be read: No such file"):
        read_vectors(tmp_path / "none.txt", vocabulary, 3, 0)
