"""The sets of locations that records come from: their codes, weights and telephone numbers, and the cells they make.

``california``: see `workloads.california`. ``us``: see `workloads.us_counties`; weights are populations. ``synthetic``:
`SYNTHETIC_COUNT` locations that are no place, made to have many cells; the one of rank r weighs r to the power of
-0.5, which is flatter than any country's counties, so that most cells have records.

Telephone numbers decide nothing that is counted. Outside California, a location's area code is made up from its place
in the set.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from engines.contract.aggregate import Cell
from engines.contract.record import CALIFORNIA, OPERATORS, TYPES
from workloads.california import COUNTIES
from workloads.us_counties import POPULATIONS

CELLS_PER_LOCATION = len(OPERATORS) * len(TYPES)
SYNTHETIC_COUNT = 12_500
_FIRST_SYNTHETIC = 80_000
_HEAVIEST_SYNTHETIC = 10_000_000
_FIRST_AREA_CODE, _AREA_CODES = 201, 799


@dataclass(frozen=True)
class Locations:
    """A set of locations, and the cells of a window, numbered.

    A cell's number within a window is (location * operators + operator) * types + type, each by its own number, in the
    order of `codes`, `OPERATORS` and `TYPES`.

    Attributes:
        name: in `engines.contract.record.LOCATIONS`.
        codes: of five digits.
        weights: as many; locations' shares of the records are in proportion to them.
        area_codes: as many.
    """

    name: str
    codes: tuple[str, ...]
    weights: tuple[int, ...]
    area_codes: tuple[int, ...]

    @property
    def cell_count(self) -> int:
        """How many cells a window can have."""
        return len(self.codes) * CELLS_PER_LOCATION

    @cached_property
    def cells(self) -> tuple[tuple[str, str, str], ...]:
        """(location, operator, type) of each cell within a window, in the order of the cells' numbers."""
        return tuple(product(self.codes, OPERATORS, TYPES))

    @cached_property
    def numbers(self) -> dict[bytes, int]:
        """Numbers of cells by the name that they have in the aggregates topic and in Redis: ``CODE|OPERATOR|TYPE``."""
        return {"|".join(cell).encode("ascii"): number for number, cell in enumerate(self.cells)}

    @cached_property
    def first_phone_numbers(self) -> NDArray[np.int64]:
        """The first telephone number, of ten digits, of each location's area code."""
        return np.array([code * 10_000_000 + 2_000_000 for code in self.area_codes], dtype=np.int64)

    def key(self, window_s: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number that tells windows and cells apart, and orders them, for each pair of `window_s` and `cells`."""
        return window_s * self.cell_count + cells

    def cell(self, key: int) -> Cell:
        """The cell of a `key`."""
        window_s, number = divmod(key, self.cell_count)
        return Cell(window_s, *self.cells[number])


@cache
def locations_of(name: str) -> Locations:
    """The set called `name`, in `engines.contract.record.LOCATIONS`."""
    makers = {CALIFORNIA: _california, "us": _us, "synthetic": _synthetic}
    return makers[name]()


def _california() -> Locations:
    codes, _, populations, area_codes = zip(*COUNTIES, strict=True)
    return Locations(CALIFORNIA, codes, populations, area_codes)


def _us() -> Locations:
    return Locations("us", tuple(POPULATIONS), tuple(POPULATIONS.values()), _made_up_area_codes(len(POPULATIONS)))


def _synthetic() -> Locations:
    codes = tuple(str(_FIRST_SYNTHETIC + number) for number in range(SYNTHETIC_COUNT))
    # Square roots are the same on every machine; other powers need not be.
    weights = tuple(round(_HEAVIEST_SYNTHETIC / sqrt(rank)) for rank in range(1, SYNTHETIC_COUNT + 1))
    return Locations("synthetic", codes, weights, _made_up_area_codes(SYNTHETIC_COUNT))


def _made_up_area_codes(count: int) -> tuple[int, ...]:
    return tuple(_FIRST_AREA_CODE + number % _AREA_CODES for number in range(count))
