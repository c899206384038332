"""Time from the shell to the first training step of the main job, as a ratio to the imports it cannot do without.

    python benchmarks/startup.py
    python benchmarks/startup.py --runs 9 --json startup.json

In turns: `python -c "import torch, pandas, hydra"`, and `seqexp train` until it reports its first step. The ratio
of the medians is to stay under 1.5. Also the wall time of each `--help`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

IMPORTS = [sys.executable, "-c", "import torch, pandas, hydra"]
COMMANDS = ("train", "resume", "evaluate", "predict", "runs", "data", "completion")


def imports() -> float:
    began = time.perf_counter()
    subprocess.run(IMPORTS, check=True)
    return time.perf_counter() - began


def first_step() -> float:
    with tempfile.TemporaryDirectory() as outputs:
        command = [sys.executable, "-m", "seqexp", "train", "--json", "trainer.log_every=1", f"outputs={outputs}"]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in process.stdout:
            if json.loads(line)["event"] == "train":
                break
        elapsed = time.perf_counter() - began
        process.kill()
        process.wait()
    return elapsed


def help_of(command: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "seqexp", command, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    os.environ["PYTHONDONTWRITEBYTECODE"] = ""
    imports(), first_step()  # files into the page cache, bytecode written
    pairs = [(first_step(), imports()) for _ in range(options.runs)]
    ours, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    rows = [
        {"cell": "first step", "seconds": ours, "imports": floor, "ratio": statistics.median(a / b for a, b in pairs)}
    ]
    print(f"first training step {ours:.2f} s, imports alone {floor:.2f} s, ratio {rows[0]['ratio']:.2f}")
    for command in COMMANDS:
        seconds = statistics.median(help_of(command) for _ in range(3))
        rows.append({"cell": f"{command} --help", "seconds": seconds})
        print(f"seqexp {command} --help: {1000 * seconds:.0f} ms")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rows": rows}, file, indent=2)


if __name__ == "__main__":
    main()
