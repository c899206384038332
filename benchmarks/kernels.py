"""Time of the fused recurrences against torch's own layers, as a ratio.

    python benchmarks/kernels.py                                          all cells and sizes
    python benchmarks/kernels.py --cell gru --hidden 64 --steps 96 --batch 64 --json kernels.json
    python benchmarks/kernels.py --lengths 0.75                           rows of unequal length, that long on average

Both do the same work in one process, in turns: a training step (forward, backward, fused Adam) and the forward pass
alone. The medians over the turns and the ratio torch / fused are shown, with the useful arithmetic a second (the
products the mathematics asks for) and its share of the fastest matrix product measured here. With unequal lengths
torch reads a PackedSequence. One layer, inputs as wide as the state, one thread unless --threads says otherwise.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.optim.adam import adam

from seqexp.models.kernels.build import VARIANTS, default_variant, load
from seqexp.models.kernels.call import GATES
from seqexp.models.kernels.operator import recurrence

CELLS = ("lstm", "gru", "rnn_tanh", "rnn_relu")


class Task:
    """One layer, one batch, and a step of training or reading by either way."""

    def __init__(self, cell, hidden, steps, batch, *, mean_length, variant):
        torch.manual_seed(0)
        self.cell, self.variant = cell, variant
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}.get(cell, nn.RNN)
        extra = {"nonlinearity": cell.removeprefix("rnn_")} if kind is nn.RNN else {}
        self.layer = kind(hidden, hidden, batch_first=True, **extra)
        self.parameters = list(self.layer.parameters())
        self.adam = [[torch.zeros_like(p) for p in self.parameters] for _ in range(2)]
        self.count = [torch.zeros(()) for _ in self.parameters]
        self.x = torch.randn(batch, steps, hidden)
        self.gradient = torch.randn(batch, steps, hidden) / (batch * steps)  # what a loss sends back
        self.lengths = None
        if mean_length < 1:
            low = max(1, round((2 * mean_length - 1) * steps))
            self.lengths = torch.linspace(low, steps, batch).round().long()[torch.randperm(batch)]
        pairs = batch * steps if self.lengths is None else int(self.lengths.sum())
        self.forward_flops = 2 * pairs * GATES[cell] * hidden * 2 * hidden
        # The way back: the weights' gradients cost as much as the way there, the states' half of it.
        self.training_flops = self.forward_flops * 2.5

    def torch(self):
        if self.lengths is None:
            return self.layer(self.x)[0]
        packed = pack_padded_sequence(self.x, self.lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.layer(packed)[0], batch_first=True, total_length=self.x.shape[1])[0]

    def fused(self):
        return recurrence(self.cell, self.x, tuple(self.parameters), lengths=self.lengths, variant=self.variant)[0]

    def train(self, forward):
        for p in self.parameters:
            p.grad = None
        forward().backward(self.gradient)
        with torch.no_grad():
            adam(
                self.parameters, [p.grad for p in self.parameters], *self.adam, [], self.count, fused=True,
                amsgrad=False, beta1=0.9, beta2=0.999, lr=1e-4, weight_decay=0.0, eps=1e-8, maximize=False,
            )  # fmt: skip

    def read(self, forward):
        with torch.inference_mode():
            forward()


def alternate(first, second, seconds):
    """Median times of two functions called in turns for so many seconds, at least five times each."""
    first(), second()
    times = ([], [])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for function, noted in zip((first, second), times, strict=True):
            begin = time.perf_counter()
            function()
            noted.append(time.perf_counter() - begin)
    return [statistics.median(t) for t in times]


def matmul_peak():
    """The fastest product of square matrices seen, in GFLOP/s."""
    best = 0.0
    for size in (256, 512, 1024):
        a, b, out = torch.randn(size, size), torch.randn(size, size), torch.empty(size, size)
        for _ in range(20):
            begin = time.perf_counter()
            torch.mm(a, b, out=out)
            best = max(best, 2 * size**3 / (time.perf_counter() - begin) / 1e9)
    return best


def rows(options, peak):
    for cell in options.cell:
        for hidden in options.hidden:
            for steps in options.steps:
                for batch in options.batch:
                    task = Task(cell, hidden, steps, batch, mean_length=options.lengths, variant=options.variant)
                    for phase, run, flops in (
                        ("training", task.train, task.training_flops), ("forward", task.read, task.forward_flops),
                    ):  # fmt: skip
                        theirs, ours = alternate(
                            lambda run=run, task=task: run(task.torch), lambda run=run, task=task: run(task.fused),
                            options.seconds,
                        )  # fmt: skip
                        yield {
                            "cell": cell, "hidden": hidden, "steps": steps, "batch": batch, "lengths": options.lengths,
                            "phase": phase, "ratio": theirs / ours, "torch_ms": theirs * 1e3, "fused_ms": ours * 1e3,
                            "gflops": flops / ours / 1e9, "share": flops / ours / 1e9 / peak,
                        }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--hidden", nargs="+", type=int, default=[16, 32, 64, 128, 256, 512])
    parser.add_argument("--steps", nargs="+", type=int, default=[16, 96, 512])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 64, 256])
    parser.add_argument("--lengths", type=float, default=1.0, help="mean length as a part of --steps, 0.5 to 1")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variant", choices=VARIANTS, default=default_variant())
    parser.add_argument("--seconds", type=float, default=2.0, help="for each comparison")
    parser.add_argument("--json", help="write the rows here, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    kernels = load(options.variant)
    if kernels.library is None:
        raise SystemExit(kernels.reason)
    peak = matmul_peak()
    print(f"{options.variant}, {kernels.compiler}; matrix product {peak:.0f} GFLOP/s")
    print("cell     hidden steps batch  phase       torch ms  fused ms  ratio  GFLOP/s  share")
    found = []
    for row in rows(options, peak):
        found.append(row)
        print(
            "{cell:9}{hidden:6}{steps:6}{batch:6}  {phase:9}{torch_ms:11.3f}{fused_ms:10.3f}{ratio:7.2f}"
            "{gflops:9.1f}{share:7.0%}".format(**row),
            flush=True,
        )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rows": found, "peak": peak}, file, indent=1)


if __name__ == "__main__":
    main()
