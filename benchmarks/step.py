"""Time of a training step against a bare PyTorch loop that does the same work, as a ratio.

    python benchmarks/step.py                        the main job: LSTM 64 on the S&P 500
    python benchmarks/step.py model=gru data.window=128 --blocks 20 --json step.json

Both run in one process, in turns, on the same windows and with the same arithmetic: gather a batch, forward,
loss, backward, clip, fused Adam. The median over blocks of their ratio is what counts; 1.03 is the limit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace

import torch
from torch import nn

from seqexp.config.compose import compose
from seqexp.run.device import prepare
from seqexp.run.problem import build_problem, new_state, plan_of
from seqexp.training import rng
from seqexp.training.loop import Surroundings, fit
from seqexp.training.observer import Observers
from seqexp.training.optim import adam


class Bare:
    """The loop a researcher writes by hand: no signals, no logging, no checkpoints, data already on hand."""

    def __init__(self, problem, model):
        source, target = problem.task.source, problem.task.target
        self.model, self.loss = model, problem.task.head.loss
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.mean = [torch.zeros_like(p) for p in self.parameters]
        self.square = [torch.zeros_like(p) for p in self.parameters]
        self.count = [torch.zeros(()) for _ in self.parameters]
        self.origins = torch.from_numpy(problem.task.splits.train.origins).long()
        self.batch_size = problem.experiment.trainer.batch_size
        self.clip = problem.experiment.trainer.clip_norm
        self.lr = problem.experiment.optimizer.lr
        self.gather = source.gather
        self.target = target

    def run(self, steps):
        order = torch.randperm(len(self.origins))
        size = self.batch_size
        for step in range(steps):
            start = (step * size) % (len(order) - size)
            batch = self.gather(self.origins[order[start : start + size]])
            for p in self.parameters:
                p.grad = None
            loss = self.loss(self.model(batch), batch.targets)
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
            with torch.no_grad():
                adam(
                    self.parameters, [p.grad for p in self.parameters], self.mean, self.square, [], self.count,
                    fused=True, amsgrad=False, beta1=0.9, beta2=0.999, lr=self.lr, weight_decay=0.0, eps=1e-8,
                    maximize=False,
                )  # fmt: skip


class Ours:
    """`fit`, told to stop after so many steps."""

    def __init__(self, problem):
        self.state = new_state(problem)
        self.plan = plan_of(problem)
        trainer = self.plan.trainer.model_copy(update={"max_epochs": 10**9, "validate_every": 10**9})
        self.plan = replace(self.plan, trainer=trainer)
        self.left = 0
        self.around = Surroundings(
            data=problem.order, loss=problem.loss,
            validate=lambda _: {"loss": 0.0}, save=lambda _: None, stop=self.stop, observer=Observers(),
        )  # fmt: skip

    def stop(self):
        self.left -= 1
        return self.left < 0

    def run(self, steps):
        self.left = steps
        fit(self.state, self.plan, self.around)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--blocks", type=int, default=30)
    parser.add_argument("--steps", type=int, default=30, help="steps in a block")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    experiment = compose([*options.overrides, "trainer.log_every=50"]).experiment
    problem = build_problem(experiment, prepare(experiment))
    rng.seed_all(1)
    ours = Ours(problem)
    bare = Bare(problem, problem.build_model())
    bare.model.train()
    times = {"ours": [], "bare": []}
    for block in range(options.blocks + 2):
        pair = {}
        for name, loop in (("ours", ours), ("bare", bare)) if block % 2 else (("bare", bare), ("ours", ours)):
            began = time.perf_counter()
            loop.run(options.steps)
            pair[name] = (time.perf_counter() - began) / options.steps
        if block >= 2:
            for name, value in pair.items():
                times[name].append(value)
    ratios = [a / b for a, b in zip(times["ours"], times["bare"], strict=True)]
    row = {
        "cell": experiment.model.name,
        "hidden": list(experiment.model.hidden_sizes),
        "steps": experiment.data.window,
        "batch": experiment.trainer.batch_size,
        "ours_ms": 1000 * statistics.median(times["ours"]),
        "bare_ms": 1000 * statistics.median(times["bare"]),
        "ratio": statistics.median(ratios),
    }
    print(f"ours {row['ours_ms']:.3f} ms a step, bare {row['bare_ms']:.3f} ms, ratio {row['ratio']:.3f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rows": [row]}, file, indent=2)


if __name__ == "__main__":
    main()
