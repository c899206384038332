"""Made-up promoters in the manner of E. coli: two boxes, and whether their order and spacing are right.

Bacterial RNA polymerase binds where a -35 box (TTGACA) is followed, 16 to 18 letters on, by a -10 box (TATAAT): Hawley
and McClure 1983, "Compilation and analysis of Escherichia coli promoter DNA sequences"; Harley and Reynolds 1987,
"Analysis of E. coli promoter sequences". Here both classes hold both boxes, so that no count of k-mers tells them
apart: only where one box stands to the other does.
"""

from __future__ import annotations

import numpy as np

LENGTH = 50
"""Letters of a sequence."""
BOX_35, BOX_10 = "TTGACA", "TATAAT"
SPACINGS = (16, 17, 18)
"""Letters between the boxes of a promoter."""
WRONG_SPACINGS = (10, 11, 12, 13, 21, 22, 23, 24, 25)
CLASSES = ("other", "promoter")

_SPACING_SHARES = (0.25, 0.5, 0.25)
# Share of promoters with the consensus letter at each position: of the 263 of Harley and Reynolds, as counted in
# Woesten et al. 1998, "The sigma70 promoters of Campylobacter jejuni", table 3.
_CONSERVED = ((0.78, 0.82, 0.68, 0.58, 0.51, 0.55), (0.82, 0.90, 0.52, 0.59, 0.49, 0.89))
# Natural boxes are so weak that the best rule errs on many sequences of this length: here they change less often.
_CHANGES = 0.2
_COMPOSITION = (0.29, 0.21, 0.21, 0.29)
_SWAPPED = 0.5
"""Share of the others whose boxes are well spaced, but in the wrong order."""
_SEED = 1987


def promoters(count: int) -> tuple[list[str], list[str]]:
    """So many sequences and their classes, half promoters; always the same ones.

    Args:
        count: How many; fewer are the first of more.
    """
    random = np.random.default_rng(_SEED)
    labels = [CLASSES[i % 2] for i in range(count)]
    return [_sequence(random, promoter=label == CLASSES[1]) for label in labels], labels


def _sequence(random: np.random.Generator, *, promoter: bool) -> str:
    background = random.choice(list("ACGT"), LENGTH, p=_COMPOSITION)
    boxes = [_changed(random, box, shares) for box, shares in zip((BOX_35, BOX_10), _CONSERVED, strict=True)]
    swapped = not promoter and random.random() < _SWAPPED
    if promoter or swapped:
        spacing = int(random.choice(SPACINGS, p=_SPACING_SHARES))
    else:
        spacing = int(random.choice(WRONG_SPACINGS))
    first, second = reversed(boxes) if swapped else boxes
    # Both boxes lie symmetrically about a centre whose place is the same for both classes.
    widest = len(first) + max(WRONG_SPACINGS) + len(second)
    start = int(random.integers(LENGTH - widest + 1)) + (max(WRONG_SPACINGS) - spacing) // 2
    background[start : start + len(first)] = first
    start += len(first) + spacing
    background[start : start + len(second)] = second
    return "".join(background)


def _changed(random: np.random.Generator, box: str, shares: tuple[float, ...]) -> list[str]:
    """A box with another letter at some positions."""
    change = random.random(len(box)) < (1 - np.array(shares)) * _CHANGES
    return [
        str(random.choice([c for c in "ACGT" if c != letter])) if changed else letter
        for letter, changed in zip(box, change, strict=True)
    ]
