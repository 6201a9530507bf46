"""Fakes of child processes and of the clock: they die, freeze and tell events when a test says so, and nobody waits."""

import heapq
import itertools
import resource
import signal
from collections.abc import Callable
from typing import Any

from engines.contract.events import Event
from harness.processes.child import Child
from harness.processes.process import Process

#: Beyond any that the system gives.
_FIRST_PID = 2**23
#: The clock's beginning, and for how long anything may be waited for by it.
_START_NS, _MOST_NS = 1_767_225_600 * 10**9, 3600 * 10**9


class Clock:
    """Stands in for the module `time`, and for the condition that a child's events are waited for by.

    Time passes only while somebody sleeps, and what was planned meanwhile happens then, in order.
    """

    def __init__(self) -> None:
        self.now_ns = _START_NS
        self._planned: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def time_ns(self) -> int:
        """The wall clock."""
        return self.now_ns

    def monotonic(self) -> float:
        """The other clock, which keeps step with it."""
        return self.now_ns / 1e9

    def at(self, at_ns: int, event: Callable[[], object]) -> None:
        """Plan something for a moment of the wall clock."""
        heapq.heappush(self._planned, (at_ns, next(self._numbers), event))

    def forget(self) -> None:
        """Do nothing of what was planned."""
        self._planned.clear()

    def sleep(self, duration_s: float) -> None:
        """Let time pass."""
        end_ns = self.now_ns + round(duration_s * 1e9)
        assert end_ns < _START_NS + _MOST_NS, "something is waited for in vain"
        while self._planned and self._planned[0][0] <= end_ns:
            at_ns, _number, event = heapq.heappop(self._planned)
            self.now_ns = max(self.now_ns, at_ns)
            event()
        self.now_ns = end_ns

    # As a condition

    def __enter__(self) -> None:
        """Nothing has to be locked."""

    def __exit__(self, *_error: object) -> None:
        """Nothing has to be unlocked."""

    wait = sleep


class Program:
    """The program under a fake's guard, as far as psutil's is used."""

    def __init__(self, process: "FakeProcess") -> None:
        self._process = process
        self.pid = process.pid

    def name(self) -> str:
        """Any engine of these is a JVM."""
        return "java"

    def send_signal(self, number: signal.Signals) -> None:
        """Note the signal, and heed it."""
        self._process.heed(number)

    def rlimit(self, which: int, limits: tuple[int, int] | None = None) -> tuple[int, int]:
        """Get or set how large files may grow."""
        assert which == resource.RLIMIT_FSIZE
        self._process.file_bytes = limits or self._process.file_bytes
        return self._process.file_bytes


class FakeProcess(Process):
    """A process that ends when it is told to, with `code`.

    Attributes:
        signals: all that it was sent.
        is_frozen: whether it is stopped by a signal.
        file_bytes: soft and hard limit of the size of files.
        on_term: what SIGTERM does.
    """

    code: int | None
    signals: list[signal.Signals]
    _pids = itertools.count(_FIRST_PID)

    def __init__(self, name: str) -> None:
        self.name, self.code, self.signals, self.is_frozen = name, None, [], False
        self.file_bytes = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        self.on_term: Callable[[], object] = lambda: self.end(0)
        self._pid = next(self._pids)

    @property
    def pid(self) -> int:
        """The guard's."""
        return self._pid

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        return self.code

    def child_tree(self) -> list[Any]:
        """The program, while it runs."""
        return [Program(self)] if self.code is None else []

    def end(self, code: int) -> None:
        """End, unless it has ended already."""
        self.code = code if self.code is None else self.code

    def heed(self, number: signal.Signals) -> None:
        """Do as a signal says."""
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.end(128 + number)
        elif number in (signal.SIGSTOP, signal.SIGCONT):
            self.is_frozen = number == signal.SIGSTOP
        elif number == signal.SIGTERM and not self.is_frozen:
            self.on_term()

    def stop(self, _timeout_s: float = 10.0) -> int:
        """End it in good order, or kill it: a frozen one does not heed SIGTERM."""
        if self.code is None and not self.is_frozen:
            self.on_term()
        return self.kill()

    def kill(self) -> int:
        """Kill it, if it lives."""
        self.end(137)
        assert self.code is not None
        return self.code

    def log_tail(self, _lines: int = 20) -> str:
        """Its last words."""
        return "last words"


class _Reader:
    """Reads events no more: a fake's are there at once."""

    def is_alive(self) -> bool:
        return False

    def join(self, _timeout_s: float) -> None:
        """It has ended."""


class FakeChild(Child):
    """A child that tells what it is told to tell. How it is waited for and asked is the real thing."""

    process: FakeProcess

    def __init__(self, name: str, clock: Clock) -> None:
        self.name, self.started_ms = name, clock.time_ns() // 1_000_000
        self.events, self.strays = [], []
        self.process = FakeProcess(name)
        self._clock = clock
        self._changed, self._reader = clock, _Reader()  # type: ignore[assignment]

    def tell(self, kind: str, **fields: Any) -> None:
        """Send an event, if it can."""
        if self.process.code is None and not self.process.is_frozen:
            self.events.append(Event(kind, self._clock.time_ns() // 1_000_000, fields))

    def ignore(self) -> None:
        """Do nothing."""

    def die(self) -> None:
        """End without a word."""
        self.process.end(1)

    def fail(self, error: str) -> None:
        """End with an explanation."""
        self.tell("failed", error=error)
        self.process.end(1)

    def end(self, **fields: Any) -> None:
        """End in good order."""
        self.tell("stopped", **fields)
        self.process.end(0)
