"""The kernels' library: found in the user's cache, else compiled into it with the user's own compiler.

One library for each instruction set and number format. Its file name says what it was made from (source, compiler,
flags), so another one never takes its place; it is written under another name and renamed, by one process at a time.
Nothing is ever loaded from a run directory.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from seqexp.errors import SeqexpError
from seqexp.models.kernels.call import Call

Format = Literal["float32", "float64"]

SOURCES = Path(__file__).parent
MAIN = SOURCES / "recurrences.cpp"
COMPILERS = ("c++", "g++", "clang++")
FLAGS = (
    "-std=c++17", "-O2", "-fPIC", "-shared", "-pthread",
    # None of these reorders a sum: what a compiler may do is the same in each build.
    "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-Wno-psabi",
)  # fmt: skip
PATIENCE = 300
"""Seconds a compilation may take."""


class Variant(NamedTuple):
    """An instruction set."""

    bytes: int
    """The width of a vector."""
    flags: tuple[str, ...]


VARIANTS = {
    "plain": Variant(16, ()),  # SSE2 or NEON: what every processor of the architecture has
    "avx2": Variant(32, ("-mavx2", "-mfma")),
    "avx512": Variant(64, ("-mavx512f", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512")),
}


class Built(NamedTuple):
    """A compiled library, and by what."""

    path: Path
    compiler: str
    """The first line of `c++ --version`."""


class Kernels(NamedTuple):
    """The library in memory, or why there is none."""

    library: ctypes.CDLL | None
    compiler: str
    reason: str
    """One line; empty if there is a library."""


def default_variant() -> str:
    """The widest instruction set of this processor that torch itself would use (ATEN_CPU_CAPABILITY lowers both)."""
    from torch.backends import cpu

    return {"AVX2": "avx2", "AVX512": "avx512"}.get(cpu.get_cpu_capability(), "plain")


def lanes(variant: str, form: Format) -> int:
    """How many numbers a vector holds; hidden units are padded to a multiple of it inside."""
    return VARIANTS[variant].bytes // (4 if form == "float32" else 8)


def cache_folder() -> Path:
    """Where compiled libraries are kept between runs: the user's cache folder."""
    if said := os.environ.get("XDG_CACHE_HOME"):
        return Path(said) / "seqexp"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "seqexp"
    return Path.home() / ".cache" / "seqexp"


def build(variant: str, form: Format = "float32", *, folder: Path | None = None, extra: tuple[str, ...] = ()) -> Built:
    """The library of an instruction set and number format; compiled if it is not in the cache.

    Args:
        variant: A key of `VARIANTS`.
        form: The format of all numbers in it.
        folder: The cache; None: the user's.
        extra: Further flags for the compiler, the last ones it sees.

    Raises:
        SeqexpError: There is no compiler, or it failed.
    """
    compiler = _compiler()
    version = _first_line(compiler)
    flags = (*FLAGS, *VARIANTS[variant].flags, f"-DSEQEXP_REAL={'float' if form == 'float32' else 'double'}",
             f"-DSEQEXP_VECTOR_BYTES={VARIANTS[variant].bytes}", *extra)  # fmt: skip
    name = f"recurrences-{variant}-{form}-{_digest(version, flags)}.so"
    folder = cache_folder() if folder is None else folder
    library = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not library.is_file():
            with _alone(folder / f"{name}.lock"):
                if not library.is_file():  # another process may have made it meanwhile
                    print(f"Compiling the fused {variant} kernels, once ...", file=sys.stderr)
                    _compile(compiler, flags, library)
    except OSError as error:
        raise SeqexpError(f"{folder} cannot be written ({error.strerror})") from error
    return Built(library, version)


@cache
def load(variant: str, form: Format = "float32") -> Kernels:
    """The library, loaded; or the reason why it cannot be. A call into it lets other Python threads run."""
    try:
        built = build(variant, form)
        library = ctypes.CDLL(str(built.path))
    except (SeqexpError, OSError, RuntimeError, ImportError) as error:  # no home, no file locks, not a library
        return Kernels(None, "", f"no fused kernels: {error}".partition("\n")[0])
    for function in (library.forward, library.backward):
        function.argtypes = (ctypes.POINTER(Call),)
    library.size_of_call.restype = ctypes.c_int64
    assert library.size_of_call() == ctypes.sizeof(Call)
    return Kernels(library, built.compiler, "")


def _compiler() -> str:
    said = os.environ.get("CXX")
    for name in (said,) if said else COMPILERS:
        if found := shutil.which(name):
            return found
    raise SeqexpError(f"no C++ compiler found ({said or ', '.join(COMPILERS)})")


def _first_line(compiler: str) -> str:
    try:
        said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise SeqexpError(f"{compiler} --version fails ({error})") from error
    return said.stdout.partition("\n")[0].strip()


def _digest(compiler: str, flags: tuple[str, ...]) -> str:
    """Of everything the library is made from."""
    parts = [compiler, platform.machine(), *flags]
    parts += [p.read_text(encoding="utf-8") for p in sorted(SOURCES.iterdir()) if p.suffix in (".h", ".cpp")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _compile(compiler: str, flags: tuple[str, ...], library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".making-") as folder:
        made = Path(folder) / library.name
        command = [compiler, *flags, str(MAIN), "-o", str(made)]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        except subprocess.SubprocessError as error:
            raise SeqexpError(f"{compiler} took more than {PATIENCE} seconds") from error
        if ended.returncode:
            complaint = next((line for line in ended.stderr.splitlines() if "error" in line), ended.stderr.strip())
            raise SeqexpError(f"{compiler} fails ({complaint})")
        made.replace(library)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process that holds it, however that ends."""
    import fcntl

    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
