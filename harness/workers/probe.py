"""The probe: follows the stream of updates in Redis and measures when each record became visible.

The evidence of *when* is the stream entry's ID, the Redis server's own clock in milliseconds; the origin is the
record's intended send time. Neither the engine nor the generator can forgive a delay between the two. Since the IDs
carry the time, the probe need not hurry: it reads what has gathered, a few times a second, and so costs little.

Several probes share the cells, each with all that becomes of its own: see `harness.workers.probes`.
"""

import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract.events import EventWriter
from engines.contract.keys import decode_updates, share_of
from engines.contract.queries import COUNTS
from harness.measurement.changes import NO_CELL, CellCodes, changes_of
from harness.measurement.recovery import STEP_MS
from harness.measurement.trajectory import NEVER, Lowered, Trajectories, Window
from harness.numerics.durations import Durations, encode, quantiles_ms
from harness.workers.accounts import ProbeAccount, ProbePart
from harness.workers.follower import CLOCK_RESOLUTION_US, Follower, now_ms
from harness.workers.jobs import ProbeJob, run_worker
from harness.workers.orders import EndOrders
from workloads.locations import Locations
from workloads.profiles import NANOSECONDS_PER_S
from workloads.replay import open_workload
from workloads.sample import places, slot_length_s, waterfall_records

#: The distributions of so many seconds are kept; of those before, their quantiles.
KEPT_SECONDS = 120


class Probe(Follower):
    """Measures one trial of counts."""

    def __init__(self, job: ProbeJob) -> None:
        super().__init__(job)
        workload = open_workload(job.workload)
        self._trajectories = Trajectories(workload, own_cells(job, workload.locations))
        self._codes, self._cells = CellCodes(workload.locations), workload.locations.cells
        self._warmup, self._measured = _durations(), _durations()
        # Records, and the sum of their latencies, by slot of the intended time, negative in the warm-up.
        self._slot_records: Counter[int] = Counter()
        self._slot_sums_ns: Counter[int] = Counter()
        self._seconds: dict[int, Durations] = defaultdict(_durations)  # by second of becoming visible
        # By second, of those whose distribution is gone.
        self._quantiles_ms: dict[int, tuple[float | None, float | None]] = {}
        # The same of one of several probes, whose quantiles say nothing.
        self._encoded: dict[int, str] = {}
        self._steps: dict[int, int] = defaultdict(int)  # records by step of becoming visible
        self._visible_in: Counter[int] = Counter()  # records by second of becoming visible
        self._measured_visible_in: Counter[int] = Counter()  # of those, records that were due in the measured time
        self._indexes = waterfall_records(workload)
        self._visible_ms = np.full(len(self._indexes), NEVER, dtype=np.int64)
        self._updates = self._unknown_cells = self._last_visible_ms = 0

    def finish(self) -> None:
        """See `Follower.finish`."""
        for window in self._trajectories.take_rest():
            self._measure(window)
        self._save()

    def take(self, entries: list[tuple[int, bytes]]) -> None:
        """See `Follower.take`."""
        found = changes_of(entries, self._codes)
        self._updates += len(found.codes)
        if unknown := int(np.count_nonzero(found.codes == NO_CELL)):
            self._unknown_cells += unknown
            found = found.only(found.codes != NO_CELL)
        shown = self._trajectories.update(found)
        for window_s in shown.complete:
            self._measure(self._trajectories.take(window_s))
        visible = np.flatnonzero(shown.records)
        if len(visible):
            self._last_visible_ms = int(found.at_ms[visible[-1]])
            steps, at = np.unique((found.at_ms - self.start_ms) // STEP_MS, return_inverse=True)
            for step, records in zip(steps.tolist(), np.bincount(at, shown.records).astype(int).tolist(), strict=True):
                self._steps[step] += records

    def _measure(self, window: Window) -> None:
        """Add the records of a window to the distributions, those that have not become visible left out.

        Which records of an ambiguous cell have become visible is not known, but how many have.
        """
        visible = window.seen_ms != NEVER
        visible_s = (window.seen_ms[visible] * 1_000_000 - self.anchor_ns) // NANOSECONDS_PER_S
        is_measured = window.offsets_ns[visible] >= self.job.workload.warmup_s * NANOSECONDS_PER_S
        _count(self._visible_in, visible_s)
        _count(self._measured_visible_in, visible_s[is_measured])
        certain = visible & ~window.ambiguous
        offsets_ns = window.offsets_ns[certain]
        at_ns = window.seen_ms[certain] * 1_000_000 - self.anchor_ns
        latencies_ns = at_ns - offsets_ns
        _record(self._seconds, at_ns // NANOSECONDS_PER_S, latencies_ns)
        self._let_go()
        self._add(offsets_ns // NANOSECONDS_PER_S - self.job.workload.warmup_s, latencies_ns)
        chosen, at = places(self._indexes, window.indexes[certain])
        self._visible_ms[at] = window.seen_ms[certain][chosen]

    def _add(self, measured_s: NDArray[np.int64], latencies_ns: NDArray[np.int64]) -> None:
        """Add latencies of records that were due so many seconds after the start of the measured time."""
        self._warmup.record_ns(latencies_ns[measured_s < 0])
        self._measured.record_ns(latencies_ns[measured_s >= 0])
        slots = measured_s // slot_length_s(self.job.workload.duration_s)
        for slot in np.unique(slots).tolist():
            of_slot = latencies_ns[slots == slot]
            self._slot_records[slot] += len(of_slot)
            self._slot_sums_ns[slot] += int(of_slot.sum())

    def _let_go(self) -> None:
        """Keep of old seconds' distributions the quantiles only: a long run is not to need ever more memory.

        A second of whose records some are seen to have become visible in it only later keeps the quantiles of most.
        """
        while len(self._seconds) > KEPT_SECONDS:
            oldest = min(self._seconds)
            found = self._seconds.pop(oldest)
            if self.job.probes > 1:
                self._encoded.setdefault(oldest, encode(found.to_histogram()))
            else:
                self._quantiles_ms.setdefault(oldest, _quantiles_ms(found))

    @property
    def _sustained(self) -> int:
        """Records due in the measured time, and visible in it; the load may have ended it early."""
        job = self.job.workload
        total_s = (EndOrders.read(Path(self.job.end)).total_s if self.job.end else 0) or job.warmup_s + job.duration_s
        return sum(count for second, count in self._measured_visible_in.items() if second < total_s)

    def totals(self) -> dict[str, Any]:
        """See `Follower.totals`."""
        p50_ms, p99_ms = self._recent_ms()
        return {
            "visible_records": self._trajectories.matched_records,
            "surplus_records": self._trajectories.surplus_records,
            "updates": self._updates,
            "last_visible_ms": self._last_visible_ms,
            "taken_ms": self.taken_ms,
            "latency_ms_p50": p50_ms,
            "latency_ms_p99": p99_ms,
            "now_ms": now_ms(),
        }

    def _recent_ms(self) -> tuple[float | None, float | None]:
        """p50 and p99 of the records that have become visible in the newest window, for people to watch."""
        window = self._trajectories.newest_window()
        if window is None or not (visible := window.seen_ms != NEVER).any():
            return None, None
        p50_ms, p99_ms = np.percentile(self._latencies_ms(window, visible), (50, 99))
        return float(p50_ms), float(p99_ms)

    def _latencies_ms(self, window: Window, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = window.seen_ms[chosen] - (self.anchor_ns + window.offsets_ns[chosen]) / 1e6
        return found

    def _lowered(self, found: Lowered) -> str:
        """A change that lowered a count, in words."""
        cell = "|".join(self._cells[found.cell])
        return f"second {found.window_s}, {cell}: {found.told:,} after {found.was:,}"

    def _save(self) -> None:
        account = ProbeAccount(
            **self.totals(),
            unknown_cells=self._unknown_cells,
            count_regressions=self._trajectories.regressions,
            lowered=[self._lowered(each) for each in self._trajectories.lowered],
            warmup=self._warmup.as_json(),
            latencies=self._measured.as_json(),
            sustained_records=self._sustained,
            slot_s=slot_length_s(self.job.workload.duration_s),
            slot_means_ms={
                slot: self._slot_sums_ns[slot] / records / 1e6 for slot, records in sorted(self._slot_records.items())
            },
            by_step=sorted(self._steps.items()),
            by_second={
                second: (count, *(self._quantiles_ms.get(second) or _quantiles_ms(self._seconds.get(second))))
                for second, count in sorted(self._visible_in.items())
            },
        )
        slots = {slot: (count, self._slot_sums_ns[slot]) for slot, count in self._slot_records.items()}
        seconds = {second: encode(found.to_histogram()) for second, found in self._seconds.items()} | self._encoded
        _write(self.job, ProbePart(account=account, slots=slots, seconds=seconds))
        np.savez(Path(self.job.output).with_suffix(".npz"), indexes=self._indexes, visible_ms=self._visible_ms)


class AnswersProbe(Follower):
    """Notes when each answer to a query other than counts became what it is in the end."""

    def __init__(self, job: ProbeJob) -> None:
        super().__init__(job)
        self._values: dict[bytes, int] = {}
        self._seen: dict[bytes, tuple[int, int]] = {}  # when the value was last another, and how often it became so
        self._updates = self._last_visible_ms = 0

    def take(self, entries: list[tuple[int, bytes]]) -> None:
        """See `Follower.take`."""
        for at_ms, field in entries:
            for key, value in decode_updates(field):
                self._updates += 1
                if self._values.get(key) != value:
                    self._values[key] = value
                    _, changes = self._seen.get(key, (0, 0))
                    self._seen[key] = (at_ms, changes + 1)
                    self._last_visible_ms = at_ms

    def totals(self) -> dict[str, Any]:
        """See `Follower.totals`."""
        return {
            "answers": len(self._seen),
            "updates": self._updates,
            "last_visible_ms": self._last_visible_ms,
            "taken_ms": self.taken_ms,
            "now_ms": now_ms(),
        }

    def finish(self) -> None:
        """See `Follower.finish`."""
        seen = {key.decode("ascii"): found for key, found in self._seen.items()}
        _write(self.job, ProbePart(account=ProbeAccount(**self.totals(), seen=seen)))


def own_cells(job: ProbeJob, locations: Locations) -> NDArray[np.bool_] | None:
    """Which cells are in a probe's share, shape (cells,); None, if all are."""
    if job.probes == 1:
        return None
    # In the order of the cells' numbers.
    return np.array([share_of(name, job.probes) == job.probe for name in locations.numbers], dtype=np.bool_)


def _write(job: ProbeJob, part: ProbePart) -> None:
    """Save what was measured: the account, or of one of several probes, all that theirs is made of."""
    found = part if job.probes > 1 else part.account
    Path(job.output).write_text(found.model_dump_json(), encoding="utf-8")


def _count(into: Counter[int], keys: NDArray[np.int64]) -> None:
    """Count how often each key comes."""
    for key, count in zip(*(each.tolist() for each in np.unique(keys, return_counts=True)), strict=True):
        into[key] += count


def _record(into: dict[int, Durations], keys: NDArray[np.int64], latencies_ns: NDArray[np.int64]) -> None:
    """Add each latency to the distribution with its key."""
    for key in np.unique(keys).tolist():
        into[key].record_ns(latencies_ns[keys == key])


def _quantiles_ms(found: Durations | None) -> tuple[float | None, float | None]:
    """Median and 99th percentile; None, where all that became visible was ambiguous."""
    if not found:
        return None, None
    p50, p99 = quantiles_ms(found.to_histogram(), 50, 99)
    return p50, p99


def _durations() -> Durations:
    return Durations(tolerance_us=CLOCK_RESOLUTION_US)


def _work(job: ProbeJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    follower = Probe(job) if job.query == COUNTS else AnswersProbe(job)
    return follower.run(events, stop)


if __name__ == "__main__":
    run_worker(ProbeJob, _work)
