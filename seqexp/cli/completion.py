"""`seqexp completion`: TAB for commands, groups, options, keys and runs, in bash, zsh and fish.

The shell asks `seqexp completion --complete WORD...` at each TAB; the answer comes from the files under conf/ and
the names of run directories, without Hydra, so that it comes at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seqexp.cli import COMMANDS
from seqexp.cli.options import Parser

EXAMPLES = """examples:
  eval "$(seqexp completion bash)"          in ~/.bashrc
  eval "$(seqexp completion zsh)"           in ~/.zshrc, after compinit
  seqexp completion fish | source           in ~/.config/fish/config.fish
"""

BASH = """_seqexp() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" words
    IFS=' ' read -ra words <<< "$line"
    [[ "$line" == *' ' ]] && words+=("")
    COMPREPLY=($(seqexp completion --complete "${words[@]:1}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" != *[=/.,] ]] || compopt -o nospace 2>/dev/null
    # Readline breaks words at '=': give it only what comes after the last one.
    local current="${words[${#words[@]}-1]}"
    [[ "$current" == *=* && "$COMP_WORDBREAKS" == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${current%=*}="}")
}
complete -F _seqexp seqexp
"""
ZSH = """_seqexp() {
    local -a found
    found=("${(@f)$(seqexp completion --complete "${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
    [[ -n "$found" ]] && compadd -Q -S '' -- "${found[@]}"
}
compdef _seqexp seqexp
"""
FISH = """function __seqexp
    seqexp completion --complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c seqexp -f -a '(__seqexp)'
"""
_SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
_FLAGS = {
    "train": ("--multirun", "--json", "--config-dir", "--cfg", "--info", "--hydra-help", "--help"),
    "resume": ("--json", "--outputs", "--help"),
    "evaluate": ("--split", "--checkpoint", "--json", "--outputs", "--help"),
    "predict": (
        "--input",
        "--output",
        "--checkpoint",
        "--prompt",
        "--length",
        "--temperature",
        "--top-k",
        "--top-p",
        "--seed",
        "--outputs",
        "--help",
    ),
    "compare": ("--by", "--over", "--metric", "--csv", "--json", "--latex", "--markdown", "--outputs", "--help"),
    "runs": ("--json", "--outputs", "--help"),
    "sweep": ("--json", "--outputs", "--help"),
    "data": ("--json", "--help"),
    "completion": ("--help",),
}
_VALUES = {
    ("evaluate", "--split"): ("valid", "test"),
    ("evaluate", "--checkpoint"): ("best", "last"),
    ("predict", "--checkpoint"): ("best", "last"),
}


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    if arguments and arguments[0] == "--complete":
        print("\n".join(complete(arguments[1:])))
        return 0
    parser = Parser("completion", "Print the shell code that makes TAB complete commands and keys.", EXAMPLES)
    parser.add_argument("shell", choices=tuple(_SCRIPTS), help="the shell")
    print(_SCRIPTS[parser.parse_args(list(arguments)).shell], end="")
    return 0


def complete(words: Sequence[str]) -> list[str]:
    """What the last of the words may become.

    Args:
        words: What was typed after `seqexp`, the last one unfinished, perhaps empty.
    """
    current = words[-1] if words else ""
    if len(words) <= 1:
        return _starting(current, [*COMMANDS, "--help", "--version"])
    command, before = words[0], words[1:-1]
    if current.startswith("-"):
        return _starting(current, _FLAGS.get(command, ()))
    if before and (command, before[-1]) in _VALUES:
        return _starting(current, _VALUES[command, before[-1]])
    if before and before[-1] in ("--outputs", "--config-dir", "--input", "--output"):
        return _files(current)
    if command == "completion":
        return _starting(current, _SCRIPTS)
    if command == "runs" and not before:
        return _starting(current, ("list", "show", "diff"))
    if command == "sweep":
        return _starting(current, ["latest", *_sweeps()] if before else ("list", "status", "retry"))
    if command == "data" and not before:
        return _starting(current, ("describe",))
    if command in ("evaluate", "predict", "compare", "runs") or (command == "resume" and not before):
        return _starting(current, _runs())
    return _overrides(before, current)


def _overrides(before: Sequence[str], current: str) -> list[str]:
    """Groups, their options, keys of the chosen options, and paths."""
    from seqexp.config.folder import groups

    key, equals, value = current.partition("=")
    there = groups()
    of_sweep: list[str] = []
    if {"-m", "--multirun"} & set(before):
        from seqexp.sweep import LAUNCHERS

        there["hydra/launcher"] = list(LAUNCHERS)
        of_sweep = [f"{k}=" for k in _sweep_keys()]
    if equals and key in there:
        head, comma, last = value.rpartition(",")
        return [f"{key}={head}{comma}{option}" for option in _starting(last, there[key])]
    if equals:
        return [f"{key}={path}" for path in _files(value)]
    chosen = dict(word.split("=", 1) for word in before if "=" in word)
    names = [f"{group}=" for group in there] + [f"{k}=" for k in _keys(chosen, there)] + of_sweep
    if "." not in key:  # groups and sections first, so that a TAB on nothing shows a page, not a book
        names = sorted({f"{name.split('.')[0]}." if "." in name else name for name in names})
    return _starting(current, names)


def _keys(chosen: dict[str, str], there: dict[str, list[str]]) -> Iterable[str]:
    """The dotted keys of the configuration, given the options chosen so far."""
    import yaml

    from seqexp.config.folder import CONF

    def read(path: Path) -> dict[str, Any]:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for entry in values.pop("defaults", []):
            if isinstance(entry, str) and entry.endswith("@_here_"):
                values = {**read(path.parent / f"{entry.removesuffix('@_here_')}.yaml"), **values}
        return values

    config = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    defaults = {k: v for entry in config.pop("defaults") if isinstance(entry, dict) for k, v in entry.items()}
    config.pop("hydra", None)
    yield from config
    for group in there:
        option = chosen.get(group, defaults.get(group))
        path = CONF / group / f"{option}.yaml"
        if group not in ("experiment", "debug") and path.is_file():
            yield from _dotted(read(path), group)


def _sweep_keys() -> Iterable[str]:
    import yaml

    from seqexp.config.folder import CONF

    return _dotted(yaml.safe_load((CONF / "sweep.yaml").read_text(encoding="utf-8")), "sweep")


def _dotted(values: dict[str, Any], prefix: str) -> Iterable[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _dotted(value, f"{prefix}.{key}")
        elif key != "name":
            yield f"{prefix}.{key}"


def _runs() -> list[str]:
    outputs = Path("outputs")
    found = [p for p in outputs.glob("*/*") if (p / "config.yaml").is_file()]
    return ["latest", *(str(p) for p in sorted(found))]


def _sweeps() -> list[str]:
    return sorted(str(p.parent) for p in Path("outputs").glob("sweeps/*/manifest.json"))


def _files(current: str) -> list[str]:
    folder, _, start = current.rpartition("/")
    base = Path(folder or ("/" if current.startswith("/") else "."))
    try:
        names = [f"{e.name}/" if e.is_dir() else e.name for e in os.scandir(base) if e.name.startswith(start)]
    except OSError:
        return []
    return sorted(f"{folder}/{n}" if "/" in current else n for n in names if start or not n.startswith("."))


def _starting(current: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(current)]
