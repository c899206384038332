"""Language modelling: running text, n-gram models beside the network, and text made by it."""

from seqexp.models.language_model import LanguageModel
from seqexp.run.language.describe import describe, render
from seqexp.run.language.generation import generate
from seqexp.run.language.new_data import predict
from seqexp.run.language.problem import build_problem, new_model, vocabulary_of

__all__ = ["LanguageModel", "build_problem", "describe", "generate", "new_model", "predict", "render", "vocabulary_of"]
