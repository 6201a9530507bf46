"""What a workload must count to, from the seed alone: the check on the ground truth that Spark computes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engines.contract.aggregate import Cell
from workloads.answers import ExpectedAnswers
from workloads.lateness import classify
from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import Columns, Workload


@dataclass(frozen=True)
class ExpectedCounts:
    """What a workload holds, and what engines must make of it.

    Attributes:
        counts: all well-formed records by cell.
        malformed_lines, malformed_indexes: in order.
        either: those of `counts` that engines may count or drop (see `workloads.lateness`); only cells with such.
        must_drop: those that they must drop, in the same way.
        must_drop_indexes: in order.
        ambiguous_indexes: of the records in cells of `either`, but for those to drop; in order. Which of these have
            been counted, no count tells.
        answers: what a query other than counts must answer; None for counts.
    """

    counts: dict[Cell, int]
    malformed_lines: list[bytes]
    malformed_indexes: list[int]
    either: dict[Cell, int] = field(default_factory=dict)
    must_drop: dict[Cell, int] = field(default_factory=dict)
    must_drop_indexes: list[int] = field(default_factory=list)
    ambiguous_indexes: list[int] = field(default_factory=list)
    answers: ExpectedAnswers | None = None

    @cached_property
    def hidden_indexes(self) -> list[int]:
        """Of the records that no count may ever show: malformed, or to be dropped. In order."""
        return sorted(self.malformed_indexes + self.must_drop_indexes)

    @property
    def certain_records(self) -> int:
        """How many records every engine must count."""
        return sum(self.counts.values()) - sum(self.either.values()) - sum(self.must_drop.values())


def expected_counts(workload: Workload, chunk_records: int = 1 << 18) -> ExpectedCounts:
    """Count `workload` without making its lines, except the malformed ones."""
    totals: dict[int, int] = {}
    malformed_lines: list[bytes] = []
    malformed_indexes: list[int] = []
    for columns in _chunks(workload, 0, workload.total_records, chunk_records):
        _tally(workload, columns, totals)
        malformed_lines += workload.lines(columns.only(columns.malformed))
        malformed_indexes += (columns.first + np.flatnonzero(columns.malformed)).tolist()
    counts = {workload.locations.cell(key): count for key, count in totals.items()}
    if workload.is_in_order:
        return ExpectedCounts(counts, malformed_lines, malformed_indexes)
    return _with_classes(workload, counts, malformed_lines, malformed_indexes)


def expected_malformed(workload: Workload, chunk_records: int = 1 << 18) -> ExpectedCounts:
    """`expected_counts` without counts, which a long workload has too many of to be held at once."""
    lines: list[bytes] = []
    indexes: list[int] = []
    for columns in _chunks(workload, 0, workload.total_records, chunk_records):
        lines += workload.lines(columns.only(columns.malformed))
        indexes += (columns.first + np.flatnonzero(columns.malformed)).tolist()
    return ExpectedCounts({}, lines, indexes)


def counts_between(workload: Workload, start_s: int, end_s: int, chunk_records: int = 1 << 18) -> dict[Cell, int]:
    """The counts of the windows from `start_s` to `end_s` after the start, of a workload in order.

    There, the records of a window are those due in its second, so that a part of a workload can be counted by itself.
    """
    assert workload.is_in_order, "a window's records are not those due in its second"
    totals: dict[int, int] = {}
    first, last = workload.due_before(start_s * NANOSECONDS_PER_S), workload.due_before(end_s * NANOSECONDS_PER_S)
    for columns in _chunks(workload, first, last, chunk_records):
        _tally(workload, columns, totals)
    return {workload.locations.cell(key): count for key, count in totals.items()}


def _chunks(workload: Workload, first: int, last: int, chunk_records: int) -> Iterator[Columns]:
    for start in range(first, last, chunk_records):
        yield workload.columns(start, min(start + chunk_records, last))


def _tally(workload: Workload, columns: Columns, totals: dict[int, int]) -> None:
    """Add the well-formed records to the totals of their windows' cells."""
    keys = workload.locations.key(columns.windows_s, columns.cells)[~columns.malformed]
    for key, count in zip(*(each.tolist() for each in np.unique(keys, return_counts=True)), strict=True):
        totals[key] = totals.get(key, 0) + count


def _with_classes(
    workload: Workload, counts: dict[Cell, int], malformed_lines: list[bytes], malformed_indexes: list[int]
) -> ExpectedCounts:
    found = classify(workload)
    return ExpectedCounts(
        counts,
        malformed_lines,
        malformed_indexes,
        either=_by_cell(workload, found.keys[found.either]),
        must_drop=_by_cell(workload, found.keys[found.must_drop]),
        must_drop_indexes=np.flatnonzero(found.must_drop).tolist(),
        ambiguous_indexes=np.flatnonzero(found.ambiguous).tolist(),
    )


def _by_cell(workload: Workload, keys: NDArray[np.int64]) -> dict[Cell, int]:
    found, counts = np.unique(keys, return_counts=True)
    return {workload.locations.cell(key): count for key, count in zip(found.tolist(), counts.tolist(), strict=True)}
