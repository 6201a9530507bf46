"""Many lines at once, as arrays: what the contract's codec says of each of them, with no Python object for any one.

All fields of a well-formed line but the last have a fixed width: lines that are padded to rows of bytes make columns.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.contract.aggregate import Cell
from engines.contract.record import CALIFORNIA, COLUMNS, OPERATORS, TYPES, parse

#: Fewer lines are parsed one by one, because the calls of NumPy's take longer than that, whatever the number of lines.
FEWEST = 16

#: The least and the greatest byte in each place before the type.
_LEAST = np.frombuffer(b"+12000000000,+12000000000,00000,1000000000000,1000000000000,", dtype=np.uint8)
_GREATEST = np.frombuffer(b"+19999999999,+19999999999,99999,1999999999999,1999999999999,", dtype=np.uint8)
#: By set, the least and the greatest location as a number, and by what they differ: California's are odd.
_LOCATIONS = {CALIFORNIA: (6001, 6115, 2), "us": (1000, 56_999, 1), "synthetic": (80_000, 92_499, 1)}
_LOCATION_COUNT = 10 ** COLUMNS["Location"][1]

#: Names as numbers, so that a comparison takes one step, in order. Shorter names have the padding of their rows.
_TYPES = np.sort(np.array(TYPES, dtype="S4").view("<u4"))
_OPERATORS = np.sort(np.array(OPERATORS, dtype="S8").view("<u8"))
_TYPE_NAMES: list[str] = _TYPES.view("S4").astype(str).tolist()
_OPERATOR_NAMES: list[str] = _OPERATORS.view("S8").astype(str).tolist()

#: How many numbers each window has for its cells.
CELLS = _LOCATION_COUNT * len(_OPERATORS) * len(_TYPES)

_OFFSETS = {name: position - 1 for name, (position, _) in COLUMNS.items()}
_TIME = COLUMNS["EndT"][1]
_ROW = np.dtype(
    {
        "names": ["head", "location", "start", "end", "end_digits", "type", "comma", "operator"],
        "formats": [
            *((np.uint8, len(_LEAST)), (np.uint8, COLUMNS["Location"][1])),
            *(f"S{_TIME}", f"S{_TIME}", (np.uint8, _TIME)),
            *("<u4", np.uint8, "<u8"),
        ],
        "offsets": [
            *(0, _OFFSETS["Location"]),
            *(_OFFSETS["StartT"], _OFFSETS["EndT"], _OFFSETS["EndT"]),
            *(_OFFSETS["Type"], _OFFSETS["Company"] - 1, _OFFSETS["Company"]),
        ],
    }
)
_LENGTHS = _OFFSETS["Company"] + np.array([len(name) for name in _OPERATOR_NAMES])
_POWERS = 10 ** np.arange(_TIME - 1, -1, -1)

Numbers = TypeVar("Numbers", int, NDArray[np.int64])


class Columns(NamedTuple):
    """What the codec says of some lines, in their order. What it would say of malformed ones means nothing.

    Attributes:
        well_formed: whether each line is, shape (lines,).
        times_ms: event times in milliseconds since the Unix epoch, shape (lines,).
        cells: the cells' numbers, shape (lines,); see `cell_of`.
    """

    well_formed: NDArray[np.bool_]
    times_ms: NDArray[np.int64]
    cells: NDArray[np.int64]


def read(lines: Sequence[bytes], locations: str = CALIFORNIA) -> Columns:
    """Read `lines`. The contract's codec has the last word on each that is not recognised as well formed.

    `locations` is the set in `engines.contract.record.LOCATIONS` that they are of.
    """
    columns = _recognise(lines, locations) if len(lines) >= FEWEST else _nothing_known(len(lines))
    for at in np.flatnonzero(~columns.well_formed).tolist():
        if record := parse(lines[at], locations):
            columns.well_formed[at] = True
            columns.times_ms[at] = record.event_time_ms
            columns.cells[at] = number_of(Cell(record.window_s, record.location, record.operator, record.type))
    return columns


def number_of(cell: Cell) -> int:
    """The number of `cell`: the same cell in the next window has one greater by `CELLS`."""
    operator, kind = _OPERATOR_NAMES.index(cell.operator), _TYPE_NAMES.index(cell.type)
    return _number(cell.window_s, int(cell.location), operator, kind)


def cell_of(number: int) -> Cell:
    """The cell with this `number`."""
    rest, kind = divmod(number, len(_TYPES))
    rest, operator = divmod(rest, len(_OPERATORS))
    window_s, location = divmod(rest, _LOCATION_COUNT)
    return Cell(window_s, f"{location:0{COLUMNS['Location'][1]}}", _OPERATOR_NAMES[operator], _TYPE_NAMES[kind])


def _number(window_s: Numbers, location: Numbers, operator: Numbers, kind: Numbers) -> Numbers:
    number: Numbers = ((window_s * _LOCATION_COUNT + location) * len(_OPERATORS) + operator) * len(_TYPES) + kind
    return number


def _nothing_known(count: int) -> Columns:
    return Columns(np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64))


def _recognise(lines: Sequence[bytes], locations: str) -> Columns:
    rows = np.array(lines, dtype=f"S{_ROW.itemsize}").view(_ROW)  # pads with zeros, and cuts off
    lengths = np.fromiter(map(len, lines), dtype=np.int64, count=len(lines))
    operators, is_operator = _find(rows["operator"], _OPERATORS)
    types, is_type = _find(rows["type"], _TYPES)
    places, times_ms = _decimal(rows["location"]), _decimal(rows["end_digits"])
    least, greatest, step = _LOCATIONS[locations]
    well_formed = (
        (rows["head"] - _LEAST <= _GREATEST - _LEAST).all(axis=1)  # a byte below the least wraps around to a great one
        & (places >= least)
        & (places <= greatest)
        & ((places - least) % step == 0)
        & (rows["start"] <= rows["end"])
        & is_type
        & (rows["comma"] == ord(","))
        & is_operator
        & (lengths == _LENGTHS[operators])
    )
    return Columns(well_formed, times_ms, _number(times_ms // 1000, places, operators, types))


def _find(
    words: NDArray[np.unsignedinteger], known: NDArray[np.unsignedinteger]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where in `known`, which is in order, each of the `words` would be, and whether it is there."""
    places = np.searchsorted(known[:-1], words)
    return places, known[places] == words


def _decimal(digits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The numbers that ASCII `digits`, shape (numbers, digits), are."""
    numbers: NDArray[np.int64] = (digits - ord("0")) @ _POWERS[-digits.shape[1] :]
    return numbers
