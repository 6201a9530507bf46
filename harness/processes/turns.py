"""Short turns on a core: a process that works little and must not be late is let in before those that work long.

Linux (EEVDF, from 6.12 on) gives each thread its turn by a virtual deadline, which is the nearer the shorter
the turn is that the thread has asked for. That changes nothing about its share of the cores, and takes no privilege.
"""

import ctypes
import os
import platform
import sys

#: The shortest that Linux grants.
SHORT_TURN_NS = 100_000

#: By machine: the numbers of the system calls sched_setattr and sched_getattr, for which the C library has no function.
_CALLS = {"x86_64": (314, 315), "aarch64": (274, 275)}


class _Attributes(ctypes.Structure):
    """Linux's ``struct sched_attr``, in its first version."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("turn_ns", ctypes.c_uint64),
        ("deadline_ns", ctypes.c_uint64),
        ("period_ns", ctypes.c_uint64),
    ]


def take_short_turns() -> None:
    """Ask for short turns for this thread and those that it will start; without effect where there are none."""
    attributes = _attributes()
    if attributes is None or attributes.policy != os.SCHED_OTHER:
        return
    attributes.turn_ns = SHORT_TURN_NS
    _call(0, ctypes.byref(attributes), 0)


def turn_ns() -> int | None:
    """How long this thread's turns are; None where the system does not tell (0 in kernels that know none)."""
    attributes = _attributes()
    return None if attributes is None else int(attributes.turn_ns)


def _attributes() -> _Attributes | None:
    attributes = _Attributes()
    done = _call(1, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    return attributes if done else None


def _call(which: int, *arguments: object) -> bool:
    """Make a system call about this thread. Returns whether it was there, and went well."""
    calls = _CALLS.get(platform.machine()) if sys.platform == "linux" else None
    return calls is not None and ctypes.CDLL(None).syscall(calls[which], 0, *arguments) == 0
