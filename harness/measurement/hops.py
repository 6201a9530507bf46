"""The latency waterfall: each record's way from its intended send time to Redis, taken apart into hops that add up.

The times exist already, and nothing is added to the pipeline to get them:

=================  ============================================  =======================================
moment             where it comes from                           clock
=================  ============================================  =======================================
intended           the schedule                                  generator's host, wall clock at the start
produced           the generator's own note for the record       the same, monotonic from the start on
broker appended    Kafka's log-append time in the input topic    broker's wall clock, in milliseconds
engine emitted     log-append time in the aggregates topic       broker's wall clock, in milliseconds
visible in Redis   ID of the stream entry                        Redis's wall clock, in milliseconds
=================  ============================================  =======================================

The first three are the record's own. The last two are those of the count that showed it
(`harness.measurement.trajectory`), by first-in-first-out matching within the cell; so a mean is exact, and a single
record's hops are as good as the matching.
Records of ambiguous cells (see `harness.measurement.trajectory.Window`) have no such counts, and are left out.

An engine that writes Redis by itself has no aggregates topic. What it emits is seen in Redis only, where its hop ends.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from harness.measurement.changes import NO_CELL, CellCodes, Changes, as_counts
from harness.measurement.trajectory import NEVER, Trajectories
from harness.results.performance import CLOCK_RESOLUTION_MS, Hop, Waterfall, WaterfallBand
from workloads.sample import places, waterfall_records, waterfall_seconds
from workloads.workload import Workload

_BATCH_MESSAGES = 100_000
#: So many records that were counted ahead are named.
EXAMPLES = 3

HOPS = ("send", "append", "engine", "sink")
#: Bands of records by their latency: a name and two quantiles.
BANDS = (("all", 0.0, 1.0), ("median", 0.45, 0.55), ("p90 to p99", 0.90, 0.99), ("slowest 1 %", 0.99, 1.0))


@dataclass(frozen=True)
class Moments:
    """When each of n records was where, in milliseconds after the start of the load; every array of shape (n,).

    `emitted` is None without an aggregates topic.
    """

    intended: NDArray[np.float64]
    produced: NDArray[np.float64]
    appended: NDArray[np.float64]
    emitted: NDArray[np.float64] | None
    visible: NDArray[np.float64]


def emitted_ms(workload: Workload, messages: Iterable[Message]) -> NDArray[np.int64]:
    """When the broker took the counts that first showed each of the workload's `waterfall_records`.

    Args:
        workload: what was sent.
        messages: the aggregates topic's, those of a partition in order; what is not well formed is passed over.

    Returns: milliseconds since the Unix epoch, or NEVER, shape (number of `waterfall_records`,).
    """
    seconds = waterfall_seconds(workload) if workload.is_in_order else ()
    windows = {window_s for second in seconds for window_s in workload.windows(second)}
    # In disorder, a record's window does not tell when it was due: all are followed.
    chosen_s = np.array(sorted(windows), dtype=np.int64) if workload.is_in_order else None
    trajectories, codes = Trajectories(workload), CellCodes(workload.locations)
    for batch in _batches(messages):
        found = _changes(batch, codes)
        wanted = found.codes != NO_CELL
        if chosen_s is not None:
            wanted &= np.isin(found.codes // workload.locations.cell_count, chosen_s)
        trajectories.update(found.only(wanted))
    indexes = waterfall_records(workload)
    times_ms = np.full(len(indexes), NEVER, dtype=np.int64)
    for each in trajectories.take_rest():
        chosen, at = places(indexes, each.indexes)
        times_ms[at] = np.where(each.ambiguous, NEVER, each.seen_ms)[chosen]
    return times_ms


def _batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    left = iter(messages)
    while batch := list(islice(left, _BATCH_MESSAGES)):
        yield batch


def _changes(messages: list[Message], codes: CellCodes) -> Changes:
    """What upserts say; those that are not well formed are of no cell."""
    values = [message.value() or b"" for message in messages]
    keys = [message.key() or b"" for message in messages]
    return Changes(
        np.array([codes[key] if value.isdigit() else NO_CELL for key, value in zip(keys, values, strict=True)]),
        as_counts([int(value) if value.isdigit() else 0 for value in values]),
        np.array([message.timestamp()[1] for message in messages], dtype=np.int64),
    )


def moments(
    workload: Workload,
    anchor_ns: int,
    *,
    errors_ns: NDArray[np.int64],
    appended_ms: NDArray[np.int64],
    emitted_ms: NDArray[np.int64] | None,
    visible_ms: NDArray[np.int64],
) -> Moments:
    """The moments of those of the workload's `waterfall_records` that have all of them.

    Args:
        workload: what was sent.
        anchor_ns: the start of the load, on the wall clock.
        errors_ns: by how much each record was sent too late; as the others, one for each of `waterfall_records`.
        appended_ms, emitted_ms, visible_ms: since the Unix epoch, or NEVER; without an aggregates topic, `emitted_ms`
            is None.
    """
    complete = (appended_ms != NEVER) & (visible_ms != NEVER)
    if emitted_ms is not None:
        complete &= emitted_ms != NEVER
    offsets_ns = np.concatenate(
        [workload.offsets_ns(*workload.second(second)) for second in waterfall_seconds(workload)]
    )[complete]

    def after_start(times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        # Integers first: a double holds nanoseconds of the epoch to some hundred of them only.
        found: NDArray[np.float64] = (times_ms[complete] * 1_000_000 - anchor_ns) / 1e6
        return found

    return Moments(
        intended=offsets_ns / 1e6,
        produced=(offsets_ns + errors_ns[complete]) / 1e6,
        appended=after_start(appended_ms),
        emitted=None if emitted_ms is None else after_start(emitted_ms),
        visible=after_start(visible_ms),
    )


@dataclass(frozen=True)
class CountedAhead:
    """How many records an engine told of before the broker had them, and the first of them, in words."""

    records: int
    examples: list[str]


def counted_ahead(
    workload: Workload, appended_ms: NDArray[np.int64], shown_ms: NDArray[np.int64]
) -> CountedAhead | None:
    """The records that counts told of before the broker had them: by an engine that guesses. None if there are none.

    Where a cell's records are in one partition, they stay in order there, and the count that shows the k-th of them is
    right from when the broker has it. Both times have to be by clocks of one host.

    Args:
        workload: what was sent; one that keeps cells together.
        appended_ms: when the broker had each of the workload's `waterfall_records`, since the Unix epoch, or NEVER.
        shown_ms: when a count first showed each, or NEVER.
    """
    early = (appended_ms != NEVER) & (shown_ms != NEVER) & (shown_ms < appended_ms - CLOCK_RESOLUTION_MS)
    if not early.any():
        return None
    first = np.flatnonzero(early)[:EXAMPLES].tolist()
    indexes = waterfall_records(workload)
    examples = [_ahead(workload, int(indexes[at]), int(appended_ms[at] - shown_ms[at])) for at in first]
    return CountedAhead(int(early.sum()), examples)


def _ahead(workload: Workload, index: int, by_ms: int) -> str:
    columns = workload.columns(index, index + 1)
    cell = workload.locations.cell(int(workload.locations.key(columns.windows_s, columns.cells)[0]))
    return f"second {cell.window_s}, {cell.location}|{cell.operator}|{cell.type}: {by_ms} ms too early"


def waterfall(found: Moments) -> Waterfall | None:
    """The hops of the records in `found`, whole and by bands of latency; None without records.

    In every band, the hops' means add up to the mean latency.
    """
    if not len(found.intended):
        return None
    emitted = [] if found.emitted is None else [found.emitted]
    times = np.stack([found.intended, found.produced, found.appended, *emitted, found.visible])
    hops = np.diff(times, axis=0)
    latencies = times[-1] - times[0]
    by_latency = np.argsort(latencies, kind="stable")
    return Waterfall(
        records=len(latencies),
        hops=[
            Hop(
                name=name,
                mean_ms=float(hop.mean()),
                p50_ms=float(np.percentile(hop, 50)),
                p99_ms=float(np.percentile(hop, 99)),
                negative_count=int(np.count_nonzero(hop < -1.0)),
            )
            for name, hop in zip(HOPS[: len(hops)], hops, strict=True)
        ],
        bands=[_band(name, hops, latencies, _slice(by_latency, low, high)) for name, low, high in BANDS],
    )


def _slice(order: NDArray[np.int64], low: float, high: float) -> NDArray[np.int64]:
    first = min(int(low * len(order)), len(order) - 1)
    return order[first : max(int(high * len(order)), first + 1)]


def _band(
    name: str, hops: NDArray[np.float64], latencies: NDArray[np.float64], chosen: NDArray[np.int64]
) -> WaterfallBand:
    return WaterfallBand(
        name=name,
        records=len(chosen),
        latency_ms=float(latencies[chosen].mean()),
        hops_ms=dict(zip(HOPS[: len(hops)], hops[:, chosen].mean(axis=1).tolist(), strict=True)),
    )
