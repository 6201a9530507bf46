"""The numbers of counties, operators, types and cells, as the page and the frames have them.

A cell's number within a window is (county * operators + operator) * types + type, in the order of
`workloads.california.COUNTIES`, `OPERATORS` and `TYPES`. It is the workload's own numbering, reused.
"""

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from workloads.california import COUNTIES
from workloads.cells import NUMBERS as NUMBERS

CELLS_PER_WINDOW = len(NUMBERS)

#: Numbers of all types.
ALL_TYPES = frozenset(range(len(TYPES)))


def cell_number(county: int, operator: int, kind: int) -> int:
    """The number of the cell of these, each by its own number."""
    return (county * len(OPERATORS) + operator) * len(TYPES) + kind


def type_of(cell: int) -> int:
    """The number of a cell's type."""
    return cell % len(TYPES)


def by_county_and_operator(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums over types of a window's counts, shape (cells,): shape (counties, operators)."""
    sums: NDArray[np.int64] = counts.reshape(len(COUNTIES), len(OPERATORS), len(TYPES)).sum(axis=2)
    return sums
