"""Signals that ask a run to stop. While it trains it saves at the next step; at other times it stops at once.

Either way the process ends with 128 + the signal's number, and the same command goes on from there.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP")


class Stopped(KeyboardInterrupt):
    """A signal came at a time when there is nothing to save."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StopRequest:
    """Whether to stop, and why. Called, it answers whether a signal came."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.waits = False
        """Whether a signal waits to be asked for, as the loop does at every step, or stops at once."""

    def __call__(self) -> bool:
        """Whether a signal came."""
        return self.signal is not None


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Take the stop signals until the block ends; a second one of the same acts as if nobody listened.

    Outside the main thread signals cannot be taken, and nothing is.

    Raises:
        Stopped: From wherever the program is, when a signal comes that nothing waits for.
    """
    request = StopRequest()
    before: dict[int, signal._HANDLER] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        request.signal = number
        signal.signal(number, before[number])
        if not request.waits:
            raise Stopped(number)

    try:
        for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP: so do we
                before[number] = signal.signal(number, handle)
    except ValueError:
        pass
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
