"""Language modelling from the command line: trained, killed, gone on with, read from files of the user's own."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from integration.runs import assert_same_end, last_state, lines, status, the_run
from support.corpora import prose

if TYPE_CHECKING:
    from integration.conftest import Cli


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Overrides of an experiment of 2 x 7 updates."""
    folder = tmp_path_factory.mktemp("language")
    (folder / "corpus.txt").write_text(prose(120))
    return (
        "data=language",
        f"data.path={folder / 'corpus.txt'}",
        f"data.cache={folder / 'cache'}",
        "data.bptt=50",
        "model.hidden_sizes=[6,5]",
        "model.dropout=0.2",
        "task.embedding.size=4",
        "trainer.max_epochs=2",
        "trainer.batch_size=8",
        "trainer.log_every=2",
        "tracking=quiet",
    )


@pytest.fixture(scope="session")
def ended(small: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of `small`."""
    from seqexp.config.compose import compose
    from seqexp.run.train import train

    outputs = tmp_path_factory.mktemp("ended")
    return train(compose([*small, f"outputs={outputs}"]), ["pytest"]).directory.path


def test_the_model_stands_beside_the_n_grams(ended: Path) -> None:
    results = {r["of"]: r for r in lines(ended) if "of" in r}
    assert list(results) == ["lstm", "unigram", "kneser_ney"]
    for record in results.values():
        assert record["perplexity"] == pytest.approx(math.exp(record["loss"]))
        assert record["bits_per_character"] == pytest.approx(record["loss"] / math.log(2))
    assert results["kneser_ney"]["loss"] < results["unigram"]["loss"]
    kept = pd.read_parquet(ended / "predictions" / "test-losses.parquet")
    assert set(kept["of"]) == set(results)
    assert list(kept.columns) == ["of", "example", "nll"]
    provenance = json.loads((ended / "provenance.json").read_text())
    assert provenance["data"]["tokens"] == provenance["data"]["characters"]


@pytest.mark.parametrize(("call", "every"), [(5, "null"), (1, "2"), (5, "2"), (8, "3"), (14, "2")])
def test_killed_at_an_update_it_goes_on_to_the_same_bits(
    cli: Cli, small: Sequence[str], ended: Path, call: int, every: str
) -> None:
    """The recurrent state of the streams comes back, too: without it the next update would be another."""
    command = ("train", *small, f"trainer.checkpoints.every_steps={every}")
    kill = {"at": "seqexp.training.loop:train_step", "call": call, "when": "after"}
    assert cli(*command, faults=[kill]).code == -9
    assert cli(*command).code == 0
    assert_same_end(the_run(cli.cwd), ended)


def test_the_state_of_the_streams_is_in_the_checkpoint(ended: Path) -> None:
    carried = last_state(ended)["carried"]
    assert [[tuple(s.shape) for s in layer] for layer in carried] == [[(1, 8, 6)] * 2, [(1, 8, 5)] * 2]
    assert all(s.abs().sum() > 0 for layer in carried for s in layer)


def test_a_signal_in_the_middle_of_an_epoch_loses_nothing(cli: Cli, small: Sequence[str], ended: Path) -> None:
    signal = {"at": "seqexp.training.loop:train_step", "call": 4, "when": "after", "signal": 15}
    assert cli("train", *small, faults=[signal]).code != 0
    run = the_run(cli.cwd)
    assert (status(run)["state"], status(run)["step"]) == ("interrupted", 4)
    assert cli("resume", "latest").code == 0
    assert_same_end(run, ended)


@pytest.mark.parametrize("size", [1, 7, 512])
def test_the_score_depends_on_no_size_of_batches(cli: Cli, small: Sequence[str], ended: Path, size: int) -> None:
    assert cli("train", *small, f"trainer.eval_batch_size={size}").code == 0
    assert [r for r in lines(the_run(cli.cwd)) if "of" in r] == [r for r in lines(ended) if "of" in r]


FEATURES: dict[str, tuple[str, ...]] = {
    "words, all regularisation": (
        "data.tokenizer.kind=word", "task.tied=true", "task.embedding.size=5", "task.embedding.dropout=0.1",
        "task.embedding.locked_dropout=0.3", "task.output_dropout=0.3", "task.activation_regularization=2.0",
        "task.temporal_regularization=1.0", "model.weight_drop=0.5", "model.variational_dropout=0.2", "data.bptt=5",
    ),
    "adaptive softmax": ("data.tokenizer.kind=word", "task.adaptive_softmax.cutoffs=[5,10]",
                         "task.adaptive_softmax.factor=2.0", "data.bptt=5"),
    "bytes, gru, fused": ("data.tokenizer.kind=byte", "model=gru", "model.kernel=fused"),
    "pairs, rnn": ("data.tokenizer.kind=bpe", "data.tokenizer.vocabulary_size=300", "model=rnn", "data.bptt=5"),
    "averaged, learned state": ("trainer.ema_decay=0.9", "model.initial_state=learned", "trainer.accumulate=2"),
    "half precision": ("trainer.precision=bf16",),
    "epochs of their own": ("trainer.steps_per_epoch=5", "trainer.max_epochs=4"),
}  # fmt: skip


@pytest.mark.parametrize("features", FEATURES)
def test_every_option_resumes_to_the_same_bits(cli: Cli, small: Sequence[str], features: str) -> None:
    command = ("train", *small, *FEATURES[features], "trainer.checkpoints.every_steps=1")
    kill = {"at": "seqexp.training.loop:train_step", "call": 7, "when": "before"}
    broken, whole = cli.at("broken"), cli.at("whole")
    assert broken(*command, faults=[kill]).code == -9
    assert broken(*command).code == 0
    result = whole(*command)
    assert result.code == 0, result.err
    assert_same_end(the_run(broken.cwd), the_run(whole.cwd))


def test_a_few_batches_are_learned_by_heart(cli: Cli, small: Sequence[str]) -> None:
    options = ("trainer.overfit_batches=1", "trainer.max_epochs=60", "optimizer.lr=0.05", "model.dropout=0.0")
    assert cli("train", *small, "model.hidden_sizes=[32]", "trainer.early_stopping.patience=null", *options).code == 0
    found = [r for r in lines(the_run(cli.cwd)) if r["split"] == "valid"]
    assert found[-1]["perplexity"] < 0.5 * found[0]["perplexity"]


@pytest.mark.parametrize(("name", "packed"), [("own.txt", False), ("own.txt.gz", True), ("folder", False)])
def test_texts_of_the_users_own(cli: Cli, small: Sequence[str], name: str, packed: bool) -> None:
    (path := cli.cwd / name).parent.mkdir(exist_ok=True)
    if name == "folder":
        path.mkdir()
        path = path / "a.txt"
    path.write_bytes(gzip.compress(prose(100, seed=3).encode()) if packed else prose(100, seed=3).encode())
    result = cli("train", *small, f"data.path={name}", "trainer.max_epochs=1")
    assert result.code == 0, result.err


BAD: dict[str, tuple[bytes, tuple[str, ...], str]] = {
    "binary": (b"text\x00" * 99, (), "bad.txt is a binary file: it has a byte of zero near byte 4;"),
    "encoding": ("é".encode() * 99 + b"\xff", (), "bad.txt: byte 198 (0xff) is not utf-8: invalid start byte;"),
    "empty": (b"", (), "bad.txt is empty; a language model needs a text"),
    "blank": (b"\n" * 99, (), "bad.txt is empty; a language model needs a text"),
    "short": (
        b"a short text of a few words\n" * 3,
        (),
        "too few for trainer.batch_size=8 streams of at least data.bptt",
    ),
    "both ways": (
        b"long enough a text\n" * 99,
        ("model.bidirectional=true",),
        "model.bidirectional must be false with",
    ),
    "tied": (b"long enough a text\n" * 99, ("task.tied=true",), "they are 5 and 4; try task.embedding.size=5"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_cannot_be_learned_from_is_refused_and_leaves_nothing(cli: Cli, small: Sequence[str], bad: str) -> None:
    raw, overrides, message = BAD[bad]
    (cli.cwd / "bad.txt").write_bytes(raw)
    result: Any = cli("train", *small, "data.path=bad.txt", *overrides)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "Traceback" not in result.err
    assert not list(cli.cwd.glob("outputs/*/*"))


PUBLISHED = (
    "zaremba_small", "zaremba_medium", "zaremba_large", "awd_lstm", "pytorch_word_lm", "pytorch_word_lm_tied",
    "word_ptb", "char_ptb", "tiny_shakespeare",
)  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_can_be_trained(cli: Cli, name: str, small: Sequence[str]) -> None:
    """Made-up words, few and small layers, all else as published."""
    (cli.cwd / "tinyshakespeare.txt").write_text(prose(100))
    for number, split in enumerate(("train", "valid", "test")):
        text = prose(100, seed=number).replace("tree", "<unk>").replace(".", " N")
        (cli.cwd / f"ptb.{split}.txt").write_text(text)
    layers = {"awd_lstm": "[7,7,6]", "char_ptb": "[6]", "tiny_shakespeare": "[6]"}.get(name, "[6,6]")
    (cache,) = (o for o in small if o.startswith("data.cache="))
    result = cli(
        "train", f"experiment={name}", cache, f"model.hidden_sizes={layers}", "task.embedding.size=6", "data.bptt=5",
        "trainer.batch_size=4", "trainer.max_epochs=2", "trainer.limit_batches=3", "task.baselines=[]",
        "tracking=quiet",
    )  # fmt: skip
    assert result.code == 0, result.err
    (record,) = (r for r in lines(the_run(cli.cwd)) if "of" in r)
    assert 1 < record["perplexity"] < 60


def test_the_text_is_described(cli: Cli, small: Sequence[str]) -> None:
    result = cli("data", "describe", *small)
    assert result.code == 0, result.err
    assert "vocabulary   20 tokens (character)" in result.out
    assert "bptt         50 steps" in result.out


def test_another_text_is_scored(cli: Cli, ended: Path) -> None:
    (cli.cwd / "new.txt").write_text(prose(80, seed=9))
    result = cli("predict", str(ended), "--input", "new.txt", "--output", "said.parquet")
    assert result.code == 0, result.err
    assert "bits per character" in result.err
    said = pd.read_parquet(cli.cwd / "said.parquet")
    assert said["first_token"].tolist() == list(range(0, 1_000 * len(said), 1_000))
    assert (said["nll"] > 0).all()


def test_a_text_is_gone_on_with(cli: Cli, ended: Path) -> None:
    command = ("predict", str(ended), "--prompt", "the cat", "--length", "30", "--top-k", "5", "--top-p", "0.9")
    first, again, other = cli(*command), cli(*command), cli(*command, "--seed", "2")
    assert first.code == 0, first.err
    assert first.out.startswith("the cat")
    assert len(first.out.rstrip("\n")) >= len("the cat") + 25
    assert first.out == again.out != other.out
    refused = cli(*command, "--temperature", "-1")
    assert (refused.code, refused.out) == (2, "")
    assert "--temperature must be 0 (always the likeliest token) or more, but is -1.0" in refused.err
