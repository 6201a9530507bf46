"""The path behind the engine by itself: Redis writer, Redis and probe, fed with upserts at rising rates.

A feeder stands where the engine would, and sends an upsert for each record of a workload when the record is due, so
that counts rise by one and each is another one. Event times are spread over several windows, because the writer joins
what a transaction holds of one cell: with one window's 464 cells, it would hardly have to write more at a higher rate.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from engines.contract.keys import position_key, updates_key
from harness.accounting import Meter, Readings
from harness.backing import NAMESPACE
from harness.bench import (
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
from harness.child import Child, start_worker
from harness.environment import fingerprint
from harness.errors import ServiceError
from harness.path_bench_result import PaceVerdict, PathBench, PathCapacity, PathPace, save_path_bench
from harness.processes import wait_until
from harness.provision.java import ensure_java
from harness.scenario import Limits
from harness.services.pair import start_pair
from harness.services.redis import RedisService
from harness.session import new_run_id
from harness.store import clear, read_counts
from harness.topics import Topics, read_topic
from harness.trajectory import NEVER
from harness.watch import ConsoleWatcher
from harness.workers.jobs import GeneratorJob, Job, ProbeJob, RedisWriterJob
from workloads.profiles import NANOSECONDS_PER_S
from workloads.truth import expected_counts
from workloads.upserts import upsert_partitions
from workloads.workload import Workload, WorkloadSpecification

PREFIX = "bench-path-"
FIRST_PACE, LAST_PACE = 25_000, 1_600_000
#: Event times are spread over so many windows: on a schedule; and where writer and probe are measured as fast as they
#: can, when transactions are as large as can be.
OPEN_WINDOWS, CAPACITY_OPEN_WINDOWS = 10, 100
#: A rate is kept if upserts are in Redis that soon after the broker has them, and the last ones after they were due.
DELAY_BOUND_MS_P99, DRAIN_BOUND_S = 100.0, 1.0
#: So many upserts are there before writer and probe are measured as fast as they can.
CAPACITY_UPDATES = 2_000_000
#: Beyond what records may overtake each other by.
LATENESS_MS = 60_000
TICK_S = 0.25
EXPIRE_S = 3600
_CHUNK_RECORDS = 1 << 18


@dataclass(frozen=True)
class PathOptions:
    """What is measured.

    Attributes:
        rates_updates_per_s: to try, in order; if empty, from `FIRST_PACE` on, until one is not kept.
        duration_s: measured time of each rate.
        capacity: measure writer and probe as fast as they can, too.
    """

    rates_updates_per_s: tuple[int, ...] = ()
    duration_s: int = PACE_S
    capacity: bool = True


@dataclass
class _Rig(BenchBroker):
    """A broker and a Redis."""

    store: RedisService
    watcher: ConsoleWatcher

    def client(self) -> "redis.Redis":
        """A client of the Redis."""
        return redis.Redis.from_url(self.store.url, protocol=2)


@dataclass
class _Measurement:
    """One load, its topics, and the processes that follow it. `readings` are of the processes, by name."""

    rig: _Rig
    specification: WorkloadSpecification
    topics: Topics
    directory: Path
    children: dict[str, Child]
    stack: ExitStack
    readings: dict[str, Readings]

    @property
    def anchor(self) -> str:
        """The file that names the start of the load."""
        return str(self.directory / "anchor")

    def start(self, name: str) -> Child:
        """Start a worker, and wait until it is ready."""
        jobs: dict[str, Callable[[], Job]] = {
            "redis_writer": self._writer_job,
            "probe": self._probe_job,
            "feeder": self._feeder_job,
        }
        job = jobs[name]()
        child = self.children[name] = self.stack.enter_context(start_worker(name, job, self.directory))
        child.wait_for("ready", READY_S)
        return child

    def stop(self, name: str) -> dict[str, Any]:
        """Stop a worker. Returns its last totals."""
        self.children[name].stop()
        return self.children[name].wait_for("stopped", READY_S).fields

    def _feeder_job(self) -> GeneratorJob:
        return GeneratorJob(
            workload=self.specification,
            anchor=self.anchor,
            bootstrap_servers=self.rig.kafka.bootstrap_servers,
            topic=self.topics.aggregates,
            output=str(self.directory / "feeder.npz"),
        )

    def _writer_job(self) -> RedisWriterJob:
        return RedisWriterJob(
            bootstrap_servers=self.rig.kafka.bootstrap_servers,
            topic=self.topics.aggregates,
            redis_url=self.rig.store.url,
            namespace=NAMESPACE,
            expire_s=EXPIRE_S,
        )

    def _probe_job(self) -> ProbeJob:
        return ProbeJob(
            workload=self.specification,
            anchor=self.anchor,
            redis_url=self.rig.store.url,
            namespace=NAMESPACE,
            output=str(self.directory / "probe.json"),
            recording=str(self.directory / "probe.updates.gz"),
        )

    def meters(self) -> dict[str, Meter]:
        """Meters of all processes now."""
        own = {name: child.process.pid for name, child in self.children.items()}
        services = {"kafka": self.rig.kafka.process.pid, "redis": self.rig.store.process.pid}
        return {name: Meter(pid) for name, pid in (own | services).items()}

    def await_total(self, name: str, total: str, wanted: int) -> None:
        """Wait until a worker has told of a total of `wanted`."""
        child = self.children[name]

        def reached() -> bool:
            if not child.is_running:
                raise ServiceError(child.death())
            return bool(child.latest(total, 0) >= wanted)

        wait_until(reached, deadline_s=DEADLINE_S, what=f"{name}: {wanted:,} {total}", poll_s=TICK_S / 5)

    def written(self) -> int:
        """How many upserts Redis has, by the position that the writer leaves there."""
        with self.rig.client() as client:
            told: Any = client.get(position_key(NAMESPACE))
        return sum(json.loads(told or b"{}").values())


def bench_path(
    chosen: PathOptions, runs_dir: Path, command: list[str], watcher: ConsoleWatcher
) -> tuple[PathBench, Path]:
    """Measure, and save what was found. Returns it, and its directory.

    Raises:
        InvalidRun: what was fed is not what is in the topic.
        ServiceError: something cannot be started, or has failed.
    """
    started_at, bench_id = datetime.now(UTC), new_run_id(PREFIX)
    with _rig(watcher) as rig:
        paces = list(_paces(rig, chosen))
        capacity = _capacity(rig) if chosen.capacity else None
        java = ensure_java(watcher.note)
        found = PathBench(
            bench_id=bench_id,
            started_at=started_at.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=command,
            environment=fingerprint(
                java=f"{java.version} ({java.source})",
                services={"kafka": rig.kafka.version, "redis": rig.store.version},
            ),
            open_windows=OPEN_WINDOWS,
            capacity_open_windows=CAPACITY_OPEN_WINDOWS,
            delay_bound_ms_p99=DELAY_BOUND_MS_P99,
            drain_bound_s=DRAIN_BOUND_S,
            paces=paces,
            kept_updates_per_s=max((pace.rate_updates_per_s for pace in paces if pace.verdict == "kept"), default=None),
            capacity=capacity,
        )
    directory = runs_dir / bench_id
    save_path_bench(found, directory)
    return found, directory


def exit_code(found: PathBench, at_least_updates_per_s: int) -> int:
    """What the command ends with: 0 if the rate wanted was kept, 3 if that is not known, 1 if it was not.

    It is not known if the feeder could not keep up with that rate, or a lower one.
    """
    if (found.kept_updates_per_s or 0) >= at_least_updates_per_s:
        return 0
    invalid = [pace.rate_updates_per_s for pace in found.paces if pace.verdict == "invalid"]
    failed = [pace.rate_updates_per_s for pace in found.paces if pace.verdict == "not kept"]
    return 3 if invalid and not any(rate <= at_least_updates_per_s for rate in failed) else 1


@contextmanager
def _rig(watcher: ConsoleWatcher) -> Iterator[_Rig]:
    with start_pair(watcher) as (work, kafka, store):
        yield _Rig(work, kafka, store, watcher)


@contextmanager
def _measurement(rig: _Rig, specification: WorkloadSpecification) -> Iterator[_Measurement]:
    clear(rig.store.url, NAMESPACE)
    with rig.topics(specification.partitions) as (topics, directory), ExitStack() as stack:
        yield _Measurement(rig, specification, topics, directory, {}, stack, {})


def _paces(rig: _Rig, chosen: PathOptions) -> Iterator[PathPace]:
    """The rates that are wanted, or rising ones, until one is not kept. A cold broker is met before, unmeasured."""
    rig.watcher.phase("warming up")
    _pace(rig, FIRST_PACE, 2)
    for rate in chosen.rates_updates_per_s or _rising():
        rig.watcher.phase(f"on schedule: {rate:,} updates/s for {chosen.duration_s} s")
        found = _pace(rig, rate, chosen.duration_s)
        rig.watcher.note(f"{found.verdict}; delay p99 {found.delay_ms_p99:,.0f} ms")
        yield found
        if found.verdict != "kept" and not chosen.rates_updates_per_s:
            return


def _rising() -> Iterator[int]:
    rate = FIRST_PACE
    while rate <= LAST_PACE:
        yield rate
        rate *= PACE_FACTOR


def _spread(open_windows: int) -> dict[str, Any]:
    """Keys of a scenario: event times are spread over so many windows, and no record is malformed or late."""
    spread_ms = open_windows * 1000
    disorder = {"shuffle_ms": spread_ms}
    return {"malformed_per_million": 0, "disorder": disorder, "allowed_lateness_ms": spread_ms + LATENESS_MS}


def _pace(rig: _Rig, rate: int, duration_s: int) -> PathPace:
    specification = bench_workload(rate, warmup_s=PACE_WARMUP_S, duration_s=duration_s, **_spread(OPEN_WINDOWS))
    workload = Workload(specification)
    total, last_due_s = workload.total_records, workload.total_s
    with _measurement(rig, specification) as at:
        for name in ("redis_writer", "probe", "feeder"):
            at.start(name)
        anchor_ns = start_load(at.anchor)
        _watch(at, anchor_ns)
        lag = total - at.written()
        fed = at.children["feeder"].wait_for("stopped", READY_S).fields
        rig.expect(total, at.topics.aggregates)
        at.await_total("redis_writer", "upserts", total)
        at.await_total("probe", "updates", at.children["redis_writer"].latest("changes"))
        writer, probe = at.stop("redis_writer"), at.stop("probe")
        written_s = (_newest_ms(rig) * 1_000_000 - anchor_ns) / NANOSECONDS_PER_S
        taken_s = (probe["taken_ms"] * 1_000_000 - anchor_ns) / NANOSECONDS_PER_S
        delays_ms = _delays_ms(at, workload)
        p50, p99, greatest = np.percentile(delays_ms, (50, 99, 100)).tolist()
        found = PathPace(
            rate_updates_per_s=rate,
            verdict="kept",
            reasons=[],
            schedule_error_ms_p99=fed["schedule_error_ms_p99"],
            writer_updates_per_s=total / written_s,
            probe_updates_per_s=total / taken_s,
            changes=writer["changes"],
            writer_lag_updates=lag,
            writer_drain_s=written_s - last_due_s,
            probe_drain_s=taken_s - last_due_s,
            delay_ms_p50=p50,
            delay_ms_p99=p99,
            delay_ms_max=greatest,
            probe_behind_ms_max=max(_told(at.children["probe"], "behind_ms")),
            wrong_counts=_wrong_counts(rig, workload),
            unseen_updates=_unseen(writer, probe, total),
            cpu_cores={
                name: readings.between(PACE_WARMUP_S, last_due_s).cpu_s / duration_s
                for name, readings in at.readings.items()
            },
        )
    return judged(found)


def _watch(at: _Measurement, anchor_ns: int) -> None:
    """Read the processes' usage until the feeder is done."""
    meters = at.meters()
    at.readings = {name: Readings() for name in meters}
    while at.children["feeder"].is_running:
        for name, meter in meters.items():
            at.readings[name].add((time.time_ns() - anchor_ns) / NANOSECONDS_PER_S, meter.read())
        for child in at.children.values():
            if not child.is_running and not child.last("stopped"):
                raise ServiceError(child.death())
        time.sleep(TICK_S)


def judged(pace: PathPace) -> PathPace:
    """`pace` with its verdict, and what speaks against it."""
    reasons = list(_faults(pace))
    verdict: PaceVerdict = "invalid" if _feeder_was_late(pace) else "not kept" if reasons else "kept"
    return pace.model_copy(update={"reasons": reasons, "verdict": verdict})


def _feeder_was_late(pace: PathPace) -> bool:
    return pace.schedule_error_ms_p99 > Limits().schedule_error_ms_p99


def _faults(pace: PathPace) -> Iterator[str]:
    if _feeder_was_late(pace):
        yield f"the feeder fell behind: schedule error p99 {pace.schedule_error_ms_p99:,.0f} ms"
    if pace.wrong_counts:
        yield f"{pace.wrong_counts:,} counts in Redis are not the last ones sent"
    if pace.unseen_updates:
        yield f"{pace.unseen_updates:,} updates were not seen by the probe"
    if pace.delay_ms_p99 > DELAY_BOUND_MS_P99:
        yield f"delay p99 {pace.delay_ms_p99:,.0f} ms, bound {DELAY_BOUND_MS_P99:g} ms"
    for who, drain_s in (("writer", pace.writer_drain_s), ("probe", pace.probe_drain_s)):
        if drain_s > DRAIN_BOUND_S:
            yield f"the {who} took {drain_s:.1f} s to drain, bound {DRAIN_BOUND_S:g} s"


def _told(child: Child, field: str) -> list[float]:
    return [event.fields[field] for event in child.events if field in event.fields]


def _newest_ms(rig: _Rig) -> int:
    """When Redis took the newest entry of the stream, in milliseconds since the Unix epoch."""
    with rig.client() as client:
        newest: Any = client.xrevrange(updates_key(NAMESPACE), count=1)
    return int(newest[0][0].partition(b"-")[0])


def _delays_ms(at: _Measurement, workload: Workload) -> NDArray[np.float64]:
    """From the broker's append to Redis, of each upsert that the probe has kept the time of, in milliseconds."""
    with np.load(at.directory / "probe.npz") as saved:
        indexes, visible_ms = saved["indexes"], saved["visible_ms"]
    seen = visible_ms != NEVER
    found: NDArray[np.float64] = (visible_ms - _appended_ms(at, workload)[indexes])[seen].astype(np.float64)
    return found


def _appended_ms(at: _Measurement, workload: Workload) -> NDArray[np.int64]:
    """When the broker took each upsert, shape (records,): those of a partition came in order."""
    count = at.specification.partitions
    times_ms: list[list[int]] = [[] for _ in range(count)]
    for message in read_topic(at.rig.kafka.client, at.topics.aggregates):
        partition = message.partition()
        assert partition is not None
        times_ms[partition].append(message.timestamp()[1])
    total = workload.total_records
    columns = (workload.columns(first, min(first + _CHUNK_RECORDS, total)) for first in range(0, total, _CHUNK_RECORDS))
    partitions = np.concatenate([upsert_partitions(each, count) for each in columns])
    appended_ms = np.empty(total, dtype=np.int64)
    for partition, times in enumerate(times_ms):
        appended_ms[partitions == partition] = times
    return appended_ms


def _wrong_counts(rig: _Rig, workload: Workload) -> int:
    """How many cells in Redis do not have the last count that was sent."""
    sent, found = expected_counts(workload).counts, read_counts(rig.store.url, NAMESPACE)
    return len({cell for cell, _ in sent.items() ^ found.items()})


def _unseen(writer: dict[str, Any], probe: dict[str, Any], total: int) -> int:
    """Upserts that the probe has not seen, and changes that were not told, or not made."""
    seen, surplus, changes = probe["visible_records"], probe["surplus_records"], probe["updates"]
    return int(abs(total - seen) + abs(writer["changes"] - changes) + surplus)


def _capacity(rig: _Rig) -> PathCapacity:
    """The writer, and then the probe, as fast as they can: everything is there before they start."""
    specification = flat_out(CAPACITY_UPDATES, **_spread(CAPACITY_OPEN_WINDOWS))
    total = Workload(specification).total_records
    with _measurement(rig, specification) as at:
        rig.watcher.phase(f"filling a topic with {total:,} upserts")
        at.start("feeder")
        start_load(at.anchor)
        at.children["feeder"].wait_for("stopped", DEADLINE_S)
        rig.expect(total, at.topics.aggregates)
        rig.watcher.phase("the Redis writer: as fast as it can")
        redis_meter = Meter(rig.store.process.pid)
        redis_before_s = redis_meter.read().cpu_s
        writer_s, writer_cpu_s = _flat_out(at, "redis_writer", "upserts", total, lambda _: _newest_ms(rig))
        redis_cpu_s = redis_meter.read().cpu_s - redis_before_s
        rig.watcher.note(f"{total / writer_s:,.0f} updates/s")
        changes = at.stop("redis_writer")["changes"]
        rig.watcher.phase("the probe: as fast as it can")
        probe_s, probe_cpu_s = _flat_out(at, "probe", "updates", changes, lambda child: int(child.latest("taken_ms")))
        rig.watcher.note(f"{changes / probe_s:,.0f} changes/s")
        return PathCapacity(
            updates=total,
            changes=changes,
            writer_updates_per_s=total / writer_s,
            probe_changes_per_s=changes / probe_s,
            writer_cpu_s=writer_cpu_s,
            redis_cpu_s=redis_cpu_s,
            probe_cpu_s=probe_cpu_s,
        )


def _flat_out(
    at: _Measurement, name: str, total: str, wanted: int, end_ms: Callable[[Child], int]
) -> tuple[float, float]:
    """Have a worker do all that is there. Returns the time from when it was ready to `end_ms`, and its CPU time in it.

    Times are in seconds.
    """
    child = at.start(name)
    meter = Meter(child.process.pid)
    before_s = meter.read().cpu_s
    at.await_total(name, total, wanted)
    ready = child.wait_for("ready", READY_S)
    return (end_ms(child) - ready.at_ms) / 1000, meter.read().cpu_s - before_s
