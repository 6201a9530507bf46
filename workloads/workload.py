"""The workload: every record, line by line, as a pure function of a seed and an index.

Record i takes its randomness from the i-th block of the counter-based generator Philox-4x64 (Salmon et al., "Parallel
Random Numbers: As Easy as 1, 2, 3", SC 2011) keyed by the seed, so that any range of records can be made alone and in
any order. Only raw 64-bit words are drawn and everything else is integer arithmetic and table look-up, because NumPy
promises to keep its bit generators' streams, but not its distributions', from version to version.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, product
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract.aggregate import Cell
from engines.contract.record import OPERATORS, TYPES
from workloads.california import (
    CALL_DURATION_MEDIAN_S,
    CALL_DURATION_SIGMA,
    CALL_SHARE,
    COUNTIES,
    OPERATOR_SHARES,
)
from workloads.malformed import spoil
from workloads.profiles import NANOSECONDS_PER_S, PROFILES, Pieces, join
from workloads.surges import Surge, county_weights, total_rate

CALL = TYPES.index("call")

#: (location, operator, type) of each cell within a window, in the order of the cells' numbers.
CELLS = tuple(product((county.fips for county in COUNTIES), OPERATORS, TYPES))
CELL_NUMBERS = {cell: number for number, cell in enumerate(CELLS)}

_WORDS_PER_RECORD = 4
_DURATION_QUANTILES = 4096
_SUBSCRIBERS_PER_AREA_CODE = 8_000_000  # NXX-XXXX, N from 2 to 9


@dataclass(frozen=True)
class WorkloadSpecification:
    """All that determines a workload.

    Attributes:
        seed: 0 to 2^64 - 1.
        rate_records_per_s: the profile's rate.
        warmup_s, duration_s: length of the warm-up and of the measured time after it; both whole seconds.
        partitions: of the input topic.
        profile: a name in `workloads.profiles.PROFILES`.
        warmup_rate_records_per_s: the profile's rate in the first two thirds of the warm-up; 0 for no other rate.
        surges: of counties, in the measured time; those of one county do not overlap. While there are any, the rate
            is that of all counties together, and counted anew from each second on in which a surge begins or ends.
        malformed_per_million: how many lines in a million are malformed, on average.
        epoch_s: event time of offset 0, in seconds since the Unix epoch. Fixed, so that a seed gives the same bytes
            whenever it is run; event time runs beside wall-clock time at a constant distance.
    """

    seed: int
    rate_records_per_s: int
    warmup_s: int
    duration_s: int
    partitions: int
    profile: str = "constant"
    warmup_rate_records_per_s: int = 0
    surges: tuple[Surge, ...] = ()
    malformed_per_million: int = 0
    epoch_s: int = 1_767_225_600  # 2026-01-01T00:00:00Z

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "WorkloadSpecification":
        """The specification that `dataclasses.asdict` has made `found` of, also after a way through JSON."""
        return cls(**found | {"surges": tuple(Surge(**each) for each in found["surges"])})


@dataclass(frozen=True)
class Columns:
    """A range of records as arrays, each of shape (number of records,).

    `cells` are cell numbers within the window (see `CELLS`), `windows_s` starts of windows in seconds since the Unix
    epoch, `offsets_ns` intended send times after the start, `malformed` which lines are spoilt.
    """

    first: int
    offsets_ns: NDArray[np.int64]
    event_times_ms: NDArray[np.int64]
    cells: NDArray[np.int64]
    source_numbers: NDArray[np.int64]
    destination_numbers: NDArray[np.int64]
    durations_ms: NDArray[np.int64]
    malformed: NDArray[np.bool_]
    malformed_choices: NDArray[np.int64]

    @property
    def windows_s(self) -> NDArray[np.int64]:
        """Start of each record's window, in seconds since the Unix epoch."""
        return self.event_times_ms // 1000


class Workload:
    """The records that a specification describes."""

    def __init__(self, specification: WorkloadSpecification) -> None:
        self.specification = specification
        make, pieces = PROFILES[specification.profile], _pieces(specification)
        self._profile = Pieces([(piece.start_s, make(piece.rate_records_per_s)) for piece in pieces])
        self._county_bounds = [piece.county_bounds for piece in pieces]
        self._malformed_below = specification.malformed_per_million * 2**32 // 1_000_000
        self.total_s = specification.warmup_s + specification.duration_s
        self.total_records = self._profile.due_before(self.total_s * NANOSECONDS_PER_S)

    def due_before(self, offset_ns: int) -> int:
        """How many records are due strictly before `offset_ns` nanoseconds after the start."""
        return min(self._profile.due_before(offset_ns), self.total_records)

    def second(self, offset_s: int) -> tuple[int, int]:
        """First and past-the-last index of the records due in the second that starts `offset_s` after the start."""
        return self.due_before(offset_s * NANOSECONDS_PER_S), self.due_before((offset_s + 1) * NANOSECONDS_PER_S)

    def partitions(self, first: int, last: int) -> NDArray[np.int64]:
        """Input partitions of the records `first` to `last` - 1, shape (last - first,): round robin."""
        return np.arange(first, last, dtype=np.int64) % self.specification.partitions

    def offsets_ns(self, first: int, last: int) -> NDArray[np.int64]:
        """Intended send times of the records `first` to `last` - 1, after the start, shape (last - first,)."""
        return self._profile.offsets_ns(first, last)

    def columns(self, first: int, last: int) -> Columns:
        """The records `first` to `last` - 1 as arrays."""
        spec = self.specification
        count = last - first
        bits = np.random.Philox(key=spec.seed, counter=first)
        words = bits.random_raw(_WORDS_PER_RECORD * count).reshape(count, _WORDS_PER_RECORD)
        low, high = (words & 0xFFFF_FFFF).astype(np.int64), (words >> 32).astype(np.int64)
        offsets_ns = self.offsets_ns(first, last)
        county = self._counties(first, low[:, 0])
        operator = _choose(high[:, 0], _OPERATOR_BOUNDS)
        kind = _choose(low[:, 1], _TYPE_BOUNDS)
        destination = _choose(high[:, 1], _COUNTY_BOUNDS)
        return Columns(
            first=first,
            offsets_ns=offsets_ns,
            event_times_ms=spec.epoch_s * 1000 + offsets_ns // 1_000_000,
            cells=(county * len(OPERATORS) + operator) * len(TYPES) + kind,
            source_numbers=_FIRST_NUMBERS[county] + low[:, 2] % _SUBSCRIBERS_PER_AREA_CODE,
            destination_numbers=_FIRST_NUMBERS[destination] + high[:, 2] % _SUBSCRIBERS_PER_AREA_CODE,
            durations_ms=np.where(kind == CALL, _DURATIONS_MS[high[:, 3] % _DURATION_QUANTILES], 0),
            malformed=low[:, 3] < self._malformed_below,
            malformed_choices=high[:, 3],
        )

    def _counties(self, first: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the counties that the records from `first` on come from, as their 32-bit `numbers` choose."""
        parts, bounds = self._profile.parts(first, first + len(numbers)), self._county_bounds
        return join([_choose(numbers[at - first : end - first], bounds[piece]) for piece, at, end in parts])

    def lines(self, columns: Columns) -> list[bytes]:
        """The lines of `columns`, without line ends, the malformed ones spoilt."""
        starts = columns.event_times_ms - columns.durations_ms
        lines = [
            b"+1%d,+1%d,%b,%d,%d,%b" % (source, destination, _LOCATIONS[cell], start, end, _TAILS[cell])
            for source, destination, cell, start, end in zip(
                columns.source_numbers.tolist(),
                columns.destination_numbers.tolist(),
                columns.cells.tolist(),
                starts.tolist(),
                columns.event_times_ms.tolist(),
                strict=True,
            )
        ]
        for at in np.flatnonzero(columns.malformed).tolist():
            lines[at] = spoil(lines[at], int(columns.malformed_choices[at]))
        return lines


@dataclass(frozen=True)
class _Piece:
    """Seconds of a workload, from `start_s` after its start on, in which its rate and its counties' shares stay."""

    start_s: int
    rate_records_per_s: int
    county_bounds: NDArray[np.int64]


def _pieces(specification: WorkloadSpecification) -> list[_Piece]:
    spec = specification
    step_s = spec.warmup_s * 2 // 3 if spec.warmup_rate_records_per_s else 0
    borders_s = {spec.warmup_s + border for surge in spec.surges for border in (surge.at_s, surge.end_s)}
    pieces = []
    for start_s in sorted({0, step_s} | borders_s):
        usual = spec.warmup_rate_records_per_s if start_s < step_s else spec.rate_records_per_s
        weights = county_weights(spec.surges, start_s - spec.warmup_s)
        pieces.append(_Piece(start_s, total_rate(usual, weights), _bounds(weights)))
    return pieces


def cell_of(window_s: int, number: int) -> Cell:
    """The cell with this `number` (see `CELLS`) in the window that starts at `window_s`."""
    return Cell(window_s, *CELLS[number])


def _bounds(weights: Iterable[Fraction | float]) -> NDArray[np.int64]:
    """Upper bounds, below 2^32, that divide 32-bit numbers in proportion to `weights`; all but the last."""
    *sums, total = accumulate(Fraction(weight) for weight in weights)
    return np.array([round(each * 2**32 / total) for each in sums], dtype=np.int64)


def _choose(numbers: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(bounds, numbers, side="right").astype(np.int64)


def _call_durations_ms() -> NDArray[np.int64]:
    """Evenly spaced quantiles of the log-normal length of a call."""
    normal = NormalDist(0.0, CALL_DURATION_SIGMA)
    middles = (np.arange(_DURATION_QUANTILES) + 0.5) / _DURATION_QUANTILES
    exponents = np.array([normal.inv_cdf(middle) for middle in middles.tolist()])
    durations_ms: NDArray[np.int64] = np.round(CALL_DURATION_MEDIAN_S * 1000 * np.exp(exponents)).astype(np.int64)
    return durations_ms


_COUNTY_BOUNDS = _bounds(county.population for county in COUNTIES)
_OPERATOR_BOUNDS = _bounds(OPERATOR_SHARES)
_TYPE_BOUNDS = _bounds([CALL_SHARE, 1 - CALL_SHARE])
_FIRST_NUMBERS = np.array([county.area_code * 10_000_000 + 2_000_000 for county in COUNTIES], dtype=np.int64)
_DURATIONS_MS = _call_durations_ms()
_LOCATIONS = [location.encode("ascii") for location, _, _ in CELLS]
_TAILS = [f"{kind},{operator}".encode("ascii") for _, operator, kind in CELLS]
