"""`seqexp sweep`: which sweeps there are, how far one is, and running what failed or is missing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqexp.cli.options import Parser
from seqexp.errors import ConfigError, RunError, first_line
from seqexp.text import columns, printable

EXAMPLES = """examples:
  seqexp sweep                            all sweeps
  seqexp sweep status latest              its jobs by state, with their scores
  seqexp sweep retry stocks-3fa9c2d1      run what failed, was stopped or is missing
  seqexp sweep retry latest hydra/launcher=local sweep.workers=2

A sweep is begun by `seqexp train -m ...`; the same command typed again goes on with it, too.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser("sweep", "List sweeps, show how far one is, or run what failed or is missing.", EXAMPLES)
    actions = ("list", "status", "retry")
    parser.add_argument("action", nargs="?", choices=actions, default="list", help="what to do (list)")
    parser.add_argument("sweep", nargs="?", metavar="SWEEP", help="a directory, a unique part of its name, or latest")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="retry: sweep.* and hydra/launcher=")
    parser.add_argument("--json", action="store_true", help="JSON on standard output (list, status)")
    parser.add_outputs()
    options = parser.parse_args(list(arguments))
    wanted = options.action != "list"
    if (options.sweep is not None) != wanted or (options.settings and options.action != "retry"):
        parser.error(f"sweep {options.action} takes {'a' if wanted else 'no'} SWEEP and nothing more")
    outputs = Path(options.outputs)
    if options.action == "list":
        return _list(outputs, as_json=options.json)
    from seqexp.sweep.manifest import find_sweep

    directory = find_sweep(outputs, options.sweep)
    if options.action == "status":
        return _status(directory, as_json=options.json)
    return _retry(directory, options.settings, ["seqexp", "sweep", *arguments])


def _list(outputs: Path, *, as_json: bool) -> int:
    from seqexp.sweep.manifest import all_sweeps, read
    from seqexp.sweep.summary import counted, rows

    found: list[dict[str, Any]] = []
    for directory in all_sweeps(outputs):
        try:
            manifest = read(directory)
        except RunError as error:
            found.append({"sweep": str(directory), "created": 0.0, "jobs": first_line(error)})
            continue
        jobs = counted([row["state"] for row in rows(manifest)])
        found.append({"sweep": str(directory), "created": manifest.created, "jobs": jobs})
    found.sort(key=lambda sweep: sweep["created"])
    if as_json:
        print(json.dumps(found))
    elif not found:
        print(f"no sweeps in {outputs}; `seqexp train -m` makes one")
    else:
        lines = [(s["sweep"], time.strftime("%Y-%m-%d %H:%M", time.localtime(s["created"])), s["jobs"]) for s in found]
        print(printable(columns([("sweep", "begun", "jobs"), *lines])), end="")
    return 0


def _status(directory: Path, *, as_json: bool) -> int:
    from seqexp.sweep.manifest import read
    from seqexp.sweep.summary import counted, rows, table

    found = rows(read(directory))
    if as_json:
        print(json.dumps({"sweep": str(directory), "jobs": found}))
        return 0
    print(printable(table(found)), end="")
    for row in found:
        if row["reason"]:
            print(printable(f"{row['run']}: {row['reason']}"))
    print(f"{directory}: {counted([row['state'] for row in found])}")
    return 0


def _retry(directory: Path, said: Sequence[str], command: Sequence[str]) -> int:
    from seqexp.cli.train import finish, runner
    from seqexp.sweep.drive import drive
    from seqexp.sweep.manifest import read
    from seqexp.sweep.plan import plan
    from seqexp.sweep.settings import of_sweep, settings_of

    if others := [word for word in said if not of_sweep(word)]:
        raise ConfigError(f"'{others[0]}' would make other jobs; `seqexp train -m` makes a sweep of them. Retry takes "
                          "sweep.* and hydra/launcher=")  # fmt: skip
    manifest = read(directory)
    settings, launcher = settings_of([*manifest.settings, *said], manifest.launcher)
    unfinished = [i for i, run in enumerate(manifest.runs) if run.observed_status()["state"] != "complete"]
    jobs = plan([manifest.overrides[i] for i in unfinished], manifest.config_dir)
    for i, job in zip(unfinished, jobs, strict=True):
        if os.path.realpath(job.directory.path) != os.path.realpath(manifest.runs[i].path):
            raise RunError(
                f"the job '{' '.join(job.overrides)}' would be run in {job.directory}, not in {manifest.runs[i]}: its "
                f"configuration or the working directory changed. The sweep was begun in {manifest.folder}"
            )
    ended = drive(manifest.by(launcher), jobs, settings, lambda: runner(launcher, jobs, command))
    return finish(ended, len(manifest.runs))
