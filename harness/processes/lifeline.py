"""Ties a child process to the life of this one, by way of `harness.processes.guard`. Standard library only."""

import functools
import os
import sys
from collections.abc import Sequence

from harness.processes import guard


def guarded(argv: Sequence[str], *, grace_s: float) -> tuple[list[str], list[int]]:
    """The command line that runs `argv` under a guard, and the file descriptors that it must be given.

    Args:
        argv: the program and its arguments.
        grace_s: how long the program may take to end after SIGTERM to the guard.
    """
    lifeline = _lifeline()
    options = ["--pipe", str(lifeline), "--grace-s", str(grace_s), "--"]
    return [sys.executable, "-I", "-S", guard.__file__, *options, *argv], [lifeline]


@functools.cache
def _lifeline() -> int:
    """The read end of a pipe that is never written to, and whose write end closes when this process dies."""
    readable, _writable = os.pipe()
    return readable
