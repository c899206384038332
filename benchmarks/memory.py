"""Memory of the data's way from a file to batches: `python benchmarks/memory.py [rows]`.

Prints the peak above what imports take, over the memory of the rows themselves: 16 bytes each, a time and a number.
Windows are never laid out, so the promise is a ratio of at most 2, whatever the window. Linux only.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

WINDOW = 512
BYTES_PER_ROW = 16
SECONDS_FROM_1970 = 1_000_000_000


def measure(path: Path, warm_up: Path) -> None:
    """Print the peak, in bytes, above what a tiny file of the same kind needs."""
    import torch

    from seqexp.config.compose import compose
    from seqexp.run.problem import build_problem

    def run(source: Path) -> None:
        keys = ["data=table", f"data.path={source}", f"data.window={WINDOW}", "trainer.batch_size=64"]
        problem = build_problem(compose(keys).experiment, torch.device("cpu"))
        for step in range(5):
            problem.order.batches(0, step)

    run(warm_up)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is held now
    before = _status("VmRSS")
    run(path)
    print(_status("VmHWM") - before)


def _status(key: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def write(path: Path, rows: int) -> None:
    """A minute of data a row: a random walk."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    seconds = SECONDS_FROM_1970 // 60 * 60 + 60 * np.arange(rows)
    times = seconds.astype("datetime64[s]")
    values = np.random.default_rng(0).normal(size=rows).cumsum()
    table = pa.table({"timestamp": times, "value": values})
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)


def main(rows: int) -> None:
    """Measure each kind of file in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("parquet", "csv"):
            path, warm_up = Path(folder, f"rows.{ending}"), Path(folder, f"few.{ending}")
            write(path, rows)
            write(warm_up, 5_000)
            command = [sys.executable, __file__, "--measure", str(path), str(warm_up)]
            peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            own = rows * BYTES_PER_ROW
            print(
                f"{ending:<8} {rows:,} rows, window {WINDOW}: {peak / 1e6:.0f} MB above imports, "
                f"{peak / own:.2f} x the rows' own {own / 1e6:.0f} MB"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 10_000_000)
