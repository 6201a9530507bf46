"""The user's own services, tried with their real rights: on fakes that refuse one thing each."""

import io
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from botocore.exceptions import ClientError
from confluent_kafka import KafkaError, KafkaException

from harness.clients import kafka_leftovers
from harness.errors import ServiceError
from harness.services import kafka_rights, redis_rights, rights, s3
from harness.services.backing import External
from harness.services.kafka_rights import try_kafka

ADDRESS = {"bootstrap.servers": "broker:9092"}


class FakeKafka:
    """A broker that refuses what `refused` says, with an error; it holds `topics`, and one message at the most."""

    def __init__(self, **refused: int) -> None:
        self.refused, self.topics, self.groups = refused, set[str](), list[str]()
        self.transactions = 0

    def check(self, what: str) -> None:
        """Refuse it, or not."""
        if what in self.refused:
            raise KafkaException(KafkaError(self.refused[what]))

    def answer(self, topic: str, what: str, change: Callable[[str], object]) -> dict[str, "Future[None]"]:
        """What an administrator gets."""
        future: Future[None] = Future()
        try:
            self.check(what)
            change(topic)
            future.set_result(None)
        except KafkaException as error:
            future.set_exception(error)
        return {topic: future}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "FakeKafka":
        """Be the one that is talked to."""
        for name, kind in (("AdminClient", FakeAdmin), ("Producer", FakeProducer), ("Consumer", FakeConsumer)):
            monkeypatch.setattr(kafka_rights, name, lambda settings, kind=kind: kind(self, settings))
        monkeypatch.setattr(kafka_leftovers, "AdminClient", lambda settings: FakeAdmin(self, settings))
        return self


class FakeAdmin:
    """An administrator."""

    def __init__(self, kafka: FakeKafka, _settings: dict[str, Any]) -> None:
        self._kafka = kafka

    def create_topics(self, topics: list[Any]) -> dict[str, "Future[None]"]:
        """Make one."""
        return self._kafka.answer(topics[0].topic, "create", self._kafka.topics.add)

    def delete_topics(self, topics: list[str]) -> dict[str, "Future[None]"]:
        """Delete one."""
        return self._kafka.answer(topics[0], "delete", self._kafka.topics.remove)

    def delete_consumer_groups(self, groups: list[str], request_timeout: float) -> dict[str, "Future[None]"]:
        """Delete some."""
        assert request_timeout > 0
        return self._kafka.answer(groups[0], "forget", lambda _group: self._kafka.groups.clear())


class FakeProducer:
    """A producer."""

    def __init__(self, kafka: FakeKafka, settings: dict[str, Any]) -> None:
        assert settings.get("enable.idempotence") or settings["transactional.id"].startswith("cdr-")
        self._kafka, self._told = kafka, []

    def produce(
        self, _topic: str, _value: bytes, on_delivery: Callable[[KafkaError | None, Any], None] = lambda *_: None
    ) -> None:
        """Send something."""
        refused = self._kafka.refused.get("write")
        self._told.append(lambda: on_delivery(KafkaError(refused) if refused else None, None))

    def init_transactions(self, _timeout_s: float) -> None:
        """Ask for its id."""
        self._kafka.check("transact")

    def begin_transaction(self) -> None:
        """Nothing to do."""

    def commit_transaction(self, _timeout_s: float) -> None:
        """End one."""
        self._kafka.transactions += 1

    def flush(self, _timeout_s: float) -> int:
        """All is told."""
        for tell in self._told:
            tell()
        return 0


class FakeMessage:
    """A message, or an error in its place."""

    def __init__(self, error: KafkaError | None) -> None:
        self._error = error

    def error(self) -> KafkaError | None:
        """What is wrong."""
        return self._error


class FakeConsumer:
    """A consumer."""

    def __init__(self, kafka: FakeKafka, settings: dict[str, Any]) -> None:
        self._kafka, self._group = kafka, settings["group.id"]
        self._waits = 1

    def assign(self, _partitions: list[Any]) -> None:
        """Nothing to do."""

    def poll(self, _timeout_s: float) -> FakeMessage | None:
        """Nothing at first."""
        self._waits -= 1
        if self._waits >= 0:
            return None
        refused = self._kafka.refused.get("read")
        return FakeMessage(KafkaError(refused) if refused else None)

    def commit(self, *, offsets: list[Any], asynchronous: bool) -> None:
        """In a group."""
        assert offsets and not asynchronous
        self._kafka.groups.append(self._group)
        self._kafka.check(self._group.partition("cdr-probe")[0] or self._group.partition("probe")[0])

    def close(self) -> None:
        """Nothing to do."""


DENIED = {
    "topic": KafkaError.TOPIC_AUTHORIZATION_FAILED,
    "group": KafkaError.GROUP_AUTHORIZATION_FAILED,
    "cluster": KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("create", DENIED["topic"], ("create a topic", "Create on topics with the prefix cdr-")),
        ("create", DENIED["cluster"], ("create a topic", "Create on the cluster")),
        ("write", DENIED["topic"], ("write to a topic", "Write on topics with the prefix cdr-")),
        ("write", DENIED["cluster"], ("write to a topic", "Write on the cluster")),
        ("read", DENIED["topic"], ("read a topic", "Read on topics with the prefix cdr-")),
        (
            "transact",
            KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            ("write in a transaction", "Write and Describe on transactional ids with the prefix cdr-"),
        ),
        ("cdr-", DENIED["group"], ("read in a group", "Read on groups with the prefix cdr-")),
        ("ringbench-", DENIED["group"], ("read in a group", "Read on groups with the prefix ringbench-")),
        ("spark-kafka-", DENIED["group"], ("read in a group", "Read on groups with the prefix spark-kafka-")),
    ],
)
def test_what_kafka_refuses_is_named_with_the_right_that_is_missing_and_no_topic_stays(
    monkeypatch: pytest.MonkeyPatch, what: str, error: int, words: tuple[str, str]
) -> None:
    kafka = FakeKafka(**{what: error}).install(monkeypatch)
    with pytest.raises(ServiceError) as caught:
        try_kafka(ADDRESS, print, transactions=True)
    assert caught.value.message == f"Kafka at broker:9092: permission denied to {words[0]}"
    assert f"allow the user {words[1]}," in caught.value.fix
    assert kafka.topics == set()


def test_a_topic_that_may_not_be_deleted_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = FakeKafka(delete=DENIED["topic"]).install(monkeypatch)
    with pytest.raises(ServiceError, match="permission denied to delete a topic") as caught:
        try_kafka(ADDRESS, print, transactions=False)
    (left,) = kafka.topics
    assert left.startswith("cdr-probe-") and left in caught.value.message


def test_what_else_kafka_says_against_a_topic_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeKafka(create=KafkaError.POLICY_VIOLATION).install(monkeypatch)
    with pytest.raises(ServiceError, match=r"cannot create a topic: .*Policy"):
        try_kafka(ADDRESS, print, transactions=False)


def test_a_kafka_that_allows_everything_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka, notes = FakeKafka().install(monkeypatch), list[str]()
    try_kafka(ADDRESS, notes.append, transactions=False)
    assert (kafka.topics, kafka.groups, notes) == (set(), [], [])


@pytest.mark.parametrize("transactions", [False, True])
def test_transactions_are_tried_if_an_engine_is_to_write_in_them(
    monkeypatch: pytest.MonkeyPatch, transactions: bool
) -> None:
    kafka = FakeKafka().install(monkeypatch)
    try_kafka(ADDRESS, print, transactions=transactions)
    assert kafka.transactions == transactions


def test_groups_that_may_not_be_deleted_are_told_and_refuse_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka, notes = FakeKafka(forget=DENIED["group"]).install(monkeypatch), list[str]()
    try_kafka(ADDRESS, notes.append, transactions=False)
    assert [group.split("cdr-probe")[0] for group in kafka.groups] == list(kafka_rights.GROUP_PREFIXES)
    (note,) = notes
    assert "a group cannot be deleted (" in note and "Group authorization failed" in note


class FakeStore:
    """A store that denies one operation."""

    def __init__(self, denied: str) -> None:
        self._denied, self.keys = denied, set[str]()

    def _answer(self, operation: str) -> None:
        if operation == self._denied:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, operation)

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto's names
        """Put one."""
        assert Bucket and Body
        self._answer("put")
        self.keys.add(Key)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """Get one."""
        assert Bucket and Key in self.keys
        self._answer("get")
        return {"Body": io.BytesIO(b"probe")}

    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
        """List them."""
        assert Bucket
        self._answer("list")
        return {"Contents": [{"Key": key} for key in self.keys if key.startswith(Prefix)]}

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        """Delete one."""
        assert Bucket
        self._answer("delete")
        self.keys.remove(Key)


@pytest.mark.parametrize("denied", ["put", "get", "list", "delete"])
def test_what_an_s3_store_denies_is_named_and_an_object_that_stays_too(
    monkeypatch: pytest.MonkeyPatch, denied: str
) -> None:
    store = FakeStore(denied)
    monkeypatch.setattr(s3, "s3_client", lambda *_, **__: store)
    with pytest.raises(ServiceError, match=f"permission denied to {denied} (an )?object") as caught:
        s3.check_s3("http://store", "bucket", s3.S3Credentials("key", "secret"))
    assert "s3:ListBucket" in caught.value.fix
    assert [key for key in store.keys if key not in caught.value.message] == []


def test_a_store_that_allows_everything_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FakeStore("")
    monkeypatch.setattr(s3, "s3_client", lambda *_, **__: store)
    s3.check_s3("http://store", "bucket", s3.S3Credentials("key", "secret"))
    assert store.keys == set()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"role": "slave"}, "replica"),
        ({"cluster_enabled": 1}, "cluster mode"),
        ({"maxmemory_policy": "allkeys-lru", "maxmemory": 10**9}, "maxmemory-policy is allkeys-lru"),
        # How much it may hold is not told.
        ({"maxmemory_policy": "volatile-ttl"}, "maxmemory-policy is volatile-ttl"),
    ],
)
def test_a_redis_in_which_a_run_would_go_wrong_is_refused(state: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        redis_rights._look_at(state, "cache:6379", print)
    assert caught.value.fix


def test_what_redis_does_not_tell_is_told_as_not_looked_at() -> None:
    notes: list[str] = []
    well = {"role": "master", "cluster_enabled": 0, "maxmemory": 0, "maxmemory_policy": "noeviction"}
    redis_rights._look_at(well, "cache:6379", notes.append)
    assert notes == []
    redis_rights._look_at({"role": "master"}, "cache:6379", notes.append)
    assert "does not tell, by INFO or CONFIG: cluster-enabled, maxmemory, maxmemory-policy" in notes[0]


@pytest.mark.parametrize(
    ("counts", "told"), [((3, 10), "evicted 7 keys"), ((3, 3), ""), ((3, None), ""), ((None, 9), ""), ((9, 0), "")]
)
def test_evictions_are_those_since_it_was_watched_and_unknown_ones_none(
    monkeypatch: pytest.MonkeyPatch, counts: tuple[int | None, int | None], told: str
) -> None:
    answers = iter(counts)
    monkeypatch.setattr(redis_rights, "evicted_keys", lambda _url: next(answers))
    found = redis_rights.Evictions.watched("redis://cache").told()
    assert told in found and bool(told) == bool(found)


def test_all_of_the_users_services_are_tried_and_none_that_is_started_here(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    for name in ("check_kafka", "try_kafka", "check_redis", "try_redis", "check_s3"):
        monkeypatch.setattr(rights, name, lambda *_, name=name, **__: tried.append(name))
    rights.try_services(External(), print, transactions=False)
    assert tried == []
    rights.try_services(
        External(kafka="broker:9092", redis="redis://cache", s3="s3://bucket"), print, transactions=True
    )
    assert tried == ["check_kafka", "try_kafka", "check_redis", "try_redis", "check_s3"]
