"""The events an engine prints on standard output, one JSON object a line.

``ready``
    The job runs and would process a record now. `version` and `config`: the engine's version, and the configuration in
    effect, read back from the engine.
``progress``
    At least every two seconds while it runs. Totals since the start: `records_in`, `malformed`, `late`; of engines with
    `task_kill` in their descriptor also `task_restarts`, how often tasks that had failed were run again.
``failed``
    The job ended by itself; `error` says why. The process then exits with a code other than 0.
``stopped``
    The job ended because of SIGTERM, in good order, with the final totals of ``progress``.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

KINDS = ("ready", "progress", "failed", "stopped")


class Event(NamedTuple):
    """An event: its kind, when it was sent (milliseconds since the Unix epoch) and its further fields."""

    kind: str
    at_ms: int
    fields: dict[str, Any]


def parse_event(line: str) -> Event | None:
    """The event in a line of standard output, or None if the line is none (an engine's library may print too)."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    kind, at_ms = found.pop("event", None), found.pop("at_ms", None)
    if kind not in KINDS or not isinstance(at_ms, int):
        return None
    return Event(kind, at_ms, found)


class EventWriter:
    """Writes events to the real standard output, after pointing file descriptor 1 at standard error.

    Whatever else the process or its children print then lands in the log and cannot tear an event apart.

    Attributes:
        wall_ns: the clock that events are stamped by.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._lock = threading.Lock()
        self.wall_ns: Callable[[], int] = time.time_ns

    def send(self, kind: str, **fields: Any) -> None:
        """Print one event of `kind`."""
        line = json.dumps({"event": kind, "at_ms": self.wall_ns() // 1_000_000, **fields})
        with self._lock:
            self._out.write(line + "\n")
            self._out.flush()


def act_on_sigusr1(kill_task: Callable[[], None]) -> None:
    """Call `kill_task`, in a thread of its own, at each SIGUSR1 from now on: the order to let one task fail.

    Before the first call of this function, SIGUSR1 ends the process. Call it before `ready` is sent.
    """
    ordered = threading.Event()

    def obey() -> None:
        while True:
            ordered.wait()
            ordered.clear()
            kill_task()

    signal.signal(signal.SIGUSR1, lambda _number, _frame: ordered.set())
    threading.Thread(target=obey, name="task kills", daemon=True).start()


def stop_on_sigterm() -> threading.Event:
    """An event object that SIGTERM sets. SIGINT is ignored: on Ctrl-C the harness stops its engines itself."""
    stop = threading.Event()

    def on_sigterm(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_sigterm)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return stop
