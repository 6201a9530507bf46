"""Latency of every record from the trajectory of counts, with no tracer inside the engine.

When a cell's count goes from a to b at time T, the records a+1 to b of that cell, in order of intended send time,
became visible at T. The mean over all records is exact whatever order the engine took them in; single latencies, and so
the quantiles, are those of first-in-first-out matching within the cell.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.workload import CELLS, Workload


@dataclass
class _Window:
    """Well-formed records of one window, grouped by cell: `offsets_ns[starts[c]:starts[c + 1]]` are those of cell c."""

    starts: list[int]
    offsets_ns: NDArray[np.int64]
    counts: list[int]


class Trajectories:
    """Follows all cells' counts and matches increases with the records that caused them.

    Windows are made from the workload as updates first mention them.

    Attributes:
        visible_records: records matched so far.
        surplus_records: what counts showed beyond the records that their cells have.
        regressions: updates that lowered a count.
    """

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._windows: dict[int, _Window] = {}
        self.visible_records = 0
        self.surplus_records = 0
        self.regressions = 0

    def update(self, window_s: int, cell: int, count: int) -> NDArray[np.int64]:
        """Take in that `cell` of the window at `window_s` now counts `count`.

        Returns: intended send offsets of the records that this made visible, in nanoseconds after the start. Empty for
            a count that does not grow, and for the part of a count beyond the records the cell has.
        """
        window = self._windows.get(window_s)
        if window is None:
            window = self._windows[window_s] = self._make(window_s)
        before = window.counts[cell]
        if count <= before:
            self.regressions += count < before
            return window.offsets_ns[:0]
        window.counts[cell] = count
        first, end = window.starts[cell], window.starts[cell + 1]
        matched = window.offsets_ns[min(first + before, end) : min(first + count, end)]
        self.visible_records += len(matched)
        self.surplus_records += count - before - len(matched)
        return matched

    def _make(self, window_s: int) -> _Window:
        first, last = self._workload.second(window_s - self._workload.specification.epoch_s)
        columns = self._workload.columns(first, last)
        cells = columns.cells[~columns.malformed]
        order = np.argsort(cells, kind="stable")
        starts = np.searchsorted(cells[order], np.arange(len(CELLS) + 1))
        return _Window(starts.tolist(), columns.offsets_ns[~columns.malformed][order], [0] * len(CELLS))
