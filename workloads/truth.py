"""What a workload must count to, from the seed alone: the check on the ground truth that Spark computes."""

from dataclasses import dataclass

import numpy as np

from engines.contract.aggregate import Cell
from workloads.workload import CELLS, Workload, cell_of


@dataclass(frozen=True)
class ExpectedCounts:
    """Counts by cell, the malformed lines with their indexes in order, and how many late records may go either way."""

    counts: dict[Cell, int]
    malformed_lines: list[bytes]
    malformed_indexes: list[int]
    either_records: int = 0


def expected_counts(workload: Workload, chunk_records: int = 1 << 18) -> ExpectedCounts:
    """Count `workload` without making its lines, except the malformed ones."""
    totals: dict[int, int] = {}
    malformed_lines: list[bytes] = []
    malformed_indexes: list[int] = []
    for first in range(0, workload.total_records, chunk_records):
        columns = workload.columns(first, min(first + chunk_records, workload.total_records))
        keys = (columns.windows_s * len(CELLS) + columns.cells)[~columns.malformed]
        for key, count in zip(*(each.tolist() for each in np.unique(keys, return_counts=True)), strict=True):
            totals[key] = totals.get(key, 0) + count
        malformed_indexes += (first + np.flatnonzero(columns.malformed)).tolist()
    for index in malformed_indexes:
        malformed_lines += workload.lines(workload.columns(index, index + 1))
    counts = {cell_of(*divmod(key, len(CELLS))): count for key, count in totals.items()}
    return ExpectedCounts(counts, malformed_lines, malformed_indexes)
