"""Text that a language model makes: one token after another, each drawn from what the model says may come.

Shapes: V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqexp.data.tokenizer import Vocabulary
from seqexp.errors import ConfigError
from seqexp.models.language_model import LanguageModel

_FIRST = 2
"""The token after padding and unknown: of words and characters the commonest."""
_STRETCH = 2_048
"""Tokens of the prompt that are read at a time."""


def generate(
    model: LanguageModel, vocabulary: Vocabulary, prompt: str, *, length: int, temperature: float, top_k: int | None,
    top_p: float | None, seed: int,
) -> str:  # fmt: skip
    """Go on with a text.

    Args:
        model: Trained, in evaluation mode.
        vocabulary: The one it was trained with.
        prompt: How the text begins; empty: a new line.
        length: Tokens to add.
        temperature: What the logarithms of probabilities are divided by: 1, as the model says; 0, always the likeliest.
        top_k: Only so many tokens, the likeliest; None: all.
        top_p: Only the fewest likeliest tokens that have this probability together (Holtzman et al. 2020); None: all.
        seed: Of the draws; the same gives the same text.

    Returns:
        The prompt and what follows. Padding and unknown tokens are never drawn.

    Raises:
        ConfigError: If a number is out of its range.
    """
    _check(length, temperature, top_k, top_p)
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    begun = vocabulary.encode(prompt or "\n")
    if not len(begun):
        begun = vocabulary.encode("\n")
    tokens = [int(t) for t in begun] or [_FIRST]  # there may be a vocabulary of words in which lines do not end
    with torch.inference_mode():
        states = None
        for part in torch.split(torch.tensor(tokens, device=device), _STRETCH):
            read = model(part[None], states)
            states = read.states
        for _ in range(length):
            logs = model.log_probabilities(read.dropped[:, -1])[0].float().cpu()
            logs[[0, vocabulary.unknown]] = -torch.inf
            tokens.append(_drawn(filtered(logs, temperature=temperature, top_k=top_k, top_p=top_p), generator))
            read = model(torch.tensor([tokens[-1:]], device=device), states)
            states = read.states
    whole, start = vocabulary.decode(tokens), vocabulary.decode(tokens[:-length])
    # the user's own words stay as they were typed, whatever the vocabulary makes of them
    return prompt + whole[len(start) :] if whole.startswith(start) else whole


def filtered(logs: Tensor, *, temperature: float, top_k: int | None, top_p: float | None) -> Tensor:
    """Log probabilities (V) at a temperature, with minus infinity in place of what must not be drawn."""
    logs = logs / temperature if temperature else logs
    if temperature == 0:
        top_k = 1
    if top_k is not None and top_k < len(logs):
        best = logs.topk(top_k).indices
        logs = torch.full_like(logs, -torch.inf).scatter(0, best, logs[best])
    if top_p is not None:
        ordered, where = logs.sort(descending=True, stable=True)
        shares = ordered.softmax(dim=0)
        beyond = shares.cumsum(dim=0) - shares >= top_p  # what the likelier ones have together is enough
        logs = logs.scatter(0, where[beyond], -torch.inf)
    return logs


def _drawn(logs: Tensor, generator: torch.Generator) -> int:
    return int(torch.multinomial(logs.softmax(dim=0), 1, generator=generator))


def _check(length: int, temperature: float, top_k: int | None, top_p: float | None) -> None:
    problems = []
    if length < 1:
        problems.append(f"--length must be at least 1 token, but is {length}")
    if not 0 <= temperature < float("inf"):
        problems.append(f"--temperature must be 0 (always the likeliest token) or more, but is {temperature}")
    if top_k is not None and top_k < 1:
        problems.append(f"--top-k must be at least 1, but is {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        problems.append(f"--top-p must be above 0 and at most 1, but is {top_p}")
    if problems:
        raise ConfigError(problems)
