"""What a user's own data leaves open, decided by hashes; and counts per cell and interval, expanded into records.

Everything is a pure function of the data and a seed: the same input gives the same records on every machine.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import CALIFORNIA, TYPES
from workloads.locations import locations_of
from workloads.workload import OPERATOR_BOUNDS, SUBSCRIBERS_PER_AREA_CODE, bounds, choose

Words = NDArray[np.uint64]

_COUNTY_BOUNDS = bounds(locations_of(CALIFORNIA).weights)

#: Kinds of activity: the records' type, and whether they come in, so that the cell is the destination's.
KINDS = {
    "sms_in": (TYPES.index("text"), True),
    "sms_out": (TYPES.index("text"), False),
    "call_in": (TYPES.index("call"), True),
    "call_out": (TYPES.index("call"), False),
}


def text_words(texts: Iterable[str], seed: int) -> Words:
    """A 64-bit word for each text, shape (texts,): the same for equal texts and seeds."""
    key = seed.to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(text.encode("utf-8"), digest_size=8, key=key).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def number_words(numbers: NDArray[np.int64], seed: int) -> Words:
    """A 64-bit word for each number, shape as theirs: the same for equal numbers and seeds."""
    return _mix(_mix(numbers.astype(np.uint64)) ^ np.uint64(seed))


def derive(words: Words, stream: int) -> Words:
    """Other words in place of `words`, for another decision on the same records; `stream` tells decisions apart."""
    return _mix(words ^ _mix(np.full(1, stream, dtype=np.uint64)))


def _mix(words: Words) -> Words:
    """SplitMix64 (Steele et al., "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014), one step of it."""
    mixed = words + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Words = mixed ^ (mixed >> np.uint64(31))
    return found


def counties_by_population(words: Words) -> NDArray[np.int64]:
    """Numbers of counties in `workloads.california.COUNTIES`, with probabilities in proportion to their populations."""
    return choose((words >> np.uint64(32)).astype(np.int64), _COUNTY_BOUNDS)


def operators_by_share(words: Words) -> NDArray[np.int64]:
    """Numbers of operators in `engines.contract.record.OPERATORS`, by `workloads.california.OPERATOR_SHARES`."""
    return choose((words >> np.uint64(32)).astype(np.int64), OPERATOR_BOUNDS)


def phone_numbers(words: Words, counties: NDArray[np.int64]) -> NDArray[np.int64]:
    """Telephone numbers of ten digits in the counties' area codes."""
    first_numbers = locations_of(CALIFORNIA).first_phone_numbers
    found: NDArray[np.int64] = first_numbers[counties] + (words % np.uint64(SUBSCRIBERS_PER_AREA_CODE)).astype(np.int64)
    return found


@dataclass(frozen=True)
class Activity:
    """Rows of counts, every array of shape (rows,).

    Attributes:
        squares: identifiers of the grid's cells.
        starts_ms: of the intervals, in milliseconds since the Unix epoch.
        amounts: by kind (see `KINDS`): how much there was, 0 or more; not always whole numbers.
    """

    squares: NDArray[np.int64]
    starts_ms: NDArray[np.int64]
    amounts: dict[str, NDArray[np.float64]]


def square_counties(squares: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The county that each square stands for: chosen by a hash, with probabilities in proportion to populations."""
    return counties_by_population(number_words(squares, seed))


def whole_counts(activity: Activity, kind: str, seed: int, records_per_unit: float) -> NDArray[np.int64]:
    """How many records each row stands for, shape (rows,).

    Amounts are added up by county, in the order of time, and each row gives the records by which the rounded sum grows.
    So whole numbers stay what they are, and of fractions no more than half a record of each county and kind is lost.
    """
    counties = square_counties(activity.squares, seed)
    order = np.lexsort((activity.starts_ms, counties))
    sums = np.cumsum(activity.amounts[kind][order] * records_per_unit)
    borders = np.flatnonzero(np.diff(counties[order])) + 1
    before = np.zeros(len(order))
    before[borders] = sums[borders - 1]
    rounded = np.floor(sums - np.maximum.accumulate(before) + 0.5).astype(np.int64)
    grown = np.diff(rounded, prepend=0)
    grown[borders] = rounded[borders]
    counts = np.empty(len(order), dtype=np.int64)
    counts[order] = grown
    return counts


def expand(
    activity: Activity, kind: str, counts: NDArray[np.int64], seed: int, interval_ms: int
) -> dict[str, NDArray[np.int64]]:
    """One record for each count of `kind`, spread evenly over its row's interval from a moment that a hash chooses.

    Args:
        activity: the rows.
        kind: in `KINDS`.
        counts: of each row, see `whole_counts`; shape (rows,).
        seed: decides places in time, operators and numbers.
        interval_ms: the intervals' length.

    Returns: `event_times_ms`, `counties`, `operators`, `types`, `source_numbers`, `destination_numbers` and
        `durations_ms`, each of shape (records,), in the order of the rows.
    """
    type_number, comes_in = KINDS[kind]
    rows = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    row_words = derive(number_words(activity.squares, seed) ^ number_words(activity.starts_ms, seed), _stream(kind))
    # Of several rows of a square and interval (for countries, say), each has words of its own.
    row_words = derive(row_words ^ number_words(np.arange(len(counts)), seed), 0)
    words = derive(row_words[rows] ^ number_words(place, seed), 1)
    phase = (row_words[rows] >> np.uint64(11)).astype(np.float64) / 2**53
    within_ms = ((place + phase) / counts[rows] * interval_ms).astype(np.int64)
    counties = square_counties(activity.squares, seed)[rows]
    here = phone_numbers(derive(words, 2), counties)
    there = phone_numbers(derive(words, 3), counties_by_population(derive(words, 4)))
    return {
        "event_times_ms": activity.starts_ms[rows] + np.minimum(within_ms, interval_ms - 1),
        "counties": counties,
        "operators": operators_by_share(words),
        "types": np.full(len(rows), type_number),
        "source_numbers": there if comes_in else here,
        "destination_numbers": here if comes_in else there,
        "durations_ms": np.zeros(len(rows), dtype=np.int64),
    }


def _stream(kind: str) -> int:
    """The stream (see `derive`) of a kind of activity."""
    return 16 + list(KINDS).index(kind)
