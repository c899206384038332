"""Imports go one way: ARCHITECTURE's rule, read from the source, and what a command may load before it runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import seqexp
from seqexp.cli import COMMANDS

ROOT = Path(seqexp.__file__).parent


class Import(NamedTuple):
    """One import of a module: by whom, of what, and when it happens."""

    by: str
    of: str
    when: str
    """start (as the module is loaded), call (inside a function) or never (for type checkers)"""


def imports() -> Iterator[Import]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(p for p in parts if p != "__init__")
        yield from found(ast.parse(path.read_text(encoding="utf-8")), name, "start")


def found(node: ast.AST, by: str, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(by, alias.name, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{by} has a relative import"
            yield Import(by, str(child.module), when)
            # `from seqexp.store import checkpoint` is an import of a module, too
            yield from (Import(by, f"{child.module}.{a.name}", when) for a in child.names if is_module(child, a))
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from found(child, by, "never")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from found(child, by, "call" if when == "start" else when)
        else:
            yield from found(child, by, when)


def is_module(node: ast.ImportFrom, alias: ast.alias) -> bool:
    path = ROOT.parent.joinpath(*str(node.module).split("."), alias.name)
    return path.is_dir() or path.with_suffix(".py").is_file()


ALL = tuple(imports())
OURS = tuple(i for i in ALL if i.of.split(".")[0] == "seqexp")

# Each part of seqexp, and what of seqexp it may import beside itself.
MAY = {
    "errors": (),
    "text": (),
    "config.folder": (),
    "config.schema": (),
    "config.explain": ("config.schema",),
    "config.identity": ("config.schema",),
    "config.reference": ("config.folder", "config.schema"),
    "config.overrides": ("config.folder", "errors"),
    "config.compose": ("config.explain", "config.folder", "config.overrides", "config.schema", "errors"),
    "store": ("errors",),
    "data": ("config.schema", "config.explain", "errors"),
    "models": ("config.schema", "data", "errors"),
    "tasks.better": (),
    "tasks": ("config.schema", "data", "errors"),
    "training": ("config.schema", "errors"),
    "track": ("training", "store", "errors"),
    "run": ("config", "data", "models", "tasks", "training", "track", "store", "errors", "text"),
    "sweep": ("config", "training", "tasks.better", "store", "errors", "text"),
    "compare": ("config", "tasks.better", "store", "errors", "text"),
    "cli": ("compare", "config", "run", "sweep", "store", "errors", "text"),
    "__main__": ("cli",),
}


def part_of(module: str) -> str:
    """`seqexp.config.schema.data` is of the part `config.schema`, `seqexp.run.train` of `run`."""
    inside = module.removeprefix("seqexp.")
    return max((p for p in MAY if f"{inside}.".startswith(f"{p}.")), key=len, default=inside.split(".")[0])


def test_there_is_something_to_read() -> None:
    assert {part_of(i.by) for i in OURS} >= {"cli", "run", "data", "models", "tasks", "training", "track", "store"}
    assert Import("seqexp.store.checkpoint", "torch", "call") in ALL
    assert Import("seqexp.cli.predict", "pandas", "never") in ALL
    assert Import("seqexp.run.train", "seqexp.store.checkpoint", "start") in ALL


@pytest.mark.parametrize("part", MAY)
def test_a_part_imports_only_what_it_may(part: str) -> None:
    allowed = {part, *MAY[part]}
    wrong = [
        f"{i.by} imports {i.of}"
        for i in OURS
        if part_of(i.by) == part and not any(f"{i.of}.".startswith(f"seqexp.{a}.") for a in allowed)
        and i.of not in ("seqexp.config", "seqexp")
    ]  # fmt: skip
    assert wrong == []


def test_every_module_belongs_to_a_part() -> None:
    modules = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in ROOT.rglob("*.py") if p.name != "__init__"}
    strays = {m for m in modules if part_of(f"seqexp.{m}") not in MAY}
    assert strays <= {"__init__", "config.__init__", "conf"}


def test_models_and_data_meet_in_the_spec_alone() -> None:
    """A model sees a batch and what flows in and out; names for arrays of numbers are no knowledge of data."""
    seen = {i.of for i in OURS if part_of(i.by) == "models" and part_of(i.of) == "data"}
    assert seen <= {"seqexp.data.spec", "seqexp.data.batch", "seqexp.data.panel"}
    names = {
        alias.name
        for path in (ROOT / "models").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "seqexp.data.panel"
        for alias in node.names
    }
    assert names <= {"Floats", "Ints"}


def test_nothing_is_imported_in_a_circle() -> None:
    """Among the imports made as modules are loaded: follow them from each module and never come back."""
    modules = {i.by for i in ALL}
    graph = {m: {i.of for i in OURS if i.by == m and i.when == "start" and i.of in modules} - {m} for m in modules}

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            module = waiting.pop()
            if module not in seen:
                seen.add(module)
                waiting += graph[module]
        return seen

    assert [m for m in sorted(modules) if m in reached(m)] == []


@pytest.mark.parametrize("library", ["hydra", "omegaconf"])
def test_only_composition_knows_hydra(library: str) -> None:
    knowing = {i.by for i in ALL if i.of.split(".")[0] == library}
    assert "seqexp.config.compose" in knowing
    assert knowing <= {"seqexp.config.compose", "seqexp.config.overrides"}


def test_hydra_is_not_loaded_before_something_is_composed() -> None:
    assert [i for i in ALL if i.of.split(".")[0] in ("hydra", "omegaconf") and i.when == "start"] == []


@pytest.mark.parametrize("part", ["cli", "config.", "store", "errors", "__main__"])
def test_what_help_passes_loads_no_torch_and_no_pandas(part: str) -> None:
    slow = ("torch", "pandas", "numpy", "scipy", "sklearn", "statsmodels", "arch", "pyarrow", "rich")
    modules = [i for i in ALL if i.by.startswith(f"seqexp.{part}")]
    assert modules
    assert [i for i in modules if i.when == "start" and i.of.split(".")[0] in slow] == []


def test_the_loop_knows_no_files_and_no_screen() -> None:
    known = {i.of.split(".")[0] for i in ALL if i.by == "seqexp.training.loop"}
    assert known <= {"__future__", "collections", "dataclasses", "typing", "torch", "seqexp"}


def test_no_name_says_nothing() -> None:
    """House style: a file is named for what it holds."""
    vague = {"utils", "helpers", "common", "manager", "misc"}
    assert [p for p in ROOT.rglob("*.py") if p.stem in vague] == []


def test_nothing_executes_text() -> None:
    """`eval`, `exec` and pickles have no place where run directories are read; YAML has one, with a loader of ours."""
    calls = {
        (path.stem, ast.unparse(node.func))
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    names = ("eval", "exec", "compile", "__import__", "yaml.load", "yaml.unsafe_load", "yaml.full_load")
    assert {c for c in calls if c[1] in names} == {("safe_yaml", "yaml.load")}
    assert [i for i in ALL if i.of.split(".")[0] in ("pickle", "marshal", "shelve", "dill")] == []


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",), *((c, "--help") for c in COMMANDS)])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "seqexp", *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0
    assert "seqexp" in ended.stdout
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "seqexp.cli" in loaded
    heavy = {"torch", "pandas", "numpy", "scipy", "pyarrow", "hydra", "omegaconf", "pydantic", "rich", "sklearn"}
    assert loaded & heavy == set()
