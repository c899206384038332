"""Training a language model against a bare PyTorch loop of the same model: tokens a second, and bits per character.

    python benchmarks/language_model.py data.path=tinyshakespeare.txt model.forget_gate_bias=0 model.orthogonal=false
    python benchmarks/language_model.py data.path=tinyshakespeare.txt model.kernel=fused --json language.json

Both run in one process, in turns, on the same batches: embedding, LSTM, linear layer, clipped gradient, fused Adam.
The median over blocks of the ratio of their times is what counts. The bare one is what a researcher writes by hand:
nn.Embedding, nn.LSTM, nn.Linear, text in memory, no logging, no checkpoints. It begins from PyTorch's own weights; so
does ours with the two keys of the first line.
"""

from __future__ import annotations

import argparse
import json
import math
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


class Bare:
    """The loop a researcher writes by hand."""

    def __init__(self, problem):
        experiment, corpus = problem.experiment, problem.data.corpus
        size, hidden = experiment.task.embedding.size, experiment.model.hidden_sizes
        self.device = problem.device
        self.embedding = nn.Embedding(corpus.vocabulary.size, size)
        self.lstm = nn.LSTM(size, hidden[0], len(hidden), batch_first=True)
        self.decoder = nn.Linear(hidden[-1], corpus.vocabulary.size)
        self.modules = nn.ModuleList([self.embedding, self.lstm, self.decoder]).to(self.device)
        self.parameters = list(self.modules.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=experiment.optimizer.lr, fused=True)
        self.clip, self.bptt = experiment.trainer.clip_norm, experiment.data.bptt
        streams = experiment.trainer.batch_size
        text = torch.from_numpy(corpus.splits["train"][0 : len(corpus.splits["train"])])
        length = (len(text) - 1) // streams
        self.inputs = text[: streams * length].view(streams, length).to(self.device)
        self.targets = text[1 : streams * length + 1].view(streams, length).to(self.device)
        self.valid = torch.from_numpy(corpus.splits["valid"][0 : len(corpus.splits["valid"])])[None].to(self.device)
        self.at, self.state = 0, None

    def run(self, steps):
        self.modules.train()
        for _ in range(steps):
            if self.at >= self.inputs.shape[1]:
                self.at, self.state = 0, None
            x, y = (t[:, self.at : self.at + self.bptt] for t in (self.inputs, self.targets))
            self.at += self.bptt
            self.optimizer.zero_grad()
            hidden, state = self.lstm(self.embedding(x), self.state)
            self.state = tuple(s.detach() for s in state)
            loss = nn.functional.cross_entropy(self.decoder(hidden).flatten(0, 1), y.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
            self.optimizer.step()

    @torch.no_grad()
    def bits(self):
        self.modules.eval()
        total, state = 0.0, None
        for start in range(0, self.valid.shape[1] - 1, 2_048):
            part = self.valid[:, start : start + 2_049]
            hidden, state = self.lstm(self.embedding(part[:, :-1]), state)
            total += float(nn.functional.cross_entropy(self.decoder(hidden)[0], part[0, 1:], reduction="sum"))
        return total / math.log(2) / (self.valid.shape[1] - 1)


class Ours:
    """`fit`, told to stop after so many steps."""

    def __init__(self, problem):
        self.problem, self.state = problem, new_state(problem)
        plan = plan_of(problem)
        trainer = plan.trainer.model_copy(update={"max_epochs": 10**9, "validate_every": 10**9})
        self.plan, self.left = replace(plan, trainer=trainer), 0
        self.around = Surroundings(
            data=problem.order, loss=problem.loss, validate=lambda _: {"loss": 0.0}, save=lambda _: None,
            stop=self.stop, observer=Observers(),
        )  # fmt: skip

    def stop(self):
        self.left -= 1
        return self.left < 0

    def run(self, steps):
        self.left = steps
        fit(self.state, self.plan, self.around)

    def bits(self):
        self.state.model.eval()
        return self.problem.validate(self.state)["bits_per_character"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20, help="updates in a block")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    experiment = compose(["data=language", "model=lstm", *options.overrides]).experiment
    problem = build_problem(experiment, prepare(experiment))
    rng.seed_all(experiment.seed)
    ours, bare = Ours(problem), Bare(problem)
    times = {"ours": [], "bare": []}
    for block in range(options.blocks + 2):
        pair = {}
        for name, loop in (("ours", ours), ("bare", bare)) if block % 2 else (("bare", bare), ("ours", ours)):
            began = time.perf_counter()
            loop.run(options.steps)
            if problem.device.type == "cuda":
                torch.cuda.synchronize()
            pair[name] = time.perf_counter() - began
        if block >= 2:
            for name, value in pair.items():
                times[name].append(value)
    tokens = options.steps * experiment.trainer.batch_size * experiment.data.bptt
    row = {
        "hidden": list(experiment.model.hidden_sizes),
        "kernel": experiment.model.kernel,
        "bptt": experiment.data.bptt,
        "batch": experiment.trainer.batch_size,
        "device": str(problem.device),
        "updates": (options.blocks + 2) * options.steps,
        "ours_tokens_per_second": tokens / statistics.median(times["ours"]),
        "bare_tokens_per_second": tokens / statistics.median(times["bare"]),
        "ratio": statistics.median(b / a for a, b in zip(times["ours"], times["bare"], strict=True)),
        "ours_bits_per_character": ours.bits(),
        "bare_bits_per_character": bare.bits(),
    }
    print(
        f"tokens a second: ours {row['ours_tokens_per_second']:,.0f}, bare {row['bare_tokens_per_second']:,.0f}, ratio "
        f"{row['ratio']:.3f} (more is faster); bits per character after {row['updates']:,} updates: ours "
        f"{row['ours_bits_per_character']:.4f}, bare {row['bare_bits_per_character']:.4f}"
    )
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rows": [row]}, file, indent=2)


if __name__ == "__main__":
    main()
