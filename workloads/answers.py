"""What queries must answer, from the seed alone: the truth that engines are held to. Definitions: docs/queries.md.

All of it is done with arrays of all well-formed records at once, and shares nothing with any engine.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contract.queries import DISTINCT_CALLERS, DISTINCT_CALLERS_HLL, PAIRS, SESSIONS, TOP_COUNTIES
from engines.contract.record import TYPES
from workloads.lateness import greatest_ms
from workloads.locations import CELLS_PER_LOCATION
from workloads.workload import CALL, Workload

#: Engines may draw the line between open and closed a little differently: one takes the watermark's own moment for
#: closed, another does not.
MARGIN_MS = 10

_CHUNK_RECORDS = 1 << 18

Integers = NDArray[np.int64]


class Answer(NamedTuple):
    """An answer.

    Attributes:
        value: what it has to be.
        last_ms: event time of the last record that it tells of.
        settled_ms: from this event time on, no record can change it.
    """

    value: int
    last_ms: int
    settled_ms: int


@dataclass(frozen=True)
class ExpectedAnswers:
    """What a query must answer of a workload.

    Attributes:
        answers: by key, as it stands in the aggregates topic.
        closed_ms: answers settled at or before this event time must be given; those after it may be.
    """

    answers: dict[bytes, Answer]
    closed_ms: int

    @cached_property
    def due(self) -> dict[bytes, Answer]:
        """The answers that must be given."""
        return {key: answer for key, answer in self.answers.items() if answer.settled_ms <= self.closed_ms}


@dataclass(frozen=True)
class _Records:
    """All well-formed records; every array of shape (records,). `locations` are numbers in the order of `codes`."""

    event_ms: Integers
    locations: Integers
    callers: Integers
    callees: Integers
    is_call: NDArray[np.bool_]
    codes: tuple[str, ...]


def expected_answers(workload: Workload, query: str, parameters: dict[str, int]) -> ExpectedAnswers:
    """What `query`, in `engines.contract.queries.QUERIES` but not counts, must answer of `workload`.

    Takes some 100 bytes of memory a record, and as much for each answer.
    """
    return ExpectedAnswers(dict(_ANSWERS[query](_records(workload), **parameters)), _closed_ms(workload))


def may_be_late(workload: Workload) -> bool:
    """Whether a watermark may have passed the event time of some record before an engine takes it."""
    if workload.is_in_order:
        return False
    offsets_ns, event_ms, well_formed = _times(workload)
    greatest = greatest_ms(offsets_ns, np.where(well_formed, event_ms, np.iinfo(np.int64).min))
    return bool((well_formed & (event_ms <= greatest - workload.specification.allowed_lateness_ms)).any())


def _distinct_callers(records: _Records, window_s: int) -> Iterator[tuple[bytes, Answer]]:
    windows_s = _windows_s(records.event_ms, window_s)
    order = np.lexsort((records.callers, records.locations, windows_s))
    columns = windows_s[order], records.locations[order]
    is_new = _changes(*columns, records.callers[order])
    for group in _groups(*columns):
        start_s, location = (int(column[group.start]) for column in columns)
        last_ms = int(records.event_ms[order[group]].max())
        answer = Answer(int(is_new[group].sum()), last_ms, (start_s + window_s) * 1000)
        yield f"{start_s}|{records.codes[location]}".encode("ascii"), answer


def _top_counties(records: _Records, window_s: int, k: int) -> Iterator[tuple[bytes, Answer]]:
    windows_s = _windows_s(records.event_ms, window_s)
    order = np.argsort(windows_s, kind="stable")
    for group in _groups(windows_s[order]):
        own = order[group]
        start_s, last_ms = int(windows_s[own[0]]), int(records.event_ms[own].max())
        counts = np.bincount(records.locations[own], minlength=len(records.codes)).tolist()
        ranked = sorted((-count, code) for code, count in zip(records.codes, counts, strict=True) if count)
        for rank, (_, code) in enumerate(ranked[:k], start=1):
            yield f"{start_s}|{rank}".encode("ascii"), Answer(int(code), last_ms, (start_s + window_s) * 1000)


def _sessions(records: _Records, gap_s: int) -> Iterator[tuple[bytes, Answer]]:
    order = np.lexsort((records.event_ms, records.callers))
    callers, event_ms = records.callers[order], records.event_ms[order]
    begins = _changes(callers)
    begins[1:] |= np.diff(event_ms) > gap_s * 1000
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(callers))
    columns = (callers[starts], event_ms[starts], event_ms[ends - 1], ends - starts)
    for caller, start_ms, end_ms, count in zip(*(each.tolist() for each in columns), strict=True):
        key = f"{start_ms // 1000}|+1{caller}|{start_ms}|{end_ms}"
        yield key.encode("ascii"), Answer(count, end_ms, end_ms + gap_s * 1000)


def _pairs(records: _Records, window_s: int, within_s: int) -> Iterator[tuple[bytes, Answer]]:
    lower, higher = np.minimum(records.callers, records.callees), np.maximum(records.callers, records.callees)
    _, found = np.unique(np.stack([lower, higher]), axis=1, return_inverse=True)
    pairs = found.reshape(-1)
    first_ms, within_ms = int(records.event_ms.min(initial=0)), within_s * 1000
    # One ordered number for each pair and time, with room between pairs, so that no search strays into another.
    span_ms = int(records.event_ms.max(initial=0)) - first_ms + 2 * within_ms + 1
    moments = pairs * span_ms + records.event_ms - first_ms
    texts, call_moments = np.sort(moments[~records.is_call]), moments[records.is_call]
    firsts = np.searchsorted(texts, call_moments - within_ms, side="left")
    lasts = np.searchsorted(texts, call_moments + within_ms, side="right")
    calls = np.flatnonzero(records.is_call)[lasts > firsts]
    matches, last_texts = (lasts - firsts)[lasts > firsts], texts[lasts[lasts > firsts] - 1]
    last_text_ms = last_texts % span_ms + first_ms
    windows_s = _windows_s(records.event_ms[calls], window_s)
    order = np.lexsort((pairs[calls], windows_s))
    for group in _groups(windows_s[order], pairs[calls][order]):
        own = order[group]
        at, start_s = calls[own[0]], int(windows_s[own[0]])
        last_ms = int(max(records.event_ms[calls[own]].max(), last_text_ms[own].max()))
        key = f"{start_s}|+1{lower[at]}|+1{higher[at]}"
        answer = Answer(int(matches[own].sum()), last_ms, (start_s + window_s + within_s) * 1000)
        yield key.encode("ascii"), answer


_ANSWERS: dict[str, Callable[..., Iterator[tuple[bytes, Answer]]]] = {
    DISTINCT_CALLERS: _distinct_callers,
    DISTINCT_CALLERS_HLL: _distinct_callers,
    TOP_COUNTIES: _top_counties,
    SESSIONS: _sessions,
    PAIRS: _pairs,
}


def _records(workload: Workload) -> _Records:
    parts = []
    for first in range(0, workload.total_records, _CHUNK_RECORDS):
        columns = workload.columns(first, min(first + _CHUNK_RECORDS, workload.total_records))
        parts.append(columns.only(~columns.malformed))
    cells = np.concatenate([part.cells for part in parts])
    return _Records(
        event_ms=np.concatenate([part.event_times_ms for part in parts]),
        locations=cells // CELLS_PER_LOCATION,
        callers=np.concatenate([part.source_numbers for part in parts]),
        callees=np.concatenate([part.destination_numbers for part in parts]),
        is_call=cells % len(TYPES) == CALL,
        codes=workload.locations.codes,
    )


def _times(workload: Workload) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Offsets in ns and event times in ms of all records, and which are well formed; each of shape (records,)."""
    parts = [
        workload.columns(first, min(first + _CHUNK_RECORDS, workload.total_records))
        for first in range(0, workload.total_records, _CHUNK_RECORDS)
    ]
    return (
        np.concatenate([part.offsets_ns for part in parts]),
        np.concatenate([part.event_times_ms for part in parts]),
        ~np.concatenate([part.malformed for part in parts]),
    )


def _closed_ms(workload: Workload) -> int:
    """The event time that every engine's watermark passes in the end: the least of the partitions' own."""
    _, event_ms, well_formed = _times(workload)
    partitions = workload.partitions(0, workload.total_records)[well_formed]
    own_ms = event_ms[well_formed]
    least_ms = min((int(own_ms[partitions == each].max()) for each in np.unique(partitions)), default=0)
    return least_ms - workload.specification.allowed_lateness_ms - MARGIN_MS


def _windows_s(event_ms: Integers, window_s: int) -> Integers:
    """Start of each event's window, in seconds since the Unix epoch."""
    found: Integers = event_ms // (window_s * 1000) * window_s
    return found


def _changes(*columns: Integers) -> NDArray[np.bool_]:
    """Where any of `columns` differs from the row before; the first row does."""
    found = np.ones(len(columns[0]), dtype=np.bool_)
    found[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return found


def _groups(*columns: Integers) -> Iterator[slice]:
    """The runs of rows that are equal in all `columns`."""
    starts = np.flatnonzero(_changes(*columns)).tolist() if len(columns[0]) else []
    yield from (slice(first, last) for first, last in zip(starts, [*starts[1:], len(columns[0])], strict=True))
