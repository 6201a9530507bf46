"""Redis, or Valkey, which is the same to us: in memory only, one process."""

from dataclasses import dataclass
from pathlib import Path

import redis

from harness.errors import ServiceError
from harness.processes import Process, start_process, wait_until
from harness.provision.cache import Progress
from harness.provision.redis_server import ensure_redis_server
from harness.services.ports import HOST, on_port

_START_DEADLINE_S = 15.0
_CHECK_TIMEOUT_S = 5.0
_OLDEST_VERSION = (6, 0)


@dataclass(frozen=True)
class RedisService:
    """A running server. `version` is such as ``Valkey 9.1.2``."""

    url: str
    version: str
    process: Process

    def stop(self) -> None:
        """Stop the server; what it held is gone."""
        self.process.stop()


def start_redis(directory: Path, *, port: int | None = None, progress: Progress) -> RedisService:
    """Start a Redis server that writes nothing to disk.

    Args:
        directory: where its log goes, in ``logs``.
        port: the port on 127.0.0.1; by default, a free one.
        progress: told what happens.

    Raises:
        ServiceError: there is no server to start, the port is taken, or it does not answer; with its log's end.
    """
    return on_port("Redis", port, lambda picked: _start(directory, picked, progress))


def _start(directory: Path, port: int, progress: Progress) -> RedisService:
    server = ensure_redis_server()
    progress(f"starting Redis ({server.version}) on port {port}")
    argv = [str(server.executable), "--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no"]
    process = start_process("Redis", argv, log_path=directory / "logs" / "redis.log")
    url = f"redis://{HOST}:{port}/0"
    try:
        wait_until(lambda: _answers(url), deadline_s=_START_DEADLINE_S, what="Redis answers", process=process)
    except BaseException:
        process.kill()
        raise
    return RedisService(url, server.version, process)


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, protocol=2, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def check_redis(url: str) -> str:
    """Make sure that the server at `url` is there and serves, within some seconds. Returns its version.

    Raises:
        ServiceError: it cannot be reached, refuses the credentials, or is too old.
    """
    try:
        with redis.Redis.from_url(
            url, protocol=2, socket_timeout=_CHECK_TIMEOUT_S, socket_connect_timeout=_CHECK_TIMEOUT_S
        ) as client:
            told: dict[str, object] = client.info("server")
    except (redis.RedisError, ValueError) as error:
        raise ServiceError(
            f"Redis at {_without_password(url)}: {error}", fix="check the address, and that the server runs"
        ) from error
    name = "Valkey" if "valkey_version" in told else "Redis"
    version = str(told.get("valkey_version", told["redis_version"]))
    if tuple(map(int, version.split(".")[:2])) < _OLDEST_VERSION:
        raise ServiceError(f"Redis at {_without_password(url)} is version {version}; 6.0 or newer is needed")
    return f"{name} {version}"


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
