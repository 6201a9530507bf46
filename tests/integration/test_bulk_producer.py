"""The producer of whole arrays, against a real broker: every line arrives once, intact, in order, where it belongs."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from confluent_kafka import OFFSET_BEGINNING, TIMESTAMP_CREATE_TIME, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.clients.kafka_producer import BulkProducer, Messages
from harness.processes.process import wait_until
from harness.services.ports import free_port
from tests.deadlines import DEADLINE_S
from tests.integration.ringbench import Services
from workloads.workload import Workload, WorkloadSpecification

pytestmark = pytest.mark.integration

PARTITIONS = 3
WORKLOAD = Workload(
    WorkloadSpecification(
        seed=5,
        rate_records_per_s=2000,
        warmup_s=0,
        duration_s=2,
        partitions=PARTITIONS,
        malformed_per_million=20_000,
        malformed_kinds=("truncated", "not_utf8", "newlines"),
    )
)


@pytest.fixture
def topic(services: Services) -> str:
    name = f"bulk-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": services.kafka})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(DEADLINE_S)
    return name


def _sent(services: Services, topic: str, **properties: Any) -> BulkProducer:
    # Without idempotence, a request that is sent again would arrive after those that followed it.
    settings = {"bootstrap.servers": services.kafka, "enable.idempotence": True, **properties}
    producer = BulkProducer(settings, topic)
    producer.await_topic(DEADLINE_S)
    total = WORKLOAD.total_records
    for first in range(0, total, 700):
        last = min(first + 700, total)
        messages = Messages(WORKLOAD.encoded(WORKLOAD.columns(first, last)), WORKLOAD.partitions(first, last))
        producer.send(messages, 0, (last - first) // 3)
        producer.send(messages, (last - first) // 3, last - first)
    producer.flush(DEADLINE_S)
    return producer


def _arrived(services: Services, topic: str, partition: int, count: int) -> Iterator[bytes | None]:
    return (message.value() for message in _messages(services, topic, partition, count))


def _messages(services: Services, topic: str, partition: int, count: int) -> Iterator[Message]:
    consumer = Consumer({"bootstrap.servers": services.kafka, "group.id": "bulk", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    try:
        for _ in range(count):
            message = consumer.poll(DEADLINE_S)
            assert message is not None and message.error() is None, f"{count} lines expected in partition {partition}"
            yield message
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), DEADLINE_S)
        assert (low, high) == (0, count), "and no more than that"
    finally:
        consumer.close()


#: Room for 50 messages: most batches are refused in part, again and again.
@pytest.mark.parametrize("properties", [{}, {"queue.buffering.max.messages": 50, "linger.ms": 1}])
def test_every_line_arrives_once_in_order_in_its_partition(
    services: Services, topic: str, properties: dict[str, Any]
) -> None:
    producer = _sent(services, topic, **properties)
    assert (producer.waiting, producer.failed) == (0, 0)
    producer.close()
    total = WORKLOAD.total_records
    lines, partitions = WORKLOAD.lines(WORKLOAD.columns(0, total)), WORKLOAD.partitions(0, total)
    for partition in range(PARTITIONS):
        expected = [lines[number] for number in np.flatnonzero(partitions == partition)]
        assert len(expected) > 1000
        assert list(_arrived(services, topic, partition, len(expected))) == expected


@pytest.mark.parametrize("properties", [{}, {"queue.buffering.max.messages": 50, "linger.ms": 1}])
def test_messages_have_the_time_that_they_are_given(services: Services, topic: str, properties: dict[str, Any]) -> None:
    producer = BulkProducer({"bootstrap.servers": services.kafka, **properties}, topic)
    producer.await_topic(DEADLINE_S)
    lines = WORKLOAD.lines(WORKLOAD.columns(0, 200))
    messages = Messages(WORKLOAD.encoded(WORKLOAD.columns(0, 200)), np.zeros(200, dtype=np.int64))
    # Brokers refuse times that are more than an hour ahead.
    stamp_ms = time.time_ns() // 1_000_000 + 300_000
    producer.send(messages, 10, 200, stamp_ms)
    producer.flush(DEADLINE_S)
    assert producer.failed == 0
    producer.close()
    arrived = list(_messages(services, topic, 0, 190))
    assert [message.value() for message in arrived] == lines[10:]
    assert {message.timestamp() for message in arrived} == {(TIMESTAMP_CREATE_TIME, stamp_ms)}


def test_a_partition_that_there_is_not_is_refused(services: Services, topic: str) -> None:
    producer = BulkProducer({"bootstrap.servers": services.kafka}, topic)
    producer.await_topic(DEADLINE_S)
    lines = WORKLOAD.encoded(WORKLOAD.columns(0, 10))
    with pytest.raises(RuntimeError, match=r"Unknown partition"):
        producer.send(Messages(lines, np.full(10, PARTITIONS)), 0, 10)
    producer.close()


def test_what_times_out_is_counted_as_failed() -> None:
    producer = BulkProducer(
        {"bootstrap.servers": f"127.0.0.1:{free_port()}", "message.timeout.ms": 100, "log_level": 0}, "nowhere"
    )
    producer.send(Messages(WORKLOAD.encoded(WORKLOAD.columns(0, 10)), WORKLOAD.partitions(0, 10)), 0, 10)
    assert producer.waiting >= 10
    producer.flush(DEADLINE_S)
    assert producer.failed == 10

    def nothing_is_waiting() -> bool:
        # What librdkafka has to tell of the broker that is not there counts, too, until it is heard.
        producer.poll()
        return producer.waiting == 0

    wait_until(nothing_is_waiting, deadline_s=DEADLINE_S, what="nothing is waiting")
    assert producer.failed == 10
    producer.close()


def test_a_line_too_long_is_refused(services: Services, topic: str) -> None:
    producer = BulkProducer({"bootstrap.servers": services.kafka, "message.max.bytes": 1000}, topic)
    producer.await_topic(DEADLINE_S)
    long = Workload(replace(WORKLOAD.specification, malformed_kinds=("long",), malformed_per_million=1_000_000))
    with pytest.raises(RuntimeError, match=r"Message size too large"):
        producer.send(Messages(long.encoded(long.columns(0, 1)), long.partitions(0, 1)), 0, 1)
    producer.close()


def test_an_unknown_property_is_refused() -> None:
    with pytest.raises(ValueError, match=r"linger\.miliseconds"):
        BulkProducer({"linger.miliseconds": 1}, "topic")
