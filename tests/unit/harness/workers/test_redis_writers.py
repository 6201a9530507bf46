"""Several Redis writers share a topic by its partitions; each finds out by itself what Redis has lost of its own.

Redis and consumer are fakes.
"""

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from harness.workers import redis_writer, redis_writers
from harness.workers.jobs import RedisWriterJob
from harness.workers.redis_writer import RedisWriter

JOB = RedisWriterJob(
    bootstrap_servers="unused:1", topic="cdr-aggregates", redis_url="redis://unused:1/0", namespace="cdr", expire_s=60
)


class Topic:
    """A consumer of a topic with five partitions and no messages; it notes where it is sent."""

    def __init__(self, _properties: object = None) -> None:
        self.sent_to: list[dict[int, int]] = []

    def list_topics(self, topic: str, timeout: float) -> Any:
        assert timeout
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=dict.fromkeys(range(5)))})

    def assign(self, places: list[Any]) -> None:
        self.sent_to.append({each.partition: each.offset for each in places})


class Held:
    """A Redis that holds strings, or is away."""

    def __init__(self, **held: bytes) -> None:
        self.held: dict[str, bytes] = held
        self.is_away = False

    def get(self, name: str) -> bytes | None:
        if self.is_away:
            raise redis.ConnectionError
        return self.held.get(name)


def _writer(held: Held, **job: Any) -> RedisWriter:
    found = RedisWriter(replace(JOB, **job))
    found._redis = held  # type: ignore[assignment]
    return found


@pytest.mark.parametrize(("writers", "shares"), [(1, [[0, 1, 2, 3, 4]]), (2, [[0, 2, 4], [1, 3]])])
def test_each_has_partitions_of_its_own_and_together_they_have_all(
    monkeypatch: pytest.MonkeyPatch, writers: int, shares: list[list[int]]
) -> None:
    monkeypatch.setattr(redis_writer, "Consumer", Topic)
    found: list[Any] = [_writer(Held(), writer=each, writers=writers)._consumer() for each in range(writers)]
    assert [list(each.sent_to[0]) for each in found] == shares


def test_each_goes_on_from_its_own_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_writer, "Consumer", Topic)
    held = Held(**{"cdr:position:0": b'{"0": 7, "2": 8, "4": 9}', "cdr:position:1": b'{"1": 5, "3": 6}'})
    found: list[Any] = [_writer(held, writer=each, writers=2)._consumer() for each in range(2)]
    assert [each.sent_to for each in found] == [[{0: 7, 2: 8, 4: 9}], [{1: 5, 3: 6}]]


def test_one_that_has_nothing_to_write_finds_out_what_redis_has_lost_once() -> None:
    held, consumer = Held(), Topic()
    writer = _writer(held, writer=1, writers=2)
    writer._positions, writer._written = {1: 5, 3: 6}, b'{"1": 5, "3": 6}'
    held.held["cdr:position:1"] = writer._written
    writer._look_for_loss(consumer)  # type: ignore[arg-type]
    held.is_away = True
    writer._look_for_loss(consumer)  # type: ignore[arg-type]
    assert consumer.sent_to == [], "nothing is lost"
    held.is_away, held.held["cdr:position:1"] = False, b'{"1": 2, "3": 6}'
    writer._look_for_loss(consumer)  # type: ignore[arg-type]
    held.held.clear()
    for _ in range(2):
        writer._look_for_loss(consumer)  # type: ignore[arg-type]
    assert consumer.sent_to == [{1: 2, 3: 6}, {1: 0, 3: 0}]
    assert writer._totals()["rebuilds"] == 2


@pytest.mark.parametrize(("writers", "looks"), [(1, 0), (2, 3)])
def test_a_single_one_does_not_ask_redis_while_it_has_nothing_to_write(
    monkeypatch: pytest.MonkeyPatch, writers: int, looks: int
) -> None:
    stop, seen, polls = threading.Event(), [], []

    def take(_consumer: object) -> list[Any]:
        polls.append(1)
        if len(polls) == 4:
            stop.set()
        return []

    monkeypatch.setattr(redis_writer, "_take", take)
    writer = _writer(Held(), writers=writers)
    monkeypatch.setattr(writer, "_look_for_loss", seen.append)
    events: Any = SimpleNamespace(send=lambda *_, **__: None)
    writer._write_all(Topic(), events, stop)  # type: ignore[arg-type]
    assert len(seen) == looks


def test_together_they_tell_sums_and_the_greatest_delay_that_any_has_told() -> None:
    def told(upserts: int, **delays: float) -> dict[str, Any]:
        return dict.fromkeys(redis_writers.SUMS, 1) | {"upserts": upserts} | delays

    found = redis_writers._progress([[told(1, delay_ms=900.0), told(3, delay_ms=2.0)], [told(10, delay_ms=5.0)]])
    sums = {"upserts": 13, "changes": 2, "refused": 2, "transactions": 2, "rebuilds": 2}
    assert found == sums | {"delay_ms": 900.0}
    assert redis_writers._sums([told(3), told(10)]) == sums
