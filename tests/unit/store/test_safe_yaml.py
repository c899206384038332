from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seqexp.errors import RunError
from seqexp.store import safe_yaml


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_plain_values_come_back(file: Path) -> None:
    values = {"a": {"b": [1, 2.5, None, True, "x: y", "2016-01-31", "no", "1:30"]}, "ü": "é\n"}
    file.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    assert safe_yaml.load(file) == values


# PyYAML itself does not bring the three line breaks of Unicode back.
text = st.text(st.characters(exclude_characters="\x85\u2028\u2029", exclude_categories=["Cs"]))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(text, plain, max_size=4))
def test_whatever_we_write_we_read(tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")
    assert safe_yaml.load(path) == values


def test_a_date_stays_the_text_it_is(file: Path) -> None:
    file.write_text("start: 2016-01-31\nuntil: 2016-01-31 12:00:00\n")
    assert safe_yaml.load(file) == {"start": "2016-01-31", "until": "2016-01-31 12:00:00"}


ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ALIAS_BOMB, "it has an alias"),
        ("a: &x [*x]", "it has an alias"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "it has an alias"),
        ("a: " + "[" * 21 + "]" * 21, "nested more than 20 deep"),
        ("a: " + "[" * 100_000, "nested more than 20 deep"),
        ("a: " + "{b: " * 5_000, "nested more than 20 deep"),
        ("\n".join(" " * i + "a:" for i in range(50)), "nested more than 20 deep"),
        ("a: !!python/object/apply:os.system ['touch exploded']", "python/object"),
        ("a: !!python/name:os.system", "python/name"),
        ("a: !mine 1", "!mine"),
        ("a: !!binary aGVsbG8=", "binary"),
        ("a: !!set {x, y}", "set"),
        ("a: !!timestamp 2016-01-31", "timestamp"),
        ("a: !!omap [x: 1]", "omap"),
        ("1: a", "key must be text"),
        ("null: a", "key must be text"),
        ("? [a, b]\n: c", "key must be text"),
        ("a: b: c", "mapping values are not allowed"),
        ("a: [1, 2", "expected"),
        ("a: 'x", "found unexpected end"),
        ("\ta: 1", "found character"),
        ("a: 1\n---\nb: 2", "single document"),
        ("a: 1\na: 2", "key 'a' twice"),
        ("a: " + "9" * 5_000, "not plain YAML"),
        ("a: \x07", "special characters are not allowed"),
    ],
)
def test_what_is_not_plain_is_refused_at_once(file: Path, text: str, reason: str) -> None:
    file.write_text(text)
    start = time.perf_counter()
    with pytest.raises(RunError) as error:
        safe_yaml.load(file)
    assert time.perf_counter() - start < 2
    assert str(error.value).startswith(f"{file} is not plain YAML: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert not (file.parent / "exploded").exists()


@pytest.mark.parametrize("text", ["", "# nothing\n", "just text", "[1, 2]", "3"])
def test_a_file_without_keys_is_damaged(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(RunError, match=r"config\.yaml holds no keys; it was damaged"):
        safe_yaml.load(file)


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(b"a: \xff\xfe\x00")
    with pytest.raises(RunError, match="is not plain YAML"):
        safe_yaml.load(file)


def test_a_huge_file_is_not_even_read(file: Path) -> None:
    file.write_text("a: 1\n" + "#" * safe_yaml.MAX_BYTES)
    with pytest.raises(RunError, match=r"has more than 1000000 bytes; no configuration does"):
        safe_yaml.load(file)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(RunError, match=r"cannot read .*config\.yaml: No such file or directory"):
        safe_yaml.load(file)
