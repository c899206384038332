"""From text to tokens and back: words, characters, bytes, and pieces of words by the `tokenizers` library.

Token 0 is padding and token 1 is unknown, whatever the kind. The vocabulary is fitted on train alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqexp.config.schema.sequences import Tokenizer
from seqexp.errors import ConfigError

if TYPE_CHECKING:
    import tokenizers

Ids = NDArray[np.int32]
PADDING = "< pad >"
"""How token 0 is written: with spaces, so that no text has it as a token."""
UNKNOWN = "<unk>"
_RESERVED = (PADDING, UNKNOWN)
_CODES = 0x110000
"""How many characters Unicode has."""
_BATCH = 256
"""Texts the library is given at a time: what it says of a token takes a hundred bytes until it is let go."""
_WORD = r"\w+|[^\w\s]+"
_GIVEN = r"\S+"
_LINE_END = r"|\n"

# One thread: the same vocabulary every time, and no threads that a later fork would have to warn of.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


class Vocabulary:
    """What is a token, and which number it has.

    Args:
        kind: One of `schema.sequences.Tokenization`.
        lowercase: Whether capital letters are read as small ones.
        stored: The characters in their order, or the library's JSON; empty for bytes.
    """

    unknown = 1

    def __init__(self, kind: str, *, lowercase: bool, stored: str) -> None:
        self.kind = kind
        self._lowercase, self._stored = lowercase, stored
        self._library: tokenizers.Tokenizer | None = None
        if kind == "character":
            self._table = np.full(_CODES, self.unknown, dtype=np.int32)
            self._table[_codes(stored)] = np.arange(len(stored), dtype=np.int32) + len(_RESERVED)
            self.size = len(stored) + len(_RESERVED)
        elif kind == "byte":
            self.size = 256 + len(_RESERVED)
        else:
            import tokenizers

            self._library = tokenizers.Tokenizer.from_str(stored)
            self.size = self._library.get_vocab_size()

    @classmethod
    def fit(
        cls, texts: Iterable[str], config: Tokenizer, *, end_of_line: bool = False, given_words: bool = False
    ) -> Vocabulary:
        """Find the tokens of some texts.

        The same texts give the same vocabulary, but for kind=unigram, whose scores hang a little on the library's
        hash tables: a run that goes on takes its state, and does not fit again.

        Args:
            texts: Of train.
            config: The kind, and how many tokens there may be.
            end_of_line: Words: the end of a line is a token too.
            given_words: Words: what stands between spaces is one, with its punctuation.

        Raises:
            ConfigError: If the vocabulary is too small for the kind.
        """
        if config.vocabulary_size < _least(config):
            raise ConfigError(
                f"data.tokenizer.vocabulary_size must be at least {_least(config)} with kind={config.kind}, but is "
                f"{config.vocabulary_size}"
            )
        if config.kind == "byte":
            stored = ""
        elif config.kind == "character":
            stored = _common_characters(texts, config)
        else:
            pattern = _GIVEN if given_words else _WORD
            stored = _trained(texts, config, pattern + _LINE_END if end_of_line else pattern)
        return cls(config.kind, lowercase=config.lowercase, stored=stored)

    def encode(self, text: str) -> Ids:
        """The tokens (T) of a text."""
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        """The tokens of each text."""
        if self._library is not None:
            batches = (list(texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH))
            encodings = (e for batch in batches for e in self._library.encode_batch_fast(batch))
            return [np.array(e.ids, dtype=np.int32) for e in encodings]
        lowered = [text.lower() for text in texts] if self._lowercase else texts
        if self.kind == "character":
            return [self._table[_codes(text)] for text in lowered]
        return [np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int32) + len(_RESERVED) for text in lowered]

    def decode(self, tokens: Sequence[int] | Ids) -> str:
        """The text of some tokens; padding is left out."""
        kept = [int(t) for t in tokens if t != 0]
        if self.kind == "byte":
            return bytes(t - len(_RESERVED) for t in kept if t >= len(_RESERVED)).decode(errors="replace")
        if self.kind == "character":
            return "".join(self.token(t) for t in kept)
        if self.kind == "word":
            return " ".join(self.token(t) for t in kept).replace(" \n ", "\n").replace(" \n", "\n")
        assert self._library is not None
        return str(self._library.decode(kept, skip_special_tokens=False))

    def token(self, number: int) -> str:
        """How one token is written."""
        if number < len(_RESERVED):
            return _RESERVED[number]
        if self.kind == "character":
            return self._stored[number - len(_RESERVED)]
        if self.kind == "byte":
            return f"<{number - len(_RESERVED):02X}>"
        assert self._library is not None
        return str(self._library.id_to_token(number))

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` makes the same vocabulary."""
        return {"kind": self.kind, "lowercase": self._lowercase, "stored": self._stored}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that gave this state."""
        return cls(state["kind"], lowercase=state["lowercase"], stored=state["stored"])


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def _least(config: Tokenizer) -> int:
    """How small a vocabulary may be: byte pair encoding begins with the 256 bytes."""
    return {"byte": 1, "bpe": 256 + len(_RESERVED)}.get(config.kind, len(_RESERVED) + 1)


def _common_characters(texts: Iterable[str], config: Tokenizer) -> str:
    """The characters that are kept, the commonest first."""
    counts = np.zeros(_CODES, dtype=np.int64)
    for text in texts:
        np.add.at(counts, _codes(text.lower() if config.lowercase else text), 1)
    order = np.argsort(-counts, kind="stable")[: config.vocabulary_size - len(_RESERVED)]
    return "".join(chr(code) for code in order if counts[code] >= max(config.min_count, 1))


def _trained(texts: Iterable[str], config: Tokenizer, pattern: str) -> str:
    """The library's tokenizer for these texts, as JSON."""
    import tokenizers
    from tokenizers import normalizers

    tokenizer, trainer = _MAKERS[config.kind](config, pattern)
    if config.lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.train_from_iterator(texts, trainer)
    described = json.loads(tokenizer.to_str())
    if config.kind == "word":  # a text may have "<unk>" as a word: that is the unknown token
        vocabulary = described["model"]["vocab"]
        words = sorted(vocabulary.keys() - set(_RESERVED), key=vocabulary.__getitem__)
        described["model"]["vocab"] = {word: i for i, word in enumerate((*_RESERVED, *words))}
    described["added_tokens"] = []  # else a text that has "<unk>" or the padding's name would be given these tokens
    stored = json.dumps(described, ensure_ascii=False)
    assert [tokenizers.Tokenizer.from_str(stored).id_to_token(i) for i in range(2)] == list(_RESERVED)
    return stored


def _words(config: Tokenizer, pattern: str) -> tuple[tokenizers.Tokenizer, Any]:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)
    return made, trainers.WordLevelTrainer(
        vocab_size=config.vocabulary_size,
        min_frequency=config.min_count,
        special_tokens=list(_RESERVED),
        show_progress=False,
    )


def _pairs(config: Tokenizer, _: str) -> tuple[tokenizers.Tokenizer, Any]:
    """Byte pair encoding over bytes, so that nothing is unknown."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made, trainers.BpeTrainer(
        vocab_size=config.vocabulary_size,
        special_tokens=list(_RESERVED),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )


def _unigrams(config: Tokenizer, _: str) -> tuple[tokenizers.Tokenizer, Any]:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    made.decoder = decoders.Metaspace(prepend_scheme="never")
    return made, trainers.UnigramTrainer(
        vocab_size=config.vocabulary_size,
        special_tokens=list(_RESERVED),
        unk_token=UNKNOWN,
        show_progress=False,
    )


_MAKERS: dict[str, Callable[[Tokenizer, str], tuple[Any, Any]]] = {
    "word": _words,
    "bpe": _pairs,
    "unigram": _unigrams,
}
