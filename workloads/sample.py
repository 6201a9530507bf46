"""How a workload's measured time is divided: into slots, and into seconds whose records are looked at one by one."""

import numpy as np
from numpy.typing import NDArray

from workloads.workload import Workload

LIMIT_RECORDS = 1_000_000
MAX_SLOTS = 600


def slot_length_s(duration_s: int) -> int:
    """Length in seconds of the slots whose means are kept apart: `MAX_SLOTS` at most, however long the run."""
    return -(-duration_s // MAX_SLOTS)


def waterfall_seconds(workload: Workload, limit_records: int = LIMIT_RECORDS) -> range:
    """The seconds after the start whose records are taken apart: every one of the measured time, or every k-th.

    All records of a second, so that nothing within one is left out by chance; k is the least that keeps to about
    `limit_records`, so that memory does not grow with the length of a run.
    """
    warmup_s = workload.specification.warmup_s
    measured = workload.total_records - workload.second(warmup_s)[0]
    return range(warmup_s, workload.total_s, max(1, -(-measured // limit_records)))


def places(sample: NDArray[np.int64], indexes: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of `indexes` are in the ascending `sample`, shape as theirs, and where in it those are."""
    at = np.searchsorted(sample, indexes)
    found = at < len(sample)
    found[found] = sample[at[found]] == indexes[found]
    return found, at[found]


def waterfall_records(workload: Workload, limit_records: int = LIMIT_RECORDS) -> NDArray[np.int64]:
    """Indexes of all records of `waterfall_seconds`, ascending."""
    return np.concatenate(
        [np.arange(*workload.second(second), dtype=np.int64) for second in waterfall_seconds(workload, limit_records)]
    )
