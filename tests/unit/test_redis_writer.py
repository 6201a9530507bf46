"""The Redis writer finds out what Redis has lost, and applies the topic again from where Redis is."""

import json
from typing import Any

import pytest
import redis

from harness.workers.jobs import RedisWriterJob
from harness.workers.redis_writer import RedisWriter

JOB = RedisWriterJob(
    bootstrap_servers="unused:1", topic="cdr-aggregates", redis_url="redis://unused:1/0", namespace="cdr", expire_s=60
)


class Message:
    """An upsert at an offset of partition 0."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def key(self) -> bytes:
        return b"1767225600|06037|Verizon|text"

    def value(self) -> bytes:
        return b"1"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset


class Consumer:
    """Notes where it is sent."""

    def __init__(self) -> None:
        self.offsets: list[int] = []

    def assign(self, partitions: list[Any]) -> None:
        self.offsets += [each.offset for each in partitions]


class Store:
    """A Redis as far as positions go: `held` is what it has."""

    def __init__(self) -> None:
        self.held = b""
        self.failures = 0

    def transact(self, _latest: dict[bytes, bytes], positions: bytes) -> bytes:
        if self.failures:
            self.failures -= 1
            raise redis.ConnectionError
        before, self.held = self.held, positions
        return before


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[RedisWriter, Consumer, Store]:
    """A writer with one partition, and what it talks to."""
    writer, store = RedisWriter(JOB), Store()
    writer._positions = {0: 0}
    monkeypatch.setattr(writer, "_transact", store.transact)
    return writer, Consumer(), store


def _write(writer: RedisWriter, consumer: Any, *offsets: int) -> None:
    writer._write(consumer, [Message(offset) for offset in offsets])  # type: ignore[misc]


def test_without_a_loss_it_goes_on(parts: tuple[RedisWriter, Consumer, Store]) -> None:
    writer, consumer, store = parts
    for offset in range(5):
        _write(writer, consumer, offset)
    assert consumer.offsets == []
    assert json.loads(store.held) == {"0": 5}


@pytest.mark.parametrize(("kept", "again_from"), [(b"", 0), (b'{"0": 2}', 2)])
def test_a_loss_is_made_good_from_where_redis_is_once(
    parts: tuple[RedisWriter, Consumer, Store], kept: bytes, again_from: int
) -> None:
    writer, consumer, store = parts
    _write(writer, consumer, 0, 1, 2)
    _write(writer, consumer, 3)
    store.held = kept
    _write(writer, consumer, 4)
    assert consumer.offsets == [again_from]
    for offset in range(again_from, 6):
        _write(writer, consumer, offset)
    assert consumer.offsets == [again_from]
    assert json.loads(store.held) == {"0": 6}


def test_an_answer_that_was_lost_is_no_loss(parts: tuple[RedisWriter, Consumer, Store]) -> None:
    writer, consumer, store = parts
    _write(writer, consumer, 0)
    store.held = b'{"0": 2}'  # done already; the connection broke before the answer
    _write(writer, consumer, 1)
    assert consumer.offsets == []


def test_it_tries_again_while_redis_is_away(parts: tuple[RedisWriter, Consumer, Store]) -> None:
    writer, consumer, store = parts
    store.failures = 3
    _write(writer, consumer, 0)
    assert json.loads(store.held) == {"0": 1}
