"""What measuring single parts without an engine found."""

from pathlib import Path
from typing import Literal

from harness.results.part import Missing, ResultPart, save_whole
from harness.results.result import Environment

PaceVerdict = Literal["kept", "not kept", "invalid"]


class PathPace(ResultPart):
    """A rate at which upserts came, and how the path behind the engine dealt with them.

    Attributes:
        rate_updates_per_s: upserts that were due a second, each with another count of its cell.
        verdict: invalid if the feeder was late, so that nothing is known of the path.
        reasons: what speaks against it; empty if it was kept.
        schedule_error_ms_p99: by how much the feeder was late.
        writer_updates_per_s, probe_updates_per_s: all upserts over the time from the first that was due until all were
            in Redis, and until the probe had taken all.
        changes: of cells that reached Redis: upserts to one cell that met in one transaction are one change.
        writer_lag_updates: upserts in the topic, but not in Redis, when the last had been acknowledged.
        writer_drain_s, probe_drain_s: from when the last was due until all were in Redis, and taken by the probe.
        delay_ms_p50, delay_ms_p99, delay_ms_max: from the broker's append to the Redis stream's ID, for the upserts
            that were due in the measured time; of a load of more than a million, those of every k-th second.
        probe_behind_ms_max: age of the oldest entry that the probe found when it read; a tenth of a second is its pace.
        wrong_counts: cells whose last count is not the one in Redis.
        unseen_updates: upserts that the probe did not see, and changes that only it or only the writer knows of.
        cpu_cores: by process, over the measured time.
    """

    rate_updates_per_s: int
    verdict: PaceVerdict
    reasons: list[str]
    schedule_error_ms_p99: float
    writer_updates_per_s: float
    probe_updates_per_s: float
    changes: int
    writer_lag_updates: int
    writer_drain_s: float
    probe_drain_s: float
    delay_ms_p50: float
    delay_ms_p99: float
    delay_ms_max: float
    probe_behind_ms_max: float
    wrong_counts: int
    unseen_updates: int
    cpu_cores: dict[str, float]


class PathCapacity(ResultPart):
    """How fast each is alone, with everything there before it starts: first the writer, then the probe.

    Attributes:
        updates: upserts in the topic.
        changes: of cells that reached Redis.
        writer_updates_per_s: from Redis's first transaction to its last.
        probe_changes_per_s: changes over the time from the probe's start until it had taken all.
        writer_cpu_s, redis_cpu_s, probe_cpu_s: CPU time that each used for that.
    """

    updates: int
    changes: int
    writer_updates_per_s: float
    probe_changes_per_s: float
    writer_cpu_s: float
    redis_cpu_s: float
    probe_cpu_s: float


class PathBench(ResultPart):
    """All of it.

    Attributes:
        open_windows, capacity_open_windows: over how many windows the upserts are spread at any time, on a schedule and
            for `capacity`.
        delay_bound_ms_p99, drain_bound_s: a rate with more was not kept.
        paces: ascending.
        kept_updates_per_s: the highest rate that was kept, None if none was.
        capacity: None if it was not wanted, or is missing.
        missing: what did not take place, and why; None if nothing is missing.
    """

    bench_id: str
    started_at: str
    finished_at: str
    command: list[str]
    environment: Environment
    open_windows: int
    capacity_open_windows: int
    delay_bound_ms_p99: float
    drain_bound_s: float
    paces: list[PathPace]
    kept_updates_per_s: int | None
    capacity: PathCapacity | None
    missing: Missing | None = None


def save_path_bench(found: PathBench, directory: Path) -> Path:
    """Write ``path.json`` to `directory`. Returns its path."""
    return save_whole(found, directory / "path.json")


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
        missing: what did not take place, and why; None if nothing is missing.
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
    missing: Missing | None = None


def save_producer_bench(found: ProducerBench, directory: Path) -> Path:
    """Write ``producer.json`` to `directory`. Returns its path."""
    return save_whole(found, directory / "producer.json")
