"""Which records engines must count, which they must drop, and which they may treat either way.

Engines draw the line of lateness at different moments. Spark moves its watermark after each micro-batch, to the
greatest event time of the whole topic; Flink and the baseline move theirs by the slowest partition, and leave out those
that are idle or read to their end. So no watermark is ever beyond the greatest event time of the topic, and none is
behind the slowest partition for longer than its engine lags. Between the two bounds, either is right.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import Workload

#: Records whose intended send times are no further apart may reach the broker in any order.
IN_FLIGHT_NS = 2 * NANOSECONDS_PER_S
#: An engine has moved its watermark by a record when it takes one that was sent so much later.
SETTLED_NS = 15 * NANOSECONDS_PER_S

_CHUNK_RECORDS = 1 << 18
_NO_TIME_MS = np.int64(-(2**62))


@dataclass(frozen=True)
class Classes:
    """What is expected of each record of a workload; every array of shape (records,). Malformed ones are in no class.

    `keys` tell windows and cells apart: see `workloads.locations.Locations.key`.
    """

    keys: NDArray[np.int64]
    offsets_ns: NDArray[np.int64]
    must_count: NDArray[np.bool_]
    must_drop: NDArray[np.bool_]
    either: NDArray[np.bool_]

    @cached_property
    def ambiguous(self) -> NDArray[np.bool_]:
        """Records that may or must be counted, in cells in which others may be dropped: a count says not which."""
        return (self.must_count | self.either) & np.isin(self.keys, self.keys[self.either])


def classify(workload: Workload) -> Classes:
    """The classes of all records of `workload`, by its allowed lateness. Takes some 100 bytes of memory a record."""
    parts = [
        workload.columns(first, min(first + _CHUNK_RECORDS, workload.total_records))
        for first in range(0, workload.total_records, _CHUNK_RECORDS)
    ]
    offsets_ns = np.concatenate([each.offsets_ns for each in parts])
    event_times_ms = np.concatenate([each.event_times_ms for each in parts])
    well_formed = ~np.concatenate([each.malformed for each in parts])
    keys = np.concatenate([workload.locations.key(each.windows_s, each.cells) for each in parts])
    lateness_ms = workload.specification.allowed_lateness_ms
    ends_ms = (event_times_ms // 1000 + 1) * 1000
    # A malformed line moves no watermark.
    seen_ms = np.where(well_formed, event_times_ms, _NO_TIME_MS)
    must_count = well_formed & (ends_ms > greatest_ms(offsets_ns, seen_ms) - lateness_ms)
    partitions = workload.partitions(0, workload.total_records)
    surely_ms = _surely_seen_ms(offsets_ns, seen_ms, partitions, workload.specification.partitions)
    must_drop = well_formed & (ends_ms <= surely_ms - lateness_ms)
    return Classes(keys, offsets_ns, must_count, must_drop, well_formed & ~must_count & ~must_drop)


def greatest_ms(offsets_ns: NDArray[np.int64], seen_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each record, the greatest event time that may be in the topic when an engine takes it."""
    last = np.searchsorted(offsets_ns, offsets_ns + IN_FLIGHT_NS, side="right") - 1
    return np.maximum.accumulate(seen_ms)[last]


def _surely_seen_ms(
    offsets_ns: NDArray[np.int64], seen_ms: NDArray[np.int64], partitions: NDArray[np.int64], partition_count: int
) -> NDArray[np.int64]:
    """For each record, the least of the partitions' greatest event times that engines have surely seen before it."""
    slowest_ms = np.full(len(seen_ms), np.iinfo(np.int64).max)
    for partition in range(partition_count):
        own_ms = np.maximum.accumulate(np.where(partitions == partition, seen_ms, _NO_TIME_MS))
        slowest_ms = np.minimum(slowest_ms, own_ms)
    before = np.searchsorted(offsets_ns, offsets_ns - SETTLED_NS, side="right")
    return np.where(before > 0, slowest_ms[before - 1], _NO_TIME_MS)
