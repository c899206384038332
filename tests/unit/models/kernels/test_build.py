"""The library is made once, whole, by one of many processes; without a compiler there is a reason and nothing else."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqexp.errors import SeqexpError
from seqexp.models.kernels import build as module
from seqexp.models.kernels.build import MAIN, build, cache_folder, default_variant, lanes, load
from seqexp.models.kernels.call import Call

SLOW_COMPILER = """#!/bin/sh
# Writes a library in three parts, slowly, and notes that it was called.
case "$*" in *--version*) echo "slow c++ 1.0"; exit 0;; esac
echo called >> "{log}"
for last; do :; done
for part in 1 2 3; do printf part >> "$last"; sleep 0.1; done
"""


@pytest.fixture
def slow_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that is not one, for what needs no library; the file where it notes its calls."""
    log, script = tmp_path / "calls", tmp_path / "slow++"
    script.write_text(SLOW_COMPILER.format(log=log))
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    return log


@pytest.fixture
def _nothing_loaded() -> Iterator[None]:
    load.cache_clear()
    yield
    load.cache_clear()


def test_what_is_in_the_cache_is_not_made_again(slow_compiler: Path, tmp_path: Path) -> None:
    first = build("plain", folder=tmp_path / "cache")
    assert first.compiler == "slow c++ 1.0"
    assert first.path.read_text() == "partpartpart"
    assert build("plain", folder=tmp_path / "cache") == first
    assert slow_compiler.read_text().count("called") == 1


def test_another_format_set_of_flags_or_source_has_a_file_of_its_own(
    slow_compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {
        build("plain", folder=tmp_path).path, build("avx2", folder=tmp_path).path,
        build("plain", "float64", folder=tmp_path).path, build("plain", folder=tmp_path, extra=("-g",)).path,
    }  # fmt: skip
    source = tmp_path / "source"
    source.mkdir()
    for path in MAIN.parent.iterdir():
        if path.suffix in (".h", ".cpp"):
            (source / path.name).write_text(path.read_text() + "// changed\n")
    monkeypatch.setattr(module, "SOURCES", source)
    made.add(build("plain", folder=tmp_path).path)
    assert len(made) == 5
    assert slow_compiler.read_text().count("called") == 5


def test_many_processes_at_once_make_one_whole_library(slow_compiler: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from seqexp.models.kernels.build import build;"
        "print(build('plain', folder=Path(sys.argv[1])).path.read_text())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ended = [process.communicate() for process in running]
    assert [out.strip() for out, _ in ended] == ["partpartpart"] * 4
    assert "".join(err for _, err in ended).count("Compiling") == 1
    assert slow_compiler.read_text().count("called") == 1
    assert [p.suffix for p in sorted((tmp_path / "cache").iterdir())] == [".so", ".lock"]  # no leavings


@pytest.mark.usefixtures("_nothing_loaded")
class TestWithoutACompiler:
    @pytest.fixture(autouse=True)
    def _empty_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def test_there_is_a_reason(self, capfd: pytest.CaptureFixture[str]) -> None:
        kernels = load(default_variant())
        assert kernels.library is None
        assert kernels.reason == "no fused kernels: no C++ compiler found (c++, g++, clang++)"
        assert capfd.readouterr() == ("", "")

    def test_the_one_the_user_named_is_the_one_that_is_missed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CXX", "my-own-c++")
        assert load(default_variant()).reason == "no fused kernels: no C++ compiler found (my-own-c++)"


def test_a_compiler_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SeqexpError, match=r" fails \(.*error: .*--no-such-flag"):
        build("plain", folder=tmp_path, extra=("--no-such-flag",))
    assert [p.suffix for p in tmp_path.iterdir()] == [".lock"]
    script = tmp_path / "broken++"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    with pytest.raises(SeqexpError, match=r"broken\+\+ --version fails"):
        build("plain", folder=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SeqexpError, match="cannot be written"):
        build("plain", folder=tmp_path / "cache")


def test_a_file_where_the_cache_should_be(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(SeqexpError, match="cannot be written"):
        build("plain", folder=tmp_path / "cache")


@pytest.mark.usefixtures("_nothing_loaded")
def test_a_library_that_is_none_is_no_crash(
    slow_compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert load("plain").reason.startswith("no fused kernels: ")
    assert slow_compiler.exists()


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "seqexp"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().is_relative_to(Path.home())


def test_python_and_the_library_mean_the_same_call() -> None:
    library = load(default_variant()).library
    assert library is not None
    assert library.size_of_call() == ctypes.sizeof(Call)
    assert (lanes("avx512", "float32"), lanes("avx2", "float32"), lanes("plain", "float64")) == (16, 8, 2)


def test_importing_the_operator_loads_no_compiler_of_torchs() -> None:
    program = "import sys, seqexp.models.kernels.operator; print(sorted({'torch._dynamo', 'sympy'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["float", "double"])
def test_sanitizers_find_nothing(tmp_path: Path, form: str) -> None:
    """Every cell, forward and back, at odd sizes, in buffers that end where they must, on one thread and three."""
    driver = Path(__file__).with_name("driver.cpp")
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1", f"-DSEQEXP_REAL={form}")
    plain = [f for f in (*module.FLAGS, *module.VARIANTS[default_variant()].flags) if f not in ("-shared", "-O2")]
    wide = f"-DSEQEXP_VECTOR_BYTES={module.VARIANTS[default_variant()].bytes}"
    program = tmp_path / "driver"
    compiler = next(c for c in (os.environ.get("CXX"), *module.COMPILERS) if c)
    command = [compiler, *plain, *flags, wide, f"-I{MAIN.parent}", str(driver), "-o", str(program)]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot find" in compiled.stderr:
        pytest.skip("this compiler came without its sanitizers")
    assert compiled.returncode == 0, compiled.stderr
    ended = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "240 calls"
