"""The generator by itself: against Kafka's own load tool, and how fast it keeps a schedule.

Both sides send to the same broker, in turns, with the same settings where both have them. The generator makes, encodes
and schedules every record, and the time that it takes for that counts; the tool picks from lines that were made before.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from harness.console.interrupt import CleanUp
from harness.console.progress import ConsoleWatcher
from harness.experiments.benches.broker import (
    DEADLINE_S,
    PACE_FACTOR,
    PACE_S,
    PACE_WARMUP_S,
    READY_S,
    BenchBroker,
    bench_workload,
    flat_out,
    start_load,
)
from harness.processes.temporary import temporary_folder
from harness.provision.java import ensure_java
from harness.results.benches import ProducerBench, ProducerPace, ProducerPair, save_producer_bench
from harness.scenarios.scenario import Limits
from harness.services.kafka import start_kafka
from harness.services.kafka_tools import produce_flat_out, provide_tools
from harness.session.directory import new_run_id, save_somewhere
from harness.session.ending import Ending
from harness.session.fingerprint import fingerprint
from harness.session.preflight.look import look_before_leaping
from harness.session.preflight.need import Need
from harness.workers.generator import PRODUCER_PROPERTIES
from harness.workers.jobs import GeneratorJob
from harness.workers.start import start_worker
from workloads.partitioning import ROUND_ROBIN
from workloads.workload import Workload, WorkloadSpecification

PREFIX = "bench-producer-"
#: What both sides are told, in Kafka's names, which librdkafka shares for these; and librdkafka's default of a batch.
_SHARED = ("acks", "enable.idempotence", "compression.type", "linger.ms")
PROPERTIES = {name: PRODUCER_PROPERTIES[name] for name in _SHARED} | {"batch.size": 1_000_000}
#: Lines that Kafka's tool picks from: as many as to compress like the generator's, and to fit in a cache.
SAMPLE_LINES = 20_000
#: So that neither side meets a cold broker, each sends this share of the records before anything is measured.
REHEARSED_SHARE = 0.25
#: The first rate to keep a schedule at.
FIRST_PACE = 100_000


@dataclass(frozen=True)
class BenchOptions:
    """How much is measured: pairs of measurements, records in each, and whether schedules are tried."""

    pairs: int = 3
    records: int = 8_000_000
    paces: bool = True


@dataclass
class _Bench(BenchBroker):
    """A broker, and Kafka's tool, which sends `lines`."""

    tool: list[str]
    watcher: ConsoleWatcher
    flat_out: WorkloadSpecification
    lines: Path

    @contextmanager
    def topic(self, records: int) -> Iterator[tuple[str, Path]]:
        """A new topic, and a new folder, for one measurement; all `records` must be in the topic in the end."""
        with self.topics(self.flat_out.partitions) as (topics, directory):
            yield topics.input, directory
            self.expect(records, topics.input)

    def generate(self, specification: WorkloadSpecification) -> dict[str, Any]:
        """Have the generator send a workload. Returns its account; nothing may have failed."""
        with self.topic(Workload(specification).total_records) as (topic, directory):
            job = GeneratorJob(
                workload=specification,
                anchor=str(directory / "anchor"),
                bootstrap_servers=self.kafka.bootstrap_servers,
                topic=topic,
                output=str(directory / "generator.npz"),
            )
            with start_worker("generator", job, directory) as child:
                child.wait_for("ready", READY_S)
                start_load(job.anchor)
                return child.wait_for("stopped", DEADLINE_S).fields

    def ours(self, specification: WorkloadSpecification) -> float:
        """Acknowledged records per second of the generator; making the first ones counts."""
        account = self.generate(specification)
        return float(account["acked_records"] / (account["preparing_ms"] + account["schedule_ms"]) * 1000)

    def theirs(self, specification: WorkloadSpecification) -> float:
        """Acknowledged records per second of Kafka's tool."""
        records = Workload(specification).total_records
        with self.topic(records) as (topic, directory):
            settings = {"bootstrap.servers": self.kafka.bootstrap_servers, **PROPERTIES}
            return produce_flat_out(self.tool, directory / "tool.log", topic, records, self.lines, settings)


def bench_producer(
    chosen: BenchOptions, runs_dir: Path, command: list[str], watcher: ConsoleWatcher
) -> tuple[ProducerBench, Path]:
    """Measure, and save what was found. Returns it, and its directory.

    Raises:
        InvalidRun: a record is missing.
        ServiceError: something cannot be started, or has failed.
    """
    started_at, bench_id = datetime.now(UTC), new_run_id(PREFIX)
    look_before_leaping(Need(runs_dir=runs_dir), watcher.note)
    with _bench(chosen, watcher) as bench:
        pairs: list[ProducerPair] = []
        paces: list[ProducerPace] = []
        with Ending(watcher.note, kept=lambda: pairs) as ending:
            for pair in _pairs(bench, chosen.pairs, ending):
                pairs.append(pair)  # noqa: PERF402 - those before one that fails are kept
            for pace in _paces(bench, ending) if chosen.paces else ():
                paces.append(pace)  # noqa: PERF402 - those before one that fails are kept
        java = ensure_java(watcher.note)
        found = ProducerBench(
            bench_id=bench_id,
            started_at=started_at.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=command,
            environment=fingerprint(java=f"{java.version} ({java.source})", services={"kafka": bench.kafka.version}),
            records=Workload(bench.flat_out).total_records,
            record_bytes_mean=bench.lines.stat().st_size / SAMPLE_LINES - 1,
            properties=PROPERTIES,
            pairs=pairs,
            ours_records_per_s=geometric_mean([pair.ours_records_per_s for pair in pairs]),
            kafka_records_per_s=geometric_mean([pair.kafka_records_per_s for pair in pairs]),
            ratio=geometric_mean([pair.ratio for pair in pairs]),
            bound_ms_p99=Limits().schedule_error_ms_p99,
            paces=paces,
            held_records_per_s=max((pace.rate_records_per_s for pace in paces if pace.held), default=None),
            failed_records_per_s=min((pace.rate_records_per_s for pace in paces if not pace.held), default=None),
            missing=ending.missing,
        )
    directory = runs_dir / bench_id
    save_somewhere(save_producer_bench, found, directory)
    return found, directory


@contextmanager
def _bench(chosen: BenchOptions, watcher: ConsoleWatcher) -> Iterator[_Bench]:
    with CleanUp("ending Kafka") as stack:
        work = stack.enter_context(temporary_folder())
        watcher.phase("providing Kafka and its load tool")
        tool = provide_tools(watcher.note)
        kafka = start_kafka(work, progress=watcher.note)
        stack.callback(kafka.stop)
        # As the tool has it, whose records have no keys.
        everything = flat_out(chosen.records, partitioning=ROUND_ROBIN)
        lines = work / "lines.txt"
        workload = Workload(everything)
        sample = workload.lines(workload.columns(0, SAMPLE_LINES))
        lines.write_bytes(b"".join(line + b"\n" for line in sample))
        yield _Bench(work, kafka, tool, watcher, everything, lines)


def _pairs(bench: _Bench, number: int, ending: Ending) -> Iterator[ProducerPair]:
    """Measure in turns; who begins changes with each pair."""
    bench.watcher.phase("both send once, unmeasured")
    rehearsed = replace(bench.flat_out, rate_records_per_s=int(bench.flat_out.rate_records_per_s * REHEARSED_SHARE))
    sides: list[tuple[str, Callable[[WorkloadSpecification], float]]] = [
        ("ringbench", bench.ours),
        ("kafka-producer-perf-test", bench.theirs),
    ]
    for _, send in sides:
        send(rehearsed)
    for pair in range(number):
        bench.watcher.progress(pair + 1, number)
        ending.begins(f"pair {pair + 1} of {number}")
        rates = {}
        for name, send in sides if pair % 2 == 0 else reversed(sides):
            bench.watcher.phase(f"{name}: as fast as it can")
            rates[name] = send(bench.flat_out)
            bench.watcher.note(f"{rates[name]:,.0f} records/s acknowledged")
        ours, theirs = (rates[name] for name, _ in sides)
        yield ProducerPair(ours_records_per_s=ours, kafka_records_per_s=theirs, ratio=ours / theirs)


def _paces(bench: _Bench, ending: Ending) -> Iterator[ProducerPace]:
    """Keep a schedule at rising rates, until one is not held."""
    bench.watcher.progress(1, 1)
    rate, held = FIRST_PACE, True
    while held:
        ending.begins(f"the rate of {rate:,} records/s")
        bench.watcher.phase(f"on schedule: {rate:,} records/s for {PACE_S} s")
        account = bench.generate(bench_workload(rate, warmup_s=PACE_WARMUP_S, duration_s=PACE_S))
        held = account["schedule_error_ms_p99"] <= Limits().schedule_error_ms_p99
        quantiles = {name: account[name] for name in (f"schedule_error_ms_{each}" for each in ("p50", "p99", "max"))}
        yield ProducerPace(rate_records_per_s=rate, held=held, **quantiles)
        bench.watcher.note(f"schedule error p99 {account['schedule_error_ms_p99']:,.1f} ms")
        rate *= PACE_FACTOR
