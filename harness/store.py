"""What Redis holds at the end of a trial."""

import redis

from engines.contract.aggregate import Cell, decode_key
from harness.keys import window_key

BATCH_KEYS = 500


def read_counts(redis_url: str, namespace: str) -> dict[Cell, int]:
    """All cells and their counts in the windows' hashes under `namespace`."""
    counts: dict[Cell, int] = {}
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        names: list[bytes] = list(client.scan_iter(match=window_key(namespace, "*"), count=BATCH_KEYS))
        for at in range(0, len(names), BATCH_KEYS):
            pipeline = client.pipeline(transaction=False)
            for name in names[at : at + BATCH_KEYS]:
                pipeline.hgetall(name)
            for name, fields in zip(names[at : at + BATCH_KEYS], pipeline.execute(), strict=True):
                window_s = name.rpartition(b":")[2]
                counts |= {decode_key(window_s + b"|" + field): int(count) for field, count in fields.items()}
    return counts


def clear(redis_url: str, namespace: str) -> None:
    """Remove every key under `namespace`."""
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        for name in client.scan_iter(match=f"{namespace}:*", count=BATCH_KEYS):
            client.unlink(name)
