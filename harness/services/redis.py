"""Redis, or Valkey, which is the same to us: in memory only, one process."""

import contextlib
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from harness.clients.credentials import PASSWORD_VARIABLE, without_login
from harness.console.redaction import conceal
from harness.errors import ServiceError
from harness.processes.process import Process, start_process, wait_until
from harness.provision.cache import Progress
from harness.provision.redis_server import ensure_redis_server
from harness.services.ports import HOST, on_port, serves

_START_DEADLINE_S = 15.0
_CHECK_TIMEOUT_S = 5.0
_PASSWORD_BYTES = 24
_OLDEST_VERSION = (6, 0)
_DUMP = "dump.rdb"
_CONFIGURATION = "redis.conf"


@dataclass
class RedisService:
    """A running server, which lets in who has the password in `url`.

    `version` is such as ``Valkey 9.1.2``; `process` is another one after `start_again`.
    """

    url: str = field(repr=False)
    version: str
    process: Process
    home: Path
    launch: Callable[[], Process] = field(repr=False)

    @property
    def address(self) -> str:
        """Its URL without the password."""
        return without_login(self.url)

    def environment(self) -> dict[str, str]:
        """The variable that gives access to it."""
        return {PASSWORD_VARIABLE: urlsplit(self.url).password or ""}

    def save_and_end(self) -> None:
        """Have the server keep what it holds in a file, and end: what it has acknowledged is in the file."""
        # Without retries: the server's end is the answer.
        with redis.Redis.from_url(self.url, protocol=2, retry=Retry(NoBackoff(), 0)) as client:
            client.shutdown(save=True)

    def start_again(self, *, keep: bool) -> None:
        """Start a server that has died anew, on the same port. Does not wait until it answers.

        Args:
            keep: with what `save_and_end` has kept; else empty, as a server in memory is.
        """
        self.process.kill()
        if not keep:
            (self.home / _DUMP).unlink(missing_ok=True)
        self.process = self.launch()

    def wait_until_ready(self) -> None:
        """Wait until the server answers.

        Raises:
            ServiceError: it has died, or does not answer in time; with its log's end.
        """
        _wait_until_ready(self.url, self.process)

    def stop(self) -> None:
        """Stop the server; what it held is gone."""
        self.process.stop()


def start_with_replica(directory: Path, *, port: int | None = None, progress: Progress) -> list[RedisService]:
    """Start a Redis server as `start_redis` does, and another one that follows it: the first, and its replica."""
    first = start_redis(directory, port=port, progress=progress)
    try:
        return [first, start_redis(directory, replica_of=first, progress=progress)]
    except BaseException:
        first.stop()
        raise


def start_redis(
    directory: Path, *, port: int | None = None, replica_of: RedisService | None = None, progress: Progress
) -> RedisService:
    """Start a Redis server that writes nothing to disk by itself, with a new random password.

    A replica has that of its primary: either may become the other's.

    Args:
        directory: where its log goes, in ``logs``, and what it is told to keep, in ``redis-*``.
        port: the port on 127.0.0.1; by default, a free one.
        replica_of: the server whose replica it is, if it is one.
        progress: told what happens.

    Raises:
        ServiceError: there is no server to start, the port is taken, or it does not answer; with its log's end.
    """
    primary = urlsplit(replica_of.url) if replica_of else None
    password = (primary and primary.password) or secrets.token_urlsafe(_PASSWORD_BYTES)
    conceal(password)
    primary_port = primary.port if primary else None
    return on_port("Redis", port, lambda picked: _start(directory, picked, password, primary_port, progress))


def _start(directory: Path, port: int, password: str, primary: int | None, progress: Progress) -> RedisService:
    server = ensure_redis_server()
    progress(f"starting {'a replica of ' if primary else ''}Redis ({server.version}) on port {port}")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A folder of its own: in another one, it would load a file that it takes for its own.
    home = Path(tempfile.mkdtemp(dir=directory, prefix="redis-"))
    # Any user of this machine reaches the port, and sees arguments.
    configuration = home / _CONFIGURATION
    configuration.touch(mode=0o600)
    configuration.write_text(f"requirepass {password}\nmasterauth {password}\n", encoding="ascii")
    argv = [str(server.executable), str(configuration), "--bind", HOST, "--port", str(port)]
    argv += ["--save", "", "--appendonly", "no", "--dir", str(home), "--dbfilename", _DUMP]
    log = "redis.log"
    if primary:
        argv, log = [*argv, "--replicaof", HOST, str(primary)], "redis-replica.log"

    def launch() -> Process:
        return start_process("Redis", argv, log_path=directory / "logs" / log)

    process, url = launch(), f"redis://:{password}@{HOST}:{port}/0"
    try:
        _wait_until_ready(url, process)
    except BaseException:
        process.kill()
        raise
    return RedisService(url, server.version, process, home, launch)


def _wait_until_ready(url: str, process: Process) -> None:
    port = urlsplit(url).port or 0

    def is_ready() -> bool:
        return _answers(url) and serves(process, port)

    wait_until(is_ready, deadline_s=_START_DEADLINE_S, what="Redis answers", process=process)


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, protocol=2, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def check_redis(url: str) -> str:
    """Make sure that the server at `url` is there and serves, within some seconds. Returns its version.

    Where the user may not ask for that, it says so.

    Raises:
        ServiceError: it cannot be reached, refuses the credentials, or is too old.
    """
    try:
        with redis.Redis.from_url(
            url, protocol=2, socket_timeout=_CHECK_TIMEOUT_S, socket_connect_timeout=_CHECK_TIMEOUT_S
        ) as client:
            client.ping()
            told = _server(client)
    except (redis.AuthenticationError, NoPermissionError) as error:
        raise ServiceError(
            f"Redis at {without_login(url)} refuses the credentials: {error}",
            fix="check user and password (in --redis-properties or RINGBENCH_REDIS_PASSWORD), and what the user may do",
        ) from error
    except (redis.RedisError, ValueError) as error:
        raise ServiceError(
            f"Redis at {without_login(url)}: {error}",
            fix="check the address, that the server runs, and, with TLS, `tls.ca.location` in --redis-properties",
        ) from error
    if not told:
        return "Redis, which does not tell its version"
    name = "Valkey" if "valkey_version" in told else "Redis"
    version = str(told.get("valkey_version", told["redis_version"]))
    if tuple(map(int, version.split(".")[:2])) < _OLDEST_VERSION:
        raise ServiceError(f"Redis at {without_login(url)} is version {version}; 6.0 or newer is needed")
    return f"{name} {version}"


def _server(client: "redis.Redis") -> dict[str, object]:
    """What the server tells of itself; nothing if the user may not ask."""
    with contextlib.suppress(NoPermissionError):
        told: dict[str, object] = client.info("server")
        return told
    return {}
