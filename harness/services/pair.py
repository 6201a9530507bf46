"""Kafka and Redis without S3: what a measurement without an archive stands on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.console.interrupt import CleanUp
from harness.console.progress import ConsoleWatcher
from harness.processes.temporary import temporary_folder
from harness.services.kafka import KafkaService, start_kafka
from harness.services.redis import RedisService, start_redis


@contextmanager
def start_pair(watcher: ConsoleWatcher) -> Iterator[tuple[Path, KafkaService, RedisService]]:
    """A private folder, and Kafka and Redis in it, for as long as they are needed.

    Raises:
        ServiceError: one of them cannot be started.
    """
    with CleanUp("ending Kafka and Redis") as stack:
        work = stack.enter_context(temporary_folder())
        watcher.phase("starting Kafka and Redis")
        kafka = start_kafka(work, progress=watcher.note)
        stack.callback(kafka.stop)
        redis = start_redis(work, progress=watcher.note)
        stack.callback(redis.stop)
        yield work, kafka, redis
