"""What benches of single parts share: a broker of their own, a topic for each measurement, and loads of any rate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.clients.kafka_topics import Topics, create_topics, delete_topics, end_offset
from harness.errors import InvalidRun
from harness.scenarios.loading import load_scenario
from harness.services.kafka import KafkaService
from harness.workers.jobs import announce_anchor
from workloads.workload import WorkloadSpecification

#: What each rate on a schedule is multiplied by for the next one, and for how long each is measured.
PACE_FACTOR, PACE_WARMUP_S, PACE_S = 2, 2, 8
START_DELAY_NS = 200_000_000
READY_S, DEADLINE_S = 60.0, 600.0


@dataclass
class BenchBroker:
    """A broker, and how many measurements were made with it so far."""

    work: Path
    kafka: KafkaService
    measurements: int = field(default=0, init=False)

    @contextmanager
    def topics(self, partitions: int) -> Iterator[tuple[Topics, Path]]:
        """New topics, and a new folder, for one measurement."""
        self.measurements += 1
        directory = self.work / f"{self.measurements}"
        directory.mkdir(mode=0o700)
        topics = Topics.of("bench", str(self.measurements))
        create_topics(self.kafka.client, topics, partitions)
        try:
            yield topics, directory
        finally:
            delete_topics(self.kafka.client, topics)

    def expect(self, records: int, topic: str) -> None:
        """Make sure that `topic` holds so many.

        Raises:
            InvalidRun: it holds fewer or more.
        """
        if (arrived := end_offset(self.kafka.client, topic)) != records:
            raise InvalidRun(f"{arrived:,} of {records:,} records are in the topic")


def bench_workload(rate_records_per_s: int, *, warmup_s: int, duration_s: int, **further: Any) -> WorkloadSpecification:
    """The main job's workload at another rate, with `further` keys of a scenario."""
    chosen = {"rate_records_per_s": rate_records_per_s, "warmup_s": warmup_s, "duration_s": duration_s}
    return load_scenario("main", chosen | further).workload()


def flat_out(records: int, **further: Any) -> WorkloadSpecification:
    """So many records, due within two seconds: faster than they can be sent, so that the schedule delays none."""
    return bench_workload(max(1, records // 2), warmup_s=1, duration_s=1, **further)


def start_load(anchor: str) -> int:
    """Let the load begin for all who wait for the file `anchor`. Returns when, in ns since the Unix epoch."""
    anchor_ns = time.time_ns() + START_DELAY_NS
    announce_anchor(anchor, anchor_ns)
    return anchor_ns
