"""Short turns on a core: what the system grants a thread, and those that it starts."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.processes.turns import SHORT_TURN_NS, take_short_turns, turn_ns


def _turns_ns() -> tuple[int | None, int | None, int | None]:
    """A thread's turns before it asks, after it has, and those of a thread that it has then started."""
    before = turn_ns()
    take_short_turns()
    after = turn_ns()
    with ThreadPoolExecutor(1) as pool:
        return before, after, pool.submit(turn_ns).result()


def test_a_thread_and_those_that_it_starts_get_short_turns() -> None:
    with ThreadPoolExecutor(1) as pool:  # so that this process keeps the turns it has
        before, after, inherited = pool.submit(_turns_ns).result()
    if not before:
        pytest.skip("this kernel does not tell how long a thread's turns are")
    assert before > SHORT_TURN_NS
    assert (after, inherited) == (SHORT_TURN_NS, SHORT_TURN_NS)


def test_elsewhere_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    take_short_turns()
    assert turn_ns() is None
