"""The lines of many records at once, as rows of bytes: no Python object for any one of them."""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import CALIFORNIA, OPERATORS, TYPES
from workloads.locations import CELLS_PER_LOCATION, locations_of

#: Times of this many digits, from 2001 to 2286 in milliseconds, are written by table.
_TIME_DIGITS = 13
_FIRST_TIME_MS, _LAST_TIME_MS = 10 ** (_TIME_DIGITS - 1), 10**_TIME_DIGITS - 1

#: By the number of a cell among those of its location.
_TAILS = np.array([f",{kind},{operator}" for operator, kind in product(OPERATORS, TYPES)], dtype=np.bytes_)
_TAIL_LENGTHS = np.char.str_len(_TAILS).astype(np.int64)

#: Decimal digits, with leading zeros, of the numbers below 10, 100 and 10,000.
_ONE = np.array([b"%d" % number for number in range(10)], dtype="S1")
_TWO = np.array([b"%02d" % number for number in range(100)], dtype="S2").view("<u2")
_FOUR = np.array([b"%04d" % number for number in range(10_000)], dtype="S4").view("<u4")

_ROW = np.dtype(
    [
        *(("source_plus", "S2"), ("source_2", "<u2"), ("source_4", "<u4"), ("source_8", "<u4")),
        *(("destination_plus", "S3"), ("destination_2", "<u2"), ("destination_4", "<u4"), ("destination_8", "<u4")),
        ("place", "S7"),
        *(("start_1", "S1"), ("start_4", "<u4"), ("start_8", "<u4"), ("start_12", "<u4")),
        ("comma", "S1"),
        *(("end_1", "S1"), ("end_4", "<u4"), ("end_8", "<u4"), ("end_12", "<u4")),
        ("tail", _TAILS.dtype),
    ]
)


@dataclass(frozen=True)
class Lines:
    """Lines, without line ends.

    Attributes:
        rows: shape (lines, width), bytes, in one piece. Row i begins with line i, and has zeros after it.
        lengths: of the lines in bytes, shape (lines,).
        others: lines that are not in their row, but here, by their number: those that would not fit.
    """

    rows: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    others: dict[int, bytes]

    def line(self, number: int) -> bytes:
        """The line with this `number`."""
        found = self.others.get(number)
        return self.rows[number, : self.lengths[number]].tobytes() if found is None else found

    def as_list(self) -> list[bytes]:
        """Each line by itself."""
        count, width = self.rows.shape
        found: list[bytes] = self.rows.view(f"S{width}").reshape(count).tolist()
        for number, line in self.others.items():
            found[number] = line
        return found


def encode(
    cells: NDArray[np.int64],
    source_numbers: NDArray[np.int64],
    destination_numbers: NDArray[np.int64],
    starts_ms: NDArray[np.int64],
    ends_ms: NDArray[np.int64],
    locations: str = CALIFORNIA,
) -> Lines:
    """The lines of well-formed records, whose arrays all have the shape (records,).

    Telephone numbers are those after the country's code 1, of ten digits; times are in milliseconds since the Unix
    epoch, `ends_ms` the event times; `cells` are numbers in the set `locations`.
    """
    rows = np.empty(len(cells), dtype=_ROW)
    rows["source_plus"], rows["destination_plus"], rows["comma"] = b"+1", b",+1", b","
    _write_number(rows, "source", source_numbers)
    _write_number(rows, "destination", destination_numbers)
    places, tails = np.divmod(cells, CELLS_PER_LOCATION)
    rows["place"], rows["tail"] = _places(locations)[places], _TAILS[tails]
    _write_time(rows, "start", starts_ms)
    _write_time(rows, "end", ends_ms)
    lengths = _TAIL_LENGTHS[tails] + (_ROW.itemsize - _TAILS.itemsize)
    others = _beyond_the_tables(cells, source_numbers, destination_numbers, starts_ms, ends_ms, locations)
    return Lines(rows.view(np.uint8).reshape(len(cells), _ROW.itemsize), lengths, others)


@cache
def _places(locations: str) -> NDArray[np.bytes_]:
    """What stands between telephone numbers and times, by the number of the location."""
    return np.array([f",{code}," for code in locations_of(locations).codes], dtype="S7")


def _write_number(rows: NDArray[np.void], field: str, numbers: NDArray[np.int64]) -> None:
    upper = numbers // 10_000
    uppermost = upper // 10_000
    rows[f"{field}_2"] = _TWO[uppermost]
    rows[f"{field}_4"] = _FOUR[upper - uppermost * 10_000]
    rows[f"{field}_8"] = _FOUR[numbers - upper * 10_000]


def _write_time(rows: NDArray[np.void], field: str, times_ms: NDArray[np.int64]) -> None:
    times_ms = np.clip(times_ms, _FIRST_TIME_MS, _LAST_TIME_MS)
    thirds = times_ms // 10_000
    seconds = thirds // 10_000
    firsts = seconds // 10_000
    rows[f"{field}_1"] = _ONE[firsts]
    rows[f"{field}_4"] = _FOUR[seconds - firsts * 10_000]
    rows[f"{field}_8"] = _FOUR[thirds - seconds * 10_000]
    rows[f"{field}_12"] = _FOUR[times_ms - thirds * 10_000]


def _beyond_the_tables(
    cells: NDArray[np.int64],
    source_numbers: NDArray[np.int64],
    destination_numbers: NDArray[np.int64],
    starts_ms: NDArray[np.int64],
    ends_ms: NDArray[np.int64],
    locations: str,
) -> dict[int, bytes]:
    """The lines whose times have more digits, or fewer, than a row has room for."""
    earliest_ms, latest_ms = np.minimum(starts_ms, ends_ms), np.maximum(starts_ms, ends_ms)
    found = {}
    for at in np.flatnonzero((earliest_ms < _FIRST_TIME_MS) | (latest_ms > _LAST_TIME_MS)).tolist():
        location, operator, kind = locations_of(locations).cells[cells[at]]
        times = f"{starts_ms[at]},{ends_ms[at]}"
        line = f"+1{source_numbers[at]},+1{destination_numbers[at]},{location},{times},{kind},{operator}"
        found[at] = line.encode("ascii")
    return found
