"""Replays of a user's own records: the same interface as records made from a seed, over arrays in files.

`harness.input` prepares the arrays, once, sorted by event time. Every process of a run maps them into its memory, so
that there is one copy of them however many read it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.locations import locations_of
from workloads.profiles import NANOSECONDS_PER_S, ConstantRate
from workloads.workload import Columns, Workload, WorkloadSpecification

#: The arrays of a prepared input, each a file NAME.npy of shape (records,): see `workloads.workload.Columns`.
ARRAYS = {
    "offsets_ns": np.int64,
    "event_times_ms": np.int64,
    "cells": np.int16,
    "source_numbers": np.int64,
    "destination_numbers": np.int64,
    "durations_ms": np.int64,
}
#: What event times are multiples of, from the coarsest on, in milliseconds: minutes, seconds, milliseconds.
RESOLUTIONS_MS = (60_000, 1000, 1)
_CHUNK_RECORDS = 1 << 20


@dataclass(frozen=True)
class Timing:
    """When records of an input are sent, and which of them: those of the warm-up, and of the measured time after it.

    Attributes:
        offsets_ns: intended send times of all records, ascending, shape (records,).
        total_s: how long all of them would take, in whole seconds.
        measured_s: below 1 if the warm-up takes all of that.
        records: how many are sent, the first ones.
        measured_records: how many of those are sent in the measured time.
        lateness_ms: see `lateness_needed_ms`, of the records that are sent.
        resolution_ms: see `resolution_ms`, of all records.
    """

    offsets_ns: NDArray[np.int64]
    total_s: int
    measured_s: int
    records: int
    measured_records: int
    lateness_ms: int
    resolution_ms: int


class Replay(Workload):
    """The records of a prepared input, in the order of their event times."""

    def __init__(self, specification: WorkloadSpecification) -> None:
        self.specification = specification
        self.locations = locations_of(specification.locations)
        self._arrays = {
            name: np.load(f"{specification.replayed}/{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS
        }
        self._offsets_ns = self._arrays["offsets_ns"]
        self.is_in_order = True
        self.total_s = specification.warmup_s + specification.duration_s
        self.total_records = len(self._offsets_ns)
        self.total_records = self.due_before(self.total_s * NANOSECONDS_PER_S)
        self.quiet_s = specification.duration_s if self._is_constant() else 0

    def _is_constant(self) -> bool:
        """Whether as many records are due in each second as in any other; the last one may be cut short."""
        seconds = np.arange(self.total_s, dtype=np.int64) * NANOSECONDS_PER_S
        by_second = np.diff(np.searchsorted(self._offsets_ns, seconds))
        return len(by_second) > 0 and int(np.ptp(by_second)) <= 1

    def due_before(self, offset_ns: int) -> int:
        """See `Workload.due_before`."""
        return min(int(np.searchsorted(self._offsets_ns, offset_ns, side="left")), self.total_records)

    def window(self, window_s: int) -> tuple[int, int]:
        """See `Workload.window`."""
        first, last = np.searchsorted(self._arrays["event_times_ms"], (window_s * 1000, (window_s + 1) * 1000))
        return min(int(first), self.total_records), min(int(last), self.total_records)

    def windows(self, offset_s: int) -> list[int]:
        """See `Workload.windows`."""
        first, last = self.second(offset_s)
        found: list[int] = np.unique(self._arrays["event_times_ms"][first:last] // 1000).tolist()
        return found

    def offsets_ns(self, first: int, last: int) -> NDArray[np.int64]:
        """See `Workload.offsets_ns`."""
        return np.array(self._offsets_ns[first:last])

    def columns(self, first: int, last: int) -> Columns:
        """See `Workload.columns`."""
        found = {name: np.array(array[first:last], dtype=np.int64) for name, array in self._arrays.items()}
        none = np.zeros(last - first, dtype=np.int64)
        return Columns(first=first, malformed=none.astype(np.bool_), malformed_choices=none, **found)


def open_workload(specification: WorkloadSpecification) -> Workload:
    """The records that a specification describes: those of a prepared input, if it names one."""
    return Replay(specification) if specification.replayed else Workload(specification)


def resolution_ms(event_times_ms: NDArray[np.int64]) -> int:
    """The coarsest of `RESOLUTIONS_MS` by whose multiples all times differ; a second, if they do not differ at all."""
    step_ms = int(np.gcd.reduce(event_times_ms - event_times_ms[0]))
    return next(each for each in RESOLUTIONS_MS if step_ms % each == 0) if step_ms else 1000


def offsets_at_speed_ns(event_times_ms: NDArray[np.int64], speed: float) -> NDArray[np.int64]:
    """Intended send times of records that are sent `speed` times as fast as they happened.

    Time 0 is the whole second at or before the first event. Records of equal times are spread evenly over the time's
    resolution, so that a minute's records do not all come at once.

    Args:
        event_times_ms: ascending, shape (records,); one or more.
        speed: above 0.

    Returns: nanoseconds, ascending, shape (records,).
    """
    start_ms = event_times_ms[0] // 1000 * 1000
    index = np.arange(len(event_times_ms), dtype=np.int64)
    is_first = np.concatenate([[True], np.diff(event_times_ms) > 0])
    firsts = np.flatnonzero(is_first)
    group = np.cumsum(is_first) - 1
    sizes = np.diff(np.append(firsts, len(event_times_ms)))
    places = (index - firsts[group]) / sizes[group]
    spread_ns = (places * (resolution_ms(event_times_ms) * 1_000_000)).astype(np.int64)
    elapsed_ns = (event_times_ms - start_ms) * 1_000_000 + spread_ns
    offsets: NDArray[np.int64] = np.floor(elapsed_ns / speed).astype(np.int64)
    return offsets


def time_replay(
    event_times_ms: NDArray[np.int64],
    *,
    speed: float,
    rate_records_per_s: int | None,
    warmup_s: int,
    duration_s: int | None,
    allowed_lateness_ms: int,
) -> Timing:
    """The timing of a replay.

    Args:
        event_times_ms: ascending, shape (records,); one or more.
        speed: times as fast as it happened; of no account beside a rate.
        rate_records_per_s: one constant rate in place of the records' own; None for those.
        warmup_s: what goes before the measured time.
        duration_s: the longest measured time; None for all that there is.
        allowed_lateness_ms: in the time of the run.
    """
    if rate_records_per_s:
        offsets_ns = ConstantRate(rate_records_per_s).offsets_ns(0, len(event_times_ms))
    else:
        offsets_ns = offsets_at_speed_ns(event_times_ms, speed)
    total_s = int(offsets_ns[-1]) // NANOSECONDS_PER_S + 1
    measured_s = total_s - warmup_s if duration_s is None else min(total_s - warmup_s, duration_s)
    ends_ns = (warmup_s * NANOSECONDS_PER_S, (warmup_s + measured_s) * NANOSECONDS_PER_S)
    warmup, records = (int(each) for each in np.searchsorted(offsets_ns, ends_ns))
    return Timing(
        offsets_ns=offsets_ns,
        total_s=total_s,
        measured_s=measured_s,
        records=records,
        measured_records=max(0, records - warmup),
        lateness_ms=lateness_needed_ms(offsets_ns[:records], event_times_ms[:records], allowed_lateness_ms),
        resolution_ms=resolution_ms(event_times_ms),
    )


def lateness_needed_ms(
    offsets_ns: NDArray[np.int64], event_times_ms: NDArray[np.int64], allowed_lateness_ms: int
) -> int:
    """The allowed lateness, in event time, that stands for `allowed_lateness_ms` in the time of the run.

    It is what event time moves by, at the most, within that time, since an engine's partitions may be apart by it; and
    never less than it takes to send a window's records and that time more, since a window must not be closed meanwhile.

    Args:
        offsets_ns, event_times_ms: of the records, both ascending, shape (records,).
        allowed_lateness_ms: in the time of the run.
    """
    if not len(offsets_ns):
        return allowed_lateness_ms
    moved_ms = 0
    for first in range(0, len(offsets_ns), _CHUNK_RECORDS):
        own = slice(first, first + _CHUNK_RECORDS)
        last = np.searchsorted(offsets_ns, offsets_ns[own] + allowed_lateness_ms * 1_000_000, side="right") - 1
        moved_ms = max(moved_ms, int((event_times_ms[last] - event_times_ms[own]).max()))
    borders = np.flatnonzero(np.diff(event_times_ms // 1000))
    firsts, lasts = np.append(0, borders + 1), np.append(borders, len(offsets_ns) - 1)
    longest_ms = int((offsets_ns[lasts] - offsets_ns[firsts]).max()) // 1_000_000 + 1
    return max(allowed_lateness_ms, moved_ms, longest_ms + allowed_lateness_ms if longest_ms > 1000 else 0)
