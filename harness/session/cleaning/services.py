"""What runs have left in services of the user's own. A run's id stands in the name of everything."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import redis
from botocore.exceptions import BotoCoreError, ClientError

from harness.clients.kafka_leftovers import GROUP, KafkaLeftovers
from harness.clients.kafka_topics import TOPIC, Client
from harness.clients.left import Left
from harness.clients.redis_contents import KEY, key_bytes, keys_of_runs, remove_named
from harness.clients.s3_archive import OBJECT, Bucket, delete_objects, objects_of_run, runs_in
from harness.errors import ServiceError
from harness.session.cleaning.finds import RECORDS, Find
from harness.session.cleaning.runs import Choice

T = TypeVar("T")


class KafkaPlace:
    """Topics and consumer groups in a Kafka."""

    where = "Kafka"

    def __init__(self, client: Client, choice: Choice) -> None:
        self._kafka, self._choice = KafkaLeftovers(client), choice

    def find(self) -> list[Find]:
        """Topics, with the records that they hold, and groups."""
        found = [
            Find(self.where, kind, name, run_id, kept=self._choice.why_kept(run_id), unit=RECORDS)
            for kind, names in ((TOPIC, self._kafka.topics()), (GROUP, self._kafka.groups()))
            for name, run_id in names.items()
            if self._choice.concerns(run_id)
        ]
        return [_sized(each, self._kafka.records(each.name)) if each.kind == TOPIC else each for each in found]

    def remove(self, finds: Sequence[Find]) -> list[Left]:
        """Topics first: of a group that may not be deleted, Kafka then forgets what it has read."""
        left = self._kafka.remove_topics([each.name for each in finds if each.kind == TOPIC])
        return left + self._kafka.remove_groups([each.name for each in finds if each.kind == GROUP])


class RedisPlace:
    """Keys in a Redis."""

    where = "Redis"

    def __init__(self, url: str, choice: Choice) -> None:
        self._url, self._choice = url, choice

    def find(self) -> list[Find]:
        """Keys, with what they take of Redis's memory."""
        runs = _told(self.where, lambda: keys_of_runs(self._url))
        wanted = {name: run_id for name, run_id in runs.items() if self._choice.concerns(run_id)}
        sizes = _told(self.where, lambda: key_bytes(self._url, list(wanted)))
        return [
            Find(self.where, KEY, name, run_id, size, kept=self._choice.why_kept(run_id))
            for (name, run_id), size in zip(wanted.items(), sizes, strict=True)
        ]

    def remove(self, finds: Sequence[Find]) -> list[Left]:
        """Those that were found, and no others."""
        return remove_named(self._url, [each.name for each in finds])


class S3Place:
    """Objects in a bucket."""

    where = "S3"

    def __init__(self, bucket: Bucket, choice: Choice) -> None:
        self._bucket, self._choice = bucket, choice

    def find(self) -> list[Find]:
        """Objects, with their bytes."""
        wanted = self._choice.run_id
        runs = [wanted] if wanted else _told(self.where, lambda: runs_in(self._bucket))
        return [each for run_id in runs for each in self._find_of(run_id)]

    def _find_of(self, run_id: str) -> list[Find]:
        objects: Mapping[str, int] = _told(self.where, lambda: objects_of_run(self._bucket, run_id))
        why = self._choice.why_kept(run_id)
        return [Find(self.where, OBJECT, name, run_id, size, kept=why) for name, size in objects.items()]

    def remove(self, finds: Sequence[Find]) -> list[Left]:
        """Those that were found, and no others."""
        names = [each.name for each in finds]
        try:
            return delete_objects(self._bucket.client(), self._bucket.name, names)
        except (BotoCoreError, ClientError) as error:
            return [Left(OBJECT, name, str(error)) for name in names]


def _sized(find: Find, size: int | None) -> Find:
    return Find(find.where, find.kind, find.name, find.run_id, size, find.unit, find.kept)


def _told(where: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (redis.RedisError, BotoCoreError, ClientError) as error:
        raise ServiceError(
            f"{where} does not tell what it holds: {error}", fix="check address, credentials and rights"
        ) from error
