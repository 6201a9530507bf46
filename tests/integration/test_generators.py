"""One generator or several, the topic is the same: each partition has the workload's lines, in order, once."""

import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from harness.clients.kafka_topics import Topics, create_topics, delete_topics
from harness.numerics.durations import decode
from harness.workers.jobs import GeneratorJob, announce_anchor
from harness.workers.start import start_worker
from tests.deadlines import DEADLINE_S
from tests.integration.ringbench import Services
from workloads.sample import waterfall_records
from workloads.workload import Workload, WorkloadSpecification

PARTITIONS = 4
SPECIFICATION = WorkloadSpecification(
    seed=7,
    rate_records_per_s=3000,
    warmup_s=1,
    duration_s=2,
    partitions=PARTITIONS,
    malformed_per_million=20_000,
    hot_share=0.5,
)

pytestmark = pytest.mark.integration


def _lines(services: Services, topic: str, partition: int, count: int) -> list[bytes | None]:
    """The first `count` messages of a partition."""
    consumer = Consumer({"bootstrap.servers": services.kafka, "group.id": uuid.uuid4().hex})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    found: list[bytes | None] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} messages in partition {partition}"
        found += [message.value() for message in consumer.consume(count - len(found), timeout=1) if not message.error()]
    consumer.close()
    return found


@pytest.mark.parametrize("shards", [1, 3])
def test_every_partition_has_its_lines_in_order_and_all_is_accounted_for(
    services: Services, tmp_path: Path, shards: int
) -> None:
    workload = Workload(SPECIFICATION)
    total = workload.total_records
    lines = workload.lines(workload.columns(0, total))
    partitions = workload.partitions(0, total).tolist()
    topics = Topics.of(uuid.uuid4().hex[:8], "generators")
    create_topics(services.kafka_client, topics, PARTITIONS)
    output = tmp_path / "generator.npz"
    job = GeneratorJob(
        workload=SPECIFICATION,
        anchor=str(tmp_path / "anchor"),
        bootstrap_servers=services.kafka,
        topic=topics.input,
        output=str(output),
        shards=shards,
        processes=shards,
    )
    try:
        with start_worker("generators" if shards > 1 else "generator", job, tmp_path) as child:
            child.wait_for("ready", DEADLINE_S)
            announce_anchor(job.anchor, time.time_ns() + 200_000_000)
            told = child.wait_for("stopped", DEADLINE_S).fields
        for partition in range(PARTITIONS):
            wanted = [line for line, place in zip(lines, partitions, strict=True) if place == partition]
            assert _lines(services, topics.input, partition, len(wanted)) == wanted
    finally:
        delete_topics(services.kafka_client, topics)
    assert (told["sent_records"], told["acked_records"], told["failed_records"]) == (total, total, 0)
    measured = total - workload.due_before(1_000_000_000)
    assert decode(told["schedule_error_histogram"]).get_total_count() == measured
    assert told["schedule_error_ms_p50"] <= told["schedule_error_ms_p99"] <= told["schedule_error_ms_max"] + 1
    with np.load(output) as saved:
        apart = waterfall_records(workload)
        assert saved["indexes"].tolist() == apart.tolist()
        # Each was sent by one of the processes: never before it was due, and never in the same nanosecond.
        assert (saved["errors_ns"] > 0).all()
