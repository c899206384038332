"""Labels of new texts and genes: the same as in the test, whatever file they come in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.sequences import constant

from seqexp.errors import ConfigError, DataError
from seqexp.run.sequences.new_data import predict
from seqexp.run.sequences.problem import SequenceProblem

TEXTS = ("a dull film", "the plot was great and warm", "it was poor", "a film of the story with its very bright scene")


class Trained:
    """A problem, a model of it with weights of its own, and what it says of a file."""

    def __init__(self, problem: SequenceProblem) -> None:
        torch.manual_seed(0)
        self.problem, self.model = problem, problem.build_model().eval()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.mul_(3)  # so that what is said differs from text to text

    def of(self, source: Path) -> pd.DataFrame:
        payload: dict[str, Any] = {"preprocessing": self.problem.preprocessing}
        return predict(self.problem.experiment, self.model, payload, source, pytest.fail)

    def of_lines(self, folder: Path, lines: Sequence[str]) -> pd.DataFrame:
        (folder / "lines.txt").write_text("\n".join(lines) + "\n")
        return self.of(folder / "lines.txt")


@pytest.fixture(scope="module")
def trained(built: Callable[..., SequenceProblem]) -> Trained:
    return Trained(built("text", "trainer.eval_batch_size=3"))


@pytest.fixture(scope="module")
def genes(built: Callable[..., SequenceProblem]) -> Trained:
    return Trained(built("genes"))


def test_a_row_for_each_line_in_its_order(trained: Trained, tmp_path: Path) -> None:
    frame = trained.of_lines(tmp_path, TEXTS)
    assert list(frame) == ["example", "label", "probability", "p_bad", "p_good"]
    assert frame["example"].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(frame["p_bad"] + frame["p_good"], 1.0)
    assert frame["p_good"].nunique() == 4
    for _, row in frame.iterrows():
        assert row["probability"] == row[f"p_{row['label']}"] >= 0.5


def test_company_changes_nothing(trained: Trained, tmp_path: Path) -> None:
    together = trained.of_lines(tmp_path, TEXTS)
    for i, text in enumerate(TEXTS):
        alone = trained.of_lines(tmp_path, [text])
        assert alone["p_good"][0] == pytest.approx(together["p_good"][i], rel=1e-5)


WAYS: dict[str, Callable[[], tuple[str, str]]] = {
    "one text a line": lambda: ("new.txt", "\n".join(TEXTS)),
    "lines that end as on Windows": lambda: ("new.txt", "\r\n".join(TEXTS) + "\r\n"),
    "a csv of texts alone": lambda: ("new.csv", "\n".join(["text", *TEXTS])),
    "a csv with labels": lambda: ("new.csv", "\n".join(["label,text", *(f"bad,{t}" for t in TEXTS)])),
    "a csv with more columns": lambda: ("new.csv", "\n".join(["id,text,note", *(f"7,{t},x" for t in TEXTS)])),
    "a tsv": lambda: ("new.tsv", "\n".join(["text\tlabel", *(f"{t}\tgood" for t in TEXTS)])),
    "json lines": lambda: ("new.jsonl", "\n".join(json.dumps({"text": t}) for t in TEXTS)),
    "labels, then texts": lambda: ("new.txt", "\n".join(f"good {t}" for t in TEXTS)),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_format_gives_the_same(trained: Trained, tmp_path: Path, way: str) -> None:
    name, content = WAYS[way]()
    (tmp_path / name).write_bytes((content + "\n").encode())
    expected = trained.of_lines(tmp_path, TEXTS)
    pd.testing.assert_frame_equal(trained.of(tmp_path / name), expected, check_exact=True)


def test_what_was_said_in_the_test_is_said_again(trained: Trained, reviews: Path) -> None:
    """The whole file again, of which the test's sequences are some: the numbers are those of the test."""
    problem = trained.problem
    with torch.inference_mode():
        tested = problem.answers(trained.model, "test")
    said = trained.of(reviews)[["p_bad", "p_good"]].to_numpy()
    assert len(said) == 120
    distance = np.abs(tested[:, None] - said[None]).max(axis=-1).min(axis=1)
    assert (distance < 1e-6).all()


def test_words_that_train_did_not_have_are_unknown(trained: Trained, tmp_path: Path) -> None:
    one, other = trained.of_lines(tmp_path, ["a zebra"]), trained.of_lines(tmp_path, ["a giraffe"])
    assert one["p_good"][0] == other["p_good"][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "lines.txt is empty"),
        ("a film\n\na plot\n", "lines.txt line 2"),
        ("\x00\x01\x02\x03" * 40, "lines.txt is a binary file"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(
    trained: Trained, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "lines.txt").write_text(content)
    with pytest.raises(DataError, match=message):
        trained.of(tmp_path / "lines.txt")


def test_tags_are_said_word_by_word(built: Callable[..., SequenceProblem], tmp_path: Path) -> None:
    trained = Trained(built("tags", "trainer.eval_batch_size=2"))
    frame = trained.of_lines(tmp_path, ["Anna went to house", "Boris saw", "Clara went with Anna to house"])
    assert list(frame) == ["example", "step", "label", "probability", "p_NAME", "p_O"]
    assert list(zip(frame["example"], frame["step"], strict=True)) == [
        (i, step) for i, words in enumerate((4, 2, 6)) for step in range(words)
    ]
    alone = trained.of_lines(tmp_path, ["Boris saw"])
    np.testing.assert_allclose(alone["p_O"], frame[frame["example"] == 1]["p_O"], rtol=1e-5)


class TestGenes:
    def test_of_fasta_and_of_lines_are_labelled_alike(self, genes: Trained, tmp_path: Path) -> None:
        rows = ["ATATATATAC", "GGGCATTTACGA", "ACGTN"]
        (tmp_path / "new.fasta").write_text("".join(f">s{i}\n{r[:4]}\n{r[4:].lower()}\n" for i, r in enumerate(rows)))
        frame = genes.of(tmp_path / "new.fasta")
        assert list(frame) == ["example", "label", "probability", "p_other", "p_promoter"]
        assert frame["p_other"].nunique() == 3
        pd.testing.assert_frame_equal(genes.of_lines(tmp_path, rows), frame, check_exact=True)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (">a\nACGT\n>b\nACXT\n", r"line 3 \(b\) has 'X' at position 3, which is no nucleotide"),
            (">a\nACGT\n>b\n>c\nAC\n", r"line 3 \(b\) has no letters"),
        ],
    )
    def test_a_letter_that_is_none_is_named_with_its_place(
        self, genes: Trained, tmp_path: Path, content: str, message: str
    ) -> None:
        (tmp_path / "new.fasta").write_text(content)
        with pytest.raises(DataError, match=message):
            genes.of(tmp_path / "new.fasta")


@pytest.mark.parametrize("name", ["adding", "copy_memory", "digits", "music"])
def test_what_was_made_up_has_nothing_new_to_read(
    built: Callable[..., SequenceProblem], tmp_path: Path, name: str
) -> None:
    (tmp_path / "x.txt").write_text("0.5\n")
    problem = built(name)
    with pytest.raises(ConfigError, match=f"data={name} has no files of new sequences; predict needs data=text or"):
        predict(problem.experiment, constant(1.0), {"preprocessing": problem.preprocessing}, tmp_path / "x.txt", print)
