from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest

from seqexp.data.sources import python_docs
from seqexp.data.sources.python_docs import PACKAGES, docstrings, topics, version
from seqexp.errors import DataError


def test_packages_have_texts_of_comparable_number() -> None:
    found = docstrings()
    counts = Counter(package for package, _ in found)
    assert set(counts) == set(PACKAGES)
    assert max(counts.values()) < 5 * min(counts.values())
    assert min(counts.values()) >= 50
    doc = str(asyncio.BaseEventLoop.shutdown_asyncgens.__doc__)
    assert ("asyncio", doc) in found


def test_no_text_gives_its_package_away_or_comes_twice() -> None:
    found = docstrings()
    assert [text for package, text in found if package in text.lower()] == []
    assert len({text for _, text in found}) == len(found)
    assert all(5 <= len(text.split()) <= 64 and ">>>" not in text for _, text in found)
    assert found == docstrings.__wrapped__(PACKAGES)  # read again


LIBRARY = '''
"""A module about things and stuff."""
class Thing:
    """A thing of which there are many."""
    def run(self):
        """Too short."""
    async def walk(self):
        """Walk as far as it goes:

            to the end.

        >>> Thing().walk()
        """
        def inner():
            """An inner function has one as well."""
try:
    def made():
        """Made where it can be made."""
except ImportError:
    pass
else:
    def other():
        """This one of things names Alpha too."""
'''


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A standard library of two packages, one of them a single file."""
    (tmp_path / "alpha" / "test").mkdir(parents=True)
    (tmp_path / "alpha" / "main.py").write_text(LIBRARY)
    (tmp_path / "alpha" / "test" / "test_main.py").write_text('"""Tests of the package are left out."""')
    (tmp_path / "beta.py").write_text(
        '"""A module about things and stuff."""\ndef f():\n    r"""Five words \\d are enough."""\n'
    )
    monkeypatch.setattr(python_docs.sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)})
    return tmp_path


def test_docstrings_of_all_that_is_defined_are_read(library: Path) -> None:
    assert library.is_dir()
    assert list(docstrings(("alpha",))) == [
        ("alpha", text)
        for text in (
            "A module about things and stuff.",
            "A thing of which there are many.",
            "Walk as far as it goes: to the end.",
            "An inner function has one as well.",
            "Made where it can be made.",
        )
    ]


def test_a_text_of_two_packages_is_of_neither(library: Path) -> None:
    assert library.is_dir()
    found = docstrings(("alpha", "beta"))
    assert found[-1] == ("beta", "Five words \\d are enough.")
    assert "A module about things and stuff." not in {text for _, text in found}


def test_a_python_without_sources_says_so(library: Path) -> None:
    assert library.is_dir()
    with pytest.raises(
        DataError, match=r"this Python has no sources of its package gamma in .*; give texts of your own"
    ):
        docstrings(("gamma",))


def test_topics_are_long_english_and_the_version_is_named() -> None:
    text = topics()
    assert len(text) > 300_000
    assert text.startswith('The "assert" statement')
    assert version() == "Python " + ".".join(map(str, sys.version_info[:3]))
