"""What Redis holds at the end of a trial."""

from collections.abc import Iterable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engines.contract.aggregate import Cell, decode_key
from engines.contract.keys import window_key

BATCH_KEYS = 500


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
    """Remove every key under `namespace`."""
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        for name in client.scan_iter(match=f"{namespace}:*", count=BATCH_KEYS):
            client.unlink(name)
