"""Child processes: started under a guard, so that none outlives the harness, and waited for with a deadline."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self, TypeVar

import psutil

from harness.console.redaction import redact
from harness.console.visible import visible
from harness.errors import ServiceError
from harness.processes.lifeline import guarded
from harness.processes.owner import VARIABLE, Owner

T = TypeVar("T")

_GRACE_S = 60.0
_KILL_TIMEOUT_S = 10.0
_POLL_S = 0.02
_TAIL_BYTES = 65_536


class Process:
    """A program under its guard (see `harness.processes.guard`). As a context manager, it is stopped at the end.

    Attributes:
        name: for messages.
        log_path: where its standard error goes, and its standard output unless that is piped.
        stdout: its standard output, line by line, if piped.
    """

    def __init__(self, name: str, popen: subprocess.Popen[str], log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self._popen = popen
        self.stdout: IO[str] | None = popen.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The guard's process identifier. The program's own is that of the first in `child_tree`."""
        return self._popen.pid

    def child_tree(self) -> list[psutil.Process]:
        """The program and all its descendants now, the program first; empty once they have ended."""
        return guarded_tree(self.pid)

    def poll(self) -> int | None:
        """The program's exit code (128 + N if it died of signal N), or None while it or a descendant runs."""
        return self._popen.poll()

    def stop(self, timeout_s: float = 10.0) -> int:
        """Ask the program to end by SIGTERM; kill it and its descendants after `timeout_s`. Returns its exit code.

        Stopping a process that has ended is no error.
        """
        if self.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._popen.wait()

    def kill(self) -> int:
        """Kill the program and its descendants at once. Returns its exit code."""
        self._popen.send_signal(signal.SIGQUIT)
        try:
            return self._popen.wait(_KILL_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # The guard hangs, or was itself stopped.
            for process in (*self.child_tree(), psutil.Process(self.pid)):
                process.kill()
            return self._popen.wait()

    def log_tail(self, lines: int = 20) -> str:
        """The last `lines` lines of the log, without secrets, and without what would steer a terminal."""
        try:
            with self.log_path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError as error:
            return f"(no log: {error})"
        return visible(redact("\n".join(text.splitlines()[-lines:])))


def start_process(
    name: str,
    argv: Sequence[str],
    *,
    log_path: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: Literal["log", "pipe"] = "log",
) -> Process:
    """Start a program in a session of its own, under a guard.

    Args:
        name: for messages.
        argv: the program and its arguments. Other users can read them: no secrets here.
        log_path: a file for its output, appended to; the folder is made if need be.
        env: variables to add to this process's own.
        cwd: where to start it.
        stdout: whether its standard output goes to the log, as standard error does, or can be read here.
    """
    command, descriptors = guarded(argv, grace_s=_GRACE_S)
    log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout == "pipe" else log,
            stderr=log,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, VARIABLE: Owner.this_process().mark, **(env or {})},
            cwd=cwd,
            pass_fds=descriptors,
            start_new_session=True,
        )
    return Process(name, popen, log_path)


def guarded_tree(guard_pid: int) -> list[psutil.Process]:
    """The program under a guard and all its descendants now, the program first; empty once they have ended."""
    try:
        return psutil.Process(guard_pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end_children(timeout_s: float = 10.0) -> None:
    """End what this process has started and is still there, killing it after `timeout_s`.

    For the end of an interrupted command: the interruption may have come while a process was being started, before
    anybody was there to stop it.
    """
    left = psutil.Process().children()
    for number, patience_s in ((signal.SIGTERM, timeout_s), (signal.SIGQUIT, _KILL_TIMEOUT_S)):
        for guard in left:
            with suppress(psutil.NoSuchProcess):
                guard.send_signal(number)
        _, left = psutil.wait_procs(left, patience_s)


def wait_until(
    condition: Callable[[], T | None],
    *,
    deadline_s: float,
    what: str,
    process: Process | None = None,
    poll_s: float = _POLL_S,
) -> T:
    """Call `condition` until what it returns is true, and return that.

    Args:
        condition: called every `poll_s` seconds.
        deadline_s: how long to wait at most.
        what: what is waited for, for messages: "Kafka accepts connections".
        process: the process that is to bring it about.

    Raises:
        ServiceError: the process ended, or the deadline passed; with the last lines of the process's log.
    """
    deadline = time.monotonic() + deadline_s
    while not (found := condition()):
        if process is not None and (code := process.poll()) is not None:
            raise ServiceError(
                f"{process.name} ended with exit code {code} before this came true: {what}; {_log_of(process)}"
            )
        if time.monotonic() >= deadline:
            message = f"waited {deadline_s:g} s in vain: {what}"
            raise ServiceError(f"{message}; {_log_of(process)}" if process else message)
        time.sleep(poll_s)
    return found


def _log_of(process: Process) -> str:
    return f"the end of {process.log_path}:\n{process.log_tail()}"
