"""The user's own Kafka: whether a run can do there what it does, by a topic of a probe that is deleted again."""

import contextlib
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.clients.kafka_leftovers import KafkaLeftovers
from harness.errors import ServiceError
from harness.provision.cache import Progress

_TIMEOUT_S = 20.0
_POLL_S = 0.1
#: How the names of groups begin that a run reads in.
GROUP_PREFIXES = ("cdr-", "ringbench-", "spark-kafka-")
#: What is told of a refusal: what the principal must be allowed.
_NEEDS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "{operation} on topics with the prefix cdr-",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "Read on groups with the prefix {prefix}",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "{operation} on the cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Write and Describe on transactional ids with the prefix cdr-",
}


def try_kafka(client: dict[str, str], tell: Progress, *, transactions: bool) -> None:
    """Make sure that a run can create a topic, write to it, read it, in groups as it names them, and delete it.

    Args:
        client: settings of librdkafka's, the address among them.
        tell: told what is refused that a run can do without.
        transactions: whether that is to go in transactions, too.

    Raises:
        ServiceError: one of that is refused, or does not happen in time.
    """
    quiet: dict[str, str | int | float | bool] = {**client, "log_level": 0}
    admin, topic = AdminClient(quiet), f"cdr-probe-{secrets.token_hex(4)}"
    where = f"Kafka at {client['bootstrap.servers']}"

    def attempt(what: str, operation: str, step: Callable[[], object], prefix: str = "") -> None:
        try:
            step()
        except (KafkaException, TimeoutError) as error:
            _refuse(where, what, operation, prefix, error)

    groups = {prefix: f"{prefix}{topic}" for prefix in GROUP_PREFIXES}
    attempt("create a topic", "Create", lambda: _create(admin, topic))
    try:
        attempt("write to a topic", "Write", lambda: _write(quiet, topic))
        if transactions:
            attempt("write in a transaction", "Write", lambda: _write_in_transaction(quiet, topic))
        attempt("read a topic", "Read", lambda: _read(quiet, topic))
        for prefix, group in groups.items():
            attempt("read in a group", "Read", partial(_join, quiet, group, topic), prefix)
    except ServiceError:
        with contextlib.suppress(KafkaException, TimeoutError):
            _delete(admin, topic)
        raise
    if left := KafkaLeftovers(client).remove_groups(list(groups.values())):
        tell(f"{where}: a group cannot be deleted ({left[0].why}): each trial will name those that it leaves to Kafka")
    attempt(f"delete a topic (that of the probe, {topic}, is left)", "Delete", lambda: _delete(admin, topic))


def _refuse(where: str, what: str, operation: str, prefix: str, error: Exception) -> NoReturn:
    found = error.args[0] if isinstance(error, KafkaException) else None
    if isinstance(found, KafkaError) and found.code() in _NEEDS:
        need = _NEEDS[found.code()].format(operation=operation, prefix=prefix)
        raise ServiceError(
            f"{where}: permission denied to {what}",
            fix=f"allow the user {need}, by kafka-acls or your provider's console; docs/secured.md has all rights",
        ) from error
    reason = found.str() if isinstance(found, KafkaError) else f"nothing happened within {_TIMEOUT_S:g} s"
    raise ServiceError(
        f"{where}: cannot {what}: {reason}", fix="check what the broker allows clients: its policies, quotas and log"
    ) from error


def _create(admin: AdminClient, topic: str) -> None:
    # As a trial's are, with one partition.
    wanted = NewTopic(topic, num_partitions=1, config={"message.timestamp.type": "LogAppendTime"})
    admin.create_topics([wanted])[topic].result(_TIMEOUT_S)


def _delete(admin: AdminClient, topic: str) -> None:
    admin.delete_topics([topic])[topic].result(_TIMEOUT_S)


def _write(client: dict[str, str | int | float | bool], topic: str) -> None:
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error:
            failures.append(error)

    # As the generator does, which would need a right of its own for it before Kafka 3.0.
    producer = Producer({**client, "acks": "all", "enable.idempotence": True, "message.timeout.ms": _TIMEOUT_S * 1000})
    producer.produce(topic, b"probe", on_delivery=delivered)
    if producer.flush(_TIMEOUT_S):
        raise TimeoutError
    if failures:
        raise KafkaException(failures[0])


def _write_in_transaction(client: dict[str, str | int | float | bool], topic: str) -> None:
    """As an engine does that delivers exactly once; its ids begin with the input topic's name."""
    producer = Producer({**client, "transactional.id": f"{topic}.probe", "transaction.timeout.ms": _TIMEOUT_S * 1000})
    producer.init_transactions(_TIMEOUT_S)
    producer.begin_transaction()
    producer.produce(topic, b"probe")
    producer.commit_transaction(_TIMEOUT_S)


def _read(client: dict[str, str | int | float | bool], topic: str) -> None:
    consumer = Consumer({**client, "group.id": f"{topic}-reader", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        deadline = time.monotonic() + _TIMEOUT_S
        error: KafkaError | None = None
        while time.monotonic() < deadline:
            if (message := consumer.poll(_POLL_S)) is None:
                continue
            if (error := message.error()) is None:
                return
            if error.code() in _NEEDS:
                break
        # Of several brokers, the one that is asked may not know the topic yet: only the last error counts.
        raise KafkaException(error) if error else TimeoutError
    finally:
        consumer.close()


def _join(client: dict[str, str | int | float | bool], group: str, topic: str) -> None:
    """Commit an offset in a group; it goes with the topic."""
    consumer = Consumer({**client, "group.id": group, "enable.auto.commit": False})
    try:
        consumer.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    finally:
        consumer.close()
