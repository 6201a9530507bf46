"""Another user of the same machine, and what the ports of a run's processes let that one do."""

import json
import os
import socket
import struct
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

NOBODY = 65534
TIMEOUT_S = 5.0


class Answer(NamedTuple):
    """What a port said to a stranger: what was tried, and whether it was done, which it must not be."""

    tried: str
    was_done: bool
    said: str


def as_stranger(look: Callable[[], list[Answer]]) -> list[Answer]:
    """What `look` finds as another user, if this one may become that one, as root may; else as this user."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            with os.fdopen(writer, "w") as file:
                json.dump(look(), file)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        found = file.read()
    os.waitpid(child, 0)
    return [Answer(*each) for each in json.loads(found)]


def ports_of(processes: Iterable[psutil.Process]) -> list[int]:
    """Ports that they listen on, which must be on loopback."""
    found = []
    for process in processes:
        with suppress(psutil.Error):
            for each in process.net_connections("tcp"):
                if each.status == psutil.CONN_LISTEN:
                    assert each.laddr.ip.removeprefix("::ffff:") in ("127.0.0.1", "::1"), each
                    found.append(each.laddr.port)
    return found


def intrude(ports: Iterable[int]) -> list[Answer]:
    """Try everything on every port, side by side."""
    attempts = [(tried, port) for port in ports for tried in _ATTEMPTS]
    with ThreadPoolExecutor(max(1, len(attempts))) as pool:
        return list(pool.map(lambda attempt: _try(*attempt), attempts))


def read_environment(processes: Iterable[int]) -> list[Answer]:
    """Try to read the environment of processes, where secrets are."""
    found = []
    for each in processes:
        try:
            with Path(f"/proc/{each}/environ").open("rb") as file:
                said, was_done = file.read(20).decode("utf-8", errors="replace"), True
        except OSError as error:
            said, was_done = str(error.strerror), False
        found.append(Answer("environment", was_done, said))
    return found


def _try(tried: str, port: int) -> Answer:
    sent, is_done = _ATTEMPTS[tried]
    said = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.sendall(sent)
        said = connection.recv(4096)
    return Answer(tried, is_done(said), said.decode("utf-8", errors="replace"))


def _post(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{{}}".encode()


#: A request of Spark's: its length, that it is one, a number, and its body with the body's length.
_SPARK = struct.pack(">qbqi", 26, 3, 1, 5) + b"hello"
#: By name: what to send, and whether an answer says that it was done, or looked at, which is as bad.
_ATTEMPTS: dict[str, tuple[bytes, Callable[[bytes], bool]]] = {
    "a jar for Flink": (_post("/jars/upload"), lambda said: said.startswith(b"HTTP/") and b" 40" not in said[:13]),
    "a job for Flink": (_post("/jobs"), lambda said: said.startswith(b"HTTP/") and b" 401 " not in said[:13]),
    "a call of Java": (
        b"c\nz:java.lang.System\ngetProperty\nsuser.name\ne\n",
        lambda said: said.startswith((b"!y", b"!x")) and b"uthentication" not in said,
    ),
    "a message for Spark": (_SPARK, lambda said: b"org.apache.spark" in said and b"Sasl" not in said),
    "a command for Redis": (b"PING\r\n", lambda said: said.startswith(b"+")),
}
