"""What can be said about data that is many sequences by themselves: sentences, genes, pieces of music, made-up ones."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from seqexp.config.schema.base import Names, PositiveInt, Section


def _pattern(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"must be a regular expression; {error}") from None
    if groups != 1:
        raise ValueError(f"must have one group in parentheses, which is the label, but has {groups}")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Share = Annotated[float, Field(gt=0, lt=1)]
Tokenization = Literal["word", "character", "byte", "bpe", "unigram"]


class Tokenizer(Section):
    """How text becomes tokens. The vocabulary is fitted on train alone and saved in the run."""

    kind: Tokenization = Field(
        description="word: words and punctuation marks; character; byte: the 256 bytes of UTF-8; bpe: byte pair "
        "encoding (Sennrich et al. 2016); unigram: the unigram model (Kudo 2018)."
    )
    lowercase: bool = Field(description="Read capital letters as small ones.")
    vocabulary_size: PositiveInt = Field(description="Most tokens of the vocabulary, the commonest first.")
    min_count: PositiveInt = Field(description="Tokens rarer than this in train are unknown (word and character).")


class Batching(Section):
    """How sequences of unlike lengths are put into batches."""

    bucket: PositiveInt = Field(
        description="Batches whose sequences are shuffled together, then sorted by length, so that little is padded; "
        "1: no sorting."
    )
    max_tokens: PositiveInt | None = Field(
        description="Most steps of a batch, padding counted, in place of trainer.batch_size; null: no limit."
    )


class ExampleSplit(Section):
    """Who is trained on and who is tested: drawn at random, but for files that are given."""

    valid: Share = Field(description="Share of train that is kept for validation, unless data.valid_path is given.")
    test: Share = Field(description="Share of all for the test, unless data.test_path or data.folds is given.")
    stratified: bool = Field(description="Every class has the same share in each split.")
    seed: int = Field(ge=0, lt=2**32, description="Seed of the draw; apart from `seed`, so that runs share one split.")


class _Sequences(Section):
    batching: Batching


class _Labelled(_Sequences):
    """Labelled sequences from files, or those that come with seqexp."""

    path: Names = Field(description="Files, folders or globs (.gz too); null: the data that comes with seqexp.")
    valid_path: Names = Field(description="Files of the validation split; null: a share of train.")
    test_path: Names = Field(description="Files of the test split; null: a share of all.")
    folds: int | None = Field(ge=2, description="Cross-validation: so many parts, one the test; null: none.")
    fold: int = Field(ge=0, description="Which part is the test, from 0.")
    duplicates: Literal["drop", "group", "keep", "refuse"] = Field(
        description="Identical sequences: drop all but the first (a test sequence that is in train is no test; given "
        "files: dropped from train), group them in one split, keep, or refuse."
    )
    max_length: PositiveInt | None = Field(description="Longer sequences are cut after so many tokens; null: never.")
    split: ExampleSplit

    @model_validator(mode="after")
    def _consistent_folds(self) -> _Labelled:
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"needs a fold below folds={self.folds}, but has fold={self.fold}")
        if self.folds is not None and self.test_path:
            raise ValueError("has folds and a test_path; cross-validation takes its test from path: leave one out")
        return self


class TextData(_Labelled):
    """Labelled text: reviews, questions, messages; or words with a tag each."""

    name: Literal["text"]
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet", "lines", "conll"] = Field(
        description="auto: by the ending; lines: `label text`; conll: a word and its tag a line, sentences apart by "
        "an empty line."
    )
    encoding: str = Field(description="auto: UTF-8, else detected; or a name such as latin-1.")
    text_column: str | None = Field(description="The column of texts; null: found by name or content.")
    label_column: str | None = Field(description="The column of labels (or tags); null: found by name or content.")
    label_pattern: Pattern | None = Field(
        description="A regular expression whose group is the label: '^([A-Z]+)' makes NUM of NUM:date; null: all of it."
    )
    tokenizer: Tokenizer


class GenesData(_Labelled):
    """Labelled DNA or RNA: FASTA, CSV or the UCI format."""

    name: Literal["genes"]
    format: Literal["auto", "fasta", "csv", "uci"] = Field(
        description="auto: by ending and content; fasta: a file a class, or the label in the header; csv: a column of "
        "sequences and one of labels; uci: `class, name, sequence`."
    )
    sequence_column: str | None = Field(description="The column of sequences (csv); null: found.")
    label_column: str | None = Field(description="The column of labels (csv); null: found.")
    label_pattern: Pattern | None = Field(
        description="A regular expression on FASTA headers whose group is the label; null: the file's name."
    )
    tokens: Literal["nucleotide", "kmer", "codon"] = Field(description="What is read at a step.")
    k: PositiveInt = Field(description="Letters of a k-mer.")
    overlap: bool = Field(description="k-mers start at every letter; false: every k letters.")
    ambiguity: Literal["letter", "unknown", "refuse"] = Field(
        description="IUPAC ambiguity codes such as N and R: letters of their own, all unknown, or refused."
    )
    reverse_complement: bool = Field(description="Train also on the reverse complement of each sequence.")
    examples: PositiveInt = Field(description="Sequences of the generated promoters, where no path is given.")


class AddingData(_Sequences):
    """The adding problem (Hochreiter and Schmidhuber 1997): the sum of the two marked among T numbers in 0..1."""

    name: Literal["adding"]
    length: int = Field(ge=2, description="T, the steps of a sequence.")
    train: PositiveInt = Field(description="Sequences of the train split.")
    valid: PositiveInt = Field(description="Sequences of the validation split.")
    test: PositiveInt = Field(description="Sequences of the test split.")
    seed: int = Field(ge=0, lt=2**32, description="Seed of the numbers; apart from `seed`, so that runs share them.")


class CopyMemoryData(_Sequences):
    """The copy task (Arjovsky et al. 2016): ten digits, T steps of nothing, then the ten again."""

    name: Literal["copy_memory"]
    length: PositiveInt = Field(description="T, the steps between; a sequence has T + 20.")
    train: PositiveInt = Field(description="Sequences of the train split.")
    valid: PositiveInt = Field(description="Sequences of the validation split.")
    test: PositiveInt = Field(description="Sequences of the test split.")
    seed: int = Field(ge=0, lt=2**32, description="Seed of the digits; apart from `seed`, so that runs share them.")


class DigitsData(_Sequences):
    """Handwritten digits read pixel by pixel: scikit-learn's 1,797 of 8 x 8, or MNIST's files by path."""

    name: Literal["digits"]
    path: Names = Field(description="A folder with MNIST's four idx files (.gz too); null: scikit-learn's digits.")
    permuted: bool = Field(description="Read the pixels in one random order, the same for all (Le et al. 2015).")
    split: ExampleSplit


class MusicData(_Sequences):
    """Piano rolls: which of 88 keys sound at each step, predicted from the steps before."""

    name: Literal["music"]
    path: Names = Field(
        description="A MATLAB file with traindata, validdata and testdata, as JSB chorales and Nottingham are spread; "
        "null: generated chord progressions."
    )


SequenceData = TextData | GenesData | AddingData | CopyMemoryData | DigitsData | MusicData


class LanguageData(Section):
    """Running text: one long sequence of tokens, written once to a cache and read from there."""

    name: Literal["language"]
    path: Names = Field(description="Text files, folders or globs (.gz too); null: the Python documentation.")
    valid_path: Names = Field(description="Files of the validation split; null: a share from the end of path.")
    test_path: Names = Field(description="Files of the test split; null: a share from the end of path.")
    encoding: str = Field(description="auto: UTF-8, else detected; or a name such as latin-1.")
    valid: Share = Field(description="Share of the text that is kept for validation, before the test's.")
    test: Share = Field(description="Share of the text that is kept for the test, at its end.")
    tokenizer: Tokenizer
    end_of_line: bool = Field(description="Word tokens: a token at each line's end, as in Penn Treebank's results.")
    bptt: PositiveInt = Field(description="Steps of truncated back-propagation through time.")
    cache: str | None = Field(description="Folder of the written tokens; null: the user's cache folder.")
