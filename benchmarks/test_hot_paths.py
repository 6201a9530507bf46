"""What is done for each record or update: codec, schedule, producer loop, probe, verifier and Redis writer."""

from pathlib import Path

import pytest

from benchmarks.conftest import Ratio
from engines.contract.aggregate import encode_count, encode_key
from engines.contract.keys import encode_updates
from engines.contract.record import CALIFORNIA, parse
from harness.clients.kafka_producer import BulkProducer, Messages
from harness.evaluation.counts import compare
from harness.measurement.changes import CellCodes, changes_of
from harness.measurement.trajectory import Trajectories
from harness.numerics.durations import Durations
from harness.scenarios.loading import load_scenario
from harness.services.redis import start_redis
from harness.workers.generator import PRODUCER_PROPERTIES
from harness.workers.jobs import RedisWriterJob
from harness.workers.redis_writer import RedisWriter
from workloads.locations import locations_of
from workloads.truth import expected_counts
from workloads.workload import Workload

RECORDS = 20_000


@pytest.fixture(scope="module")
def workload() -> Workload:
    return Workload(load_scenario("main", {"rate_records_per_s": RECORDS, "warmup_s": 1, "duration_s": 9}).workload())


@pytest.fixture(scope="module")
def upserts(workload: Workload) -> dict[bytes, bytes]:
    """One for each cell of the workload, as they stand in the aggregates topic."""
    counts = expected_counts(workload).counts
    return {encode_key(cell): encode_count(count) for cell, count in counts.items()}


def test_schedule_and_columns(ratio: Ratio, workload: Workload) -> None:
    ratio(lambda: (workload.due_before(10**9), workload.partitions_of(workload.columns(0, RECORDS))))


def test_encoding(ratio: Ratio, workload: Workload) -> None:
    columns = workload.columns(0, RECORDS)
    ratio(lambda: workload.encoded(columns))


def test_parsing(ratio: Ratio, workload: Workload) -> None:
    lines = workload.lines(workload.columns(0, RECORDS // 10))
    ratio(lambda: [parse(line) for line in lines])


def test_producer_loop(ratio: Ratio, workload: Workload) -> None:
    """Into librdkafka's queue: nobody listens at that address, so that nothing else is measured."""
    properties = PRODUCER_PROPERTIES | {"bootstrap.servers": "127.0.0.1:1", "log_level": 0, "linger.ms": 10_000}
    columns, partitions = workload.columns(0, RECORDS), workload.partitions(0, RECORDS)
    producer = BulkProducer(properties, "nowhere")

    def send() -> None:
        messages = Messages(workload.encoded(columns), partitions)
        for first in range(0, RECORDS, 2000):
            producer.send(messages, first, first + 2000)
            producer.poll()

    ratio(send)
    producer.close()


def test_probe(ratio: Ratio, workload: Workload, upserts: dict[bytes, bytes]) -> None:
    field, codes = encode_updates(upserts), CellCodes(locations_of(CALIFORNIA))

    def follow() -> None:
        trajectories, durations = Trajectories(workload), Durations(tolerance_us=1000)
        for window_s in trajectories.update(changes_of([(0, field)], codes)).complete:
            durations.record_ns(trajectories.take(window_s).offsets_ns)

    ratio(follow)


def test_verifier(ratio: Ratio, workload: Workload) -> None:
    counts = expected_counts(workload).counts
    observed = dict(counts)
    ratio(lambda: compare(counts, observed, expected_dead_letters=[], observed_dead_letters=[]))


def test_redis_writer(ratio: Ratio, upserts: dict[bytes, bytes], tmp_path: Path) -> None:
    """One transaction with a real Redis."""
    service = start_redis(tmp_path, progress=lambda _text: None)
    try:
        job = RedisWriterJob(
            bootstrap_servers="127.0.0.1:1", topic="unused", redis_url=service.url, namespace="cdr", expire_s=60
        )
        writer = RedisWriter(job)
        ratio(lambda: writer._transact(upserts, b"{}"))
    finally:
        service.stop()
