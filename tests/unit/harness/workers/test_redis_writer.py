"""The Redis writer finds out what Redis has lost, and applies the topic again from where Redis is."""

import json
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
import redis

from harness.workers import redis_writer
from harness.workers.jobs import RedisWriterJob
from harness.workers.redis_writer import RedisWriter

JOB = RedisWriterJob(
    bootstrap_servers="unused:1", topic="cdr-aggregates", redis_url="redis://unused:1/0", namespace="cdr", expire_s=60
)
KEY = b"1767225600|06037|Verizon|text"


class Message:
    """An upsert at an offset of partition 0."""

    def __init__(self, offset: int, key: bytes | None = KEY, value: bytes | None = b"1") -> None:
        self._offset, self._key, self._value = offset, key, value

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        return 2, 0

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
        self.counts: dict[bytes, bytes] = {}

    def transact(self, latest: dict[bytes, bytes], positions: bytes) -> bytes:
        if self.failures:
            self.failures -= 1
            raise redis.ConnectionError
        self.counts |= latest
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


def test_of_a_cell_the_last_count_is_written(parts: tuple[RedisWriter, Consumer, Store]) -> None:
    writer, consumer, store = parts
    other = KEY.replace(b"text", b"call")
    messages: Any = [Message(0), Message(1, other, b"5"), Message(2, KEY, b"10"), Message(3, KEY, b"9")]
    writer._write(consumer, messages)  # type: ignore[arg-type]
    assert store.counts == {KEY: b"9", other: b"5"}
    assert json.loads(store.held) == {"0": 4}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"1"),
        (b"", b"1"),
        (b"1767225600|06037|Verizon", b"1"),
        (b"soon|06037|Verizon|text", b"1"),
        (b"1767225600|06037|Verizon|t\xe9xt", b"1"),
        (KEY, None),
        (KEY, b""),
        (KEY, b"-1"),
        (KEY, b"1.5"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_what_breaks_the_contract_is_counted_and_the_rest_is_written(
    parts: tuple[RedisWriter, Consumer, Store], key: bytes | None, value: bytes | None, known: bool
) -> None:
    writer, consumer, store = parts
    if known:
        _write(writer, consumer, 0)
    for offset in (1, 4):
        messages: Any = [Message(offset, KEY, b"7"), Message(offset + 1, key, value), Message(offset + 2, KEY, b"8")]
        writer._write(consumer, messages)  # type: ignore[arg-type]
    assert writer._totals()["refused"] == 2
    assert store.counts == {KEY: b"8"}
    assert json.loads(store.held) == {"0": 7}, "it is passed over"


def test_no_more_keys_are_remembered_than_stated(
    parts: tuple[RedisWriter, Consumer, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.workers.redis_writer.KNOWN_KEYS", 10)
    writer, consumer, store = parts
    keys = [KEY.replace(b"1767225600", b"%d" % (1767225600 + number)) for number in range(50)]
    for number, key in enumerate(keys):
        message: Any = Message(number, key)
        writer._write(consumer, [message])  # type: ignore[arg-type]
        assert len(writer._known) <= 11
    assert list(store.counts) == keys


def test_keys_have_to_be_those_of_the_query() -> None:
    writer = RedisWriter(replace(JOB, query="sessions"))
    session = b"1767225600|+12092000000|1767225600439|1767225601439"
    messages: Any = [Message(0), Message(1, session, b"3")]
    assert writer._upserts(messages) == {session: b"3"}
    assert writer._totals()["refused"] == 1


def test_positions_do_not_outlive_their_use_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction sets the expiry anew; and one that is short, as in a soak test, is not short for them."""
    sent: list[Any] = []

    class Sent:
        @classmethod
        def of(cls, commands: Any) -> "Sent":
            sent[:] = commands
            return cls()

        def run(self, _client: object) -> list[Any]:
            return [b"before"]

    monkeypatch.setattr("harness.workers.redis_writer.Transaction", Sent)
    for expire_s, expected_s in ((60, 3600), (7200, 7200)):
        writer = RedisWriter(replace(JOB, expire_s=expire_s))
        assert writer._transact({KEY: b"1"}, b"{}") == b"before"
        assert sent[:2] == [("GETSET", "cdr:position", b"{}"), ("EXPIRE", "cdr:position", expected_s)]


def test_a_server_that_may_not_be_asked_for_its_version_is_written_to_all_the_same() -> None:
    writer = RedisWriter(JOB)
    writer._redis = Mock(info=Mock(return_value={"redis_version": "8.0.1"}))
    assert writer._version() == "8.0.1"
    writer._redis = Mock(info=Mock(side_effect=redis.exceptions.NoPermissionError))
    assert writer._version() is None


def test_of_transactions_the_wait_for_their_commit_is_no_delay_of_the_writers_and_a_backlog_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_ms = [50_000.0]
    monkeypatch.setattr(redis_writer.time, "time_ns", lambda: int(now_ms[0] * 1e6))
    monkeypatch.setattr(redis_writer, "MAX_UPSERTS_PER_TRANSACTION", 3)
    writer = RedisWriter(replace(JOB, transactional=True))
    full: Any = [Message(offset) for offset in range(3)]
    since_ms = []
    for messages in (full[:1], full, full, full[:2], full[:1]):
        since_ms.append(writer._waiting_since_ms(messages))
        now_ms[0] += 10
    assert since_ms == [50_000, 50_010, 50_010, 50_010, 50_040]
    plain: Any = [Message(7)]
    assert RedisWriter(JOB)._waiting_since_ms(plain) == Message(7).timestamp()[1]
