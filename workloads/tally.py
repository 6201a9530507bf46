"""What a workload sends, counted: for people who want to see a scenario before they run it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from workloads.workload import Workload

LIMIT_RECORDS = 2_000_000


@dataclass(frozen=True)
class Tally:
    """Records by the second in which they are due, from the start of the warm-up on.

    Of a large workload, the first records of each second are counted, and stand for all of that second; counts are
    fractions then.

    Attributes:
        rates_records_per_s: exact whatever was counted, shape (seconds,).
        counties: by second, and location in the order of the set's codes, shape (seconds, locations).
        operators: the same in the order of `OPERATORS`, shape (seconds, operators).
        partitions: by second, and input partition, shape (seconds, partitions).
        malformed: malformed lines by second, shape (seconds,).
        counted_records: how many records were counted.
    """

    rates_records_per_s: NDArray[np.int64]
    counties: NDArray[np.float64]
    operators: NDArray[np.float64]
    partitions: NDArray[np.float64]
    malformed: NDArray[np.float64]
    counted_records: int


def tally(workload: Workload, limit_records: int = LIMIT_RECORDS) -> Tally:
    """Count `workload`: all of its records, or if there are more than `limit_records`, about so many."""
    seconds = [workload.second(second) for second in range(workload.total_s)]
    rates = np.array([last - first for first, last in seconds], dtype=np.int64)
    most = int(rates.max()) if workload.total_records <= limit_records else max(1, limit_records // workload.total_s)
    counted = np.minimum(rates, most)
    rows = [_count(workload, first, min(last, first + most)) for first, last in seconds]
    counties, operators, partitions, malformed = (
        np.array(column) * (rates / np.maximum(counted, 1))[:, np.newaxis] for column in zip(*rows, strict=True)
    )
    return Tally(rates, counties, operators, partitions, malformed[:, 0], int(counted.sum()))


def _count(workload: Workload, first: int, last: int) -> tuple[NDArray[np.int64], ...]:
    """Records by county, by operator and by partition, and malformed lines, among `first` to `last` - 1."""
    columns = workload.columns(first, last)
    locations = len(workload.locations.codes)
    pairs = np.bincount(columns.cells // len(TYPES), minlength=locations * len(OPERATORS))
    by_both = pairs.reshape(locations, len(OPERATORS))
    partitions = np.bincount(workload.partitions_of(columns), minlength=workload.specification.partitions)
    return by_both.sum(axis=1), by_both.sum(axis=0), partitions, np.array([columns.malformed.sum()])
