"""Child processes that speak the event protocol: engines and the harness's own workers."""

import itertools
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engines.contract.events import Event, parse_event
from harness.console.redaction import redact, redact_all
from harness.console.visible import visible
from harness.errors import ServiceError
from harness.processes.process import start_process

#: So many events are kept, and then half as many: those of progress from before say nothing that later ones do not.
MAX_EVENTS = 1000
#: So many lines that are no events are kept.
MAX_STRAYS = 100


class Child:
    """A running child, and the events it has sent.

    Attributes:
        name: for messages.
        process: the process.
        events: what it has sent so far, oldest first; old events of progress are let go of.
        strays: the first lines on its standard output that were no events.
    """

    def __init__(
        self,
        name: str,
        argv: list[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.started_ms = time.time_ns() // 1_000_000
        self.events: list[Event] = []
        self.strays: list[str] = []
        self.process = start_process(name, argv, env=env, log_path=log_path, cwd=cwd, stdout="pipe")
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name=f"events of {name}", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if event := parse_event(line):
                with self._changed:
                    self.events.append(event._replace(fields=redact_all(event.fields)))
                    self._let_go()
                    self._changed.notify_all()
            elif len(self.strays) < MAX_STRAYS:
                self.strays.append(redact(line.rstrip("\n")))
        with self._changed:
            self._changed.notify_all()

    def _let_go(self) -> None:
        """Forget old progress once there is much of it, so that a long run needs no more memory than a short one."""
        if len(self.events) > MAX_EVENTS:
            half = len(self.events) // 2
            # Another list: others may be looking through this one.
            self.events = [each for each in self.events[:half] if each.kind != "progress"] + self.events[half:]

    def last(self, kind: str) -> Event | None:
        """The newest event of `kind`, or None."""
        return next((event for event in reversed(self.events) if event.kind == kind), None)

    def since(self, kind: str, after_ms: int) -> list[Event]:
        """The events of `kind` that were sent after `after_ms`, by their own clock; oldest first."""
        newest_first = itertools.takewhile(lambda event: event.at_ms > after_ms, reversed(self.events))
        return [event for event in newest_first if event.kind == kind][::-1]

    def latest(self, field: str, default: Any = None) -> Any:
        """The newest known value of a field of progress or the end, or `default`."""
        return next((event.fields[field] for event in reversed(self.events) if field in event.fields), default)

    @property
    def is_running(self) -> bool:
        """Whether the process lives and has not said that its work has ended."""
        return self.process.poll() is None and not self.last("failed") and not self.last("stopped")

    def wait_for(self, kind: str, deadline_s: float) -> Event:
        """Wait for an event of `kind`.

        Raises:
            ServiceError: the child ended or failed first, or the deadline passed; with its last words.
        """
        deadline = time.monotonic() + deadline_s
        with self._changed:
            while not (event := self.last(kind)):
                if self.last("failed") or not (self.is_running or self._reader.is_alive()):
                    raise ServiceError(self.death())
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise ServiceError(f"{self.name}: no {kind!r} within {deadline_s:g} s\n{self.process.log_tail()}")
                self._changed.wait(min(left_s, 0.5))
        return event

    def death(self) -> str:
        """What is known of the child's end, for a message."""
        if failed := self.last("failed"):
            reason = str(failed.fields.get("error") or "").strip() or "no reason given"
            return f"{self.name} failed: {visible(reason.splitlines()[0])}; its log says more"
        return f"{self.name} ended by itself with exit code {self.process.poll()}\n{self.process.log_tail()}"

    def stop(self, timeout_s: float = 15.0) -> None:
        """End the child: SIGTERM, and SIGKILL for it and all its descendants after `timeout_s`."""
        self.process.stop(timeout_s)
        self._reader.join(timeout_s)


def module_command(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command line that runs `module`. It is not looked for in the working directory, which is the user's own."""
    return [python, "-P", "-m", module, *arguments]
