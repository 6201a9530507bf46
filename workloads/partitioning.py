"""Which input partition a cell's records go to, so that they stay in order and partitions are even.

Where the partition follows from the record's county, operator and type, all records of a cell are in one partition, in
the order of their intended send times. So an engine that keeps a partition's order keeps that of each cell.

A hash would not divide so few and such unequal keys evenly. They are assigned by their shares instead, the greatest
first, each to the partition that has the least of what it is due (longest processing time first: Graham, "Bounds on
Multiprocessing Timing Anomalies", SIAM Journal on Applied Mathematics 17 (2), 1969).
"""

import heapq
from functools import cache

import numpy as np
from numpy.typing import NDArray

from workloads.california import CALL_SHARE, OPERATOR_SHARES
from workloads.locations import locations_of

#: The partition of a record is that of its cell; or the one whose turn it is.
CELL, ROUND_ROBIN = "cell", "round-robin"
#: A partition's share of the records may be so much more or less than it is due, as a share of that.
EVEN_WITHIN = 0.1


@cache
def cell_partitions(locations: str, partitions: int, hot_share: float | None = None) -> NDArray[np.int64]:
    """The partition of each cell of a window, by the cell's number, shape (cells,); a function of the arguments alone.

    Args:
        locations: the set, in `engines.contract.record.LOCATIONS`. What counts are its own shares, whatever skew, surge
            or input makes of them.
        partitions: how many there are.
        hot_share: what partition 0 is due, of two or more; None if all are due the same.
    """
    shares = _cell_shares(locations)
    found = np.zeros(len(shares), dtype=np.int64)
    hot_due, cold_due = _due(partitions, hot_share)
    hot_load, cold = 0.0, [(0.0, each) for each in range(0 if hot_share is None else 1, partitions)]
    for cell in np.argsort(-shares, kind="stable").tolist():
        share = float(shares[cell])
        load, partition = cold[0]
        if hot_share is not None and (hot_load + share) * cold_due <= (load + share) * hot_due:
            hot_load += share  # and 0 is what stands there
        else:
            heapq.heapreplace(cold, (load + share, partition))
            found[cell] = partition
    found.flags.writeable = False  # it is shared by all who ask
    return found


def shares_of(locations: str, partitions: int, hot_share: float | None = None) -> NDArray[np.float64]:
    """The share of the records that each partition gets by `cell_partitions`, shape (partitions,)."""
    found = cell_partitions(locations, partitions, hot_share)
    return np.bincount(found, _cell_shares(locations), minlength=partitions).astype(np.float64)


def why_uneven(locations: str, partitions: int, hot_share: float | None = None) -> str:
    """Which partition gets how much too much or too little, in words; empty if all are even within `EVEN_WITHIN`.

    There are as many keys as there are cells in a window, and the largest of them cannot be divided.
    """
    hot_due, cold_due = _due(partitions, hot_share)
    due = np.full(partitions, cold_due)
    due[0] = hot_due
    shares = shares_of(locations, partitions, hot_share)
    off = np.abs(shares / due - 1)
    worst = int(off.argmax())
    if off[worst] <= EVEN_WITHIN:
        return ""
    return (
        f"{partitions} partitions of the cells of {locations} are not even within {EVEN_WITHIN:.0%}: partition {worst} "
        f"would get {shares[worst]:.3%} of the records, and is due {due[worst]:.3%}"
    )


def _due(partitions: int, hot_share: float | None) -> tuple[float, float]:
    """The shares that partition 0 and each of the others are due."""
    if hot_share is None:
        return 1 / partitions, 1 / partitions
    return hot_share, (1 - hot_share) / (partitions - 1)


@cache
def _cell_shares(locations: str) -> NDArray[np.float64]:
    """The share of the records that each cell has, shape (cells,): the same to the last bit on every machine.

    Weights are whole numbers, so that their sum is exact in any order, and products are rounded alike everywhere.
    """
    weights = np.array(locations_of(locations).weights, dtype=np.float64)
    types = np.array([CALL_SHARE, 1 - CALL_SHARE])
    products: NDArray[np.float64] = np.multiply.outer(np.multiply.outer(weights, OPERATOR_SHARES), types).ravel()
    found: NDArray[np.float64] = products / weights.sum()
    return found
