"""Latency of every record from the trajectory of counts, with no tracer inside the engine.

When a cell's count goes from a to b at time T, the records a+1 to b of that cell, in order of intended send time,
became visible at T. The mean over all records is exact whatever order the engine took them in; single latencies, and so
the quantiles, are those of first-in-first-out matching within the cell.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.lateness import classify
from workloads.workload import Workload

#: The time of a record that no count has shown yet.
NEVER = -1
#: Of so many windows all of whose records have been seen, the counts are kept. A long run has many more; what counts
#: say of those from before, after they have been right once, the verifier sees.
KEPT_WINDOWS = 1800
#: The same for their counts: windows of a set with many cells are large. 8 bytes each.
KEPT_COUNTS = 10_000_000
_NO_RECORDS = (0, 0)


@dataclass
class Window:
    """The records of one window that may be counted, grouped by cell, and by intended send time within one.

    Of the many cells that a window can have, only those with records or counts take memory.

    Attributes:
        spans: by cell, where its records begin and end in the arrays; only cells with any.
        counts: by cell, as last told; only cells that were.
        offsets_ns: intended send times after the start, shape (records,).
        indexes: the records' indexes in the workload, shape (records,).
        seen_ms: when a count first showed the record, or NEVER, shape (records,).
        ambiguous: whether the record's cell has records that may be counted or dropped, so that a count does not tell
            which of its records it shows, shape (records,).
        left: how many records no count has shown yet.
    """

    spans: dict[int, tuple[int, int]]
    counts: dict[int, int]
    offsets_ns: NDArray[np.int64]
    indexes: NDArray[np.int64]
    seen_ms: NDArray[np.int64]
    ambiguous: NDArray[np.bool_]
    left: int


class Trajectories:
    """Follows all cells' counts and matches increases with the records that caused them.

    Windows are made from the workload as updates first mention them. The arrays of a window are let go of by `take`.

    Attributes:
        matched_records: records matched so far.
        surplus_records: what counts showed beyond the records that their cells have.
        regressions: updates that lowered a count.
    """

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._order = None if workload.is_in_order else _Order(workload)
        self._windows: dict[int, Window] = {}
        self._taken: dict[int, _Counts] = {}  # of the last ones taken
        self._kept_counts = 0
        self._forgotten: set[int] = set()  # windows taken before
        self.matched_records = 0
        self.surplus_records = 0
        self.regressions = 0

    def update(self, window_s: int, cell: int, count: int, at_ms: int) -> bool:
        """Take in that `cell` of the window at `window_s` counts `count` since `at_ms`.

        A count that does not grow, and the part of a count beyond the records the cell has, match nothing.

        Returns: whether this has shown the window's last record.
        """
        window = self._windows.get(window_s)
        if window is None:
            if window_s in self._taken:
                self._update_taken(self._taken[window_s], cell, count)
                return False
            if window_s in self._forgotten:
                return False
            window = self._windows[window_s] = self._make(window_s)
        before = window.counts.get(cell, 0)
        if count <= before:
            self.regressions += count < before
            return False
        window.counts[cell] = count
        first, end = window.spans.get(cell, _NO_RECORDS)
        low, high = min(first + before, end), min(first + count, end)
        self.surplus_records += count - before - (high - low)
        if low == high:
            return False
        window.seen_ms[low:high] = at_ms
        self.matched_records += high - low
        window.left -= high - low
        return not window.left

    def _update_taken(self, counts: "_Counts", cell: int, count: int) -> None:
        """As `update`, for a window all of whose records have been seen: more can only be too much."""
        before = counts.of(cell)
        self.regressions += count < before
        self.surplus_records += max(count - before, 0)
        counts.raise_to(cell, count)

    def newest_window(self) -> Window | None:
        """The latest window in event time that is not complete yet, or None."""
        return self._windows[max(self._windows)] if self._windows else None

    def take(self, window_s: int) -> Window:
        """The window at `window_s`, all of whose records have been seen; only its counts are kept here, for a while."""
        window = self._windows.pop(window_s)
        self._taken[window_s] = _Counts(window.counts)
        self._kept_counts += len(window.counts)
        while len(self._taken) > KEPT_WINDOWS or self._kept_counts > KEPT_COUNTS:
            oldest_s = next(iter(self._taken))
            self._kept_counts -= len(self._taken.pop(oldest_s))
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
        well_formed = np.flatnonzero(~columns.malformed)
        chosen = well_formed[np.argsort(columns.cells[well_formed], kind="stable")]
        nothing_ambiguous = np.zeros(len(chosen), dtype=np.bool_)
        return _window(columns.cells[chosen], columns.offsets_ns[chosen], first + chosen, nothing_ambiguous)


class _Counts:
    """Counts by cell of a window that was taken, in as little memory as they need."""

    def __init__(self, counts: dict[int, int]) -> None:
        self._cells, self._counts = np.array(sorted(counts.items()), dtype=np.int32).reshape(len(counts), 2).T.copy()
        self._raised: dict[int, int] = {}  # what has changed since: next to nothing

    def __len__(self) -> int:
        return len(self._cells)

    def of(self, cell: int) -> int:
        """The count of `cell`; 0 if it has none."""
        if cell in self._raised:
            return self._raised[cell]
        at = int(np.searchsorted(self._cells, cell))
        return int(self._counts[at]) if at < len(self._cells) and self._cells[at] == cell else 0

    def raise_to(self, cell: int, count: int) -> None:
        """Note that `cell` counts `count`, if that is more than before."""
        if count > self.of(cell):
            self._raised[cell] = count


class _Order:
    """All records of a workload with disorder that may be counted, by window, cell and intended send time."""

    def __init__(self, workload: Workload) -> None:
        found = classify(workload)
        chosen = np.flatnonzero(found.must_count | found.either)
        self._locations = workload.locations
        self._indexes = chosen[np.argsort(found.keys[chosen], kind="stable")]
        self._keys = found.keys[self._indexes]
        self._offsets_ns = found.offsets_ns[self._indexes]
        self._ambiguous = found.ambiguous[self._indexes]

    def window(self, window_s: int) -> Window:
        """The window at `window_s`; an empty one, if it has no records."""
        count = self._locations.cell_count
        own = slice(*np.searchsorted(self._keys, (window_s * count, (window_s + 1) * count)))
        cells = self._keys[own] - window_s * count
        return _window(cells, self._offsets_ns[own], self._indexes[own], self._ambiguous[own])


def _window(
    cells: NDArray[np.int64],
    offsets_ns: NDArray[np.int64],
    indexes: NDArray[np.int64],
    ambiguous: NDArray[np.bool_],
) -> Window:
    """The window of records in the order of their `cells`; all arrays have the shape (records,)."""
    found, starts = np.unique(cells, return_index=True)
    ends = np.append(starts, len(cells))[1:]
    return Window(
        spans=dict(zip(found.tolist(), zip(starts.tolist(), ends.tolist(), strict=True), strict=True)),
        counts={},
        offsets_ns=offsets_ns,
        indexes=indexes,
        seen_ms=np.full(len(indexes), NEVER, dtype=np.int64),
        ambiguous=ambiguous,
        left=len(indexes),
    )
