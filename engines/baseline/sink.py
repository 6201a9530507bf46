"""The direct route: counts go to Redis by the engine itself, each batch in one transaction."""

import redis

from engines.contract.job import RedisTarget


class RedisSink:
    """Writes counts to the Redis of a job."""

    def __init__(self, target: RedisTarget) -> None:
        self._target = target
        self._client = redis.Redis.from_url(target.url, protocol=2)

    def write(self, upserts: list[tuple[bytes, bytes]]) -> None:
        """Make `upserts`, keys and counts, visible, and return when they are.

        Raises:
            redis.RedisError: Redis is away, or refuses what is written.
        """
        if upserts:
            self._target.write(self._client, dict(upserts))
