"""How far what a side of a replay shows lags behind its load.

The load is an open loop: when each record is due does not depend on the engine. The counts at the end of a recording
say how many records were due in each second of event time, and event time runs beside the load's clock at a constant
distance. So a number of records, in the order in which they were due, stands for a time: when the load had come that
far. The lag at a position is the position less that time of what is shown there. Its mean over a stretch of time is the
mean latency of the records of that stretch (Little's law), however the engine batches.

Records within a second are taken to be evenly spaced. Records that an engine never counts do not exist here: the
result's verdict tells of them.
"""

from collections.abc import Iterator

import numpy as np

from engines.contract.keys import decode_updates
from harness.measurement.recording import Recording
from viewer.cells import NUMBERS
from viewer.state import GREATEST_COUNT
from workloads.workload import WorkloadSpecification

#: The mean is taken over so much of the load's time.
MEAN_MS = 5000

#: Event time of every load's start, in seconds since the Unix epoch.
_EPOCH_S = WorkloadSpecification.epoch_s
#: A record is counted at the middle of its place, so that rounding favours neither side of it.
_HALF_A_RECORD = 0.5


class Lag:
    """The lag of one recording, at any position.

    Attributes:
        load_ms: when the load's last second ended, in milliseconds after the start, as far as the recording tells.
    """

    def __init__(self, recording: Recording) -> None:
        # A record cannot be shown before it is due; the second on top is for clocks that disagree.
        counted = _Counted(recording.at_ms[-1] // 1000 + 2)
        totals = np.array([counted.after(each) for each in recording.updates], dtype=np.float64)
        by_second = np.array(counted.by_second)
        self.load_ms = float(1000 * (np.flatnonzero(by_second).max(initial=-1) + 1))
        self._at_ms = np.concatenate([[0], recording.at_ms]).astype(np.float64)
        due, edges_ms = np.concatenate([[0], np.cumsum(by_second)]), 1000 * np.arange(len(by_second) + 1)
        # Up to which time the load is shown after each entry; before the first one, nothing of it is.
        self._shown_ms = np.concatenate([[0.0], np.interp(totals - _HALF_A_RECORD, due, edges_ms)])
        self._areas = np.concatenate([[0.0], np.cumsum(np.diff(self._at_ms) * self._shown_ms[:-1])])

    def mean_ms(self, position_ms: float) -> float:
        """The mean lag over the last `MEAN_MS` before a position, in milliseconds; over all before it, if less."""
        since_ms = max(0.0, position_ms - MEAN_MS)
        if since_ms >= position_ms:
            return 0.0
        shown_ms = (self._area(position_ms) - self._area(since_ms)) / (position_ms - since_ms)
        return (position_ms + since_ms) / 2 - shown_ms

    def _area(self, position_ms: float) -> float:
        """The integral, over the positions up to this one, of the time up to which the load is shown."""
        last = int(np.searchsorted(self._at_ms, position_ms, side="right")) - 1
        return float(self._areas[last] + self._shown_ms[last] * (position_ms - self._at_ms[last]))


class _Counted:
    """What all cells together come to, entry after entry.

    Attributes:
        by_second: records by second of the load.
    """

    def __init__(self, seconds: int) -> None:
        self.by_second = [0] * seconds
        self._total = 0
        #: Second and newest count of each cell.
        self._cells: dict[bytes, tuple[int, int]] = {}

    def after(self, changes: bytes) -> int:
        """How many records are counted after these changes."""
        for key, count in _decoded(changes):
            second, before = self._cells.get(key) or (_second(key), 0)
            if 0 <= second < len(self.by_second) and 0 <= count <= GREATEST_COUNT:
                self._cells[key] = second, count
                self.by_second[second] += count - before
                self._total += count - before
        return self._total


def _second(key: bytes) -> int:
    """The second of the load that a cell is of; -1 if it is none that there can be."""
    window_s, _, name = key.partition(b"|")
    is_known = window_s.isdigit() and len(window_s) == len(str(_EPOCH_S)) and name in NUMBERS
    return int(window_s) - _EPOCH_S if is_known else -1


def _decoded(changes: bytes) -> Iterator[tuple[bytes, int]]:
    try:
        yield from decode_updates(changes.replace(b" ", b"\n"))
    except ValueError:
        # Not shown either.
        return
