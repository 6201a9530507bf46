"""A Redis of the user's own: what a run would go wrong in is refused, and what it evicts is seen."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import redis

from harness.errors import ServiceError
from harness.services.redis import RedisService, check_redis, start_with_replica
from harness.services.redis_rights import Evictions, evicted_keys, try_redis

pytestmark = pytest.mark.integration

#: By user, what the server lets it do.
RIGHTS = {
    # As docs/secured.md has it.
    "loader": ["~cdr:*", "+@read", "+@write", "+@connection", "+@transaction", "+info"],
    "mute": ["~cdr:*", "+@all", "-xadd"],
    "stranger": ["~other:*", "+@all"],
    "blind": ["~cdr:*", "+@all", "-info", "-config"],
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisService]]:
    """A server and its replica."""
    services = start_with_replica(tmp_path_factory.mktemp("redis"), progress=print)
    yield services
    for service in services:
        service.stop()


@pytest.fixture
def client(pair: list[RedisService]) -> Iterator["redis.Redis"]:
    """An administrator of the server, which is empty and without limits before each test and after it."""
    with redis.Redis.from_url(pair[0].url, protocol=2) as found:
        for user, granted in RIGHTS.items():
            found.execute_command("ACL", "SETUSER", user, "reset", "on", ">secret", *granted)
        # What it keeps for its replica takes memory, too, and cannot be evicted.
        found.config_set("repl-backlog-size", "16kb")
        yield found
        found.config_set("maxmemory", 0)
        found.config_set("maxmemory-policy", "noeviction")
        found.flushall()


def refusal(url: str) -> str:
    """What is said against a server."""
    notes: list[str] = []
    with pytest.raises(ServiceError) as caught:
        try_redis(url, notes.append)
    assert notes == []
    return str(caught.value)


@pytest.fixture
def as_user(pair: list[RedisService]) -> Callable[[str], str]:
    """The server's address for a user."""
    return lambda user: f"redis://{user}:secret@127.0.0.1:{urlsplit(pair[0].url).port}/0"


def test_the_rights_that_documents_name_are_enough_and_nothing_stays(
    client: "redis.Redis", pair: list[RedisService], as_user: Callable[[str], str]
) -> None:
    notes: list[str] = []
    try_redis(pair[0].url, notes.append)
    try_redis(as_user("loader"), notes.append)
    assert (client.dbsize(), notes) == (0, [])


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("mute", "permission denied for MULTI, GETSET, HSET, EXPIRE, XADD and EXEC, .*'xadd'"),
        ("stranger", "permission denied for .*, in keys that begin with cdr:"),
    ],
)
def test_a_missing_right_is_named(client: "redis.Redis", as_user: Callable[[str], str], user: str, words: str) -> None:
    found = refusal(as_user(user))
    assert re.search(words, found), found
    assert "~cdr:* +@read +@write" in found
    assert client.dbsize() == 0


def test_what_a_user_may_not_ask_for_is_told_and_refuses_nothing(
    client: "redis.Redis", as_user: Callable[[str], str]
) -> None:
    notes: list[str] = []
    try_redis(as_user("blind"), notes.append)
    assert client.dbsize() == 0
    (note,) = notes
    assert "by INFO or CONFIG: role, cluster-enabled, maxmemory, maxmemory-policy" in note
    assert check_redis(as_user("blind")) == "Redis, which does not tell its version"
    assert evicted_keys(as_user("blind")) is None


@pytest.mark.usefixtures("client")
def test_a_replica_is_refused(pair: list[RedisService]) -> None:
    assert "is a replica, which takes no writes\ngive --redis its primary" in refusal(pair[1].url)


def test_a_server_that_may_evict_or_takes_no_more_is_refused(client: "redis.Redis", pair: list[RedisService]) -> None:
    url = pair[0].url
    client.config_set("maxmemory-policy", "volatile-lru")
    try_redis(url, print)
    client.config_set("maxmemory", "100mb")
    assert "maxmemory-policy is volatile-lru\nCONFIG SET maxmemory-policy noeviction" in refusal(url)
    client.config_set("maxmemory-policy", "noeviction")
    try_redis(url, print)
    client.config_set("maxmemory", "1")
    assert "takes no more: its maxmemory is used up" in refusal(url)


def test_keys_that_a_server_evicts_are_counted(client: "redis.Redis", pair: list[RedisService]) -> None:
    evictions = Evictions.watched(pair[0].url)
    assert evictions.told() == ""
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 5_000_000)
    client.config_set("maxmemory-policy", "allkeys-lru")
    for number in range(100):
        client.set(f"cdr:{number}", bytes(100_000))
    assert re.match(r"Redis evicted \d+ keys meanwhile", evictions.told())
