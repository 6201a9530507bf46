"""Latency of every record from the trajectory of counts, with no tracer inside the engine.

When a cell's count goes from a to b at time T, the records a+1 to b of that cell, in order of intended send time,
became visible at T. The mean over all records is exact whatever order the engine took them in; single latencies, and so
the quantiles, are those of first-in-first-out matching within the cell.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.measurement.changes import Changes
from workloads.lateness import classify
from workloads.workload import Workload

#: The time of a record that no count has shown yet.
NEVER = -1
#: Of so many windows all of whose records have been seen, the counts are kept. A long run has many more; what counts
#: say of those from before, after they have been right once, the verifier sees.
KEPT_WINDOWS = 1800
#: The same for their counts, of 8 bytes each: windows of a set with many cells are large.
KEPT_COUNTS = 10_000_000

#: So many changes that lowered a count are kept as examples.
KEPT_LOWERED = 5

Integers = NDArray[np.int64]


class Shown(NamedTuple):
    """What changes have shown: how many `records` each, shape (changes,), and the windows that are `complete` now."""

    records: Integers
    complete: list[int]


class Lowered(NamedTuple):
    """A change that lowered the count of a cell, by its number, of a window: what it was, and what was told."""

    window_s: int
    cell: int
    was: int
    told: int


@dataclass
class Window:
    """The records of one window that may be counted, grouped by cell, and by intended send time within one.

    Attributes:
        starts: the records of cell c are those from `starts[c]` to `starts[c + 1]` of the arrays.
        counts: by cell, the greatest that was told.
        offsets_ns: intended send times after the start, shape (records,).
        indexes: the records' indexes in the workload, shape (records,).
        seen_ms: when a count first showed the record, or NEVER, shape (records,).
        ambiguous: whether the record's cell has records that may be counted or dropped, so that a count does not tell
            which of its records it shows, shape (records,).
        left: how many records no count has shown yet.
    """

    starts: Integers
    counts: Integers
    offsets_ns: Integers
    indexes: Integers
    seen_ms: Integers
    ambiguous: NDArray[np.bool_]
    left: int


class Trajectories:
    """Follows cells' counts and matches increases with the records that caused them.

    Windows are made from the workload as updates first mention them. The arrays of a window are let go of by `take`.
    Where only some of the cells are followed, those that are `own`, shape (cells,), the records of others are left out.

    Attributes:
        matched_records: records matched so far.
        surplus_records: what counts showed beyond the records that their cells have.
        regressions: changes that lowered a count.
        lowered: the first of them.
    """

    def __init__(self, workload: Workload, own: NDArray[np.bool_] | None = None) -> None:
        self._workload, self._cell_count, self._own = workload, workload.locations.cell_count, own
        self._order = None if workload.is_in_order else _Order(workload, own)
        self._windows: dict[int, Window] = {}
        self._taken: dict[int, Integers] = {}  # counts by cell, of the last ones taken
        self._forgotten: set[int] = set()  # windows taken before
        self.matched_records = 0
        self.surplus_records = 0
        self.regressions = 0
        self.lowered: list[Lowered] = []

    def update(self, changes: Changes) -> Shown:
        """Take in what cells count since when; in order, a cell any number of times. Each code is a cell's.

        A count that does not grow, and the part of a count beyond the records the cell has, match nothing.
        """
        windows_s, cells = np.divmod(changes.codes, self._cell_count)
        records = np.zeros(len(cells), dtype=np.int64)
        complete = []
        for window_s in np.unique(windows_s).tolist():
            own = np.flatnonzero(windows_s == window_s)
            shown = self._update(window_s, cells[own], changes.counts[own], changes.at_ms[own])
            if shown is not None:
                records[own] = shown
                if shown.any() and not self._windows[window_s].left:
                    complete.append(window_s)
        return Shown(records, complete)

    def _update(self, window_s: int, cells: Integers, counts: Integers, at_ms: Integers) -> Integers | None:
        """As `update`, of one window. Returns how many records each has shown; None, if no more can be shown."""
        window = self._windows.get(window_s)
        if window is None:
            if window_s in self._forgotten:
                return None
            if window_s in self._taken:
                before, after = self._raise(window_s, self._taken[window_s], cells, counts)
                # All of its records have been seen: more can only be too much.
                self.surplus_records += int((after - before).sum())
                return None
            window = self._windows[window_s] = self._make(window_s)
        before, after = self._raise(window_s, window.counts, cells, counts)
        first, end = window.starts[cells], window.starts[cells + 1]
        low, high = np.minimum(first + before, end), np.minimum(first + after, end)
        records: Integers = high - low
        shown = int(records.sum())
        self.surplus_records += int((after - before).sum()) - shown
        if shown:
            window.seen_ms[_ranges(low, records)] = np.repeat(at_ms, records)
            self.matched_records += shown
            window.left -= shown
        return records

    def _raise(self, window_s: int, known: Integers, cells: Integers, counts: Integers) -> tuple[Integers, Integers]:
        """Raise `known` counts of a window, by cell, to the greatest that are told. Lower ones are regressions.

        Returns: what its cell was known to count before each change, and after it; shape (changes,) each.
        """
        order = np.argsort(cells, kind="stable")
        sorted_cells, sorted_counts = cells[order], counts[order]
        starts = np.flatnonzero(np.diff(sorted_cells, prepend=-1))
        lasts = np.append(starts[1:], len(cells)) - 1
        # A running maximum of all would run on from cell to cell, if each did not begin above the one before it.
        number = np.zeros(len(cells), dtype=np.int64)
        number[starts[1:]] = 1
        floor = np.cumsum(number) * (1 + max(int(counts.max()), int(known.max())))
        told = np.maximum(sorted_counts, known[sorted_cells])
        after_sorted = np.maximum.accumulate(told + floor) - floor
        before_sorted = np.empty_like(after_sorted)
        before_sorted[1:] = after_sorted[:-1]
        before_sorted[starts] = known[sorted_cells[starts]]
        lower = np.flatnonzero(sorted_counts < before_sorted)
        self.regressions += len(lower)
        self.lowered += [
            Lowered(window_s, int(sorted_cells[at]), int(before_sorted[at]), int(sorted_counts[at]))
            for at in lower[: KEPT_LOWERED - len(self.lowered)]
        ]
        known[sorted_cells[starts]] = after_sorted[lasts]
        before, after = np.empty_like(before_sorted), np.empty_like(after_sorted)
        before[order], after[order] = before_sorted, after_sorted
        return before, after

    def newest_window(self) -> Window | None:
        """The latest window in event time that is not complete yet, or None."""
        return self._windows[max(self._windows)] if self._windows else None

    def take(self, window_s: int) -> Window:
        """The window at `window_s`, all of whose records have been seen; only its counts are kept here, for a while."""
        window = self._windows.pop(window_s)
        self._taken[window_s] = window.counts
        if len(self._taken) > min(KEPT_WINDOWS, KEPT_COUNTS // self._cell_count):
            oldest_s = next(iter(self._taken))
            del self._taken[oldest_s]
            self._forgotten.add(oldest_s)
        return window

    def take_rest(self) -> list[Window]:
        """Every window that was not taken yet, in order; at the end, when no more updates come."""
        return [self._windows.pop(window_s) for window_s in sorted(self._windows)]

    def _make(self, window_s: int) -> Window:
        return self._order.window(window_s) if self._order else self._range(window_s)

    def _range(self, window_s: int) -> Window:
        """A window whose records are one range of the workload's."""
        first, last = self._workload.window(window_s)
        columns = self._workload.columns(first, last)
        followed = ~columns.malformed if self._own is None else ~columns.malformed & self._own[columns.cells]
        well_formed = np.flatnonzero(followed)
        cells = columns.cells[well_formed]
        order = np.argsort(cells, kind="stable")
        starts = np.searchsorted(cells[order], np.arange(self._cell_count + 1))
        chosen = well_formed[order]
        return _window(starts, columns.offsets_ns[chosen], first + chosen, np.zeros(len(chosen), dtype=np.bool_))


class _Order:
    """All records of a workload with disorder that may be counted, by window, cell and intended send time."""

    def __init__(self, workload: Workload, own: NDArray[np.bool_] | None) -> None:
        found = classify(workload)
        self._cell_count = workload.locations.cell_count
        chosen = np.flatnonzero(found.must_count | found.either)
        if own is not None:
            chosen = chosen[own[found.keys[chosen] % self._cell_count]]
        self._indexes = chosen[np.argsort(found.keys[chosen], kind="stable")]
        self._keys = found.keys[self._indexes]
        self._offsets_ns = found.offsets_ns[self._indexes]
        self._ambiguous = found.ambiguous[self._indexes]

    def window(self, window_s: int) -> Window:
        """The window at `window_s`; an empty one, if it has no records."""
        starts = np.searchsorted(self._keys, window_s * self._cell_count + np.arange(self._cell_count + 1))
        own = slice(starts[0], starts[-1])
        return _window(starts - starts[0], self._offsets_ns[own], self._indexes[own], self._ambiguous[own])


def _window(
    starts: Integers,
    offsets_ns: Integers,
    indexes: Integers,
    ambiguous: NDArray[np.bool_],
) -> Window:
    return Window(
        starts=starts,
        counts=np.zeros(len(starts) - 1, dtype=np.int64),
        offsets_ns=offsets_ns,
        indexes=indexes,
        seen_ms=np.full(len(indexes), NEVER, dtype=np.int64),
        ambiguous=ambiguous,
        left=len(indexes),
    )


def _ranges(starts: Integers, lengths: Integers) -> Integers:
    """All numbers of the ranges that begin at `starts` and are so long, one after the other."""
    ends = np.cumsum(lengths)
    found: Integers = np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths)
    return found
