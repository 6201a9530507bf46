"""Between which values a quantile of latency lies, whichever record of a cell each increase of its count showed.

Counts tell how many records of a cell were visible when, and not which. Where a cell's records come in order, that is
known; where they are spread over partitions, any matching of records with increases is possible by which no record is
visible before the broker had it. Over all of these, how many latencies are at most x has a greatest and a least value,
cell by cell, and a quantile lies between the x at which the one and the other reach its rank.

* As many as possible: records wait in the order in which they were due, and one whose latency would be above x gives
  way. That is matching in a convex bipartite graph (Glover, "Maximum matching in a convex bipartite graph", Naval
  Research Logistics Quarterly 14, 1967). What is left can always be matched with the rest: a record that was matched
  can be matched with any earlier increase after its arrival, and its latency is only less.
* As few as possible: a record is to wait longer than x, and so to let others pass from when it came until then. At an
  increase, all records that have come but one for each increase so far may do so; if there are more, the one that would
  have to wait longest does not. That is the greatest set of intervals of which no more overlap than may (Carlisle and
  Lloyd, "On the k-coloring of intervals", Discrete Applied Mathematics 59, 1995), with a limit that changes.

A cell's records are taken to have come in the order in which they were due; of one that came later than one due after
it, the earlier time is used. So the bounds may be wider than they had to be, and never narrower.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from harness.measurement.trajectory import NEVER
from harness.results.performance import QuantileBounds
from workloads.sample import waterfall_seconds
from workloads.workload import Columns, Workload, joined

Integers = NDArray[np.int64]

#: Bounds are known to this, and rounded outwards: the times of becoming visible are not known better.
RESOLUTION_NS = 1_000_000


#: The percentiles by the fields of `QuantileBounds`.
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9, "max": 100.0}


def quantile_bounds(
    workload: Workload, anchor_ns: int, appended_ms: Integers | None, visible_ms: Integers
) -> QuantileBounds | None:
    """Bounds of the latencies of the workload's `waterfall_records` that became visible; None if none did.

    Args:
        workload: what was sent.
        anchor_ns: the start of the load, in ns since the Unix epoch.
        appended_ms: when the broker had each, since the Unix epoch, or NEVER; None if that is not known at all. Then no
            record is taken to have been visible before it was due.
        visible_ms: when counts showed each, matched first in, first out, or NEVER.
    """
    seen = visible_ms != NEVER
    if not seen.any():
        return None
    columns = _records(workload).only(seen)
    come_ns = columns.offsets_ns
    if appended_ms is not None:
        appended_ns = appended_ms[seen] * 1_000_000 - anchor_ns
        come_ns = np.where(appended_ms[seen] == NEVER, come_ns, np.maximum(come_ns, appended_ns))
    bounds = LatencyBounds(
        Cells(
            workload.locations.key(columns.windows_s, columns.cells),
            columns.offsets_ns,
            come_ns,
            visible_ms[seen] * 1_000_000 - anchor_ns,
        )
    )
    found = {name: bounds.quantile_ms(percent) for name, percent in PERCENTILES.items()}
    return QuantileBounds(records=int(seen.sum()), **found)


def _records(workload: Workload) -> Columns:
    """The workload's `waterfall_records`."""
    return joined([workload.columns(*workload.second(second)) for second in waterfall_seconds(workload)])


@dataclass(frozen=True)
class Cells:
    """The records of many cells that became visible, times in nanoseconds; every array of shape (records,).

    Attributes:
        keys: which cell each is of.
        due_ns: when it was due.
        come_ns: before when it cannot have been visible.
        visible_ns: when counts rose, matched first in, first out.
    """

    keys: Integers
    due_ns: Integers
    come_ns: Integers
    visible_ns: Integers


class LatencyBounds:
    """Bounds of the quantiles of the latencies of `cells`, of one record or more."""

    def __init__(self, cells: Cells) -> None:
        order = np.lexsort((cells.due_ns, cells.keys))
        keys = cells.keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
        sizes = np.diff(np.append(starts, len(keys)))
        group = np.repeat(np.arange(len(starts)), sizes)
        # By each cell's own clock: a run's times, times the cells, would be too large a number.
        zero = np.minimum.reduceat(np.minimum(cells.due_ns, cells.come_ns)[order], starts)[group]
        self._due, visible = cells.due_ns[order] - zero, cells.visible_ns[order] - zero
        # Within a cell, times of becoming visible rise with the order of being due, as first in, first out has it.
        self._come = _least_from_here_on(np.minimum(cells.come_ns[order] - zero, visible), group)
        self._visible, self._group, self._starts = visible, group, starts
        # All cells go forward together, from increase to increase: the longest first, so that those left are in front.
        place = np.arange(len(keys)) - starts[group]
        longest_first = np.argsort(-sizes, kind="stable")
        rank = np.empty_like(longest_first)
        rank[longest_first] = np.arange(len(sizes))
        self._steps = np.lexsort((rank[group], place))
        self._active = np.bincount(place)
        self._cells = len(sizes)
        # Cells apart from each other by more than any time, so that one search does for all.
        self._apart = int(max(visible.max(), self._due.max()) - min(self._due.min(), self._come.min())) * 4 + 4
        self._latencies = visible - self._due
        self._come_by = self._passed(self._come)

    def quantile_ms(self, percent: float) -> tuple[float, float]:
        """The least and the greatest value that a percentile (the value with its rank, as HdrHistogram's) can have."""
        rank = max(1, ceil(percent / 100 * len(self._due)))
        usual_ns = int(np.partition(self._latencies, rank - 1)[rank - 1])
        # No matching has a lesser maximum than first in, first out.
        lowest_ns = usual_ns if rank == len(self._due) else int((self._come - self._due).min())
        least = self._search(self.most_within, rank, lowest_ns, usual_ns)
        longest_ns = int((np.maximum.reduceat(self._visible, self._starts)[self._group] - self._due).max())
        greatest = self._search(self.fewest_within, rank, usual_ns, longest_ns)
        return least[0] / 1e6, greatest[1] / 1e6

    def _search(self, within: Callable[[int], int], rank: int, low_ns: int, high_ns: int) -> tuple[int, int]:
        """Between which latencies so many are reached; `high_ns` is known to be enough."""
        if within(low_ns) >= rank:
            return low_ns, low_ns
        while high_ns - low_ns > RESOLUTION_NS:
            middle = (low_ns + high_ns) // 2
            if within(middle) >= rank:
                high_ns = middle
            else:
                low_ns = middle
        return low_ns, high_ns

    def most_within(self, latency_ns: int) -> int:
        """How many records can have `latency_ns` or less at the most."""
        given_up = self._passed(self._due + latency_ns + 1)
        come = self._come_by
        next_record = np.zeros(self._cells, dtype=np.int64)
        found = first = 0
        for active in self._active.tolist():
            now = slice(first, first + active)
            own = np.maximum(next_record[:active], given_up[now])
            matched = own < come[now]
            next_record[:active] = own + matched
            found += int(np.count_nonzero(matched))
            first += active
        return found

    def fewest_within(self, latency_ns: int) -> int:
        """How many records can have `latency_ns` or less at the least."""
        late_ns = np.maximum(self._come, self._due + latency_ns + 1)
        late, come = self._passed(late_ns), self._come_by
        # By record in the order of cells: the increase at which it is late, as a place in `_steps`' order.
        ends = self._ends(late_ns)
        below = np.arange(-1, len(self._due) - 1)
        newest = np.full(self._cells, -1)
        came = np.zeros(self._cells, dtype=np.int64)
        early = np.zeros(self._cells, dtype=np.int64)  # records that were not let wait, and would not be late yet
        over = np.zeros(len(self._due) + 1, dtype=np.int64)  # how many of these would be late by an increase
        starts = self._starts[self._group[self._steps[: self._cells]]]
        found = first = 0
        for number, active in enumerate(self._active.tolist()):
            now = slice(first, first + active)
            has_new = np.flatnonzero(come[now] > came[:active])
            below[starts[has_new] + came[has_new]] = newest[has_new]
            newest[has_new] = starts[has_new] + come[now][has_new] - 1
            came[has_new] = come[now][has_new]
            early[:active] -= over[now]
            short = np.flatnonzero(late[now] + early[:active] < number + 1)
            chosen = newest[short]
            newest[short] = below[chosen]
            early[short] += 1
            over[ends[chosen]] += 1
            found += len(short)
            first += active
        return found

    def _passed(self, times_ns: Integers) -> Integers:
        """How many of its cell's `times_ns`, which rise, are at or before each increase; in the order of `_steps`."""
        apart = self._group * self._apart
        found = np.searchsorted(times_ns + apart, self._visible + apart, side="right")
        return (found - self._starts[self._group])[self._steps]

    def _ends(self, times_ns: Integers) -> Integers:
        """The cell's first increase at or after each of `times_ns`, as a place in `_steps`' order; the end if none."""
        apart = self._group * self._apart
        found = np.searchsorted(self._visible + apart, times_ns + apart, side="left")
        last = np.append(self._starts[1:], len(self._due))[self._group]
        place = np.empty(len(self._due) + 1, dtype=np.int64)
        place[self._steps] = np.arange(len(self._due))
        place[-1] = len(self._due)
        return place[np.where(found < last, found, len(self._due))]


def _least_from_here_on(times_ns: Integers, group: Integers) -> Integers:
    """The least of each time and those after it in the same group; groups ascend."""
    apart = int(times_ns.max() - times_ns.min()) + 1
    spread = times_ns + group * apart
    return np.minimum.accumulate(spread[::-1])[::-1] - group * apart
