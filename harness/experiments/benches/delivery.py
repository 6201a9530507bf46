"""The path behind the engine by itself: Redis writer, Redis and probe, fed with upserts at rising rates.

A feeder stands where the engine would, and sends an upsert for each record of a workload when the record is due, so
that counts rise by one and each is another one. Event times are spread over several windows, because the writer joins
what a transaction holds of one cell: with one window's 464 cells, it would hardly have to write more at a higher rate.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness.console.progress import ConsoleWatcher
from harness.errors import ServiceError
from harness.experiments.benches.broker import (
    DEADLINE_S,
    PACE_FACTOR,
    PACE_WARMUP_S,
    READY_S,
    bench_workload,
    flat_out,
    start_load,
)
from harness.experiments.benches.delivery_judge import (
    DELAY_BOUND_MS_P99,
    DRAIN_BOUND_S,
    count_wrong,
    delays_of_records_ms,
    judged,
    newest_message_ms,
    unseen_updates,
    values_told,
)
from harness.experiments.benches.delivery_rig import (
    TICK_S,
    DeliveryRig,
    Measurement,
    PathOptions,
    start_measurement,
    start_rig,
)
from harness.measurement.accounting import Readings, UsageMeter
from harness.processes.child import Child
from harness.provision.java import ensure_java
from harness.results.benches import PathBench, PathCapacity, PathPace, save_path_bench
from harness.session.directory import new_run_id, save_somewhere
from harness.session.ending import Ending
from harness.session.fingerprint import fingerprint
from harness.session.preflight.look import look_before_leaping
from harness.session.preflight.need import Need
from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import Workload

PREFIX = "bench-path-"
FIRST_PACE, LAST_PACE = 25_000, 1_600_000
#: Event times are spread over so many windows: on a schedule; and where writer and probe are measured as fast as they
#: can, when transactions are as large as can be.
OPEN_WINDOWS, CAPACITY_OPEN_WINDOWS = 10, 100
#: So many upserts are there before writer and probe are measured as fast as they can.
CAPACITY_UPDATES = 2_000_000
#: Beyond what records may overtake each other by.
LATENESS_MS = 60_000


def bench_path(
    chosen: PathOptions, runs_dir: Path, command: list[str], watcher: ConsoleWatcher
) -> tuple[PathBench, Path]:
    """Measure, and save what was found. Returns it, and its directory.

    Raises:
        InvalidRun: what was fed is not what is in the topic.
        ServiceError: something cannot be started, or has failed.
    """
    started_at, bench_id = datetime.now(UTC), new_run_id(PREFIX)
    look_before_leaping(Need(runs_dir=runs_dir), watcher.note)
    with start_rig(watcher) as rig:
        paces: list[PathPace] = []
        capacity = None
        with Ending(watcher.note, kept=lambda: paces) as ending:
            for pace in _paces(rig, chosen, ending):
                paces.append(pace)  # noqa: PERF402 - those before one that fails are kept
            ending.begins("writer and probe as fast as they can")
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
            missing=ending.missing,
        )
    directory = runs_dir / bench_id
    save_somewhere(save_path_bench, found, directory)
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


def _paces(rig: DeliveryRig, chosen: PathOptions, ending: Ending) -> Iterator[PathPace]:
    """The rates that are wanted, or rising ones, until one is not kept. A cold broker is met before, unmeasured."""
    rig.watcher.phase("warming up")
    _pace(rig, FIRST_PACE, 2)
    for rate in chosen.rates_updates_per_s or _rising():
        ending.begins(f"the rate of {rate:,} updates/s")
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


def _pace(rig: DeliveryRig, rate: int, duration_s: int) -> PathPace:
    specification = bench_workload(rate, warmup_s=PACE_WARMUP_S, duration_s=duration_s, **_spread(OPEN_WINDOWS))
    workload = Workload(specification)
    total, last_due_s = workload.total_records, workload.total_s
    with start_measurement(rig, specification) as at:
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
        written_s = (newest_message_ms(rig) * 1_000_000 - anchor_ns) / NANOSECONDS_PER_S
        taken_s = (probe["taken_ms"] * 1_000_000 - anchor_ns) / NANOSECONDS_PER_S
        delays_ms = delays_of_records_ms(at, workload)
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
            probe_behind_ms_max=max(values_told(at.children["probe"], "behind_ms")),
            wrong_counts=count_wrong(rig, workload),
            unseen_updates=unseen_updates(writer, probe, total),
            cpu_cores={
                name: readings.between(PACE_WARMUP_S, last_due_s).cpu_s / duration_s
                for name, readings in at.readings.items()
            },
        )
    return judged(found)


def _watch(at: Measurement, anchor_ns: int) -> None:
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


def _capacity(rig: DeliveryRig) -> PathCapacity:
    """The writer, and then the probe, as fast as they can: everything is there before they start."""
    specification = flat_out(CAPACITY_UPDATES, **_spread(CAPACITY_OPEN_WINDOWS))
    total = Workload(specification).total_records
    with start_measurement(rig, specification) as at:
        rig.watcher.phase(f"filling a topic with {total:,} upserts")
        at.start("feeder")
        start_load(at.anchor)
        at.children["feeder"].wait_for("stopped", DEADLINE_S)
        rig.expect(total, at.topics.aggregates)
        rig.watcher.phase("the Redis writer: as fast as it can")
        redis_meter = UsageMeter(rig.store.process.pid)
        redis_before_s = redis_meter.read().cpu_s
        writer_s, writer_cpu_s = _flat_out(at, "redis_writer", "upserts", total, lambda _: newest_message_ms(rig))
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
    at: Measurement, name: str, total: str, wanted: int, end_ms: Callable[[Child], int]
) -> tuple[float, float]:
    """Have a worker do all that is there. Returns the time from when it was ready to `end_ms`, and its CPU time in it.

    Times are in seconds.
    """
    child = at.start(name)
    meter = UsageMeter(child.process.pid)
    before_s = meter.read().cpu_s
    at.await_total(name, total, wanted)
    ready = child.wait_for("ready", READY_S)
    return (end_ms(child) - ready.at_ms) / 1000, meter.read().cpu_s - before_s
