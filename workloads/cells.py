"""The cells of a window, numbered."""

from itertools import product

from engines.contract.aggregate import Cell
from engines.contract.record import OPERATORS, TYPES
from workloads.california import COUNTIES

#: (location, operator, type) of each cell within a window, in the order of the cells' numbers.
CELLS = tuple(product((county.fips for county in COUNTIES), OPERATORS, TYPES))
CELL_NUMBERS = {cell: number for number, cell in enumerate(CELLS)}
#: Numbers of cells by the name that they have in the aggregates topic and in Redis: ``COUNTY_FIPS|OPERATOR|TYPE``.
NUMBERS = {"|".join(cell).encode("ascii"): number for cell, number in CELL_NUMBERS.items()}


def cell_of(window_s: int, number: int) -> Cell:
    """The cell with this `number` (see `CELLS`) in the window that starts at `window_s`."""
    return Cell(window_s, *CELLS[number])
