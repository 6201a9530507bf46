"""What Redis holds at the end of a trial, and its removal."""

from collections.abc import Iterable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engines.contract.aggregate import Cell, decode_key
from engines.contract.keys import window_key
from harness.clients.left import Left
from harness.clients.run_names import run_of_key

BATCH_KEYS = 500
#: What a key is called where it is told that one was left.
KEY = "Redis key"


def read_answers(redis_url: str, namespace: str) -> dict[bytes, int]:
    """All keys and their values in the windows' hashes under `namespace`, whatever query they are of."""
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        return _read(client, list(client.scan_iter(match=window_key(namespace, "*"), count=BATCH_KEYS)))


def read_counts(redis_url: str, namespace: str) -> dict[Cell, int]:
    """All cells and their counts in the windows' hashes under `namespace`."""
    return _cells(read_answers(redis_url, namespace))


def read_windows(redis_url: str, namespace: str, windows_s: Iterable[int], *, timeout_s: float) -> dict[Cell, int]:
    """As `read_counts`, of the windows that begin at `windows_s`, if there are such.

    Raises:
        redis.RedisError: Redis does not answer, each time within `timeout_s`.
    """
    names = [window_key(namespace, window_s).encode("ascii") for window_s in windows_s]
    no_retry = Retry(NoBackoff(), 0)
    with redis.Redis.from_url(redis_url, protocol=2, socket_timeout=timeout_s, retry=no_retry) as client:
        return _cells(_read(client, names))


def _cells(found: dict[bytes, int]) -> dict[Cell, int]:
    return {decode_key(key): count for key, count in found.items()}


def _read(client: "redis.Redis", names: list[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for at in range(0, len(names), BATCH_KEYS):
        pipeline = client.pipeline(transaction=False)
        for name in names[at : at + BATCH_KEYS]:
            pipeline.hgetall(name.decode("ascii"))
        for name, fields in zip(names[at : at + BATCH_KEYS], pipeline.execute(), strict=True):
            window_s = name.rpartition(b":")[2]
            found |= {window_s + b"|" + field: int(value) for field, value in fields.items()}
    return found


def clear(redis_url: str, namespace: str) -> None:
    """Remove every key under `namespace`.

    Raises:
        redis.RedisError: Redis is away, or refuses.
    """
    for error in _unlink(redis_url, f"{namespace}:*").values():
        raise error


def remove_keys(redis_url: str, namespace: str) -> list[Left]:
    """Remove every key under `namespace`. Returns what could not be removed, or may be there; nothing is raised."""
    try:
        refused = _unlink(redis_url, f"{namespace}:*")
    except (redis.RedisError, OSError) as error:
        return [Left(KEY, f"{namespace}:*", str(error))]
    return [Left(KEY, name, str(error)) for name, error in sorted(refused.items())]


def remove_named(redis_url: str, names: list[str]) -> list[Left]:
    """Remove the keys called `names`. Returns what could not be removed, or may be there; nothing is raised."""
    try:
        with redis.Redis.from_url(redis_url, protocol=2) as client:
            refused = _unlink_named(client, [name.encode("utf-8", errors="surrogateescape") for name in names])
    except (redis.RedisError, OSError) as error:
        return [Left(KEY, name, str(error)) for name in names]
    return [Left(KEY, name, str(error)) for name, error in refused.items()]


def _unlink(redis_url: str, pattern: str) -> dict[str, redis.RedisError]:
    """Remove the keys that match `pattern`. Returns those that Redis refuses to remove, and why."""
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        return _unlink_named(client, list(client.scan_iter(match=pattern, count=BATCH_KEYS)))


def _unlink_named(client: "redis.Redis", names: list[bytes]) -> dict[str, redis.RedisError]:
    refused: dict[str, redis.RedisError] = {}
    for at in range(0, len(names), BATCH_KEYS):
        batch = names[at : at + BATCH_KEYS]
        pipeline = client.pipeline(transaction=False)
        for name in batch:
            pipeline.unlink(name)
        answers = zip(batch, pipeline.execute(raise_on_error=False), strict=True)
        refused |= {_text(name): answer for name, answer in answers if isinstance(answer, redis.RedisError)}
    return refused


def keys_of_runs(redis_url: str) -> dict[str, str]:
    """Keys that are of runs, and the runs' ids.

    Raises:
        redis.RedisError: Redis does not tell.
    """
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        names = sorted(_text(each) for each in client.scan_iter(match="cdr:*", count=BATCH_KEYS))
    return {name: run_id for name in names if (run_id := run_of_key(name))}


def key_bytes(redis_url: str, names: list[str]) -> list[int | None]:
    """How many bytes Redis says that each of the keys called `names` takes; None for one that is gone.

    Raises:
        redis.RedisError: Redis does not tell.
    """
    found: list[int | None] = []
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        for at in range(0, len(names), BATCH_KEYS):
            pipeline = client.pipeline(transaction=False)
            for name in names[at : at + BATCH_KEYS]:
                pipeline.memory_usage(name)
            found += pipeline.execute()
    return found


def _text(name: bytes) -> str:
    return name.decode("utf-8", errors="surrogateescape")
