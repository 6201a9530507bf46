"""The workload: every record, line by line, as a pure function of a seed and an index.

Record i takes its randomness from the i-th block of the counter-based generator Philox-4x64 (Salmon et al., "Parallel
Random Numbers: As Easy as 1, 2, 3", SC 2011) keyed by the seed, so that any range of records can be made alone and in
any order. Only raw 64-bit words are drawn and everything else is integer arithmetic and table look-up, because NumPy
promises to keep its bit generators' streams, but not its distributions', from version to version.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import accumulate
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import CALIFORNIA, OPERATORS, TYPES
from workloads.california import (
    CALL_DURATION_MEDIAN_S,
    CALL_DURATION_SIGMA,
    CALL_SHARE,
    OPERATOR_SHARES,
)
from workloads.disorder import MAX_COPY_DISTANCE, Disorder, Shifts, originals
from workloads.lines import Lines, encode
from workloads.locations import locations_of
from workloads.malformed import KINDS, Spoiler
from workloads.partitioning import CELL, ROUND_ROBIN, cell_partitions
from workloads.profiles import NANOSECONDS_PER_S, ConstantRate, Pieces, join
from workloads.shapes import Shape, profile_factors, shape_from_json
from workloads.surges import Surge, county_weights, usual_weights

CALL = TYPES.index("call")

#: Where partitions take turns, so long a run of records goes to one partition before the next, as with the sticky
#: partitioner of Kafka's own producer (KIP-480). A request carries one partition's records: more runs, more requests.
TURN_MS = 2

_MILLION = 1_000_000
#: So many records are made at once to know their cells.
_CHUNK_RECORDS = 1 << 18
_WORDS_PER_RECORD = 4
#: Philox's key has 128 bits. The seed is the lower half; what chooses disorder has a key, far from the profile's.
_DISORDER_KEY = 1 << 127
_DURATION_QUANTILES = 4096
SUBSCRIBERS_PER_AREA_CODE = 8_000_000  # NXX-XXXX, N from 2 to 9


@dataclass(frozen=True)
class WorkloadSpecification:
    """All that determines a workload.

    Attributes:
        seed: 0 to 2^64 - 1.
        rate_records_per_s: the rate that the profile's shapes multiply.
        warmup_s, duration_s: length of the warm-up and of the measured time after it; both whole seconds.
        partitions: of the input topic.
        partitioning: `workloads.partitioning.CELL`, if a record's partition is that of its cell, or ``ROUND_ROBIN``.
        profile: shapes of the rate over the measured time, which multiply each other; none for a constant rate.
        warmup_rate_records_per_s: the rate in the first two thirds of the warm-up; 0 for no other rate.
        surges: of counties, in the measured time; those of one county do not overlap. While there are any, the rate
            is that of all counties together, and counted anew from each second on in which a surge begins or ends.
        locations: the set, in `engines.contract.record.LOCATIONS`, that records come from. Surges are of California's
            counties only.
        zipf_exponent: of the locations' usual shares by rank; None for shares by population, or by the set's own law.
        hot_share: share of the records that go to partition 0, in whole millionths of turns, or as near as cells'
            shares come to it; None for equal shares.
        subscribers: how many telephone numbers there are to each area code; fewer, and callers come again and again.
        malformed_per_million: how many lines in a million are malformed, on average.
        malformed_kinds: names in `workloads.malformed.KINDS`: the ways in which they are.
        duplicates_per_million: how many records in a million repeat the line of one shortly before, on average; at
            most `workloads.disorder.MAX_DUPLICATES_PER_MILLION`.
        disorder: how event times differ from intended send times; None for not at all.
        allowed_lateness_ms: how late the engines must still count a record. Decides nothing that is sent, but which
            records have to be counted.
        epoch_s: event time of offset 0, in seconds since the Unix epoch. Fixed, so that a seed gives the same bytes
            whenever it is run; event time runs beside wall-clock time at a constant distance. Of a replay, the second
            of the first record's event time.
        replayed: folder of a user's own records, prepared for replay (see `workloads.replay`). They take the place of
            those that the seed makes; profile, surges, shares, malformed lines, duplicates and disorder are none then.
            Empty for no replay.
    """

    seed: int
    rate_records_per_s: int
    warmup_s: int
    duration_s: int
    partitions: int
    profile: tuple[Shape, ...] = ()
    warmup_rate_records_per_s: int = 0
    surges: tuple[Surge, ...] = ()
    locations: str = CALIFORNIA
    zipf_exponent: float | None = None
    partitioning: str = CELL
    hot_share: float | None = None
    subscribers: int = SUBSCRIBERS_PER_AREA_CODE
    malformed_per_million: int = 0
    malformed_kinds: tuple[str, ...] = tuple(KINDS)
    duplicates_per_million: int = 0
    disorder: Disorder | None = None
    allowed_lateness_ms: int = 10_000
    epoch_s: int = 1_767_225_600  # 2026-01-01T00:00:00Z
    replayed: str = ""

    @property
    def keeps_cells_together(self) -> bool:
        """Whether all records of a cell are in one partition, and so in order."""
        return self.partitioning == CELL or self.partitions == 1

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "WorkloadSpecification":
        """The specification that `dataclasses.asdict` has made `found` of, also after a way through JSON."""
        surges = tuple(Surge(**each) for each in found["surges"])
        disorder = Disorder(**found["disorder"]) if found["disorder"] else None
        kinds = tuple(found["malformed_kinds"])
        own = {"surges": surges, "profile": tuple(map(shape_from_json, found["profile"]))}
        return cls(**found | own | {"malformed_kinds": kinds, "disorder": disorder})


@dataclass(frozen=True)
class Columns:
    """A range of records as arrays, each of shape (number of records,).

    `cells` are cell numbers within the window (see `workloads.locations`), `windows_s` starts of windows in seconds
    since the Unix epoch, `offsets_ns` intended send times after the start, `malformed` which lines are spoilt.
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

    def only(self, chosen: NDArray[np.bool_]) -> "Columns":
        """The `chosen` ones of the records, shape (number of records,); `first` stays."""
        arrays = {each.name: getattr(self, each.name)[chosen] for each in fields(self) if each.name != "first"}
        return Columns(first=self.first, **arrays)


def joined(parts: Sequence[Columns]) -> Columns:
    """The records of `parts`, one or more, one after the other; `first` is that of the first."""
    if len(parts) == 1:
        return parts[0]
    names = [each.name for each in fields(Columns) if each.name != "first"]
    return Columns(
        first=parts[0].first, **{name: np.concatenate([getattr(each, name) for each in parts]) for name in names}
    )


class Workload:
    """The records that a specification describes, made from its seed.

    All that sends, archives, measures and verifies knows records by this class only. `workloads.replay.Replay` has
    another source for them; `workloads.replay.open_workload` tells which of the two a specification asks for.
    """

    def __init__(self, specification: WorkloadSpecification) -> None:
        self.specification = specification
        #: The set of locations that records come from, and their cells.
        self.locations = locations_of(specification.locations)
        _, self._destination_bounds = _division(specification.locations, None, ())
        pieces = _pieces(specification)
        self._profile = Pieces([(piece.start_s, ConstantRate(piece.rate_records_per_s)) for piece in pieces])
        self._location_bounds = [piece.location_bounds for piece in pieces]
        self._malformed_below = specification.malformed_per_million * 2**32 // _MILLION
        self._spoiler = Spoiler(specification.malformed_kinds, specification.locations)
        self._shifts = Shifts(specification.disorder or Disorder())
        #: Whether records come in the order of their event times, so that those of a window are one range.
        self.is_in_order = not specification.duplicates_per_million and specification.disorder is None
        self.total_s = specification.warmup_s + specification.duration_s
        self.total_records = self._profile.due_before(self.total_s * NANOSECONDS_PER_S)
        measured_from_s = specification.warmup_s
        changes_s = (each.start_s for each in pieces if each.start_s >= measured_from_s and not each.is_usual)
        #: Whole seconds of the measured time before a surge or another rate begins.
        self.quiet_s = next(changes_s, self.total_s) - measured_from_s

    def due_before(self, offset_ns: int) -> int:
        """How many records are due strictly before `offset_ns` nanoseconds after the start."""
        return min(self._profile.due_before(offset_ns), self.total_records)

    def second(self, offset_s: int) -> tuple[int, int]:
        """First and past-the-last index of the records due in the second that starts `offset_s` after the start."""
        return self.due_before(offset_s * NANOSECONDS_PER_S), self.due_before((offset_s + 1) * NANOSECONDS_PER_S)

    def window(self, window_s: int) -> tuple[int, int]:
        """First and past-the-last index of the records of the window that starts at `window_s`, if all are in order."""
        return self.second(window_s - self.specification.epoch_s)

    def windows(self, offset_s: int) -> list[int]:
        """Starts of the windows of the records due in the second that starts `offset_s`, if all are in order."""
        return [self.specification.epoch_s + offset_s]

    def partitions(self, first: int, last: int) -> NDArray[np.int64]:
        """Input partitions of the records `first` to `last` - 1, shape (last - first,)."""
        if self.specification.partitioning == ROUND_ROBIN:
            return self._turns(first, last)
        found = np.empty(last - first, dtype=np.int64)
        for start in range(first, last, _CHUNK_RECORDS):
            end = min(start + _CHUNK_RECORDS, last)
            found[start - first : end - first] = self.partitions_of(self.columns(start, end))
        return found

    def partitions_of(self, columns: Columns) -> NDArray[np.int64]:
        """`partitions` of a whole range of records that has been made already."""
        if self.specification.partitioning == ROUND_ROBIN:
            return self._turns(columns.first, columns.first + len(columns.cells))
        return self._cell_partitions[columns.cells]

    @cached_property
    def _cell_partitions(self) -> NDArray[np.int64]:
        spec = self.specification
        return cell_partitions(spec.locations, spec.partitions, spec.hot_share)

    def _turns(self, first: int, last: int) -> NDArray[np.int64]:
        """Partitions that take turns of `TURN_MS` at the specification's rate.

        With a `hot_share`, partition 0 has its share of the turns, spread evenly, and the others take turns at the
        rest.
        """
        turn_records = max(1, self.specification.rate_records_per_s * TURN_MS // 1000)
        turn = np.arange(first, last, dtype=np.int64) // turn_records
        if self.specification.hot_share is None:
            return turn % self.specification.partitions
        hot_per_million = round(self.specification.hot_share * _MILLION)
        before = _hot_before(turn, hot_per_million)
        others = 1 + (turn - before) % (self.specification.partitions - 1)
        return np.where(_hot_before(turn + 1, hot_per_million) > before, 0, others)

    def offsets_ns(self, first: int, last: int) -> NDArray[np.int64]:
        """Intended send times of the records `first` to `last` - 1, after the start, shape (last - first,)."""
        return self._profile.offsets_ns(first, last)

    def columns(self, first: int, last: int) -> Columns:
        """The records `first` to `last` - 1 as arrays."""
        return self._in_order(first, last) if self.is_in_order else self._in_disorder(first, last)

    def _in_disorder(self, first: int, last: int) -> Columns:
        """`columns` of a workload with disorder or duplicates."""
        start = max(0, first - MAX_COPY_DISTANCE)
        found = self._in_order(start, last)
        low, high = _random_halves(self.specification.seed + _DISORDER_KEY, start, last)
        event_times_ms = found.event_times_ms + self._shifts.shifts_ms(low, high)
        said = originals(low, high, self.specification.duplicates_per_million)[first - start :]
        return Columns(
            first=first,
            offsets_ns=found.offsets_ns[first - start :],
            event_times_ms=event_times_ms[said],
            cells=found.cells[said],
            source_numbers=found.source_numbers[said],
            destination_numbers=found.destination_numbers[said],
            durations_ms=found.durations_ms[said],
            malformed=found.malformed[said],
            malformed_choices=found.malformed_choices[said],
        )

    def _in_order(self, first: int, last: int) -> Columns:
        """The records `first` to `last` - 1, were there no disorder and no duplicates."""
        spec = self.specification
        low, high = _random_halves(spec.seed, first, last)
        offsets_ns = self.offsets_ns(first, last)
        county = self._places(first, low[:, 0])
        operator = choose(high[:, 0], OPERATOR_BOUNDS)
        kind = choose(low[:, 1], _TYPE_BOUNDS)
        destination = choose(high[:, 1], self._destination_bounds)
        first_numbers = self.locations.first_phone_numbers
        return Columns(
            first=first,
            offsets_ns=offsets_ns,
            event_times_ms=spec.epoch_s * 1000 + offsets_ns // 1_000_000,
            cells=(county * len(OPERATORS) + operator) * len(TYPES) + kind,
            source_numbers=first_numbers[county] + low[:, 2] % spec.subscribers,
            destination_numbers=first_numbers[destination] + high[:, 2] % spec.subscribers,
            durations_ms=np.where(kind == CALL, _DURATIONS_MS[high[:, 3] % _DURATION_QUANTILES], 0),
            malformed=low[:, 3] < self._malformed_below,
            malformed_choices=high[:, 3],
        )

    def _places(self, first: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the locations that the records from `first` on come from, as their 32-bit `numbers` choose."""
        parts, by_piece = self._profile.parts(first, first + len(numbers)), self._location_bounds
        return join([choose(numbers[at - first : end - first], by_piece[piece]) for piece, at, end in parts])

    def encoded(self, columns: Columns) -> Lines:
        """The lines of `columns`, the malformed ones spoilt."""
        ends_ms = columns.event_times_ms
        starts_ms = ends_ms - columns.durations_ms
        numbers = columns.source_numbers, columns.destination_numbers
        lines = encode(columns.cells, *numbers, starts_ms, ends_ms, self.specification.locations)
        for at in np.flatnonzero(columns.malformed).tolist():
            lines.others[at] = self._spoiler.spoil(lines.line(at), int(columns.malformed_choices[at]))
        return lines

    def lines(self, columns: Columns) -> list[bytes]:
        """The lines of `columns`, without line ends, the malformed ones spoilt."""
        return self.encoded(columns).as_list()


@dataclass(frozen=True)
class _Piece:
    """Seconds of a workload, from `start_s` after its start on, in which its rate and its counties' shares stay."""

    start_s: int
    rate_records_per_s: int
    location_bounds: NDArray[np.int64]
    is_usual: bool  # the rate is the specification's own, and no county surges


def _pieces(specification: WorkloadSpecification) -> list[_Piece]:
    spec = specification
    step_s = spec.warmup_s * 2 // 3 if spec.warmup_rate_records_per_s else 0
    # The profile leaves the warm-up alone, so that engines get warm at the rate that its factors multiply.
    factors = [Fraction(1)] * spec.warmup_s + profile_factors(spec.profile, spec.duration_s, spec.seed)
    borders_s = {spec.warmup_s + border for surge in spec.surges for border in (surge.at_s, surge.end_s)}
    borders_s |= {second for second in range(1, len(factors)) if factors[second] != factors[second - 1]}
    pieces = []
    for start_s in sorted(border for border in borders_s | {0, step_s} if border < len(factors)):
        surges = tuple(each for each in spec.surges if each.at_s <= start_s - spec.warmup_s < each.end_s)
        surge_factor, location_bounds = _division(spec.locations, spec.zipf_exponent, surges)
        base = spec.warmup_rate_records_per_s if start_s < step_s else spec.rate_records_per_s
        rate = max(1, round(base * factors[start_s] * surge_factor))
        is_usual = rate == spec.rate_records_per_s and not surges
        pieces.append(_Piece(start_s, rate, location_bounds, is_usual))
    return pieces


@lru_cache(maxsize=64)  # seconds are many, and sets of surges few; a workload is opened several times in a trial
def _division(
    locations: str, zipf_exponent: float | None, surges: tuple[Surge, ...]
) -> tuple[Fraction, NDArray[np.int64]]:
    """By what factor `surges` change the whole rate, and the bounds (not to be changed) that divide it by location."""
    usual = usual_weights(locations_of(locations), zipf_exponent)
    weights = county_weights(usual, surges)
    return sum(weights, Fraction(0)) / sum(usual), bounds(weights)


def _hot_before(index: NDArray[np.int64], hot_per_million: int) -> NDArray[np.int64]:
    """How many of the records before each `index` are hot: spread evenly, and exactly so many in every million."""
    # Millions and rest apart: the product of an index and a million could overflow.
    millions, rest = np.divmod(index, _MILLION)
    before: NDArray[np.int64] = millions * hot_per_million + rest * hot_per_million // _MILLION
    return before


def _random_halves(key: int, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lower and upper halves of the random words of records `first` to `last` - 1, shape (records, words) each."""
    count = last - first
    words = np.random.Philox(key=key, counter=first).random_raw(_WORDS_PER_RECORD * count)
    words = words.reshape(count, _WORDS_PER_RECORD)
    return (words & 0xFFFF_FFFF).astype(np.int64), (words >> 32).astype(np.int64)


def bounds(weights: Iterable[Fraction | float]) -> NDArray[np.int64]:
    """Upper bounds, below 2^32, that divide 32-bit numbers in proportion to `weights`; all but the last."""
    *sums, total = accumulate(Fraction(weight) for weight in weights)
    return np.array([round(each * 2**32 / total) for each in sums], dtype=np.int64)


def choose(numbers: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(bounds, numbers, side="right").astype(np.int64)


def _call_durations_ms() -> NDArray[np.int64]:
    """Evenly spaced quantiles of the log-normal length of a call."""
    normal = NormalDist(0.0, CALL_DURATION_SIGMA)
    middles = (np.arange(_DURATION_QUANTILES) + 0.5) / _DURATION_QUANTILES
    exponents = np.array([normal.inv_cdf(middle) for middle in middles.tolist()])
    durations_ms: NDArray[np.int64] = np.round(CALL_DURATION_MEDIAN_S * 1000 * np.exp(exponents)).astype(np.int64)
    return durations_ms


OPERATOR_BOUNDS = bounds(OPERATOR_SHARES)
_TYPE_BOUNDS = bounds([CALL_SHARE, 1 - CALL_SHARE])
_DURATIONS_MS = _call_durations_ms()
