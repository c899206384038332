"""Running text: files read piece by piece as characters, cut by position into train, valid and test."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqexp.config.schema.sequences import LanguageData
from seqexp.data.corpus import FORMAT, Corpus, Pieces, open_corpus, user_cache
from seqexp.data.sources.plain_text import Text, scanned, text_files
from seqexp.data.tokenizer import Vocabulary
from seqexp.errors import ConfigError, DataError

_WRITTEN_UNKNOWN = re.compile(r"(?<!\S)<unk>(?!\S)")
_PIECE = 1 << 18
"""Characters of a piece of text, about."""


@dataclass(frozen=True)
class LanguageCorpus:
    """Tokens, and what is to be said of them."""

    corpus: Corpus
    notes: tuple[str, ...]
    files: dict[str, list[str]]
    """What each split was read from."""


def load(config: LanguageData, fitted: Mapping[str, Any] | None = None) -> LanguageCorpus:
    """Read, split, fit the vocabulary on train, and tokenise; or find that in the cache.

    Args:
        config: Where the text is and how it is read.
        fitted: The preprocessing of a run that goes on; None: the vocabulary is fitted on train.

    Raises:
        DataError: If a file is missing, empty, binary or in another encoding.
        ConfigError: If nothing is left for train, or the vocabulary is too small.
    """
    given = {"train": _texts(config.path, config, "data.path")}
    for split, paths in (("valid", config.valid_path), ("test", config.test_path)):
        if paths:
            given[split] = _texts(paths, config, f"data.{split}_path")
    _refuse_leaks(given)
    shares = {s: share for s, share in (("valid", config.valid), ("test", config.test)) if s not in given}
    if sum(shares.values()) >= 1:
        raise ConfigError(f"data.valid and data.test must leave something for train, but are {shares}")
    read = (
        FORMAT, {split: [t.digest for t in texts] for split, texts in given.items()}, shares,
        config.tokenizer.model_dump(mode="json"), config.end_of_line,
    )  # fmt: skip
    fingerprint = hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()
    notes = [text.note for texts in given.values() for text in texts if text.note]

    def pieces() -> Iterator[tuple[str, str]]:
        characters = sum(t.characters for t in given["train"])
        borders = [int(characters * (1 - sum(list(shares.values())[i:]))) for i in range(len(shares))]
        names = ("train", *shares)
        for part, piece in cut(_pieces(_joined(given["train"])), borders, characters):
            yield names[part], piece
        for split in given.keys() - {"train"}:
            for piece in _pieces(_joined(given[split])):
                yield split, piece

    written = config.tokenizer.kind == "word" and _is_tokenised(given["train"])

    def fit(texts: Iterable[str]) -> Vocabulary:
        # what is written as unknown is that token already, and no word of its own
        known = (_WRITTEN_UNKNOWN.sub("", text) for text in texts) if written else texts
        return Vocabulary.fit(known, config.tokenizer, end_of_line=config.end_of_line, given_words=written)

    folder = Path(config.cache) if config.cache else user_cache()
    corpus = open_corpus(folder, fingerprint, pieces, fit)
    if fitted is not None and corpus.vocabulary.state() != fitted["vocabulary"]:
        # the cache was lost, and this kind of vocabulary is not fitted the same way twice
        corpus = _as_it_was(folder, fingerprint, pieces, fitted["vocabulary"])
    _check_sizes(corpus)
    if written:
        notes.append("the text has '<unk>' in place of rare words, so words are taken as they stand between spaces")
    notes += _unknown(corpus)
    return LanguageCorpus(corpus, tuple(notes), {split: [t.name for t in texts] for split, texts in given.items()})


def _as_it_was(folder: Path, fingerprint: str, pieces: Pieces, vocabulary: Mapping[str, Any]) -> Corpus:
    """The tokens of a text by a given vocabulary."""
    key = hashlib.sha256(f"{fingerprint} {json.dumps(vocabulary, sort_keys=True)}".encode()).hexdigest()
    corpus = open_corpus(folder, key, pieces, lambda _: Vocabulary.from_state(vocabulary))
    return replace(corpus, fingerprint=fingerprint)


def cut(pieces: Iterable[str], borders: Sequence[int], characters: int) -> Iterator[tuple[int, str]]:
    """Cut text where a line begins at or after each border; at the border itself if no line begins near it.

    Args:
        pieces: The text.
        borders: Characters before each cut, rising.
        characters: Of the whole text.

    Yields:
        How many cuts came before, and a piece.
    """
    part, done = 0, 0
    for whole in pieces:
        piece = whole
        while part < len(borders) and done + len(piece) > borders[part]:
            at = max(borders[part] - done, 0)
            end = piece.find("\n", at - 1) + 1 if at else 0
            following = borders[part + 1] if part + 1 < len(borders) else characters
            if at and (not end or done + end >= following):
                end = at
            if end:
                yield part, piece[:end]
            piece, done, part = piece[end:], done + end, part + 1
        if piece:
            yield part, piece
        done += len(piece)


def read_pieces(path: Path, encoding: str) -> Iterator[str]:
    """One file, in pieces that end with a line.

    Raises:
        DataError: If it is missing, empty, binary or in another encoding.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist")
    yield from _pieces(_joined([scanned(path, encoding)]))


def _texts(paths: tuple[str, ...], config: LanguageData, key: str) -> list[Text]:
    if not paths:
        return [_documentation()]
    return [scanned(path, config.encoding) for path in text_files(paths, key)]


def _documentation() -> Text:
    """The pages that Python's own help shows; many share paragraphs, which are there once: else test were in train."""
    from seqexp.data.sources.python_docs import topics, version

    text = "\n\n".join(dict.fromkeys(topics().split("\n\n")))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Text(f"the documentation of {version()}", lambda: iter((text,)), digest, len(text))


def _joined(texts: Sequence[Text]) -> Iterator[str]:
    """One text after another, each from a new line."""
    last = "\n"
    for text in texts:
        if not last.endswith("\n"):
            yield "\n"
        for block in text.blocks():
            if block:
                yield block
                last = block


def _pieces(blocks: Iterable[str]) -> Iterator[str]:
    """The same text in pieces that end with a line; in a line longer than a piece with a word, if it has any."""
    rest = ""
    for block in blocks:
        rest += block
        if len(rest) >= _PIECE:
            end = rest.rfind("\n") + 1 or rest.rfind(" ") + 1 or len(rest)
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _is_tokenised(texts: Sequence[Text]) -> bool:
    """Whether the words of a text are apart already, as in the published corpora: they have <unk> for rare ones."""
    return bool(_WRITTEN_UNKNOWN.search(next(_pieces(_joined(texts)))))


def _refuse_leaks(given: dict[str, list[Text]]) -> None:
    """Raise where a file is in two splits.

    Raises:
        DataError: Naming both.
    """
    seen: dict[str, tuple[str, str]] = {}
    for split, texts in given.items():
        for text in texts:
            other, name = seen.setdefault(text.digest, (split, text.name))
            if other != split:
                raise DataError(
                    f"{text.name} is in {split}, but the same text is in {other} ({name}): what is scored must not be "
                    "learned; take it out of one of the two"
                )


def _check_sizes(corpus: Corpus) -> None:
    for split in ("train", "valid", "test"):
        tokens = len(corpus.splits[split]) if split in corpus.splits else 0
        if tokens < 2:
            raise DataError(
                f"{split} has {tokens} tokens, but needs two at the least, one to read and one to say; give more text, "
                "or other shares with data.valid and data.test"
            )


def _unknown(corpus: Corpus) -> list[str]:
    """What the vocabulary leaves out of each split."""
    notes = []
    for split, tokens in corpus.splits.items():
        if tokens.unknown:
            notes.append(
                f"{tokens.unknown:,} of the {len(tokens):,} tokens of {split} ({tokens.unknown / len(tokens):.2%}) are "
                "unknown: train does not have them, or data.tokenizer leaves them out"
            )
    return notes
