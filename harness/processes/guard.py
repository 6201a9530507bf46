"""Runs one command and sees to it that nothing of it outlives the harness.

    python -I -S guard.py --pipe FD --grace-s SECONDS -- COMMAND [ARGUMENT...]

The guard stands between the harness and each program that it starts. It ends the program and all its descendants when

* it gets SIGTERM: SIGTERM to the program, and SIGKILL to whatever is left after the grace,
* the harness dies, of SIGKILL too: the same, with a grace of at most `ORPHAN_GRACE_S`. The sign is end-of-file on FD,
  the read end of a pipe whose write end only the harness holds, or a new parent,
* it gets SIGQUIT: SIGKILL to all, at once,
* the program has ended: what it left behind gets SIGTERM, and SIGKILL after at most `ORPHAN_GRACE_S`.

Where processes cannot be listed (no ``/proc``), it ends the program alone, and says so on standard error; others'
processes that are hidden (``hidepid``) are none of its own.

It exits with the program's exit code, or with 128 + N if the program died of signal N, and not before every descendant
is gone: as "child subreaper" it becomes the parent of those whose own parents have died. Start it in a session of its
own, so that Ctrl-C in the terminal reaches the harness only. Standard input, output and error are the program's. If the
variable `CPUS` has numbers of cores, the program runs on them alone, and does not get the variable.

Standard library only, and little of it, since it is started once for every program.
"""

import ctypes
import os
import select
import signal
import sys
import time

ORPHAN_GRACE_S = 2.0
CPUS = "RINGBENCH_GUARD_CPUS"

_CANNOT_EXECUTE = 127
_PARENT_CHECK_S = 1.0
_KILL_AGAIN_S = 0.05
_CAUGHT = (signal.SIGCHLD, signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP)
# Python ignores these, and the program would inherit that.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Guard:
    """The state of one supervised program."""

    def __init__(self, pipe: int, grace_s: float) -> None:
        self.pipe = pipe
        self.grace_s = grace_s
        self.harness = os.getppid()
        self.program = 0
        self.program_code: int | None = None
        self.kill_at: float | None = None
        self.told: set[str] = set()

    def run(self, command: list[str]) -> int:
        """Start `command` and watch it until it and its descendants have ended. Returns the guard's exit code."""
        wakeup = _catch_signals()
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        guard = os.getpid()
        # Held back until the child is ready for them, lest it take one for the guard's.
        signal.pthread_sigmask(signal.SIG_BLOCK, _CAUGHT)
        self.program = os.fork()
        if self.program == 0:
            _become(command, guard)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _CAUGHT)
        while self._reap():
            self._wait(wakeup)
            if self.kill_at is not None and time.monotonic() >= self.kill_at:
                self._signal_all(signal.SIGKILL)
        assert self.program_code is not None
        return self.program_code

    def _wait(self, wakeup: int) -> None:
        """Wait for a signal, the harness's death, or the time to kill, and act on the first two."""
        sources = [wakeup] if self.pipe < 0 else [wakeup, self.pipe]
        readable, _, _ = select.select(sources, [], [], self._patience_s())
        if wakeup in readable:
            for number in os.read(wakeup, 512):
                self._on_signal(number)
        if self.pipe in readable or os.getppid() != self.harness:
            self.pipe, self.harness = -1, os.getppid()
            self._stop(min(self.grace_s, ORPHAN_GRACE_S))

    def _patience_s(self) -> float:
        if self.kill_at is None:
            return _PARENT_CHECK_S
        # A process may be born while its parent is being killed, hence again and again until none is left.
        return min(max(self.kill_at - time.monotonic(), _KILL_AGAIN_S), _PARENT_CHECK_S)

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGTERM:
            self._stop(self.grace_s)
        elif number == signal.SIGQUIT:
            self._stop(0)

    def _stop(self, grace_s: float) -> None:
        """Ask the program to end, and have everything killed after the grace. An earlier deadline stands."""
        deadline = time.monotonic() + grace_s
        self.kill_at = deadline if self.kill_at is None else min(self.kill_at, deadline)
        if self.program_code is None and grace_s > 0:
            os.kill(self.program, signal.SIGTERM)

    def _reap(self) -> bool:
        """Collect the children that have ended, adopted ones too. Returns whether any is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.program:
                code = os.waitstatus_to_exitcode(status)
                self.program_code = code if code >= 0 else 128 - code
                self._stop(min(self.grace_s, ORPHAN_GRACE_S))
                self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        """Signal all descendants, or the program, if it lives, where they cannot be known."""
        try:
            pids = _descendants()
        except OSError as error:
            pids = [self.program] * (self.program_code is None)
            self._tell(f"processes cannot be listed ({error.strerror}): what the program started may be left")
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
            except PermissionError:
                self._tell(f"process {pid} has become another user's, and cannot be ended")

    def _tell(self, text: str) -> None:
        """Say something on standard error, once; it may be gone."""
        if text not in self.told:
            self.told.add(text)
            try:
                os.write(2, f"guard: {text}\n".encode())
            except OSError:
                pass


def _catch_signals() -> int:
    """Have the signals written, as bytes, to a pipe. Returns its read end."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    # A handler, rather than SIG_IGN, because the program would inherit that.
    for number in _CAUGHT:
        signal.signal(number, lambda *_: None)
    return readable


def _become(command: list[str], guard: int) -> None:
    """In the forked child: turn into `command`."""
    # If the guard itself is killed, its program is killed with it.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(_CANNOT_EXECUTE)
    signal.set_wakeup_fd(-1)
    for number in (*_CAUGHT, *_IGNORED_BY_PYTHON):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _CAUGHT)
    try:
        if cpus := os.environ.pop(CPUS, ""):
            os.sched_setaffinity(0, map(int, cpus.split(",")))
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"cannot execute {command[0]}: {error.strerror}\n".encode())
        os._exit(_CANNOT_EXECUTE)


def _prctl(option: int, value: int) -> None:
    """Set a property of this process; without effect where the system has no prctl (all but Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _descendants() -> list[int]:
    """This process's children, and theirs, and so on.

    Raises:
        OSError: processes cannot be listed.
    """
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found = children.get(os.getpid(), [])
    for pid in found:  # grows while it is walked
        found.extend(children.get(pid, ()))
    return found


def _processes() -> list[tuple[int, int]]:
    """Every process and its parent."""
    if sys.platform != "linux":
        rows = os.popen("ps -A -o pid=,ppid=").read().splitlines()  # noqa: S605
        return [(int(pid), int(parent)) for pid, parent in map(str.split, rows)]
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The command's name comes before this, in brackets, and may hold anything.
                _state, parent, *_rest = file.read().rpartition(b")")[2].split()
        except OSError:
            # It has ended; or it is another user's, of which a /proc mounted with hidepid says nothing.
            continue
        found.append((int(name), int(parent)))
    return found


def main(arguments: list[str]) -> int:
    """The guard's command line, which only the harness writes."""
    end = arguments.index("--")
    options = dict(zip(arguments[0:end:2], arguments[1:end:2], strict=True))
    return Guard(int(options["--pipe"]), float(options["--grace-s"])).run(arguments[end + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
