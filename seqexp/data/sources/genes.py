"""Labelled DNA and RNA: from files of the user's, or made-up promoters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqexp.config.schema.sequences import GenesData
from seqexp.data.dna import KmerVocabulary, ambiguous, cleaned, guanine_cytosine, reverse_complement
from seqexp.data.examples import Examples, class_names, class_numbers, fingerprint, refuse_endless, split_examples
from seqexp.data.promoters import promoters
from seqexp.data.sequence_data import SequenceData
from seqexp.data.sequences import Sequences
from seqexp.data.sources.files import expand
from seqexp.data.sources.gene_files import ENDINGS, read_records
from seqexp.data.spec import ExampleSpec, Labels, Tokens
from seqexp.errors import ConfigError, DataError


def load(config: GenesData) -> SequenceData:
    """Read, split, and turn into tokens; the vocabulary is that of train.

    Raises:
        DataError: If the files are not as they must be, or cannot be split as asked.
        ConfigError: If a key does not suit them.
    """
    given, notes = _given(config)
    splits, more = split_examples(given, config)
    notes += more
    classes = class_names(splits["train"])
    if config.reverse_complement:
        splits["train"], more = _both_strands(splits)
        notes += more
    vocabulary = KmerVocabulary.fit(splits["train"].inputs, config)
    found: dict[str, Sequences] = {}
    for name, examples in splits.items():
        pieces = _pieces(vocabulary, examples.inputs, examples.places, config.max_length)
        found[name] = Sequences.joined(_cut(pieces, config.max_length), class_numbers(examples, classes))
        notes += _losses(name, examples, pieces, vocabulary, config)
    return SequenceData(
        found,
        ExampleSpec(Tokens(vocabulary.size), Labels(len(classes))),
        fingerprint(given),
        preprocessing=vocabulary.state(),
        classes=classes,
        notes=tuple(notes),
        facts=_facts([text for examples in given.values() for text in examples.inputs]),
    )


def read_inputs(config: GenesData, path: Path) -> tuple[str, ...]:
    """Sequences without labels: a file in any format of the data, or one sequence a line.

    Raises:
        DataError: If it is not as it must be; a letter that is no nucleotide is named with its line.
    """
    records = read_records(path, config, labelled=False)
    return tuple(cleaned(r.text, r.place, config.ambiguity) for r in records)


def encode(config: GenesData, preprocessing: Mapping[str, Any], texts: Sequence[str]) -> list[NDArray[np.int32]]:
    """Sequences as the tokens (T) a run was trained on.

    Args:
        config: How letters are read.
        preprocessing: What `load` fitted on train.
        texts: Letters; small ones and U are read as in training.

    Raises:
        DataError: If one is empty, has a letter that is no nucleotide, or is shorter than a token.
    """
    vocabulary = KmerVocabulary.from_state(preprocessing)
    places = [f"sequence {i + 1}" for i in range(len(texts))]
    letters = [cleaned(text, place, config.ambiguity) for text, place in zip(texts, places, strict=True)]
    return _cut(_pieces(vocabulary, letters, places, config.max_length), config.max_length)


def _given(config: GenesData) -> tuple[dict[str, Examples], list[str]]:
    """What is there before anything is drawn, by split."""
    paths = {"train": config.path, "valid": config.valid_path, "test": config.test_path}
    if config.path:
        read = {
            name: _read(own, "data.path" if name == "train" else f"data.{name}_path", config)
            for name, own in paths.items()
            if own
        }
        found = {str(label) for label in read["train"][0].labels}
        if len(found) == 1 and config.label_pattern is None:
            raise DataError(
                f"data.path={','.join(config.path)} has the label '{found.pop()}' only; give data of two classes at "
                "least: of FASTA one file a class, or data.label_pattern for labels in the headers"
            )
        rna = sum(count for _, count in read.values())
        notes = [f"U is read as T in {rna:,} sequences"] if rna else []
        return {name: examples for name, (examples, _) in read.items()}, notes
    if alone := [name for name in ("valid", "test") if paths[name]]:
        raise ConfigError(f"data.{alone[0]}_path needs data.path too, the files to train on")
    texts, labels = promoters(config.examples)
    places = tuple(f"generated promoter {i + 1}" for i in range(len(texts)))
    return {"train": Examples(tuple(texts), tuple(labels), places)}, []


def _read(paths: Sequence[str], key: str, config: GenesData) -> tuple[Examples, int]:
    """The sequences of some files, and how many of them are RNA."""
    files = expand(paths, key, endings=ENDINGS)
    records = [record for path in files for record in read_records(path, config, labelled=True)]
    examples = Examples(
        tuple(cleaned(r.text, r.place, config.ambiguity) for r in records),
        tuple(r.label for r in records),
        tuple(r.place for r in records),
    )
    return examples, sum("U" in r.text.upper() for r in records)


def _both_strands(splits: Mapping[str, Examples]) -> tuple[Examples, list[str]]:
    """Train with the reverse complement of each, but for those that are in valid or test."""
    train = splits["train"]
    held_out = {text for name in ("valid", "test") for text in splits[name].inputs}
    others = [reverse_complement(text) for text in train.inputs]
    kept = [i for i, text in enumerate(others) if text not in held_out]
    second = train.at(kept)
    both = Examples(
        train.inputs + tuple(others[i] for i in kept),
        train.labels + second.labels,
        train.places + second.places,
    )
    gone = len(others) - len(kept)
    return both, [f"{gone:,} reverse complements of train are in valid or test: left out"] if gone else []


def _facts(sequences: Sequence[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {"share of G and C": round(guanine_cytosine(sequences), 4)}
    if others := ambiguous(sequences):
        facts["ambiguous letters"] = ", ".join(f"{letter} {count:,}" for letter, count in others.items())
    return facts


def _pieces(
    vocabulary: KmerVocabulary, texts: Sequence[str], places: Sequence[str], longest: int | None
) -> list[NDArray[np.int32]]:
    pieces = [vocabulary.encode(text, place) for text, place in zip(texts, places, strict=True)]
    for tokens, place in zip(pieces, places, strict=True):
        refuse_endless(len(tokens), place, longest)
    return pieces


def _cut(pieces: list[NDArray[np.int32]], longest: int | None) -> list[NDArray[np.int32]]:
    return [piece[:longest] for piece in pieces]


def _losses(
    name: str, examples: Examples, pieces: Sequence[NDArray[np.int32]], vocabulary: KmerVocabulary, config: GenesData
) -> list[str]:
    """What of a split does not become tokens."""
    notes = []
    rest = sum((len(text) - vocabulary.k) % vocabulary.step > 0 for text in examples.inputs)
    if rest:
        notes.append(f"{name}: {rest:,} sequences end in part of a token, which is left out")
    cut = sum(len(piece) > config.max_length for piece in pieces) if config.max_length else 0
    if cut:
        notes.append(f"{name}: {cut:,} sequences are cut after {config.max_length:,} tokens (data.max_length)")
    return notes
