"""What `seqexp predict` reads and writes for labels and for language models, and what it refuses before it loads."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from support.corpora import prose

from seqexp.cli import main
from seqexp.config.compose import compose
from seqexp.run.loaded import load_run
from seqexp.run.train import train

Ended = tuple[int, str, str]
Call = Callable[..., Ended]
TEXTS = ["a dull film", "the plot was great"]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes | None = None) -> Ended:
        with monkeypatch.context() as patch:
            if stdin is not None:
                patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            code = main(["predict", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def critic(tiny_text: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that labels reviews."""
    outputs = tmp_path_factory.mktemp("critic")
    words = [*tiny_text, f"outputs={outputs}", "tracking=quiet", "trainer.max_epochs=2", "task.baselines=[]"]
    return str(train(compose(words), ["pytest"]).directory.path)


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that goes on with texts, character by character."""
    folder = tmp_path_factory.mktemp("author")
    (folder / "c.txt").write_text(prose(120))
    words = [
        "data=language", f"data.path={folder / 'c.txt'}", f"data.cache={folder / 'cache'}", "model.hidden_sizes=[8]",
        "trainer.max_epochs=1", "trainer.batch_size=8", "task.embedding.size=4", "task.baselines=[]",
        f"outputs={folder / 'outputs'}", "tracking=quiet",
    ]  # fmt: skip
    return str(train(compose(words), ["pytest"]).directory.path)


def rows(ended: Ended) -> list[dict[str, str]]:
    code, out, err = ended
    assert (code, err) == (0, "")
    return list(csv.DictReader(io.StringIO(out)))


class TestLabels:
    def test_are_the_same_from_a_file_from_lines_and_from_python(self, call: Call, critic: str, tmp_path: Path) -> None:
        (tmp_path / "new.txt").write_text("\n".join(TEXTS))
        (tmp_path / "new.csv").write_text("\n".join(["text", *TEXTS]))
        found = rows(call(critic, "--input", "new.txt"))
        assert [list(r) for r in found] == [["example", "label", "probability", "p_bad", "p_good"]] * 2
        assert rows(call(critic, "--input", "new.csv")) == found
        assert rows(call(critic, "--input", "-", stdin="\n".join(TEXTS).encode())) == found
        said = load_run(critic).predict(pd.DataFrame({"text": TEXTS}))
        assert [str(p) for p in said["p_good"]] == [r["p_good"] for r in found]

    def test_of_lines_need_no_header_whatever_the_files_of_train_were(
        self, call: Call, tiny_text: Sequence[str], tmp_path: Path
    ) -> None:
        words = [*tiny_text, "data.format=csv", "trainer.max_epochs=1", "task.baselines=[]", "tracking=quiet"]
        run = str(train(compose([*words, f"outputs={tmp_path}"]), ["pytest"]).directory.path)
        found = rows(call(run, "--input", "-", stdin=b"a dull film, and long\nthe plot was great\n"))
        assert [r["example"] for r in found] == ["0", "1"]

    @pytest.mark.parametrize(("name", "read"), [("o.csv", pd.read_csv), ("o.parquet", pd.read_parquet)])
    def test_are_written_to_a_file_by_its_ending(
        self, call: Call, critic: str, tmp_path: Path, name: str, read: Callable[[Path], pd.DataFrame]
    ) -> None:
        stdin = "\n".join(TEXTS).encode()
        assert call(critic, "--input", "-", "--output", name, stdin=stdin) == (0, "", "")
        frame = read(tmp_path / name)
        assert frame["label"].tolist() == [r["label"] for r in rows(call(critic, "--input", "-", stdin=stdin))]
        assert [p.name for p in tmp_path.iterdir()] == [name]

    def test_may_be_of_the_last_weights(self, call: Call, critic: str) -> None:
        assert len(rows(call(critic, "--input", "-", "--checkpoint", "last", stdin=b"a film\n"))) == 1

    def test_a_mistake_on_standard_input_names_no_file_of_ours(self, call: Call, critic: str) -> None:
        code, out, err = call(critic, "--input", "-", stdin=b"a film\n\na plot\n")
        assert (code, out) == (2, "")
        assert err == "seqexp: the input line 2 is empty; each line must be a text\n"


class TestTexts:
    def test_begin_with_the_prompt_and_have_the_length_asked_for(self, call: Call, author: str) -> None:
        code, out, err = call(author, "--prompt", "the cat", "--length", "25")
        assert (code, err) == (0, "")
        assert out.startswith("the cat")
        assert len(out) == len("the cat") + 25 + 1  # a character a token, and the end of the line

    def test_are_a_function_of_the_seed(self, call: Call, author: str) -> None:
        said = [call(author, "--prompt", "a", "--seed", seed)[1] for seed in ("1", "1", "2")]
        assert said[0] == said[1] != said[2]

    def test_are_the_likeliest_without_any_heat_whatever_the_seed(self, call: Call, author: str) -> None:
        ways = (("--temperature", "0"), ("--top-k", "1"), ("--top-p", "0.0001"))
        said = {call(author, "--prompt", "a", "--seed", s, *way)[1] for s in ("1", "2") for way in ways}
        assert len(said) == 1

    def test_may_begin_with_nothing(self, call: Call, author: str) -> None:
        code, out, _ = call(author, "--prompt", "", "--length", "3")
        assert (code, len(out)) == (0, 4)

    def test_are_written_to_a_file(self, call: Call, author: str, tmp_path: Path) -> None:
        printed = call(author, "--prompt", "the", "--length", "9")[1]
        assert call(author, "--prompt", "the", "--length", "9", "--output", "o.txt") == (0, "", "")
        assert (tmp_path / "o.txt").read_text() == printed

    def test_of_others_are_scored(self, call: Call, author: str) -> None:
        code, out, err = call(author, "--input", "-", stdin=prose(9, seed=5).encode())
        assert code == 0
        assert err.startswith("perplexity ")
        (row,) = csv.DictReader(io.StringIO(out))
        assert float(row["nll"]) > 0

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--length", "0"], "--length must be at least 1 token, but is 0"),
            (["--temperature", "-1"], "--temperature must be 0 (always the likeliest token) or more, but is -1.0"),
            (["--temperature", "nan"], "--temperature must be 0"),
            (["--top-k", "0"], "--top-k must be at least 1, but is 0"),
            (["--top-p", "1.5"], "--top-p must be above 0 and at most 1, but is 1.5"),
            (["--top-p", "x"], "argument --top-p: invalid float value: 'x'"),
        ],
    )
    def test_with_a_number_out_of_its_range_are_refused(
        self, call: Call, author: str, options: list[str], message: str
    ) -> None:
        code, out, err = call(author, "--prompt", "the", *options)
        assert (code, out) == (2, "")
        assert message in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "predict needs --input FILE (or - for stdin), or --prompt TEXT for a language model"),
        (["--input", "x.csv", "--prompt", "a"], "predict needs --input FILE (or - for stdin), or --prompt TEXT"),
        (["--input", "no.csv"], "--input no.csv does not exist; give a file, or - for stdin"),
        (["--input", "."], "--input . does not exist; give a file, or - for stdin"),
        (["--prompt", "a"], "is one of classification; use --input"),
    ],
)
def test_what_cannot_be_done_is_refused(call: Call, critic: str, options: list[str], message: str) -> None:
    code, out, err = call(critic, *options)
    assert (code, out) == (2, "")
    assert err.startswith("seqexp: ")
    assert message in err


def test_a_folder_that_is_not_there_cannot_be_written_to(call: Call, critic: str, author: str) -> None:
    for run, words in ((critic, ("--input", "-")), (author, ("--prompt", "a"))):
        code, out, err = call(run, *words, "--output", "no/o.csv", stdin=b"a film\n")
        assert (code, out) in ((1, ""), (2, ""))
        assert err.count("\n") == 1
        assert "no/" in err
