"""The probe: follows the stream of updates in Redis and measures when each record became visible.

The evidence of *when* is the stream entry's ID, the Redis server's own clock in milliseconds; the origin is the
record's intended send time. Neither the engine nor the generator can forgive a delay between the two.
"""

import json
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from engines.contract.events import EventWriter
from harness.histogram import Histogram
from harness.keys import UPDATES_FIELD, decode_updates, updates_key
from harness.trajectory import Trajectories
from harness.workers.jobs import ProbeJob, Pulse, run_worker
from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import CELL_NUMBERS, Workload

BLOCK_MS = 100
#: An entry's ID is its time rounded down, so that a record may seem to be visible up to this long before it was due.
CLOCK_RESOLUTION_US = 1000

_NUMBERS = {"|".join(cell).encode("ascii"): number for cell, number in CELL_NUMBERS.items()}


class Probe:
    """Measures one trial."""

    def __init__(self, job: ProbeJob) -> None:
        self._job = job
        self._redis = redis.Redis.from_url(job.redis_url, protocol=2)
        self._trajectories = Trajectories(Workload(job.workload))
        self._measured_from_ns = job.workload.warmup_s * NANOSECONDS_PER_S
        self._measured_to_ns = self._measured_from_ns + job.workload.duration_s * NANOSECONDS_PER_S
        self._latencies = Histogram(tolerance_us=CLOCK_RESOLUTION_US)
        self._by_second: dict[int, list[NDArray[np.int64]]] = defaultdict(list)
        self._updates = self._unknown_cells = self._visible_in_time = self._last_visible_ms = 0

    def run(self, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
        """Follow the stream until `stop` is set and its end is reached, then save what was measured."""
        self._redis.ping()
        events.send("ready", version="", config={"clock_resolution_us": CLOCK_RESOLUTION_US})
        stream, last_id = updates_key(self._job.namespace), b"0"
        pulse = Pulse(events)
        while True:
            found: Any = self._redis.xread({stream: last_id}, count=1000, block=BLOCK_MS)
            for last_id, fields in found[0][1] if found else []:
                self._take(int(last_id.partition(b"-")[0]), fields[UPDATES_FIELD])
            if not found and stop.is_set():
                break
            pulse.tick(self._totals)
        self._save()
        return self._totals()

    def _take(self, at_ms: int, field: bytes) -> None:
        at_ns = at_ms * 1_000_000 - self._job.anchor_ns
        made_visible = []
        for key, count in decode_updates(field):
            self._updates += 1
            window_s, _, name = key.partition(b"|")
            number = _NUMBERS.get(name)
            if number is None:
                self._unknown_cells += 1
            else:
                made_visible.append(self._trajectories.update(int(window_s), number, count))
        offsets_ns = np.concatenate(made_visible) if made_visible else np.empty(0, np.int64)
        if len(offsets_ns):
            self._record(at_ns, offsets_ns)
            self._last_visible_ms = at_ms

    def _record(self, at_ns: int, offsets_ns: NDArray[np.int64]) -> None:
        if self._measured_from_ns <= at_ns < self._measured_to_ns:
            self._visible_in_time += len(offsets_ns)
        self._by_second[at_ns // NANOSECONDS_PER_S].append(at_ns - offsets_ns)
        measured = offsets_ns[offsets_ns >= self._measured_from_ns]
        if len(measured):
            self._latencies.record_ns(at_ns - measured)

    def _totals(self) -> dict[str, Any]:
        last_second = self._by_second.get(max(self._by_second, default=0) - 1)
        return {
            "visible_records": self._trajectories.visible_records,
            "surplus_records": self._trajectories.surplus_records,
            "updates": self._updates,
            "last_visible_ms": self._last_visible_ms,
            "latency_ms_p99": _quantiles_ms(last_second)[1] if last_second else None,
            "now_ms": time.time_ns() // 1_000_000,
        }

    def _save(self) -> None:
        latencies = self._latencies
        measured = {
            "latency_ms": {
                "p50": latencies.quantile_ms(50),
                "p90": latencies.quantile_ms(90),
                "p99": latencies.quantile_ms(99),
                "p999": latencies.quantile_ms(99.9),
                "max": latencies.max_ms,
                "mean": latencies.mean_ms,
                "count": latencies.count,
                "negative_count": latencies.negative_count,
                "histogram": latencies.encode(),
            }
            if latencies.count
            else None,
            "visible_in_measured_time_records": self._visible_in_time,
            "unknown_cells": self._unknown_cells,
            "count_regressions": self._trajectories.regressions,
            "by_second": {
                second: (sum(map(len, each)), *_quantiles_ms(each)) for second, each in sorted(self._by_second.items())
            },
        }
        Path(self._job.output).write_text(json.dumps(self._totals() | measured), encoding="utf-8")


def _quantiles_ms(latencies_ns: list[NDArray[np.int64]]) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds."""
    p50, p99 = np.percentile(np.concatenate(latencies_ns), (50, 99))
    return float(p50) / 1e6, float(p99) / 1e6


def _work(job: ProbeJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return Probe(job).run(events, stop)


if __name__ == "__main__":
    run_worker(ProbeJob, _work)
