from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from support.sections import data

from seqexp.config.schema.sequences import TextData
from seqexp.data.examples import Examples, class_names, class_numbers, fingerprint, split_examples
from seqexp.errors import ConfigError, DataError

SHARES = {"valid": 0.1, "test": 0.2, "stratified": True, "seed": 1}


def config(*, split: dict[str, Any] | None = None, **changes: Any) -> TextData:
    made = data("text", split=SHARES | (split or {}), **changes)
    assert isinstance(made, TextData)
    return made


def examples(pairs: Sequence[tuple[str, Any]], file: str = "train") -> Examples:
    texts, labels = [p[0] for p in pairs], [p[1] for p in pairs]
    return Examples(tuple(texts), tuple(labels), tuple(f"{file} line {i + 1}" for i in range(len(pairs))))


def many(counts: dict[str, int]) -> Examples:
    """So many texts of each label, no two alike, the labels mixed."""
    pairs = [(f"{label}{i}", label) for label, count in counts.items() for i in range(count)]
    return examples(sorted(pairs, key=lambda pair: (pair[0][-1], pair)))


def labels_of(split: Examples) -> dict[Any, int]:
    return dict(Counter(split.labels))


def test_shares_are_drawn_and_every_class_has_its_own() -> None:
    splits, notes = split_examples({"train": many({"a": 50, "b": 100})}, config())
    assert {name: labels_of(split) for name, split in splits.items()} == {
        "test": {"a": 10, "b": 20},  # a fifth of all
        "valid": {"a": 4, "b": 8},  # a tenth of what is left
        "train": {"a": 36, "b": 72},
    }
    assert list(splits) == ["train", "valid", "test"]
    assert notes == []


@settings(max_examples=30, deadline=None)
@drawn(
    counts=st.dictionaries(st.sampled_from("abcde"), st.integers(3, 40), min_size=2),
    seed=st.integers(0, 5),
    stratified=st.booleans(),
)
def test_every_sequence_is_in_one_split_with_its_label_and_place(
    counts: dict[str, int], seed: int, stratified: bool
) -> None:
    made = many(counts)
    splits, _ = split_examples({"train": made}, config(split={"seed": seed, "stratified": stratified}))
    rows = [row for s in splits.values() for row in zip(s.inputs, s.labels, s.places, strict=True)]
    assert sorted(rows) == sorted(zip(made.inputs, made.labels, made.places, strict=True))
    assert all(len(s) > 0 for s in splits.values())
    assert set(splits["train"].labels) == set(counts)


def test_the_draw_hangs_on_its_seed_alone() -> None:
    made = {"train": many({"a": 30, "b": 30})}
    first, again, other = (split_examples(made, config(split={"seed": seed}))[0]["test"].inputs for seed in (1, 1, 2))
    assert first == again
    assert set(first) != set(other)


def test_given_splits_stay_as_they_are_and_only_the_missing_is_drawn() -> None:
    test = examples([("t1", "a"), ("t2", "b"), ("t2", "b")], "test")
    splits, _ = split_examples({"train": many({"a": 20, "b": 20}), "test": test}, config())
    assert splits["test"] == test
    assert labels_of(splits["valid"]) == {"a": 2, "b": 2}
    assert len(splits["train"]) == 36


def test_folds_test_every_sequence_once_and_keep_the_classes_in_proportion() -> None:
    made = many({"a": 20, "b": 40})
    tests = [split_examples({"train": made}, config(folds=5, fold=fold))[0]["test"] for fold in range(5)]
    assert [labels_of(test) for test in tests] == [{"a": 4, "b": 8}] * 5
    assert sorted(text for test in tests for text in test.inputs) == sorted(made.inputs)


def test_leave_one_out_is_as_many_folds_as_sequences() -> None:
    made = many({"a": 4, "b": 4})
    tests = [
        split_examples({"train": made}, config(folds=8, fold=fold, split={"stratified": False}))[0]["test"].inputs
        for fold in range(8)
    ]
    assert sorted(tests) == sorted((text,) for text in made.inputs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": 6}, "data.folds=6, but class 'a' has only 5 sequences; choose fewer folds, or data.split.strat"),
        ({"folds": 16, "split": {"stratified": False}}, "data.folds=16, but there are only 15 sequences"),
    ],
)
def test_more_folds_than_there_are_sequences_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split_examples({"train": many({"a": 5, "b": 10})}, config(**changes))


# Identical sequences. Of train, rows 0 and 3 are one text; the text of row 1 is in the test too.

COPIES = examples([("x", "a"), ("leak", "b"), ("y", "b"), ("x", "a"), *((f"{i}", "ab"[i % 2]) for i in range(20))])
TEST = examples([("leak", "b"), ("z", "a"), ("z", "a")], "test")


@pytest.mark.parametrize(
    ("duplicates", "xs", "leaks", "notes"),
    [
        (
            "drop",
            1,
            0,
            [
                "dropped from train, being in valid or test too: 1 sequence",
                "dropped from train, being copies of others there: 1 sequence",
            ],
        ),
        ("group", 2, 0, ["dropped from train, being in valid or test too: 1 sequence"]),
        ("keep", 2, 1, ["in train as well: 1 of 3 of test (data.duplicates=keep)"]),
    ],
)
def test_copies_are_treated_as_chosen(duplicates: str, xs: int, leaks: int, notes: list[str]) -> None:
    splits, said = split_examples(
        {"train": COPIES, "valid": examples([("v", "a")]), "test": TEST}, config(duplicates=duplicates)
    )
    assert splits["test"] == TEST
    assert (splits["train"].inputs.count("x"), splits["train"].inputs.count("leak")) == (xs, leaks)
    assert said == notes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": COPIES}, "train line 4 has the same sequence as train line 1; remove one, or choose data.duplicate"),
        ({"train": COPIES, "test": TEST}, "train line 2 has the same sequence as test line 1;"),
    ],
)
def test_copies_can_be_refused(given: dict[str, Examples], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_examples(given, config(duplicates="refuse"))


@pytest.mark.parametrize("folds", [None, 4])
def test_a_group_of_copies_is_never_divided(folds: int | None) -> None:
    made = examples([(f"text {i % 20}", "ab"[i % 2]) for i in range(80)])
    for fold in range(folds or 1):
        splits, _ = split_examples({"train": made}, config(duplicates="group", folds=folds, fold=fold))
        held = {name: set(split.inputs) for name, split in splits.items()}
        assert sum(map(len, held.values())) == 20
        assert sum(map(len, splits.values())) == 80
        assert all(count == 4 for split in splits.values() for count in Counter(split.inputs).values())


def test_one_text_with_two_labels_is_told() -> None:
    made = examples([("x", "a"), ("x", "b"), *((f"{i}", "ab"[i % 2]) for i in range(20))])
    _, notes = split_examples({"train": made}, config())
    assert notes[0] == "with more than one label: 1 sequence, such as train line 1 and train line 2"


# Refused.


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"train": many({"a": 30})},
            "train line 1 and all others of train have the label 'a'; there must be two classes at least",
        ),
        (
            {"train": many({"a": 30, "b": 30}), "test": examples([("t", "a"), ("u", "c")], "test")},
            "test line 2 of test has the label 'c', which is not in train; train has 'a', 'b'",
        ),
        ({"train": examples([("x", "a"), ("y", "b")])}, "nothing is left for valid of 2 train"),
        (
            {"train": examples([("x", "a")]), "test": examples([("x", "a")])},
            "nothing is left for train of 1 train, 1 t",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(given: dict[str, Examples], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_examples(given, config())


def test_a_label_that_comes_once_stays_in_train() -> None:
    made = examples([*((f"{i}", "ab"[i % 2]) for i in range(20)), ("one", "rare")])
    for seed in range(20):
        for stratified in (True, False):
            splits, _ = split_examples({"train": made}, config(split={"seed": seed, "stratified": stratified}))
            assert "rare" in splits["train"].labels


# Tags, and the order of classes.


def test_sentences_with_tags_are_divided_too_and_no_tag_is_lost_to_train() -> None:
    made = examples([(f"{i} {i}", ("O", f"T{i % 9}")) for i in range(30)])
    splits, _ = split_examples({"train": made}, config())
    assert splits["train"].each_step
    assert sorted(text for s in splits.values() for text in s.inputs) == sorted(made.inputs)
    assert class_names(splits["train"]) == ("O", *(f"T{i}" for i in range(9)))


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["10", "9", "-1", "2.5"], ("-1", "2.5", "9", "10")),
        (["star 10", "star 2", "star"], ("star", "star 2", "star 10")),
        (["b", "B", "a"], ("B", "a", "b")),
    ],
)
def test_classes_are_in_the_order_of_people(labels: list[str], order: tuple[str, ...]) -> None:
    assert class_names(examples([("x", label) for label in labels])) == order


def test_labels_become_numbers_one_for_each_text_or_word() -> None:
    assert class_numbers(examples([("x", "b"), ("y", "a")]), ("a", "b")).tolist() == [1, 0]
    assert class_numbers(examples([("x y", ("b", "a")), ("z", ("b",))]), ("a", "b")).tolist() == [1, 0, 1]
    with pytest.raises(DataError, match=r"train line 2 has the label 'c', but the labels are 'a', 'b'"):
        class_numbers(examples([("x", "b"), ("y", "c")]), ("a", "b"))


def test_the_fingerprint_is_of_texts_labels_and_splits_not_of_places() -> None:
    first = examples([("x", "a"), ("y", "b")])
    moved = Examples(first.inputs, first.labels, ("elsewhere",) * 2)
    assert fingerprint({"train": first}) == fingerprint({"train": moved})
    others = [examples([("x", "b"), ("y", "b")]), examples([("xy", "a"), ("", "b")]), examples([("x", "a")])]
    assert len({fingerprint({"train": e}) for e in (first, *others)} | {fingerprint({"test": first})}) == 5
