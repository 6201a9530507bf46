"""The user's own Redis: whether a run can do there what it does, and what Redis does to it meanwhile."""

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import redis
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError

from engines.contract.keys import position_key, updates_key, window_key
from harness.errors import ServiceError
from harness.provision.cache import Progress

_TIMEOUT_S = 5.0
_PORT = 6379
_NO_EVICTION = "noeviction"
_RIGHTS = "ACL SETUSER USER ~cdr:* +@read +@write +@connection +@transaction +info"
#: What Redis says of itself, by its section of INFO.
_ASKED = {
    "role": "replication",
    "cluster_enabled": "cluster",
    "maxmemory": "memory",
    "maxmemory_policy": "memory",
}


def try_redis(url: str, tell: Progress) -> None:
    """Make sure that a run can work in the Redis at `url`, by what it is, and by doing what a run does.

    Args:
        url: see `harness.clients.credentials`.
        tell: told what could not be looked at.

    Raises:
        ServiceError: it is a replica or part of a cluster, may evict keys, or refuses something.
    """
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or _PORT}"
    with _client(url) as client:
        try:
            _look_at(_state(client), where, tell)
            _try_commands(client, where)
        except redis.RedisError as error:
            raise ServiceError(f"Redis at {where}: {error}", fix="check that the server runs") from error


@dataclass(frozen=True)
class Evictions:
    """How many keys the user's own Redis at `url` had evicted when this was made; None where that is not known."""

    url: str | None = field(repr=False)
    before: int | None

    @classmethod
    def watched(cls, url: str | None) -> Self:
        """From now on; without a `url`, the Redis is not the user's, and evicts nothing."""
        return cls(url, evicted_keys(url) if url else None)

    def told(self) -> str:
        """What it has evicted since, in words; empty if nothing, or if it does not tell."""
        now = evicted_keys(self.url) if self.url else None
        if now is None or self.before is None or now <= self.before:
            return ""
        return (
            f"Redis evicted {now - self.before:,} keys meanwhile, by its maxmemory-policy: what is missing is not the "
            "engine's fault"
        )


def evicted_keys(url: str) -> int | None:
    """How many keys the Redis at `url` has evicted since its start; None if it does not tell."""
    with contextlib.suppress(redis.RedisError), _client(url) as client:
        found: dict[str, Any] = client.info("stats")
        return int(found["evicted_keys"]) if "evicted_keys" in found else None
    return None


def _client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(url, protocol=2, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)


def _state(client: "redis.Redis") -> dict[str, Any]:
    """What the server tells of `_ASKED`; what it does not, is not in it."""
    told: dict[str, Any] = {}
    for section in dict.fromkeys(_ASKED.values()):
        with contextlib.suppress(redis.ResponseError):
            told |= client.info(section)
    if "maxmemory_policy" not in told:
        with contextlib.suppress(redis.ResponseError):
            told |= {str(name): value for name, value in client.config_get("maxmemory*").items()}
    return {name: told[name] for name in _ASKED if name in told}


def _look_at(state: dict[str, Any], where: str, tell: Progress) -> None:
    if state.get("role", "master") != "master":
        raise ServiceError(f"Redis at {where} is a replica, which takes no writes", fix="give --redis its primary")
    if int(state.get("cluster_enabled", 0)):
        raise ServiceError(
            f"Redis at {where} is in cluster mode, where a run's transactions, whose keys are in several slots, fail",
            fix="give --redis a server with `cluster-enabled no`",
        )
    policy = state.get("maxmemory_policy", _NO_EVICTION)
    # Without a limit, nothing is evicted.
    if policy != _NO_EVICTION and int(state.get("maxmemory", 1)):
        raise ServiceError(
            f"Redis at {where} may evict counts before they are read: its maxmemory-policy is {policy}",
            fix=f"CONFIG SET maxmemory-policy {_NO_EVICTION}, or give --redis another server",
        )
    if unknown := [name.replace("_", "-") for name in _ASKED if name not in state]:
        tell(f"Redis at {where} does not tell, by INFO or CONFIG: {', '.join(unknown)}; it could not be looked at")


def _try_commands(client: "redis.Redis", where: str) -> None:
    """Do what writer, engines, probe and clean-up do, and remove it again."""
    namespace = f"cdr:probe-{secrets.token_hex(4)}"
    window, stream, position = window_key(namespace, 0), updates_key(namespace), position_key(namespace)
    steps: dict[str, Callable[[], object]] = {
        "MULTI, GETSET, HSET, EXPIRE, XADD and EXEC": lambda: _transact(client, window, stream, position),
        "GET": lambda: client.get(position),
        "HGETALL": lambda: client.hgetall(window),
        "XREAD": lambda: client.xread({stream: "0"}),
        "XRANGE": lambda: client.xrange(stream),
        "XREVRANGE": lambda: client.xrevrange(stream, count=1),
        "SCAN": lambda: client.scan(match=f"{namespace}:*"),
        "UNLINK": lambda: client.unlink(window, stream, position),
    }
    try:
        for name, step in steps.items():
            _try(name, step, where)
    except ServiceError:
        with contextlib.suppress(redis.RedisError):
            client.unlink(window, stream, position)
        raise


def _transact(client: "redis.Redis", window: str, stream: str, position: str) -> None:
    with client.pipeline(transaction=True) as pipeline:
        pipeline.getset(position, "{}")
        pipeline.hset(window, "county|operator|type", 1)
        pipeline.expire(window, 60)
        pipeline.xadd(stream, {"u": "probe"})
        pipeline.execute()


def _try(name: str, step: Callable[[], object], where: str) -> None:
    try:
        step()
    except NoPermissionError as error:
        raise ServiceError(
            f"Redis at {where}: permission denied for {name}, in keys that begin with cdr: ({error})",
            fix=f"grant the user what a run needs: {_RIGHTS}",
        ) from error
    except OutOfMemoryError as error:
        raise ServiceError(
            f"Redis at {where} takes no more: its maxmemory is used up", fix="make room, or raise maxmemory"
        ) from error
    except ReadOnlyError as error:
        raise ServiceError(f"Redis at {where} takes no writes: {error}", fix="give --redis its primary") from error
