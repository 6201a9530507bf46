"""Fakes of a Kafka, a Redis and an S3 store of the user's own, as far as what runs leave in them goes."""

import fnmatch
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, Self

import pytest
import redis
from botocore.exceptions import ClientError
from confluent_kafka import KafkaError, KafkaException

#: An error that Kafka gives, by what it is about.
_ABSENT = {"topic": KafkaError.UNKNOWN_TOPIC_OR_PART, "group": KafkaError.GROUP_ID_NOT_FOUND}


def answered(result: Any = None, error: int | None = None) -> "Future[Any]":
    """A future that has its answer: a result, or one of Kafka's errors."""
    future: Future[Any] = Future()
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(KafkaException(KafkaError(error)))
    return future


class OwnServices:
    """What the services hold; everything that is in `denied` cannot be deleted, and of what is `away` nothing is told.

    Attributes:
        topics: names, and how many records each holds.
        groups, keys: names.
        objects: names and bytes.
        denied: names that may not be deleted.
        away: of ``kafka``, ``redis``, ``s3``, those that do not answer.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.topics: dict[str, int] = {}
        self.groups: set[str] = set()
        self.keys: set[str] = set()
        self.objects: dict[str, int] = {}
        self.denied: set[str] = set()
        self.away: set[str] = set()
        for module in ("kafka_topics", "kafka_leftovers"):
            monkeypatch.setattr(f"harness.clients.{module}.AdminClient", lambda _settings: FakeAdmin(self))
        monkeypatch.setattr("redis.Redis.from_url", lambda *_url, **_how: FakeRedis(self))
        monkeypatch.setattr("harness.clients.s3_archive.s3_client", lambda *_where: FakeStore(self))

    def all_names(self) -> set[str]:
        """Everything that is there."""
        return {*self.topics, *self.groups, *self.keys, *self.objects}


class FakeAdmin:
    """Kafka's administration."""

    def __init__(self, services: OwnServices) -> None:
        self._services = services

    def list_topics(self, _topic: str = "", timeout: float = 0) -> Any:
        """Topics with one partition each."""
        assert timeout, "there is a deadline"
        if "kafka" in self._services.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(topics={each: SimpleNamespace(partitions={0: None}) for each in self._services.topics})

    def list_offsets(self, asked: dict[Any, Any], **_how: Any) -> dict[Any, "Future[Any]"]:
        """A partition begins at 5, and ends so many records later."""
        (place, which) = next(iter(asked.items()))
        is_latest = which._value == -1
        end = 5 + (self._services.topics[place.topic] if is_latest else 0)
        return {place: answered(SimpleNamespace(offset=end))}

    def list_consumer_groups(self, **_how: Any) -> "Future[Any]":
        """All groups."""
        if "kafka" in self._services.away:
            return answered(error=KafkaError._TIMED_OUT)
        return answered(SimpleNamespace(valid=[SimpleNamespace(group_id=each) for each in self._services.groups]))

    def delete_topics(self, names: list[str], **_how: Any) -> dict[str, "Future[Any]"]:
        """Delete what is there and may be deleted."""
        return {name: self._delete("topic", name, KafkaError.TOPIC_AUTHORIZATION_FAILED) for name in names}

    def delete_consumer_groups(self, names: list[str], **_how: Any) -> dict[str, "Future[Any]"]:
        """Delete what is there and may be deleted."""
        return {name: self._delete("group", name, KafkaError.GROUP_AUTHORIZATION_FAILED) for name in names}

    def _delete(self, kind: str, name: str, denial: int) -> "Future[Any]":
        there: Any = self._services.topics if kind == "topic" else self._services.groups
        if "kafka" in self._services.away:
            return answered(error=KafkaError._TIMED_OUT)
        if name not in there:
            return answered(error=_ABSENT[kind])
        if name in self._services.denied:
            return answered(error=denial)
        there.pop(name) if isinstance(there, dict) else there.discard(name)
        return answered()


class FakeRedis:
    """A client of Redis."""

    def __init__(self, services: OwnServices) -> None:
        self._services = services
        self._answers: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is open."""

    def scan_iter(self, match: str, count: int) -> Iterator[bytes]:
        """Names that match."""
        assert count
        if "redis" in self._services.away:
            raise redis.ConnectionError("Connection refused")
        yield from (each.encode() for each in sorted(self._services.keys) if fnmatch.fnmatch(each, match))

    def pipeline(self, transaction: bool) -> Self:
        """The same, which keeps its answers."""
        assert not transaction
        return self

    def unlink(self, name: bytes | str) -> None:
        """Delete a key."""
        key = name.decode() if isinstance(name, bytes) else name
        if key in self._services.denied:
            self._answers.append(redis.exceptions.NoPermissionError("this user has no permissions to run 'unlink'"))
            return
        self._answers.append(int(key in self._services.keys))
        self._services.keys.discard(key)

    def memory_usage(self, name: str) -> None:
        """100 bytes for a key that is there."""
        self._answers.append(100 if name in self._services.keys else None)

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """The answers."""
        answers, self._answers = self._answers, []
        for answer in answers if raise_on_error else []:
            if isinstance(answer, Exception):
                raise answer
        return answers


class FakeStore:
    """A client of S3; a page holds one object."""

    def __init__(self, services: OwnServices) -> None:
        self._services = services

    def get_paginator(self, operation: str) -> Self:
        """The one of listing objects."""
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str = "", Delimiter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        """Objects below a prefix; with a delimiter, the folders alone."""
        assert Bucket
        if "s3" in self._services.away:
            raise _refused("ListObjectsV2", "InternalError")
        found = {key: size for key, size in sorted(self._services.objects.items()) if key.startswith(Prefix)}
        if Delimiter:
            yield {"CommonPrefixes": [{"Prefix": each} for each in sorted({f"{key.split('/')[0]}/" for key in found})]}
            return
        yield from ({"Contents": [{"Key": key, "Size": size}]} for key, size in found.items())
        yield {}

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        """Delete an object."""
        assert Bucket
        if Key in self._services.denied:
            raise _refused("DeleteObject", "AccessDenied")
        self._services.objects.pop(Key, None)


def _refused(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)
