"""Labelled sequences as they were read, and the draw of train, valid and test among them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqexp.config.schema.sequences import GenesData, TextData
from seqexp.data.panel import Ints
from seqexp.errors import ConfigError, DataError

Label = str | tuple[str, ...]
_LONGEST = 50_000
"""Tokens of a sequence that is not cut."""
_VALID_STREAM = 1  # apart from the test's draw, which uses the seed alone


@dataclass(frozen=True)
class Examples:
    """Sequences before they are tokens."""

    inputs: tuple[str, ...]
    labels: tuple[Label, ...]
    """One for each; or, in tagging, one for each word of each."""
    places: tuple[str, ...]
    """Where each stands, for messages: `train.csv line 12`."""

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def each_step(self) -> bool:
        """Whether there is a label at every step."""
        return bool(self.labels) and isinstance(self.labels[0], tuple)

    def at(self, rows: Sequence[int] | Ints) -> Examples:
        """Some of them, in the order of `rows`."""
        return Examples(
            tuple(self.inputs[i] for i in rows),
            tuple(self.labels[i] for i in rows),
            tuple(self.places[i] for i in rows),
        )


def split_examples(
    given: Mapping[str, Examples], config: TextData | GenesData
) -> tuple[dict[str, Examples], list[str]]:
    """Train, valid and test: those that are given stay as they are, the others are drawn from train.

    Args:
        given: train, and perhaps valid and test.
        config: The shares or folds, the seed, and what becomes of identical sequences.

    Returns:
        The three splits, and what the user should know about them.

    Raises:
        DataError: If a split is empty, train has one class only, or a label of valid or test is not in train.
        ConfigError: If there are more folds than examples of a class.
    """
    splits = dict(given)
    notes = _without_copies(splits, config.duplicates)
    if "test" not in splits and splits["train"]:
        notes += _draw_test(splits, config)
    if "valid" not in splits and splits["train"]:
        rng = np.random.default_rng((config.split.seed, _VALID_STREAM))
        notes += _move(splits, "valid", _drawn(splits["train"], config.split.valid, config, rng), config)
    _check(splits, given)
    if config.duplicates == "keep":
        notes += _kept_copies(splits)
    return {name: splits[name] for name in ("train", "valid", "test")}, notes


def class_names(train: Examples) -> tuple[str, ...]:
    """The labels of train in their order: numbers as numbers, others as people sort them, 2 before 10."""
    found = set(_flat(train))
    try:
        return tuple(sorted(found, key=lambda label: (float(label), label)))
    except ValueError:
        return tuple(sorted(found, key=lambda label: ([_natural(p) for p in re.split(r"(\d+)", label)], label)))


def class_numbers(examples: Examples, classes: Sequence[str]) -> Ints:
    """The number of each label among `classes`: (S), or (R) over all steps in tagging.

    Raises:
        DataError: If a label is none of them.
    """
    number = {name: i for i, name in enumerate(classes)}
    try:
        return np.array([number[label] for label in _flat(examples)], dtype=np.int64)
    except KeyError as error:
        where = next(p for p, own in zip(examples.places, examples.labels, strict=True) if error.args[0] in _all(own))
        raise DataError(f"{where} has the label {error.args[0]!r}, but the labels are {_some(classes)}") from None


def refuse_endless(tokens: int, place: str, longest: int | None) -> None:
    """Make sure that a sequence can be read through in the time there is.

    Args:
        tokens: How many it has.
        place: Where it stands.
        longest: `data.max_length`, which cuts it.

    Raises:
        DataError: If it is not cut, and too long.
    """
    if longest is None and tokens > _LONGEST:
        raise DataError(
            f"{place} has {tokens:,} tokens, but a network reads one at a time, at most {_LONGEST:,} where nothing is "
            "said; set data.max_length to cut longer ones"
        )


def fingerprint(given: Mapping[str, Examples]) -> str:
    """SHA-256 over all sequences and labels, wherever their files lie."""
    digest = hashlib.sha256()
    for name, examples in given.items():
        digest.update(f"{name} {len(examples)}\x00".encode())
        for text, label in zip(examples.inputs, examples.labels, strict=True):
            digest.update("\x00".join((text, *_all(label), "\x01")).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _without_copies(splits: dict[str, Examples], duplicates: str) -> list[str]:
    """Take copies out of train as the user chose; groups are kept together by the draw."""
    train, notes = splits["train"], _conflicts(splits)
    held_out = {text: p for n in ("valid", "test") if n in splits for text, p in _rows(splits[n])}
    first = dict(reversed([*_rows(train)]))
    leaking = [i for i, text in enumerate(train.inputs) if text in held_out]
    later = [i for i, text in enumerate(train.inputs) if first[text] != train.places[i]]
    if duplicates == "refuse" and (leaking or later):
        row = (leaking or later)[0]
        text = train.inputs[row]
        raise DataError(
            f"{train.places[row]} has the same sequence as {held_out.get(text, first[text])}; remove one, or choose "
            "data.duplicates=drop"
        )
    if duplicates == "keep":
        return notes
    gone = set(leaking) | (set(later) if duplicates == "drop" else set())
    if leaking:
        notes.append(f"dropped from train, being in valid or test too: {_count(len(leaking))}")
    if twice := len(gone) - len(leaking):
        notes.append(f"dropped from train, being copies of others there: {_count(twice)}")
    if gone:
        splits["train"] = train.at([i for i in range(len(train)) if i not in gone])
    return notes


def _rows(examples: Examples) -> Iterator[tuple[str, str]]:
    """Each sequence and where it stands."""
    return zip(examples.inputs, examples.places, strict=True)


def _kept_copies(splits: Mapping[str, Examples]) -> list[str]:
    """A note if sequences of train are in valid or test too."""
    train = set(splits["train"].inputs)
    counts = {name: sum(text in train for text in splits[name].inputs) for name in ("valid", "test")}
    told = ", ".join(f"{count:,} of {len(splits[name]):,} of {name}" for name, count in counts.items() if count)
    return [f"in train as well: {told} (data.duplicates=keep)"] if told else []


def _conflicts(splits: Mapping[str, Examples]) -> list[str]:
    """A note if one sequence has two labels."""
    first: dict[str, tuple[Label, str]] = {}
    twice: dict[str, str] = {}
    for examples in splits.values():
        for text, label, place in zip(examples.inputs, examples.labels, examples.places, strict=True):
            if first.setdefault(text, (label, place))[0] != label:
                twice.setdefault(text, f"{first[text][1]} and {place}")
    if not twice:
        return []
    return [f"with more than one label: {_count(len(twice))}, such as {next(iter(twice.values()))}"]


def _draw_test(splits: dict[str, Examples], config: TextData | GenesData) -> list[str]:
    train = splits["train"]
    if config.folds is None:
        rng = np.random.default_rng(config.split.seed)
        return _move(splits, "test", _drawn(train, config.split.test, config, rng), config)
    from sklearn.model_selection import KFold, StratifiedKFold

    units, groups = _units(train, config.duplicates)
    if config.folds > len(units):
        raise ConfigError(f"data.folds={config.folds}, but there are only {len(units)} sequences; choose fewer folds")
    shuffled = {"n_splits": config.folds, "shuffle": True, "random_state": config.split.seed}
    if config.split.stratified and not train.each_step:
        labels = [str(train.labels[rows[0]]) for rows in units]
        name, count = min(Counter(labels).items(), key=lambda item: (item[1], item[0]))
        if count < config.folds:
            raise ConfigError(
                f"data.folds={config.folds}, but class '{name}' has only {count} sequences; choose fewer folds, or "
                "data.split.stratified=false"
            )
        parts = StratifiedKFold(**shuffled).split(np.zeros(len(units)), labels)
    else:
        parts = KFold(**shuffled).split(np.zeros(len(units)))
    test = set(list(parts)[config.fold][1].tolist())
    _take(splits, "test", [i for i, group in enumerate(groups) if group in test])
    return []


def _drawn(train: Examples, share: float, config: TextData | GenesData, rng: np.random.Generator) -> list[int]:
    """Rows for a split that is a share of train: at least one, and of each class the same share."""
    units, groups = _units(train, config.duplicates)
    wanted = min(max(round(share * len(units)), 1), len(units) - 1)
    order = rng.permutation(len(units))
    if not config.split.stratified or train.each_step:
        chosen = set(order[:wanted].tolist())
    else:
        labels = np.array([str(train.labels[rows[0]]) for rows in units])[order]
        chosen = set(order[_stratified(labels, wanted)].tolist())
    return [i for i, group in enumerate(groups) if group in chosen]


def _stratified(labels: NDArray[np.str_], wanted: int) -> Ints:
    """Places of `wanted` labels, the first of each class: shares rounded down, the rest to the largest remainders."""
    names, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    exact = counts * (wanted / len(labels))
    taken = np.floor(exact).astype(np.int64)
    for c in np.argsort(taken - exact, kind="stable"):
        if taken.sum() < wanted and taken[c] < counts[c] - 1:  # one of each class is left to be trained on
            taken[c] += 1
    return np.concatenate([np.flatnonzero(which == c)[: taken[c]] for c in range(len(names))])


def _units(train: Examples, duplicates: str) -> tuple[list[list[int]], list[int]]:
    """What is drawn as one: the rows of each unit, and the unit of each row. Groups of copies, or single rows."""
    if duplicates != "group":
        return [[i] for i in range(len(train))], list(range(len(train)))
    number: dict[str, int] = {}
    groups = [number.setdefault(text, len(number)) for text in train.inputs]
    units: list[list[int]] = [[] for _ in number]
    for row, group in enumerate(groups):
        units[group].append(row)
    return units, groups


def _move(splits: dict[str, Examples], name: str, rows: Sequence[int], config: TextData | GenesData) -> list[str]:
    """Take rows out of train, but for those whose label would be left nowhere in train."""
    train, gone = splits["train"], set(rows)
    known = {label for i, own in enumerate(train.labels) if i not in gone for label in _all(own)}
    staying = {i for i in rows if not known.issuperset(_all(train.labels[i]))}
    if config.duplicates == "group":
        together = {train.inputs[i] for i in staying}
        staying = {i for i in rows if train.inputs[i] in together}
    _take(splits, name, [i for i in rows if i not in staying])
    return [f"kept in train, not {name}, for a label that is nowhere else: {_count(len(staying))}"] if staying else []


def _take(splits: dict[str, Examples], name: str, rows: Sequence[int]) -> None:
    train, gone = splits["train"], set(rows)
    splits[name] = train.at(rows)
    splits["train"] = train.at([i for i in range(len(train)) if i not in gone])


def _check(splits: Mapping[str, Examples], given: Mapping[str, Examples]) -> None:
    for name in ("train", "valid", "test"):
        if not len(splits.get(name, ())):
            sizes = ", ".join(f"{len(examples):,} {given_name}" for given_name, examples in given.items())
            raise DataError(f"nothing is left for {name} of {sizes}; give more data, or other shares in data.split")
    known = set(_flat(splits["train"]))
    if len(known) < 2:
        raise DataError(
            f"{splits['train'].places[0]} and all others of train have the label '{next(iter(known))}'; there must be "
            "two classes at least"
        )
    for name in ("valid", "test"):
        for place, own in zip(splits[name].places, splits[name].labels, strict=True):
            if unseen := [label for label in _all(own) if label not in known]:
                raise DataError(
                    f"{place} of {name} has the label '{unseen[0]}', which is not in train; train has "
                    f"{_some(sorted(known))}"
                )


def _flat(examples: Examples) -> Iterator[str]:
    return (label for own in examples.labels for label in _all(own))


def _all(label: Label) -> tuple[str, ...]:
    return (label,) if isinstance(label, str) else label


def _natural(part: str) -> tuple[int, str]:
    return (int(part), "") if part.isdecimal() else (-1, part)


def _count(rows: int) -> str:
    return f"{rows:,} sequence{'s' if rows > 1 else ''}"


def _some(names: Sequence[str]) -> str:
    """Names for messages, the first ten."""
    listed = ", ".join(f"'{name}'" for name in names[:10])
    return listed if len(names) <= 10 else f"{listed} and {len(names) - 10} more"
