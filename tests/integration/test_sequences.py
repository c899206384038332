"""Sequences by themselves from the shell: trained, killed, typed again, described, predicted, and refused in words."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from integration.runs import assert_same_end, files, last_state, lines, status, the_run
from support.sequences import fasta, tagged

if TYPE_CHECKING:
    from integration.conftest import Cli, Warm

STEP = "seqexp.training.loop:train_step"
SMALL = ("model=gru", "model.hidden_sizes=[4]", "trainer.max_epochs=1", "trainer.limit_batches=2")
SIZES = ("data.length=6", "data.train=40", "data.valid=10", "data.test=10")
KINDS: dict[str, tuple[str, ...]] = {
    "text": ("data=text", "data.path=reviews.csv"),
    "tags": ("data=text", "data.path=tags.conll", "data.tokenizer.min_count=1"),
    "genes": ("data=genes", "data.path=[promoter.fasta,other.fasta]", "data.tokens=kmer", "data.k=2"),
    "adding": ("data=adding", *SIZES),
    "copy_memory": ("data=copy_memory", *SIZES),
    "digits": ("data=digits", "task.baselines=[majority]"),
    "music": ("data=music",),
}


@pytest.fixture
def shell(cli: Cli, reviews: Path) -> Cli:
    """The command line in a folder with a file of each kind."""
    (cli.cwd / "reviews.csv").write_bytes(reviews.read_bytes())
    tagged(cli.cwd / "tags.conll")
    fasta(cli.cwd / "promoter.fasta", "AT")
    fasta(cli.cwd / "other.fasta", "CGAT")
    return cli


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_trained_once_and_then_there_is_nothing_to_train(shell: Cli, kind: str) -> None:
    ended = shell("train", *KINDS[kind], *SMALL)
    assert ended.code == 0, ended.err
    run = the_run(shell.cwd)
    assert (status(run)["state"], status(run)["step"]) == ("complete", 2)
    results = [line for line in lines(run) if "of" in line]
    assert results[0]["of"] == "gru"
    assert len(results) > 1
    assert ended.out.startswith("test results, best first by ")
    assert ended.out.endswith(f"everything is in {run.relative_to(shell.cwd)}\n")
    losses = pd.read_parquet(run / "predictions" / "test-losses.parquet")
    assert losses.groupby(["of", "example"]).size().max() == 1
    before = files(run)
    again = shell("train", *KINDS[kind], *SMALL)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith(f"{run.relative_to(shell.cwd)} is complete; nothing to train\n")
    assert files(run) == before
    evaluated = shell("evaluate", "latest")
    assert evaluated.code == 0, evaluated.err
    kept = pd.read_parquet(run / "predictions" / "test.parquet")
    assert len(kept) == len(losses[losses["of"] == "gru"]) or "step" in kept


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_described_in_words_and_for_machines(shell: Cli, kind: str) -> None:
    before = files(shell.cwd)
    words = shell("data", "describe", *KINDS[kind])
    assert (words.code, words.err) == (0, "")
    said = json.loads(shell("data", "describe", *KINDS[kind], "--json").out)
    sizes = {name: split["sequences"] for name, split in said["splits"].items()}
    assert all(sizes.values())
    for name, count in sizes.items():
        assert re.search(rf"^{name} +{count:,} sequences of ", words.out, re.MULTILINE)
    assert f"fingerprint  {said['fingerprint'][:16]}\n" in words.out
    assert files(shell.cwd) == before


# Killed, and typed again.

Command = Callable[[str], tuple[str, ...]]
Unbroken = Callable[[str], Path]
LIVES: dict[str, tuple[str, ...]] = {
    "buckets": (
        "data.batching.bucket=3", "model.bidirectional=true", "model.readout=attention", "trainer.accumulate=2",
    ),
    "steps counted": ("data.batching.max_tokens=150", "trainer.ema_decay=0.9", "trainer.steps_per_epoch=5"),
    "frozen vectors": (
        "task.embedding.vectors=VECTORS", "task.embedding.freeze=true", "task.embedding.size=3", "model=gru",
    ),
    "pieces of words": ("data.tokenizer.kind=bpe", "data.tokenizer.vocabulary_size=270"),
}  # fmt: skip


@pytest.fixture(scope="session")
def command(tiny_text: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A text with everything that draws at random, batches made in each way."""
    vectors = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    vectors.write_text("film 1 2 3\nplot -1 0 1\ndull 0.5 0.5 -2\ngreat -0.5 2 2\n")

    def of(life: str) -> tuple[str, ...]:
        return (
            "train", *tiny_text, "task.embedding.dropout=0.2", "task.embedding.locked_dropout=0.2",
            "model.dropout=0.3", "model.variational_dropout=0.2", "trainer.log_every=3", "trainer.eval_batch_size=4",
            *(word.replace("VECTORS", str(vectors)) for word in LIVES[life]),
        )  # fmt: skip

    return of


@pytest.fixture(scope="session")
def unbroken(warm: Warm, command: Command, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    """A run that nothing happened to."""
    made: dict[str, Path] = {}

    def of(life: str) -> Path:
        if life not in made:
            folder = tmp_path_factory.mktemp("unbroken")
            ended = warm.cli(folder)(*command(life))
            assert ended.code == 0, ended.err
            made[life] = the_run(folder)
        return made[life]

    return of


@pytest.mark.parametrize("draw", range(3))
@pytest.mark.parametrize("life", LIVES)
def test_killed_at_a_step_and_typed_again_it_ends_with_the_same_bits(
    cli: Cli, command: Command, unbroken: Unbroken, life: str, draw: int
) -> None:
    steps = status(unbroken(life))["step"]
    third = range(1 + draw * steps // 3, (draw + 1) * steps // 3 + 1)  # in the first, second or last epoch
    fault = {"at": STEP, "call": random.Random(draw).choice(third), "when": "before"}
    ended = cli(*command(life), faults=[fault], again=True)
    assert ended.code == -signal.SIGKILL, ended
    assert status(the_run(cli.cwd))["state"] == "running"
    ended = cli(*command(life), again=True)
    assert ended.code == 0, ended.err
    assert_same_end(the_run(cli.cwd), unbroken(life))
    losses = [pd.read_parquet(r / "predictions" / "test-losses.parquet") for r in (the_run(cli.cwd), unbroken(life))]
    pd.testing.assert_frame_equal(*losses, check_exact=True)


MOMENTS = {
    "in a validation": ("seqexp.run.sequences.problem:SequenceProblem.validate", 2, "before"),
    "after a validation": ("seqexp.run.sequences.problem:SequenceProblem.validate", 2, "after"),
    "in the midst of a validation": ("seqexp.tasks.classification:ClassificationTask.answers", 2, "after"),
    "in a save": ("seqexp.store.checkpoint:save", 2, "before"),
    "before the test": ("seqexp.run.sequences.results:records", 1, "before"),
    "in the midst of the test": ("seqexp.run.sequences.results:frame", 1, "after"),
    "after the test": ("seqexp.run.sequences.results:records", 1, "after"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_between_steps(cli: Cli, command: Command, unbroken: Unbroken, moment: str) -> None:
    place, call, when = MOMENTS[moment]
    ended = cli(*command("buckets"), faults=[{"at": place, "call": call, "when": when}], again=True)
    assert ended.code == -signal.SIGKILL, ended
    assert cli(*command("buckets"), again=True).code == 0
    assert_same_end(the_run(cli.cwd), unbroken("buckets"))


def test_a_run_goes_on_with_the_vocabulary_it_has(cli: Cli, command: Command) -> None:
    """Fitted again it would not be the very same: the unigram model's sums are made in any order."""
    words = (*command("buckets"), "data.tokenizer.kind=unigram", "data.tokenizer.vocabulary_size=60")
    one = cli.at("one")
    fault = {"at": "seqexp.store.checkpoint:save", "call": 1, "when": "after"}
    assert one(*words, faults=[fault], again=True).code == -signal.SIGKILL
    first = last_state(the_run(one.cwd))["preprocessing"]
    shutil.copytree(one.cwd, cli.cwd / "two")
    for folder in ("one", "two"):
        ended = cli(*words, again=True, cwd=cli.cwd / folder)
        assert ended.code == 0, ended.err
        assert last_state(the_run(cli.cwd / folder))["preprocessing"] == first
    assert_same_end(the_run(cli.cwd / "one"), the_run(cli.cwd / "two"))


def test_a_signal_in_the_midst_of_an_epoch_saves_there(cli: Cli, command: Command, unbroken: Unbroken) -> None:
    fault = {"at": STEP, "call": 3, "when": "before", "signal": int(signal.SIGTERM)}
    assert cli(*command("steps counted"), faults=[fault]).code == 128 + signal.SIGTERM
    assert last_state(the_run(cli.cwd))["progress"]["step"] == 3
    assert cli("resume", "latest").code == 0
    assert_same_end(the_run(cli.cwd), unbroken("steps counted"))


# What a trained model says.


@pytest.fixture(scope="session")
def critic(warm: Warm, tiny_text: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run of reviews."""
    folder = tmp_path_factory.mktemp("critic")
    ended = warm.cli(folder)("train", *tiny_text, "trainer.max_epochs=12", "trainer.batch_size=8")
    assert ended.code == 0, ended.err
    return the_run(folder)


def test_lines_on_standard_input_are_labelled(cli: Cli, critic: Path) -> None:
    before = files(critic)
    said = b"the plot was dull and poor\na great film with a bright story\n"
    ended = cli("predict", str(critic), "--input", "-", stdin=said)
    assert (ended.code, ended.err) == (0, "")
    frame = pd.read_csv(io.StringIO(ended.out))
    assert frame["label"].tolist() == ["bad", "good"]
    assert (frame["probability"] > 0.5).all()
    assert files(critic) == before
    (cli.cwd / "new.txt").write_bytes(said)
    assert cli("predict", str(critic), "--input", "new.txt").out == ended.out
    assert cli("predict", str(critic), "--input", "new.txt", "--output", "o.parquet").code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(cli.cwd / "o.parquet"), frame, rtol=1e-12)


def test_one_word_that_nobody_knows_is_labelled_too(cli: Cli, critic: Path) -> None:
    ended = cli("predict", str(critic), "--input", "-", stdin="żółw\n".encode())
    assert ended.code == 0, ended.err
    assert len(pd.read_csv(io.StringIO(ended.out))) == 1


def refused(ended: Any, message: str) -> None:
    """One message on stderr, with these words; nothing on stdout, no traceback."""
    assert ended.out == ""
    assert "Traceback" not in ended.err
    said = [line for line in ended.err.splitlines() if line.startswith("seqexp: ")]
    assert len(said) == 1, ended.err
    assert re.search(message, ended.err), ended.err
    assert ended.code == 2, ended.err


PREDICT: dict[str, tuple[tuple[str, ...], bytes, str]] = {
    "no input": ((), b"", r"predict needs --input FILE \(or - for stdin\), or --prompt TEXT for a language model"),
    "both": (("--input", "-", "--prompt", "a"), b"a\n", "predict needs --input FILE"),
    "a prompt for a classifier": (
        ("--prompt", "The list"), b"",
        r"--prompt needs a language model, but \S*lstm-seed1-\w+ is one of classification; use --input",
    ),
    "a file that is not there": (("--input", "no.txt"), b"", r"--input no\.txt does not exist; give a file, or - for"),
    "nothing": (("--input", "-"), b"", r"seqexp: the input is empty"),
    "blank": (("--input", "-"), b"\n \n", r"seqexp: the input is empty"),
    "a blank line": (("--input", "-"), b"a film\n\na plot\n", r"seqexp: the input line 2 is empty; each line must be"),
    "binary": (("--input", "-"), bytes(range(256)), r"seqexp: the input is a binary file"),
}  # fmt: skip


@pytest.mark.parametrize("case", PREDICT)
def test_what_cannot_be_predicted_from_is_refused(cli: Cli, critic: Path, case: str) -> None:
    options, stdin, message = PREDICT[case]
    refused(cli("predict", str(critic), *options, stdin=stdin), message)


# What cannot be learned from.


def table(*rows: str, header: str = "label,text", count: int = 40) -> bytes:
    """Two classes of texts, then these rows."""
    made = [f"{('bad', 'good')[i % 2]},text number {i} of some" for i in range(count)]
    return "\n".join([header, *made, *rows, ""]).encode()


def genes(*rows: str) -> bytes:
    made = [
        f"{('+', '-')[i % 2]},s{i},{'ACGT' * 3}{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16 % 4]}"
        for i in range(40)
    ]
    return "\n".join([*made, *rows, ""]).encode()


BAD: dict[str, tuple[str, bytes, str, str]] = {
    "empty": ("t.csv", b"", "", r"t\.csv is empty"),
    "blank": ("t.csv", b"\n\n \n", "", r"t\.csv is empty"),
    "only a header": ("t.csv", b"label,text\n", "", r"t\.csv has no text; it is read as csv: see data\.format"),
    "binary": ("t.csv", bytes(range(256)) * 9, "", r"t\.csv is a binary file; text is read from CSV"),
    "wrong encoding": (
        "t.csv",
        table("good,se\u00f1or").decode().encode("latin-1"),
        "data.encoding=utf-8",
        r"t\.csv line 42 is not utf-8: .*; choose another data\.encoding, or auto",
    ),
    "no such encoding": (
        "t.csv",
        table(),
        "data.encoding=latin-99",
        r"data\.encoding must be auto or an encoding of Python .*'latin-99'",
    ),
    "empty lines of a table are no rows": (
        "t.csv",
        table("", "good,"),
        "",
        r"t\.csv line 43 has no text in column 'tex",
    ),
    "a label alone": ("t.txt", table().replace(b",", b" ") + b"good\n", "", r"t\.txt line 42"),
    "no label": ("t.csv", table(",a film"), "", r"t\.csv line 42 has no label; remove the line, or fill it in"),
    "one class only": (
        "t.csv",
        table().replace(b"bad,", b"good,"),
        "",
        r"label 'good'; there must be two classes at l",
    ),
    "a label unseen in train": (
        "t.csv",
        table(),
        "data.test_path=u.csv",
        r"u\.csv line 42 of test has the label 'ugly', which is not in train",
    ),
    "a missing column": (
        "t.csv",
        table(),
        "data.text_column=txt",
        r"t\.csv has no column 'txt' \(data\.text_column\), but label, text; did you mean 'text'\?",
    ),
    "a missing label column": (
        "t.csv",
        table(),
        "data.label_column=stars",
        r"no column 'stars' \(data\.label_column\)",
    ),
    "a cell too many": ("t.csv", table("good,a,b"), "", r"t\.csv line 42 has 3 cells, but .* 2"),
    "a broken quote": ("t.csv", table('good,"a b'), "", r"t\.csv"),
    "no json": ("t.jsonl", b'{"text": "a", "label": "b"}\n{"text": \n', "", r"t\.jsonl line 2 is not JSON"),
    "no parquet": ("t.parquet", b"PAR1nonsense", "", r"t\.parquet cannot be read as Parquet"),
    "nothing there": ("", b"", "data.path=no.csv", r"no\.csv does not exist"),
    "fold beyond folds": (
        "t.csv",
        table(),
        "data.folds=5 data.fold=5",
        r"data needs a fold below folds=5, but has fold=5",
    ),
    "more folds than examples": (
        "t.csv",
        table("ugly,a b c"),
        "data.folds=5",
        r"data\.folds=5, but class 'ugly' has only 1 sequences; choose few",
    ),
    "a task that does not suit": (
        "t.csv",
        table(),
        "task=forecasting",
        r"task must be classification with data=text, but is 'forecasting'",
    ),
    "patches": (
        "t.csv",
        table(),
        "model.patch_size=4",
        r"model\.patch_size must be 1 with task=classification: only a w",
    ),
    "a key of another kind of data": ("t.csv", table(), "data.window=8", r"unknown key 'data\.window'"),
    "vectors that are not there": (
        "t.csv",
        table(),
        "task.embedding.vectors=no.txt",
        r"no\.txt",
    ),
    "vectors of another size": (
        "t.csv",
        table(),
        "task.embedding.vectors=v.txt task.embedding.size=4",
        r"task\.embedding\.size must be 2, the size of the vectors in .*v\.txt, but is 4",
    ),
    "identical sequences refused": (
        "t.csv",
        table("good,text number 1 of some"),
        "data.duplicates=refuse",
        r"t\.csv line 42 has the same sequence as .*t\.csv line 3; remove one, or choose data\.duplicates=drop",
    ),
    "a pattern that misses": (
        "t.csv",
        table(),
        "data.label_pattern='^(g.*)'",
        r"line 2 has the label .?'?bad.*label_pattern",
    ),
    "a letter that is no nucleotide": (
        "g.data",
        genes("+,x,ACGTACGXAC"),
        "",
        r"g\.data line 41 \(x\) has 'X' at position 8, which is no nucleotide",
    ),
    "a gene of length zero": ("g.data", genes("+,x, "), "", r"g\.data line 41 \(x\) has no letters"),
    "a gene shorter than a token": (
        "g.data",
        genes("+,x,AC"),
        "data.tokens=codon",
        r"g\.data line 41 \(x\) has 2 letters, but a token has 3",
    ),
    "an ambiguous letter refused": (
        "g.data",
        genes("+,x,ACNA"),
        "data.ambiguity=refuse",
        r"line 41 \(x\) has the ambiguous letter 'N' at position 3",
    ),
    "genes of one file": ("g.fasta", b">a\nACGT\n>b\nACCC\n" * 9, "", r"has the label 'g' only; .*one file a class"),
    "letters before a header": (
        "g.fasta",
        b"ACGT\n>b\nACCC\n",
        "",
        r"g\.fasta line 1 has letters before the first head",
    ),
    "a binary gene": ("g.fasta", b">a\nAC\x00GT\n", "", r"g\.fasta is a binary file"),
    "a direction of prices": ("t.csv", table(), "data.target=direction", r"unknown key 'data\.target'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learned_from_is_refused_and_leaves_nothing(cli: Cli, case: str) -> None:
    name, content, overrides, message = BAD[case]
    if name:
        (cli.cwd / name).write_bytes(content)
    (cli.cwd / "u.csv").write_bytes(table("ugly,a film of their own", count=40).replace(b"number", b"other"))
    (cli.cwd / "v.txt").write_text("text 1 2\nnumber 3 4\n")
    before = files(cli.cwd)
    kind = "genes" if name.startswith("g.") else "text"
    path = [f"data.path={name}"] if name else []
    refused(cli("train", f"data={kind}", *path, *overrides.split(), *SMALL), message)
    assert files(cli.cwd) == before


LONG: dict[str, tuple[str, bytes, str]] = {
    "words": (
        "t.csv",
        b"good," + b"word " * 2_000_000,
        "line 42 has 2,000,000 tokens, but a network reads one at a time",
    ),
    "letters": (
        "t.csv",
        b"good," + b"x" * 10_000_000,
        "line 42 has 10,000,000 tokens, but a network reads one at a time",
    ),
    "a gene": (
        "g.data",
        b"+,x," + b"ACGT" * 2_500_000,
        r"line 41 \(x\) has 10,000,000 tokens, .* data\.max_length to cut",
    ),
}


@pytest.mark.parametrize("case", [pytest.param("words", marks=pytest.mark.slow), "letters", "a gene"])
def test_a_line_of_ten_million_characters_is_refused_or_cut_but_never_tried(cli: Cli, case: str) -> None:
    name, row, message = LONG[case]
    (cli.cwd / name).write_bytes((genes() if name == "g.data" else table()) + row + b"\n")
    before, begun = files(cli.cwd), time.monotonic()
    kind = "character" if case == "letters" else "word"
    words = ["data=genes"] if name == "g.data" else ["data=text", f"data.tokenizer.kind={kind}"]
    command = ("train", *words, f"data.path={name}", *SMALL, "task.baselines=[majority]")
    refused(cli(*command), message)
    assert files(cli.cwd) == before
    ended = cli(*command, "data.max_length=20")
    assert ended.code == 0, ended.err
    assert status(the_run(cli.cwd))["state"] == "complete"
    assert time.monotonic() - begun < 120


def test_a_word_of_ten_million_characters_is_a_word(cli: Cli) -> None:
    (cli.cwd / "t.csv").write_bytes(table() + b"good," + b"x" * 10_000_000 + b"\n")
    ended = cli("train", "data=text", "data.path=t.csv", *SMALL, "task.baselines=[majority]")
    assert ended.code == 0, ended.err
    assert status(the_run(cli.cwd))["state"] == "complete"
