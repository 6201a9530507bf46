"""What `ringbench bench producer` finds, as it is saved."""

from pathlib import Path

from harness.result import Environment, save_whole
from harness.result_part import ResultPart


class ProducerPair(ResultPart):
    """Two measurements, one right after the other: acknowledged records per second, and ours over Kafka's."""

    ours_records_per_s: float
    kafka_records_per_s: float
    ratio: float


class ProducerPace(ResultPart):
    """A rate at which the generator was to send, and how late it was; percentiles over the measured time."""

    rate_records_per_s: int
    held: bool
    schedule_error_ms_p50: float
    schedule_error_ms_p99: float
    schedule_error_ms_max: float


class ProducerBench(ResultPart):
    """All of it.

    Attributes:
        records: how many each side sent in each measurement.
        record_bytes_mean: their size.
        properties: settings that both sides have, in Kafka's names.
        ours_records_per_s, kafka_records_per_s, ratio: geometric means over the pairs.
        bound_ms_p99: a rate with a greater 99th percentile of the schedule error was not held.
        paces: ascending; empty if they were not wanted.
        held_records_per_s: the highest rate that was held, None if none was.
        failed_records_per_s: the rate after it, None if all were held.
    """

    bench_id: str
    started_at: str
    finished_at: str
    command: list[str]
    environment: Environment
    records: int
    record_bytes_mean: float
    properties: dict[str, str | int | bool]
    pairs: list[ProducerPair]
    ours_records_per_s: float
    kafka_records_per_s: float
    ratio: float
    bound_ms_p99: float
    paces: list[ProducerPace]
    held_records_per_s: int | None
    failed_records_per_s: int | None


def save_producer_bench(found: ProducerBench, directory: Path) -> Path:
    """Write ``producer.json`` to `directory`. Returns its path."""
    directory.mkdir(parents=True, exist_ok=True)
    return save_whole(found, directory / "producer.json")
