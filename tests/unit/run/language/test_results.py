"""Results: the model and the n-grams on the same tokens, whatever the limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seqexp.data import stream_order
from seqexp.models.baselines.ngram import KneserNey, unigram
from seqexp.run.language import results
from seqexp.run.language.new_data import predict
from seqexp.run.language.problem import LanguageProblem
from seqexp.run.problem import Told

Make = Callable[..., LanguageProblem]
SILENT = Told(lambda _: None, lambda _: None)


def test_the_n_grams_are_fitted_to_train_and_scored_on_test(problem: Make, tmp_path: Path) -> None:
    made = problem("task.ngram=3")
    files = {"keep": tmp_path / "p" / "test.parquet", "losses": tmp_path / "p" / "losses.parquet"}
    found = results.records(made, made.build_model().eval(), "test", **files, told=SILENT)
    splits, size = made.data.corpus.splits, made.data.corpus.vocabulary.size
    train, test = (splits[s][0 : len(splits[s])] for s in ("train", "test"))
    for record, method in zip(found[1:], (unigram(train, size), KneserNey(train, size, order=3)), strict=True):
        assert record["loss"] == pytest.approx(-method(test).mean(), rel=1e-12)
        assert record["perplexity"] == pytest.approx(math.exp(record["loss"]))
    assert [(r["of"], r["model"], r["split"]) for r in found] == [
        ("lstm", True, "test"), ("unigram", False, "test"), ("kneser_ney", False, "test"),
    ]  # fmt: skip
    losses, kept = (pd.read_parquet(files[f]) for f in ("losses", "keep"))
    pd.testing.assert_frame_equal(losses[losses["of"] == "lstm"].drop(columns="of"), kept)
    assert losses.groupby("of")["example"].apply(list).map(len).nunique() == 1


def test_pieces_of_the_text_are_scored_as_the_whole(
    problem: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = problem()
    model = made.build_model().eval()
    whole = results.records(made, model, "test", keep=tmp_path / "a", losses=None, told=SILENT)
    monkeypatch.setattr(results, "_STRETCH", 37)
    pieces = results.records(made, model, "test", keep=tmp_path / "a", losses=None, told=SILENT)
    for one, other in zip(whole, pieces, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-12)


def test_with_limits_the_same_tokens_are_scored(problem: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three streams of a text, the first 20 tokens of each: as many of each forecaster, from the same places."""
    monkeypatch.setattr(stream_order, "_SCORED_STREAM", 150)
    monkeypatch.setattr(stream_order, "_SCORED_TOKENS", 30)
    monkeypatch.setattr(results, "_STRETCH", 8)
    made = problem("trainer.limit_batches=2", "task.baselines=[unigram]")
    text = made.scored("test")
    assert [stop - start for start, stop in text.spans()] == [20, 20, 20]
    found = results.records(made, made.build_model().eval(), "test", keep=tmp_path / "a", losses=None, told=SILENT)
    splits = made.data.corpus.splits
    logs = unigram(splits["train"][0:99_999], made.data.corpus.vocabulary.size)(splits["test"][0:99_999])
    expected = -np.concatenate([logs[start:stop] for start, stop in text.spans()]).mean()
    assert found[1]["loss"] == pytest.approx(expected, rel=1e-12)


def test_n_grams_of_a_long_text_are_of_its_end(problem: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_MOST_COUNTED", 500)
    made, said = problem("task.baselines=[unigram]"), list[str]()
    told = Told(said.append, lambda _: None)
    found = results.records(made, made.build_model().eval(), "test", keep=tmp_path / "a", losses=None, told=told)
    splits = made.data.corpus.splits
    train = splits["train"][len(splits["train"]) - 500 :]
    expected = -unigram(train, made.data.corpus.vocabulary.size)(splits["test"][0:99_999]).mean()
    assert found[1]["loss"] == pytest.approx(expected, rel=1e-12)
    assert said == [f"the n-gram models are fitted to the last 500 of {len(splits['train']):,} tokens of train"]


def test_a_new_text_has_the_score_that_test_would_have(problem: Make, tmp_path: Path) -> None:
    made, said = problem(), list[str]()
    model = made.build_model().eval()
    words, tokens = made.data.corpus.vocabulary, made.data.corpus.splits["test"]
    (tmp_path / "new.txt").write_text(words.decode(tokens[0 : len(tokens)].tolist()))
    table = predict(made.experiment, model, {"preprocessing": made.preprocessing}, tmp_path / "new.txt", said.append)
    keep = tmp_path / "test.parquet"
    (record, *_) = results.records(made, model, "test", keep=keep, losses=None, told=SILENT)
    np.testing.assert_allclose(table["nll"], pd.read_parquet(keep)["nll"], rtol=1e-6)
    np.testing.assert_allclose(table["perplexity"], np.exp(table["nll"]))
    assert said == [f"perplexity {record['perplexity']:,.4g}, {record['bits_per_character']:.4g} bits per character"]
    assert not torch.is_inference_mode_enabled()
