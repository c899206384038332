"""Labelled text: from files of the user's, or the docstrings that every Python has with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqexp.config.explain import suggest
from seqexp.config.schema.sequences import TextData
from seqexp.data.examples import (
    Examples,
    Label,
    class_names,
    class_numbers,
    fingerprint,
    refuse_endless,
    split_examples,
)
from seqexp.data.sequence_data import SequenceData
from seqexp.data.sequences import Sequences
from seqexp.data.sources import python_docs
from seqexp.data.sources.encoding import read_text
from seqexp.data.sources.files import expand, shown
from seqexp.data.sources.text_files import ENDINGS, LABEL_NAMES, TEXT_NAMES, Records, format_of, read_records
from seqexp.data.spec import ExampleSpec, Labels, Tokens
from seqexp.data.tokenizer import Vocabulary
from seqexp.errors import ConfigError, DataError

Ids = NDArray[np.int32]
_MANY = 20
"""So many labels are enough to ask whether they are labels at all."""


def load(config: TextData, fitted: Mapping[str, Any] | None = None) -> SequenceData:
    """Read, split, and turn into tokens; the vocabulary is that of train.

    Args:
        config: Where the texts are and how they are read.
        fitted: The preprocessing of a run that goes on; None: fitted on train.

    Raises:
        DataError: If the files are not as they must be, or cannot be split as asked.
        ConfigError: If a key does not suit them.
    """
    given, notes = _given(config)
    each_step = given["train"].each_step
    if each_step and config.tokenizer.kind != "word":
        raise ConfigError(f"data.tokenizer.kind must be word where words have tags, but is '{config.tokenizer.kind}'")
    _refuse_free_text(given["train"])
    splits, more = split_examples(given, config)
    classes = class_names(splits["train"])
    if fitted is None:
        vocabulary = Vocabulary.fit(splits["train"].inputs, config.tokenizer, given_words=each_step)
    else:
        vocabulary = Vocabulary.from_state(fitted["vocabulary"])
    pieces = {name: _pieces(vocabulary, examples, config.max_length) for name, examples in splits.items()}
    cut = sum(len(tokens) > (config.max_length or len(tokens)) for split in pieces.values() for tokens in split)
    if cut:
        more.append(f"{cut:,} texts have more than data.max_length={config.max_length} tokens: cut there")
    return SequenceData(
        {name: _sequences(pieces[name], splits[name], classes, config.max_length) for name in splits},
        ExampleSpec(Tokens(vocabulary.size), Labels(len(classes), each_step)),
        fingerprint(given),
        preprocessing={"vocabulary": vocabulary.state()},
        classes=classes,
        notes=(*notes, *more),
        facts={
            "vocabulary": vocabulary.size,
            "unknown tokens": {name: _share_unknown(split, vocabulary) for name, split in pieces.items()},
            **({} if config.path else {"texts of": python_docs.version()}),
        },
    )


def read_inputs(config: TextData, path: Path, classes: Sequence[str] = ()) -> tuple[str, ...]:
    """Texts to be labelled: a file in any format of the data, its labels not needed, or one text a line.

    Args:
        config: As a run has it.
        path: The file. Where its ending says nothing, each line is a text, unless each begins with a label.
        classes: The names of the labels.

    Raises:
        DataError: If there is no text in it, or a line is empty.
    """
    form = format_of(path, config.format)
    if form == "lines":
        return _read_lines(path, config, classes)
    records = read_records(path, form=form, encoding=config.encoding, names=_said(config))
    column = _text_column(records, config)
    if records.tagged:
        return tuple(" ".join(words) for words in records.columns[column])
    return _texts(records, column)


def encode(config: TextData, preprocessing: Mapping[str, Any], texts: Sequence[str]) -> list[Ids]:
    """Tokens of texts as a run read its own.

    Raises:
        DataError: If one has no token.
    """
    places = [f"text {i + 1}" for i in range(len(texts))]
    vocabulary = Vocabulary.from_state(preprocessing["vocabulary"])
    pieces = _pieces(vocabulary, Examples(tuple(texts), ("",) * len(texts), tuple(places)), config.max_length)
    return [tokens[: config.max_length] for tokens in pieces]


def _given(config: TextData) -> tuple[dict[str, Examples], list[str]]:
    """What there is to read, by split, and notes."""
    paths = {"train": config.path, "valid": config.valid_path, "test": config.test_path}
    if not config.path:
        if config.valid_path or config.test_path:
            raise ConfigError("data.valid_path and data.test_path need a data.path, the files of train")
        docs = python_docs.docstrings()
        places = tuple(f"docstring {i + 1} of {python_docs.version()}" for i in range(len(docs)))
        labels, texts = zip(*docs, strict=True)
        note = (
            f"docstrings of the standard library of {python_docs.version()}, labelled by their packages, without those "
            "that name theirs: another version of Python has other texts"
        )
        return {"train": Examples(texts, labels, places)}, [note]
    given: dict[str, Examples] = {}
    notes: list[str] = []
    columns: tuple[str, str] | None = None
    for name, said in paths.items():
        read = []
        for path in expand(said, "data.path" if name == "train" else f"data.{name}_path", endings=ENDINGS):
            form = format_of(path, config.format)
            records = read_records(path, form=form, encoding=config.encoding, names=_said(config))
            if columns is None or not set(columns) <= set(records.columns):
                columns, more = _columns(records, config)
                notes += more
            notes += records.notes
            read.append(_examples(records, columns, config))
        if read:
            given[name] = _joined(read)
    return given, notes


def _said(config: TextData) -> tuple[str, ...]:
    return tuple(name for name in (config.text_column, config.label_column) if name)


def _columns(records: Records, config: TextData) -> tuple[tuple[str, str], list[str]]:
    """The columns of texts and of labels, and a note where they were chosen among more than two."""
    text = _text_column(records, config)
    others = [name for name in records.columns if name != text]
    if records.tagged:
        return (text, _required(records, config.label_column, "label") or others[-1]), []
    label = _required(records, config.label_column, "label") or _known(others, LABEL_NAMES)
    if label is None:
        sizes = {name: len(set(map(str, records.columns[name]))) for name in others}
        few = [name for name in others if 2 <= sizes[name] <= max(len(records.places) // 2, 2)]
        if not few:
            raise DataError(
                f"{records.path} has no column of labels among {', '.join(records.columns)}; name it by "
                "data.label_column"
            )
        label = min(few, key=lambda name: sizes[name])
    chosen = config.text_column is None or config.label_column is None
    note = f"{records.path.name}: column '{text}' is the text, column '{label}' the label"
    return (text, label), [note] if chosen and list(records.columns) != ["label", "text"] else []


def _text_column(records: Records, config: TextData) -> str:
    if records.tagged:
        return _required(records, config.text_column, "text") or next(iter(records.columns))
    others = [name for name in records.columns if name != config.label_column]
    found = _required(records, config.text_column, "text") or _known(others, TEXT_NAMES)
    if found is None:
        letters = {name: sum(len(str(cell)) for cell in records.columns[name]) for name in others}
        if not letters:
            raise DataError(f"{records.path} has no column of texts; name it by data.text_column")
        found = max(letters, key=lambda name: letters[name])
    return found


def _required(records: Records, name: str | None, what: str) -> str | None:
    if name is not None and name not in records.columns:
        raise DataError(
            f"{records.path} has no column '{name}' (data.{what}_column), but {', '.join(records.columns)}"
            f"{suggest(name, records.columns)}"
        )
    return name


def _known(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The column with the first of some names."""
    lowered = {column.lower(): column for column in reversed(columns)}
    return next((lowered[name] for name in names if name in lowered), None)


def _examples(records: Records, columns: tuple[str, str], config: TextData) -> Examples:
    text, label = columns
    places = tuple(records.places)
    if records.tagged:
        inputs = tuple(" ".join(words) for words in records.columns[text])
        tags: list[Label] = [
            tuple(_label(tag, place, config) for tag in sentence)
            for sentence, place in zip(records.columns[label], places, strict=True)
        ]
        return Examples(inputs, tuple(tags), places)
    labels = [_label(cell, place, config) for cell, place in zip(records.columns[label], places, strict=True)]
    return Examples(_texts(records, text), tuple(labels), places)


def _texts(records: Records, column: str) -> tuple[str, ...]:
    """The cells of a column, none of them empty."""
    texts = []
    for cell, place in zip(records.columns[column], records.places, strict=True):
        if isinstance(cell, list | dict):
            raise DataError(f"{place}: column '{column}' has {shown(cell)}, but must have text")
        text = "" if cell is None else str(cell).strip()
        if not text:
            raise DataError(f"{place} has no text in column '{column}'; remove the line, or fill it in")
        if not text.isascii() and re.search("[\ud800-\udfff]", text):
            raise DataError(f"{place} has half of a character (a lone surrogate) in column '{column}'; mend the text")
        texts.append(text)
    return tuple(texts)


def _label(cell: object, place: str, config: TextData) -> str:
    label = "" if cell is None else str(cell).strip()
    if not label:
        raise DataError(f"{place} has no label; remove the line, or fill it in")
    if config.label_pattern is None:
        return label
    found = re.search(config.label_pattern, label)
    if found is None or not found[1]:
        raise DataError(f"{place} has the label {shown(label)}, which data.label_pattern={config.label_pattern} misses")
    return found[1]


def _joined(parts: Sequence[Examples]) -> Examples:
    if len({part.each_step for part in parts}) > 1:
        raise ConfigError("data.path has files with a label a text and files with a label a word; give one kind")
    return Examples(
        tuple(text for part in parts for text in part.inputs),
        tuple(label for part in parts for label in part.labels),
        tuple(place for part in parts for place in part.places),
    )


def _refuse_free_text(train: Examples) -> None:
    """Labels that hardly ever come twice are words of a text, or numbers of rows."""
    counts = Counter(train.labels)
    if not train.each_step and len(counts) > max(_MANY, len(train) // 2):
        raise DataError(
            f"{len(train):,} texts have {len(counts):,} different labels, the first {shown(train.labels[0])} at "
            f"{train.places[0]}; these are no classes: see data.format and data.label_column"
        )


def _read_lines(path: Path, config: TextData, classes: Sequence[str]) -> tuple[str, ...]:
    text, _ = read_text(path, config.encoding)
    lines = [line.strip() for line in text.rstrip().split("\n")]
    if "" in lines:
        raise DataError(f"{path} line {lines.index('') + 1} is empty; each line must be a text")
    halves = [line.split(maxsplit=1) for line in lines]
    if all(len(half) == 2 and _class_of(half[0], config) in classes for half in halves):
        return tuple(half[1] for half in halves)
    return tuple(lines)


def _class_of(word: str, config: TextData) -> str:
    found = re.search(config.label_pattern, word) if config.label_pattern else None
    return found[1] if found else word


def _pieces(vocabulary: Vocabulary, examples: Examples, longest: int | None) -> list[Ids]:
    pieces = vocabulary.encode_many(examples.inputs)
    for tokens, text, place in zip(pieces, examples.inputs, examples.places, strict=True):
        if not len(tokens):
            raise DataError(f"{place} has no token in its text {shown(text)}; remove it, or fill it in")
        refuse_endless(len(tokens), place, longest)
    return pieces


def _sequences(pieces: list[Ids], examples: Examples, classes: Sequence[str], longest: int | None) -> Sequences:
    targets = class_numbers(examples, classes)
    if examples.each_step and longest is not None:
        ends = np.cumsum([len(tokens) for tokens in pieces])
        targets = np.concatenate([targets[e - len(t) : e][:longest] for e, t in zip(ends, pieces, strict=True)])
    return Sequences.joined([tokens[:longest] for tokens in pieces], targets)


def _share_unknown(pieces: Sequence[Ids], vocabulary: Vocabulary) -> float:
    tokens = np.concatenate(pieces)
    return round(float((tokens == vocabulary.unknown).mean()), 4)
