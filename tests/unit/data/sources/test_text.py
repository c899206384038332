from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.sections import data

from seqexp.config.schema.sequences import TextData
from seqexp.data.sequence_data import SequenceData
from seqexp.data.sources.python_docs import PACKAGES, version
from seqexp.data.sources.text import encode, load, read_inputs
from seqexp.data.spec import ExampleSpec, Labels, Tokens
from seqexp.data.tokenizer import Vocabulary
from seqexp.errors import ConfigError, DataError

WORDS = {"kind": "word", "lowercase": True, "vocabulary_size": 1000, "min_count": 1}


def config(*paths: Path, **changes: Any) -> TextData:
    made = data("text", **{"path": [str(p) for p in paths] or None, "tokenizer": WORDS, **changes})
    assert isinstance(made, TextData)
    return made


def rows(count: int) -> list[tuple[str, str]]:
    """Labels and texts, no two texts alike."""
    return [(("bad", "good")[i % 2], f"it is {('bad', 'good')[i % 2]} no. {i}") for i in range(count)]


def lines(path: Path, made: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{label} {text}\n" for label, text in made))
    return path


def texts_of(made: SequenceData, split: str) -> list[str]:
    vocabulary, found = Vocabulary.from_state(made.preprocessing["vocabulary"]), made.splits[split]
    return [vocabulary.decode(found[i]) for i in range(len(found))]


def write(folder: Path, name: str) -> Path:
    path, frame = folder / name, pd.DataFrame([(i, label, text) for i, (label, text) in enumerate(rows(40))])
    frame.columns = ["id", "Sentiment", "Review"]
    match path.suffixes[0]:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, sep="\t", index=False)
        case ".jsonl":
            frame.to_json(path, orient="records", lines=True)
        case ".parquet":
            frame.to_parquet(path)
        case _:
            return lines(path, rows(40))
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv", "a.jsonl", "a.jsonl.gz", "a.parquet", "a.txt"])
def test_every_format_gives_the_same_texts_and_classes(tmp_path: Path, name: str) -> None:
    made = load(config(write(tmp_path, name)))
    assert made.classes == ("bad", "good")
    assert made.spec.targets == Labels(2)
    assert {split: len(s) for split, s in made.splits.items()} == {"train": 29, "valid": 3, "test": 8}
    assert len(made.fingerprint) == 64
    assert made.fingerprint == load(config(lines(tmp_path / "same.train", rows(40)))).fingerprint
    for split, found in made.splits.items():
        for text, target in zip(texts_of(made, split), found.targets, strict=True):
            assert ("good" in text) == (target == 1)
    if name != "a.txt":
        assert made.notes == (f"{name}: column 'Review' is the text, column 'Sentiment' the label",)


def test_the_vocabulary_is_of_train_alone(tmp_path: Path) -> None:
    train = lines(tmp_path / "a.train", rows(40))
    test = lines(tmp_path / "a.test", [("good", "it is future"), ("bad", "it is bad")])
    made = load(config(train, test_path=str(test)))
    assert texts_of(made, "test") == ["it is <unk>", "it is bad"]
    assert made.facts["unknown tokens"]["test"] == pytest.approx(1 / 6, abs=1e-4)
    assert made.facts["vocabulary"] == made.spec.inputs.vocabulary  # type: ignore[union-attr]
    other = lines(tmp_path / "b.test", [("good", "it is another"), ("bad", "it is bad")])
    assert load(config(train, test_path=str(other))).preprocessing == made.preprocessing


def test_a_run_that_goes_on_keeps_its_vocabulary(tmp_path: Path) -> None:
    train = lines(tmp_path / "a.train", rows(40))
    tokenizer = WORDS | {"vocabulary_size": 5}
    small = load(config(train, tokenizer=tokenizer))
    assert load(config(train), small.preprocessing).preprocessing == small.preprocessing


def test_what_inputs_to_come_need_is_plain(tmp_path: Path) -> None:
    settings = config(lines(tmp_path / "a.train", rows(40)))
    made = load(settings)
    plain = json.loads(json.dumps(made.preprocessing))
    assert [t.tolist() for t in encode(settings, plain, ["It is GOOD"])] == [
        made.splits["train"][texts_of(made, "train").index(t)][:3].tolist()
        for t in texts_of(made, "train")
        if t.startswith("it is good")
    ][:1]


@pytest.mark.parametrize(
    ("columns", "changes", "chosen"),
    [
        (["x", "y"], {}, ("y", "x")),
        (["x", "y"], {"text_column": "y", "label_column": "x"}, ("y", "x")),
        (["label", "text"], {"text_column": "label", "label_column": "text"}, ("label", "text")),
        (["Class", "title"], {}, ("title", "Class")),
    ],
)
def test_columns_are_found_by_choice_name_or_content(
    tmp_path: Path, columns: list[str], changes: dict[str, Any], chosen: tuple[str, str]
) -> None:
    frame = pd.DataFrame([(label, text) for label, text in rows(40)], columns=columns)
    if chosen[0] == "label":
        frame = frame.rename(columns={"label": "text", "text": "label"})
    frame.to_csv(tmp_path / "a.csv", index=False)
    made = load(config(tmp_path / "a.csv", **changes))
    assert made.classes == ("bad", "good")
    if not changes:
        assert made.notes == (f"a.csv: column '{chosen[0]}' is the text, column '{chosen[1]}' the label",)


def test_a_table_without_names_is_understood_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"{text}\t{int(label == 'good')}\n" for label, text in rows(40)))
    assert load(config(tmp_path / "a.txt")).classes == ("0", "1")


def test_a_pattern_takes_the_label_out(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.train", [(f"{label.upper()}:{i}", text) for i, (label, text) in enumerate(rows(40))])
    assert load(config(path, label_pattern="^([A-Z]+)")).classes == ("BAD", "GOOD")
    with pytest.raises(
        DataError, match=r"a\.train line 1 has the label 'BAD:0', which data\.label_pattern=\(x\) misses"
    ):
        load(config(path, label_pattern="(x)"))


def test_several_files_and_folders_are_one(tmp_path: Path) -> None:
    for i in range(2):
        pd.DataFrame(rows(40)[20 * i : 20 * i + 20], columns=["label", "text"]).to_csv(tmp_path / f"{i}.csv")
    by_folder, by_name = load(config(tmp_path)), load(config(tmp_path / "0.csv", tmp_path / "1.csv"))
    assert by_folder.fingerprint == by_name.fingerprint
    assert sum(len(s) for s in by_folder.splits.values()) == 40


def test_longer_texts_are_cut_and_told(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.train", [*rows(40), ("good", "word " * 2_000_000)])  # 10 million characters
    made = load(config(path, max_length=4))
    assert max(int(s.lengths.max()) for s in made.splits.values()) == 4
    assert made.notes[-1] == "41 texts have more than data.max_length=4 tokens: cut there"


def test_a_text_without_end_is_refused_unless_it_is_cut(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.train", [*rows(40), ("good", "word " * 50_001)])
    with pytest.raises(
        DataError, match=r"a\.train line 41 has 50,001 tokens, but .* set data\.max_length to cut longer ones"
    ):
        load(config(path))


# Tags.

SENTENCES = "".join(f"The DT\nU.S. NNP\n{w} NN\n\n{w} NN\nran VB\n. .\n\n" for w in ("cat", "dog", "ant", "bee", "cow"))


def test_every_word_has_its_tag(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(SENTENCES)
    made = load(config(tmp_path / "a.conll", tokenizer=WORDS | {"lowercase": False}))
    assert made.classes == (".", "DT", "NN", "NNP", "VB")
    assert made.spec == ExampleSpec(Tokens(made.spec.inputs.vocabulary), Labels(5, each_step=True))  # type: ignore[union-attr]
    tag_of = {"The": "DT", "U.S.": "NNP", "ran": "VB", ".": "."}
    vocabulary = Vocabulary.from_state(made.preprocessing["vocabulary"])
    for found in made.splits.values():
        assert len(found.targets) == len(found.values) == 3 * len(found)
    train = made.splits["train"]
    for token, target in zip(train.values, train.targets, strict=True):
        assert made.classes[target] == tag_of.get(vocabulary.token(int(token)), "NN")


def test_tags_are_cut_with_their_words(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(SENTENCES)
    made = load(config(tmp_path / "a.conll", max_length=2, tokenizer=WORDS | {"lowercase": False}))
    train, vocabulary = made.splits["train"], Vocabulary.from_state(made.preprocessing["vocabulary"])
    assert set(train.lengths) == {2}
    ends = {(vocabulary.token(int(train[i][1])), made.classes[train.targets[2 * i + 1]]) for i in range(len(train))}
    assert ends == {("U.S.", "NNP"), ("ran", "VB")}


def test_tags_need_words(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(SENTENCES)
    with pytest.raises(ConfigError, match=r"data\.tokenizer\.kind must be word where words have tags, but is 'bpe'"):
        load(config(tmp_path / "a.conll", tokenizer=WORDS | {"kind": "bpe"}))


# The data that comes with seqexp.


def test_the_default_is_the_librarys_docstrings() -> None:
    made = load(config())
    assert made.classes == PACKAGES
    assert version() in made.notes[0]
    assert made.facts["texts of"] == version()
    assert len(made.splits["train"]) > 800
    assert made.fingerprint == load(config(folds=5)).fingerprint


# Texts to be labelled.


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_new_texts_need_no_labels(tmp_path: Path, name: str) -> None:
    frame, path = pd.DataFrame({"text": ["one two", "three"]}), tmp_path / name
    {"a.csv": frame.to_csv, "a.parquet": frame.to_parquet}.get(name, lambda p: frame.to_json(p, orient="records"))(path)
    assert read_inputs(config(), path) == ("one two", "three")


@pytest.mark.parametrize(
    ("content", "classes", "texts"),
    [
        ("good one\nit is\n", (), ("good one", "it is")),
        ("good one\nit is\n", ("good", "bad"), ("good one", "it is")),
        ("good one\nbad it is\n", ("good", "bad"), ("one", "it is")),
        ("good\n", ("good", "bad"), ("good",)),
    ],
)
def test_a_line_is_a_text_and_a_label_before_it_is_left_out(
    tmp_path: Path, content: str, classes: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    (tmp_path / "new.txt").write_text(content)
    assert read_inputs(config(), tmp_path / "new.txt", classes) == texts


def test_words_of_a_sentence_to_be_tagged_are_as_given(tmp_path: Path) -> None:
    (tmp_path / "new.conll").write_text("U.S. x\ncat x\n\nran x\n")
    assert read_inputs(config(), tmp_path / "new.conll") == ("U.S. cat", "ran")


# Refused.


@pytest.mark.parametrize(
    ("name", "content", "changes", "message"),
    [
        ("a.csv", "label,text\na,x\nb,\n", {}, r"a\.csv line 3 has no text in column 'text'; remove the line"),
        ("a.csv", "label,text\na,x\n,y\n", {}, r"a\.csv line 3 has no label"),
        ("a.jsonl", '{"label":"a","text":"x"}\n{"label":"b"}\n', {}, r"a\.jsonl line 2 has no text"),
        ("a.jsonl", '{"label":"a","text":["x"]}\n', {}, r"a\.jsonl line 1: column 'text' has .* must have text"),
        ("a.jsonl", '{"label":"a","text":"\\ud800"}\n', {}, r"a\.jsonl line 1 has half of a character"),
        (
            "a.csv",
            "label,review\na,x\nb,y\n",
            {"text_column": "reviw"},
            r"a\.csv has no column 'reviw' \(data\.text_column\), but label, review; did you mean 'review'\?",
        ),
        ("a.csv", "id,text\n1,x\n2,y\n3,z\n", {}, r"a\.csv has no column of labels among id, text; name it by"),
        ("a.txt", "a x\na y\na z\n", {}, r"all others of train have the label 'a'"),
        ("a.txt", "".join(f"w{i} some words\n" for i in range(50)), {}, r"50 texts have 50 different labels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str, changes: dict[str, Any], message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        load(config(tmp_path / name, **changes))


def test_a_label_that_train_has_not_is_named_with_its_line(tmp_path: Path) -> None:
    train = lines(tmp_path / "a.train", rows(40))
    test = lines(tmp_path / "a.test", [("good", "x"), ("new", "y")])
    with pytest.raises(DataError, match=r"a\.test line 2 of test has the label 'new', which is not in train"):
        load(config(train, test_path=str(test)))


def test_an_encoding_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.encoding must be auto or an encoding of Python"):
        load(config(lines(tmp_path / "a.train", rows(40)), encoding="klingon"))


def test_a_test_without_a_train_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.valid_path and data\.test_path need a data\.path"):
        load(config(test_path=str(lines(tmp_path / "a.test", rows(4)))))


def test_a_text_without_tokens_is_refused(tmp_path: Path) -> None:
    settings = config(lines(tmp_path / "a.train", rows(40)))
    with pytest.raises(DataError, match=r"text 2 has no token in its text ' '"):
        encode(settings, load(settings).preprocessing, ["good", " "])


# Data sets of others.


def test_sst_2_has_its_published_sizes(shared_data: Path) -> None:
    given = {
        key: str(shared_data / "text" / f"stsa.binary.{name}")
        for key, name in (("path", "train"), ("valid_path", "dev"), ("test_path", "test"))
    }
    made = load(data("text", **given, duplicates="keep"))
    assert {name: len(s) for name, s in made.splits.items()} == {"train": 6920, "valid": 872, "test": 1821}
    assert Counter(made.splits["test"].targets.tolist()) == {0: 912, 1: 909}
    dropped = load(data("text", **given))
    assert {name: len(s) for name, s in dropped.splits.items()} == {"train": 6909, "valid": 872, "test": 1821}
    assert dropped.fingerprint == made.fingerprint


def test_trec_is_latin_1_with_six_coarse_classes(shared_data: Path) -> None:
    given = {"path": str(shared_data / "text/raw.TREC.train"), "test_path": str(shared_data / "text/raw.TREC.test")}
    made = load(data("text", **given, duplicates="keep", label_pattern="^([A-Z]+)"))
    assert made.classes == ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
    assert len(made.splits["train"]) + len(made.splits["valid"]) == 5452
    assert np.bincount(made.splits["test"].targets).tolist() == [9, 138, 94, 65, 81, 113]
    assert made.notes[0] == "raw.TREC.train is not UTF-8 (line 66): read as cp1252; data.encoding names another"
    fine = load(data("text", **given, encoding="latin-1"))
    assert len(fine.classes) == 50
    assert not any("UTF-8" in note for note in fine.notes)
