"""English that every Python has with it: the docstrings of its standard library, and the topics of its `help`.

Sources are parsed and never imported, so nothing runs. Each version of Python has its own texts: what is read here
differs from machine to machine, and the fingerprint of the data tells.
"""

from __future__ import annotations

import ast
import inspect
import platform
import re
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from seqexp.errors import DataError

PACKAGES = ("asyncio", "decimal", "email", "http", "importlib", "logging", "multiprocessing", "unittest", "xml")
"""Those with 100 to 300 docstrings each; all are part of every Python from 3.11 on."""
_FILES = {"decimal": "_pydecimal.py"}
_FEWEST_WORDS, _MOST_WORDS = 5, 64
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def docstrings(packages: tuple[str, ...] = PACKAGES) -> tuple[tuple[str, str], ...]:
    """Packages with their docstrings, in the order of the files.

    A docstring ends where its examples (`>>>`) begin, or after 64 words. Left out are those of fewer than five words,
    those that stand in two packages, and those that have their own package's name in them, in any spelling, which
    would give the answer away.

    Raises:
        DataError: If this Python has no sources of its library.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    found = [(package, text) for package in packages for text in _texts(root, package)]
    packages_of = Counter(text for _, text in dict.fromkeys(found))
    return tuple(
        (package, text)
        for package, text in dict.fromkeys(found)
        if len(text.split()) >= _FEWEST_WORDS and packages_of[text] == 1 and package not in text.lower()
    )


def topics() -> str:
    """The topics of Python's `help`, one after another in the order of their names."""
    from pydoc_data.topics import topics as texts

    return "\n".join(texts[name].strip() + "\n" for name in sorted(texts))


def version() -> str:
    """The Python whose texts are read: `Python 3.11.7`."""
    return f"Python {platform.python_version()}"


def _texts(root: Path, package: str) -> Iterator[str]:
    folder = root / package
    single = root / _FILES.get(package, f"{package}.py")
    paths = sorted(folder.rglob("*.py"), key=lambda p: p.relative_to(root).as_posix()) if folder.is_dir() else [single]
    paths = [p for p in paths if not {"test", "tests"} & set(p.relative_to(root).parts)]
    if not paths or not paths[0].is_file():
        raise DataError(
            f"this Python has no sources of its package {package} in {root}; give texts of your own in data.path"
        )
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old sources have escapes that are no more
            tree = ast.parse(path.read_bytes())
        yield from (_shortened(raw) for raw in _raw(tree))


def _shortened(docstring: str) -> str:
    prose = re.split(r"^\s*>>>", docstring, maxsplit=1, flags=re.MULTILINE)[0]
    return " ".join(prose.split()[:_MOST_WORDS])


def _raw(node: _Documented) -> Iterator[str]:
    """Docstrings of a module, a class or a function, and of what is defined in them."""
    if (text := ast.get_docstring(node, clean=False)) is not None:
        yield inspect.cleandoc(text)
    waiting: list[ast.stmt] = list(node.body)
    for statement in waiting:
        if isinstance(statement, _Documented):
            yield from _raw(statement)
        elif isinstance(statement, ast.If | ast.Try):
            waiting += [*statement.body, *statement.orelse]  # definitions for one platform or another
