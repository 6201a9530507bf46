"""Whether the delivery path was fast and right under its load. Pure functions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract.keys import updates_key
from harness.clients.kafka_topics import read_topic
from harness.clients.redis_contents import read_counts
from harness.experiments.benches.delivery_rig import DeliveryRig, Measurement
from harness.measurement.trajectory import NEVER
from harness.processes.child import Child
from harness.results.benches import PaceVerdict, PathPace
from harness.scenarios.scenario import Limits
from harness.services.backing import NAMESPACE
from workloads.truth import expected_counts
from workloads.upserts import upsert_partitions
from workloads.workload import Workload

#: A rate is kept if upserts are in Redis that soon after the broker has them, and the last ones after they were due.
DELAY_BOUND_MS_P99, DRAIN_BOUND_S = 100.0, 1.0
_CHUNK_RECORDS = 1 << 18


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


def values_told(child: Child, field: str) -> list[float]:
    return [event.fields[field] for event in child.events if field in event.fields]


def newest_message_ms(rig: DeliveryRig) -> int:
    """When Redis took the newest entry of the stream, in milliseconds since the Unix epoch."""
    with rig.client() as client:
        newest: Any = client.xrevrange(updates_key(NAMESPACE), count=1)
    return int(newest[0][0].partition(b"-")[0])


def delays_of_records_ms(at: Measurement, workload: Workload) -> NDArray[np.float64]:
    """From the broker's append to Redis, of each upsert that the probe has kept the time of, in milliseconds."""
    with np.load(at.directory / "probe.npz") as saved:
        indexes, visible_ms = saved["indexes"], saved["visible_ms"]
    seen = visible_ms != NEVER
    found: NDArray[np.float64] = (visible_ms - _appended_ms(at, workload)[indexes])[seen].astype(np.float64)
    return found


def _appended_ms(at: Measurement, workload: Workload) -> NDArray[np.int64]:
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


def count_wrong(rig: DeliveryRig, workload: Workload) -> int:
    """How many cells in Redis do not have the last count that was sent."""
    sent, found = expected_counts(workload).counts, read_counts(rig.store.url, NAMESPACE)
    return len({cell for cell, _ in sent.items() ^ found.items()})


def unseen_updates(writer: dict[str, Any], probe: dict[str, Any], total: int) -> int:
    """Upserts that the probe has not seen, and changes that were not told, or not made."""
    seen, surplus, changes = probe["visible_records"], probe["surplus_records"], probe["updates"]
    return int(abs(total - seen) + abs(writer["changes"] - changes) + surplus)
