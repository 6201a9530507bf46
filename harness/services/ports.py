"""Ports on 127.0.0.1 for services."""

import contextlib
import socket
from collections.abc import Callable
from typing import TypeVar

import psutil

from harness.errors import ServiceError
from harness.processes.process import Process

HOST = "127.0.0.1"

T = TypeVar("T")

_ATTEMPTS = 3


def free_port() -> int:
    """A port that nobody listens on now. Somebody else may take it before it is used: see `on_port`."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on `port`."""
    with socket.socket() as probe:
        # As servers do: connections that linger from an earlier server are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return True
    return False


def serves(process: Process, port: int) -> bool:
    """Whether it is `process`, or a descendant of it, that listens on `port`.

    A port that was free when it was chosen may be somebody else's by now, and what answers there, another's service.
    """
    for each in process.child_tree():
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(its.status == psutil.CONN_LISTEN and its.laddr.port == port for its in each.net_connections("tcp")):
                return True
    return False


def reserve_port() -> socket.socket:
    """A socket that holds a free port, and does not listen: nobody is given it by chance, and a server can have it."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((HOST, 0))
    return holder


def on_port(service: str, port: int | None, start: Callable[[int], T]) -> T:
    """Call `start` with `port`, or with a free one, again if somebody was faster to take it.

    Raises:
        ServiceError: `port` is taken, or `start` raises it.
    """
    if port is not None:
        if not is_free(port):
            raise ServiceError(
                f"cannot start {service}: port {port} on {HOST} is taken",
                fix="free that port, name another, or name none to have a free one picked",
            )
        return start(port)
    for _attempt in range(_ATTEMPTS - 1):
        picked = free_port()
        try:
            return start(picked)
        except ServiceError:
            if is_free(picked):
                raise
    return start(free_port())
