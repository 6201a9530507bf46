"""California's cells: those that the map shows, and that a user's own records are of."""

from engines.contract.aggregate import Cell
from engines.contract.record import CALIFORNIA
from workloads.locations import locations_of

_CALIFORNIA = locations_of(CALIFORNIA)
#: (location, operator, type) of each cell within a window, in the order of the cells' numbers.
CELLS = _CALIFORNIA.cells
CELL_NUMBERS = {cell: number for number, cell in enumerate(CELLS)}
#: See `workloads.locations.Locations.numbers`.
NUMBERS = _CALIFORNIA.numbers


def cell_of(window_s: int, number: int) -> Cell:
    """The cell with this `number` (see `CELLS`) in the window that starts at `window_s`."""
    return Cell(window_s, *CELLS[number])
