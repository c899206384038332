"""Sequences by themselves: texts, genes, music, memory tasks; classical methods beside the network."""

from seqexp.run.sequences.describe import describe, render
from seqexp.run.sequences.new_data import predict
from seqexp.run.sequences.problem import build_problem, new_model

__all__ = ["build_problem", "describe", "new_model", "predict", "render"]
