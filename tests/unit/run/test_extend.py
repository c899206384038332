from __future__ import annotations

from collections.abc import Sequence

from seqexp.config.compose import compose
from seqexp.run.extend import extension


def test_more_epochs_and_other_tracking_are_accepted_and_named(tiny: Sequence[str]) -> None:
    old = compose([*tiny, "tracking=quiet"]).experiment
    new = compose([*tiny, "trainer.max_epochs=7", "tracking=console", "trainer.checkpoints.keep_last=4"]).experiment
    assert extension(old, new) == {
        "trainer.max_epochs": (3, 7),
        "tracking.progress": ("none", "auto"),
        "trainer.checkpoints.keep_last": (2, 4),
    }


def test_where_it_lies_and_what_it_is_called_is_no_extension(tiny: Sequence[str]) -> None:
    old, new = (compose([*tiny, f"outputs={o}", f"name={n}"]).experiment for o, n in (("a", "x"), ("b", "y")))
    assert extension(old, new) == {}
    assert extension(old, old) == {}
