"""Upserts of a workload: what an engine would send that tells of each record by itself, many of them at once.

The k-th record of a cell, in order of intended send time, is told by the upsert that raises the cell's count to k. So
there are as many upserts as records, and each is due when its record is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import CALIFORNIA
from workloads.lines import Lines, write_ten_digits
from workloads.locations import locations_of
from workloads.workload import Columns

_CALIFORNIA = locations_of(CALIFORNIA)
_NAMES = np.array([b"|" + name for name in _CALIFORNIA.numbers], dtype=np.bytes_)
_NAME_LENGTHS = np.char.str_len(_NAMES).astype(np.int64)
_WINDOW_DIGITS = 10
_KEY = np.dtype([("window_2", "<u2"), ("window_4", "<u4"), ("window_8", "<u4"), ("name", _NAMES.dtype)])
#: Counts below are written by table.
_TABLED = 100_000
_COUNTS = np.array([b"%d" % count for count in range(_TABLED)], dtype=np.bytes_)
_COUNT_LENGTHS = np.char.str_len(_COUNTS).astype(np.int64)


@dataclass(frozen=True)
class Upserts:
    """Upserts in order.

    Attributes:
        keys, counts: as they stand in the aggregates topic (see `engines.contract.aggregate`).
        partitions: which partition each belongs to, shape (upserts,): always the same one for a key.
    """

    keys: Lines
    counts: Lines
    partitions: NDArray[np.int64]


class Counting:
    """Makes upserts of records without malformed ones, range after range, and counts on from each to the next."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._totals: dict[int, int] = {}  # by window and cell

    def upserts(self, columns: Columns) -> Upserts:
        """The upserts of the records that follow those of the last call."""
        windows_s, cells = columns.windows_s, columns.cells
        rows = np.empty(len(cells), dtype=_KEY)
        write_ten_digits(rows, "window", windows_s)
        rows["name"] = _NAMES[cells]
        keys = Lines(rows.view(np.uint8).reshape(len(rows), _KEY.itemsize), _NAME_LENGTHS[cells] + _WINDOW_DIGITS, {})
        return Upserts(keys, _decimal(self._count(_codes(columns))), upsert_partitions(columns, self._partitions))

    def _count(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The count that each record raises its cell to."""
        order = np.argsort(codes, kind="stable")
        found, starts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
        before = np.array([self._totals.get(code, 0) for code in found.tolist()], dtype=np.int64)
        counts = np.empty(len(codes), dtype=np.int64)
        counts[order] = np.arange(1, len(codes) + 1) + np.repeat(before - starts, sizes)
        self._totals.update(zip(found.tolist(), (before + sizes).tolist(), strict=True))
        return counts


def upsert_partitions(columns: Columns, partitions: int) -> NDArray[np.int64]:
    """Which of `partitions` partitions the upsert of each record belongs to, shape (records,)."""
    return _codes(columns) % partitions


def _codes(columns: Columns) -> NDArray[np.int64]:
    return _CALIFORNIA.key(columns.windows_s, columns.cells)


def _decimal(counts: NDArray[np.int64]) -> Lines:
    tabled = np.minimum(counts, _TABLED - 1)
    rows = _COUNTS[tabled]
    others = {at: b"%d" % counts[at] for at in np.flatnonzero(counts >= _TABLED).tolist()}
    return Lines(rows.view(np.uint8).reshape(len(rows), _COUNTS.itemsize), _COUNT_LENGTHS[tabled], others)
