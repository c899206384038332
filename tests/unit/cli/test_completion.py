from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from seqexp.cli import COMMANDS, main
from seqexp.cli.completion import _FLAGS, _SCRIPTS, complete
from seqexp.config.compose import compose
from seqexp.config.folder import groups


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a run, a file of prices and a folder."""
    run = tmp_path / "outputs" / "stocks" / "lstm-seed1-3fa9c2d1"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("")
    (tmp_path / "outputs" / "sweeps" / "x").mkdir(parents=True)
    (tmp_path / "outputs" / "sweeps" / "x" / "manifest.json").write_text("{}")
    (tmp_path / "prices").mkdir()
    for name in ("prices/a.csv", "prices.csv", ".hidden.csv"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUN = "outputs/stocks/lstm-seed1-3fa9c2d1"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("tr", ["train"]),
        ("re", ["resume"]),
        ("xyz", []),
        ("--", ["--help", "--version"]),
        ("train mod", ["model=", "model."]),
        ("train model=", ["model=gru", "model=lstm", "model=rnn"]),
        ("train model=l", ["model=lstm"]),
        ("train -m model=gru,l", ["model=gru,lstm"]),
        ("train data.wi", ["data.window="]),
        ("train trainer.max", ["trainer.max_epochs="]),
        ("train trainer.early_stopping.", ["trainer.early_stopping.patience=", "trainer.early_stopping.min_delta="]),
        ("train model=rnn model.non", ["model.nonlinearity="]),
        ("train model.non", []),
        ("train model=gru model.forget", []),
        ("train optimizer=sgd optimizer.mo", ["optimizer.momentum="]),
        ("train sch", ["scheduler=", "scheduler."]),
        ("train se", ["seed="]),
        ("train --j", ["--json"]),
        ("train data.path=pri", ["data.path=prices.csv", "data.path=prices/"]),
        ("train data.path=prices/", ["data.path=prices/a.csv"]),
        ("train --config-dir pr", ["prices.csv", "prices/"]),
        ("resume ", ["latest", RUN]),
        ("resume latest trainer.max", ["trainer.max_epochs="]),
        ("evaluate outputs/st", [RUN]),
        ("evaluate latest --sp", ["--split"]),
        ("evaluate latest --split ", ["valid", "test"]),
        ("evaluate --checkpoint b", ["best"]),
        ("predict latest --checkpoint l", ["last"]),
        ("predict latest --input prices/", ["prices/a.csv"]),
        ("runs ", ["list", "show", "diff"]),
        ("runs show ", ["latest", RUN]),
        ("runs diff latest out", [RUN]),
        ("train sw", []),
        ("train -m sw", ["sweep."]),
        ("train -m sweep.w", ["sweep.workers="]),
        ("train -m hydra/launcher=l", ["hydra/launcher=local"]),
        ("sweep ", ["list", "retry", "status"]),
        ("sweep status ", ["latest", "outputs/sweeps/x"]),
        ("data ", ["describe"]),
        ("data describe data=s", ["data=stocks"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("nope x", []),
    ],
)
def test_a_word_becomes_what_it_may_be(line: str, found: list[str]) -> None:
    assert sorted(complete(line.split(" "))) == sorted(found)


def test_nothing_typed_offers_the_commands() -> None:
    assert complete([]) == complete([""]) == [*COMMANDS, "--help", "--version"]


@pytest.mark.usefixtures("folder")
def test_nothing_typed_after_train_is_a_page_of_groups_and_sections() -> None:
    found = complete(["train", ""])
    assert {f"{group}=" for group in groups()} <= set(found)
    assert {"seed=", "outputs=", "trainer.", "data."} <= set(found)
    assert not any("." in word.rstrip(".") for word in found)
    assert len(found) == len(set(found)) < 40


@pytest.mark.parametrize("overrides", [(), ("model=rnn", "optimizer=sgd", "scheduler=plateau", "data=table")])
def test_every_key_that_composes_is_offered(overrides: Sequence[str]) -> None:
    def dotted(values: dict[str, object], prefix: str) -> list[str]:
        found = []
        for key, value in values.items():
            inner = isinstance(value, dict) and value
            found += dotted(value, f"{prefix}{key}.") if inner else [f"{prefix}{key}="]  # type: ignore[arg-type]
        return found

    keys = {k for k in dotted(compose(overrides).values, "") if not k.endswith(".name=")}
    offered = {word for section in groups() for word in complete(["train", *overrides, f"{section}."])}
    assert {k for k in keys if "." in k} == offered


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_that_is_offered_is_in_the_help_and_the_other_way_round(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(SystemExit):
        main([command, "--help"])
    help_text = capsys.readouterr().out
    in_help = {word.strip("[],;:") for word in help_text.replace("[", " ").split() if word.startswith("--")}
    offered = set(_FLAGS[command]) - {"--help"}
    assert offered <= in_help
    assert in_help - {"--help", "--complete"} <= offered


def test_the_shell_asks_through_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "--complete", "train", "model="]) == 0
    assert capsys.readouterr().out.split() == ["model=gru", "model=lstm", "model=rnn"]


def test_an_answer_needs_neither_hydra_nor_torch() -> None:
    code = "import sys; from seqexp.cli.completion import complete; complete(['train', 'model.']); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "hydra", "omegaconf", "pydantic", "pandas", "numpy"} & set(ended.stdout.split())


PROBE = r"""
eval "$(seqexp completion bash)"
COMP_LINE="$1"; COMP_POINT=${#COMP_LINE}; COMP_WORDBREAKS="${2-$COMP_WORDBREAKS}"
complete -p seqexp >/dev/null || exit 3
_seqexp
printf '%s\n' "${COMPREPLY[@]}"
"""
BREAKS = " \t\n\"'><=;|&(:"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("line", "breaks", "found"),
    [
        ("seqexp tr", BREAKS, ["train"]),
        ("seqexp train model=", BREAKS, ["gru", "lstm", "rnn"]),
        ("seqexp train model=l", BREAKS, ["lstm"]),
        ("seqexp train model=l", " \t\n", ["model=lstm"]),
        ("seqexp train data.wi", BREAKS, ["data.window="]),
        ("seqexp train model=rnn model.non", BREAKS, ["model.nonlinearity="]),
        ("seqexp evaluate ", BREAKS, ["latest", RUN]),
        ("seqexp evaluate latest --split ", BREAKS, ["valid", "test"]),
        ("seqexp train data.path=prices/", BREAKS, ["prices/a.csv"]),
        ("seqexp qwertz", BREAKS, [""]),
    ],
)
def test_bash_completes_a_line(folder: Path, line: str, breaks: str, found: list[str]) -> None:
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    script = bin_folder / "seqexp"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m seqexp "$@"\n')
    script.chmod(0o755)
    ended = subprocess.run(
        ["bash", "--norc", "-c", PROBE, "probe", line, breaks], capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(ended.stdout.split("\n")[:-1]) == sorted(found)


@pytest.mark.parametrize("shell", _SCRIPTS)
def test_a_script_is_printed_that_asks_seqexp_and_binds_to_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "seqexp completion --complete" in script
    bound = {"bash": "complete -F _seqexp seqexp", "zsh": "compdef _seqexp seqexp", "fish": "complete -c seqexp -f"}
    assert bound[shell] in script


@pytest.mark.parametrize("shell", _SCRIPTS)
def test_a_script_is_good_syntax(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    ended = subprocess.run([shell, "-n"], input=_SCRIPTS[shell], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
