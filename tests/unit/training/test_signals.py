from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from seqexp.training.signals import Stopped, StopRequest, listening

NAMES = [n for n in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP") if hasattr(signal, n)]
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs POSIX signals")


@pytest.fixture(autouse=True)
def reached() -> Iterator[list[int]]:
    """Handlers of the test's own, in place of those that would end the process; and what they were told."""
    seen: list[int] = []
    before = {n: signal.signal(getattr(signal, n), lambda number, _: seen.append(number)) for n in NAMES}
    yield seen
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.mark.parametrize("name", NAMES)
def test_while_it_waits_a_signal_is_noted_and_nothing_else(name: str, reached: list[int]) -> None:
    number = getattr(signal, name)
    with listening() as request:
        request.waits = True
        assert not request()
        os.kill(os.getpid(), number)
        assert request()
        assert request.signal == number
    assert reached == []


@pytest.mark.parametrize("name", NAMES)
def test_while_nothing_waits_a_signal_stops_at_once(name: str) -> None:
    number = getattr(signal, name)
    with pytest.raises(Stopped) as caught, listening() as request:
        os.kill(os.getpid(), number)
        pytest.fail("went on")
    assert caught.value.number == number == request.signal
    assert isinstance(caught.value, KeyboardInterrupt)  # so that no `except Exception` swallows it


def test_a_second_one_acts_as_if_nobody_listened(reached: list[int]) -> None:
    with listening() as request:
        request.waits = True
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert reached == [signal.SIGTERM]
        os.kill(os.getpid(), signal.SIGUSR1)  # another is still taken
        assert reached == [signal.SIGTERM]
        assert request.signal == signal.SIGUSR1


def test_afterwards_all_is_as_it_was(reached: list[int]) -> None:
    before = [signal.getsignal(getattr(signal, n)) for n in NAMES]
    with listening() as request:
        request.waits = True
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(ValueError, match="inside"), listening():
        raise ValueError("inside")
    assert [signal.getsignal(getattr(signal, n)) for n in NAMES] == before
    os.kill(os.getpid(), signal.SIGTERM)
    assert reached == [signal.SIGTERM]


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    with listening() as request:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not request()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_outside_the_main_thread_nothing_is_taken_and_nothing_fails() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[tuple[bool, bool]] = []

    def work() -> None:
        with listening() as request:
            seen.append((request(), signal.getsignal(signal.SIGTERM) is before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, True)]


def test_a_new_request_asks_for_nothing() -> None:
    request = StopRequest()
    assert (request(), request.signal, request.waits) == (False, None, False)
