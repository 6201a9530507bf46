"""Transactions in one buffer, with a real Redis: done whole or not at all, and no reply is taken for another's."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from harness.clients.redis_transaction import Transaction
from tests.integration.ringbench import Services

pytestmark = pytest.mark.integration


@pytest.fixture
def client(services: Services) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(services.redis, protocol=2, retry=Retry(NoBackoff(), 0)) as found:
        yield found
        found.delete("tx:a", "tx:b")


def test_all_is_done_and_all_answers_come_in_order(client: "redis.Redis") -> None:
    commands = [("SET", "tx:a", b"\x00\r\n"), ("GETSET", b"tx:a", 7), ("HSET", "tx:b", "f", b"1", "g", 2)]
    assert Transaction.of([*commands, ("GET", "tx:a")]).run(client) == [b"OK", b"\x00\r\n", 2, b"7"]
    assert client.hgetall("tx:b") == {b"f": b"1", b"g": b"2"}


@pytest.mark.parametrize("refused", [("NOSUCH", "tx:a"), ("GET",)])
def test_a_command_that_is_refused_leaves_all_undone(client: "redis.Redis", refused: tuple[str, ...]) -> None:
    with pytest.raises(redis.ResponseError):
        Transaction.of([("SET", "tx:a", 1), refused, ("SET", "tx:b", 1)]).run(client)
    assert client.exists("tx:a", "tx:b") == 0
    assert Transaction.of([("SET", "tx:a", 2), ("GET", "tx:a")]).run(client) == [b"OK", b"2"]


def test_a_command_that_fails_when_it_is_done_is_told(client: "redis.Redis") -> None:
    client.set("tx:a", "text")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        Transaction.of([("SET", "tx:b", 1), ("HSET", "tx:a", "f", 1)]).run(client)
    assert Transaction.of([("GET", "tx:b")]).run(client) == [b"1"]


def test_a_connection_that_is_lost_is_told_and_made_anew(client: "redis.Redis", services: Services) -> None:
    set_a = Transaction.of([("SET", "tx:a", 1)])
    set_a.run(client)
    with redis.Redis.from_url(services.redis, protocol=2) as other:
        assert Transaction.of([("CLIENT", "KILL", "ID", client.client_id())]).run(other) == [1]
    with suppress(redis.ConnectionError):  # if the client has not noticed yet
        set_a.run(client)
    assert set_a.run(client) == [b"OK"]
