from __future__ import annotations

import argparse

import pytest

from seqexp.cli import main
from seqexp.cli.options import Parser, groups_help, take_flag, take_option
from seqexp.config.folder import groups
from seqexp.errors import ConfigError


@pytest.mark.parametrize(
    ("arguments", "found", "rest"),
    [(["a", "--json", "b"], True, ["a", "b"]), (["--json", "-j", "--json"], True, []), (["a"], False, ["a"]),
     (["--jsonx"], False, ["--jsonx"]), ([], False, [])],
)  # fmt: skip
def test_a_flag_is_taken_out(arguments: list[str], found: bool, rest: list[str]) -> None:
    assert take_flag(arguments, "--json", "-j") is found
    assert arguments == rest


@pytest.mark.parametrize(
    ("arguments", "value", "rest"),
    [
        (["a", "--config-dir", "x", "b"], "x", ["a", "b"]),
        (["--config-dir=x=y", "b"], "x=y", ["b"]),
        (["-cd", "x"], "x", []),
        (["--config-dir="], "", []),
        (["a", "--config-dir"], None, ["a", "--config-dir"]),
        (["a=--config-dir"], None, ["a=--config-dir"]),
    ],
)
def test_an_option_is_taken_out_with_its_value(arguments: list[str], value: str | None, rest: list[str]) -> None:
    assert take_option(arguments, "--config-dir", "-cd") == value
    assert arguments == rest


@pytest.fixture
def parser() -> Parser:
    parser = Parser("evaluate", "What it does.", "examples:\n  seqexp evaluate latest\n")
    parser.add_argument("run")
    parser.add_argument("--split", choices=("valid", "test"), default="test")
    parser.add_outputs()
    return parser


def test_options_may_stand_anywhere(parser: Parser) -> None:
    expected = argparse.Namespace(run="latest", split="valid", outputs="o")
    for words in (
        "latest --split valid --outputs o",
        "--split=valid latest --outputs=o",
        "--outputs o --split valid latest",
    ):
        assert parser.parse_args(words.split()) == expected
    assert parser.parse_args(["latest"]) == argparse.Namespace(run="latest", split="test", outputs="outputs")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "the following arguments are required: run"),
        ("latest --splti valid", "unrecognized arguments: --splti valid; did you mean --split?"),
        ("latest --split=train", "argument --split: invalid choice: 'train'"),
        ("latest --split", "argument --split: expected one argument"),
        ("latest --spl valid", "unrecognized arguments: --spl valid"),
        ("latest --qwertz", "unrecognized arguments: --qwertz\nusage"),
    ],
)
def test_what_is_wrong_is_one_error_with_the_usage(
    parser: Parser, monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    monkeypatch.setattr("sys.argv", ["seqexp", "evaluate", *words.split()])
    with pytest.raises(ConfigError) as error:
        parser.parse_args(words.split())
    assert str(error.value).startswith(message)
    assert "\nusage: seqexp evaluate" in str(error.value)
    assert str(error.value).endswith("(--help says more)")


def test_the_examples_are_shown_as_they_are_written(parser: Parser) -> None:
    assert parser.format_help().endswith("examples:\n  seqexp evaluate latest\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate"], "the following arguments are required: RUN"),
        (["evaluate", "latest", "--splitt", "test"], "did you mean --split?"),
        (["evaluate", "latest", "--split", "train"], "invalid choice: 'train'"),
        (["predict", "latest"], "predict needs --input FILE (or - for stdin), or --prompt TEXT for a language model"),
        (["predict", "latest", "--inptu", "x", "--input", "y"], "did you mean --input?"),
        (["resume"], "the following arguments are required: RUN"),
        (["runs", "shwo"], "invalid choice: 'shwo'"),
        (["runs", "show"], "runs show takes 1 RUN, but got 0"),
        (["runs", "diff", "a"], "runs diff takes 2 RUN, but got 1"),
        (["runs", "--jsn"], "did you mean --json?"),
        (["data"], "the following arguments are required: action"),
        (["data", "describe", "--jsno"], "did you mean --json?"),
        (["completion"], "the following arguments are required: shell"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
        (["train", "--experimental-rerun=x"], "--experimental-rerun executes code from a file and is not offered"),
        (["train", "foo"], "'foo' must be key=value"),
    ],
)
def test_every_command_exits_with_2_and_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.setattr("sys.argv", ["seqexp", *arguments])
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("seqexp: ")
    assert said in err


def test_help_lists_each_group_with_its_options() -> None:
    text = groups_help()
    assert max(map(len, text.splitlines())) <= 110
    # A long list goes on below, further in than the names of groups.
    lines = dict(line.split(maxsplit=1) for line in text.replace(",\n" + " " * 14, ", ").splitlines())
    assert lines == {group: ", ".join(options) for group, options in groups().items()}
    assert lines["model"] == "gru, lstm, rnn"
