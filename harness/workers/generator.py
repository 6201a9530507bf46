"""The open-loop generator: sends each record when it is due, whatever became of those before it."""

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from engines.contract.events import EventWriter
from engines.contract.kafka import librdkafka_properties
from harness.clients.kafka_producer import BulkProducer, Messages
from harness.clients.kafka_topics import replicas
from harness.numerics.durations import Durations, encode, quantiles_ms
from harness.workers.jobs import GeneratorJob, Pulse, await_anchor, run_worker
from harness.workers.orders import ORDERS_POLL_S, ClockOrders, EndOrders
from workloads.partitioning import CELL
from workloads.parts import Part
from workloads.profiles import NANOSECONDS_PER_S
from workloads.replay import open_workload
from workloads.sample import places, waterfall_records
from workloads.workload import Columns, Workload, WorkloadSpecification

#: Lines are made this long before they are due, a slice at a time, so that making them delays none.
LOOKAHEAD_S = 1.0
#: But no more of them, so that their memory does not grow with the rate.
LOOKAHEAD_RECORDS = 250_000
SLICES_PER_S = 50
#: Smaller slices cost more for each record. Larger ones delay those that are due meanwhile by more than a tick.
SLICE_RECORDS_LEAST, SLICE_RECORDS_MOST = 250, 4000
#: Never wake more often than this: at high rates, records due within one tick go out together.
TICK_NS = 1_000_000
TOPIC_DEADLINE_S = 30
#: Nor sleep longer than this, so that what the broker has acknowledged is told where records are few.
IDLE_NS = 50_000_000
FLUSH_DEADLINE_S = 60

PRODUCER_PROPERTIES: dict[str, str | int | bool] = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    # A partition's turn is as long: about one request for each.
    "linger.ms": 2,
    # As Kafka's own clients do: else a small request may wait until the one before it is answered.
    "socket.nagle.disable": True,
    # At high rates, a turn is more than librdkafka's default of messages in a batch.
    "batch.num.messages": 100_000,
    "queue.buffering.max.messages": 2_000_000,
    "queue.buffering.max.kbytes": 1_048_576,
}

#: Of a partition, an idempotent producer has one request on its way at a time, and while the next one is overdue,
#: librdkafka spins. Several brokers take longer to acknowledge than the linger above: at 2,000 records/s, half a core.
REPLICATED_LINGER_MS = 50

#: Where a moment's records are of all partitions, requests are many and small. At rates from this on, they would cost
#: more than the records do.
SPREAD_FROM_RECORDS_PER_S, SPREAD_LINGER_MS = 100_000, 10


@dataclass
class _Slice:
    """Records before the index `end`, ready to be sent: their indexes, when each is due, how many are on their way."""

    end: int
    indexes: NDArray[np.int64]
    due_ns: NDArray[np.int64]
    messages: Messages
    sent: int = 0


class WallClock:
    """The generator's wall clock: the host's, stepped as the file `orders` says. The schedule does not go by it.

    Attributes:
        offset_ms: how far it is ahead of the host's.
        steps: how often it was stepped.
    """

    def __init__(self, orders: str) -> None:
        self.offset_ms = self.steps = 0
        self._orders = Path(orders) if orders else None
        self._next_look_s = 0.0

    def look(self) -> None:
        """Obey the orders, if it is time to look at them."""
        if self._orders is None or (now_s := time.monotonic()) < self._next_look_s:
            return
        self._next_look_s = now_s + ORDERS_POLL_S
        offset_ms = ClockOrders.read(self._orders).offset_ms
        self.steps += offset_ms != self.offset_ms
        self.offset_ms = offset_ms

    def now_ns(self) -> int:
        """Now, in nanoseconds since the Unix epoch."""
        return time.time_ns() + self.offset_ms * 1_000_000

    def stamp_ms(self) -> int:
        """What a message sent now is stamped with; 0 where Kafka's client sees the same clock, and stamps by itself."""
        return self.now_ns() // 1_000_000 if self.offset_ms else 0


class LoadEnd:
    """Where the load ends: with its workload, or at an earlier second, once the file `orders` says so."""

    def __init__(self, orders: str, workload: Workload) -> None:
        self.total_records = workload.total_records
        self._workload = workload
        self._orders = Path(orders) if orders else None
        self._next_look_s = 0.0

    def look(self) -> bool:
        """Look at the orders, if it is time to. Returns whether the end is another one than before."""
        if self._orders is None or (now_s := time.monotonic()) < self._next_look_s:
            return False
        self._next_look_s, before = now_s + ORDERS_POLL_S, self.total_records
        if total_s := EndOrders.read(self._orders).total_s:
            self.total_records = self._workload.due_before(total_s * NANOSECONDS_PER_S)
        return self.total_records != before


class Generator:
    """Sends one workload once: a message for each record, or for each of its shard."""

    def __init__(self, job: GeneratorJob, events: EventWriter) -> None:
        self._job, self._events = job, events
        self._clock = WallClock(job.orders)
        events.wall_ns = self._clock.now_ns
        self._start_ns: int | None = None
        self._workload = open_workload(job.workload)
        self._end = LoadEnd(job.end, self._workload)
        self._first_measured = self._workload.due_before(job.workload.warmup_s * NANOSECONDS_PER_S)
        access = librdkafka_properties(job.bootstrap_servers, job.kafka_properties)
        self._properties = producer_properties(replicas(access, job.topic), job.workload)
        self._producer = BulkProducer(self._properties | access, job.topic)
        self._part = Part(self._workload, job.shard, job.shards)
        own_rate_records_per_s = int(job.workload.rate_records_per_s * self._part.share)
        own_records = min(max(own_rate_records_per_s // SLICES_PER_S, SLICE_RECORDS_LEAST), SLICE_RECORDS_MOST)
        # Indexes count the records of other generators, too.
        self._slice_records, self._lookahead_records = self._among_all(own_records), self._among_all(LOOKAHEAD_RECORDS)
        self._ready: deque[_Slice] = deque()
        self._made = self._passed = 0  # before these indexes, lines are made, and what is due is on its way
        self._sent = 0
        self._sent_by_second: Counter[int] = Counter()
        self._errors = Durations()
        self._new_errors: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []  # indexes sent last, errors in ns
        self._apart = waterfall_records(self._workload)
        # Written to at once: pages of zeros are taken up one by one only, which looks like a leak.
        self._apart_errors_ns = np.full(len(self._apart), 0, dtype=np.int64)

    def run(self, stop: threading.Event) -> dict[str, Any]:
        """Send everything, or what is due until `stop` is set. Returns totals and the schedule error."""
        self._producer.await_topic(TOPIC_DEADLINE_S)
        began_ns = time.monotonic_ns()
        while self._make_slice(0):
            pass
        prepared_ns = time.monotonic_ns() - began_ns
        self._events.send("ready", version="", config=self._properties)
        if anchor_ns := await_anchor(self._job.anchor, stop):
            # The wall clock names the moment; the monotonic clock keeps time from there on.
            start_ns = self._start_ns = time.monotonic_ns() + anchor_ns - self._clock.now_ns()
            if start_ns < time.monotonic_ns() and not self._job.may_be_late:
                raise RuntimeError("the agreed start time had passed before the generator heard of it")
            self._send_all(start_ns, stop)
            self._producer.flush(FLUSH_DEADLINE_S)
        found = self._totals() | {"preparing_ms": prepared_ns / 1e6, "sent_by_second": self._by_second()}
        self._note_errors()
        np.savez(self._job.output, indexes=self._apart, errors_ns=self._apart_errors_ns)
        self._producer.close()
        return found | schedule_errors(self._errors.to_histogram(), self._errors.max_ms)

    def _send_all(self, start_ns: int, stop: threading.Event) -> None:
        pulse = Pulse(self._events)
        while self._passed < self._end.total_records and not stop.is_set():
            self._clock.look()
            now_ns = time.monotonic_ns()
            # After the time is taken: an end ordered ahead of time is heard of before anything due after it is sent.
            if self._end.look():
                self._leave_out(self._end.total_records)
            self._send_due(start_ns, now_ns - start_ns)
            self._producer.poll()
            pulse.tick(self._totals)
            if not self._make_slice(now_ns - start_ns):
                self._sleep_until_due(start_ns)

    def _send_due(self, start_ns: int, now_offset_ns: int) -> None:
        while self._ready:
            first = self._ready[0]
            due = int(first.due_ns.searchsorted(now_offset_ns, side="right"))
            if due > first.sent:
                self._producer.send(first.messages, first.sent, due, self._clock.stamp_ms())
                # The time of the last of them, for all: some are said to be later than they were, and none earlier.
                sent_ns = time.monotonic_ns() - start_ns
                self._new_errors.append((first.indexes[first.sent : due], sent_ns - first.due_ns[first.sent : due]))
                self._sent += due - first.sent
                self._sent_by_second[sent_ns // NANOSECONDS_PER_S] += due - first.sent
                first.sent = due
            if due < len(first.due_ns):
                return
            # Noted once for each slice: at each tick it would cost more than sending.
            self._note_errors()
            self._passed = first.end
            self._ready.popleft()

    def _leave_out(self, first: int) -> None:
        """Send no records from the index `first` on, though some of them are made already.

        Raises:
            RuntimeError: one of them was sent already.
        """
        kept_of = [(each, int(each.indexes.searchsorted(first))) for each in self._ready]
        if self._passed > first or any(kept < each.sent for each, kept in kept_of):
            raise RuntimeError("the generator heard of the load's end only when it had sent what was due after it")
        for each, kept in kept_of:
            each.indexes, each.due_ns, each.end = each.indexes[:kept], each.due_ns[:kept], min(each.end, first)
        self._made = min(self._made, first)

    def _note_errors(self) -> None:
        """Take in the schedule errors of the records that were sent since the last call."""
        if not self._new_errors:
            return
        indexes, errors_ns = (np.concatenate(each) for each in zip(*self._new_errors, strict=True))
        self._new_errors.clear()
        self._errors.record_ns(errors_ns[indexes.searchsorted(self._first_measured) :])
        chosen, at = places(self._apart, indexes)
        self._apart_errors_ns[at] = errors_ns[chosen]

    def _make_slice(self, now_offset_ns: int) -> bool:
        """Make the next slice of lines if fewer than the look-ahead are ready. Returns whether it was needed."""
        wanted = self._workload.due_before(now_offset_ns + int(LOOKAHEAD_S * NANOSECONDS_PER_S))
        total = self._end.total_records
        if self._made >= min(wanted, self._passed + self._lookahead_records, total):
            return False
        last = min(self._made + self._slice_records, total)
        indexes, columns, partitions = self._part.records(self._made, last)
        self._ready.append(_Slice(last, indexes, columns.offsets_ns, self._messages(columns, partitions)))
        self._made = last
        return True

    def _among_all(self, own_records: int) -> int:
        """How many records of all generators have so many of its own among them."""
        return int(own_records / self._part.share)

    def _by_second(self) -> list[int]:
        """How many records were sent in each second after the start, to the last one in which one was."""
        return [self._sent_by_second[second] for second in range(max(self._sent_by_second, default=-1) + 1)]

    def _messages(self, columns: Columns, partitions: NDArray[np.int64]) -> Messages:
        """What is sent for the records of `columns`, which follow those of the last call."""
        return Messages(self._workload.encoded(columns), partitions)

    def _sleep_until_due(self, start_ns: int) -> None:
        wait_ns = IDLE_NS
        if self._ready and len(self._ready[0].due_ns):
            first = self._ready[0]
            wait_ns = start_ns + int(first.due_ns[first.sent]) - time.monotonic_ns()
        time.sleep(min(max(wait_ns, TICK_NS), IDLE_NS) / NANOSECONDS_PER_S)

    def _totals(self) -> dict[str, Any]:
        # By the clock of the schedule: events are stamped by the other one, which may be stepped.
        since_start_ns = 0 if self._start_ns is None else time.monotonic_ns() - self._start_ns
        failed = self._producer.failed
        return {
            "sent_records": self._sent,
            "acked_records": max(0, self._sent - failed - self._producer.waiting),
            "failed_records": failed,
            "passed_records": self._passed,
            "schedule_ms": since_start_ns // 1_000_000,
            "clock_steps": self._clock.steps,
        }


def producer_properties(brokers: int, workload: WorkloadSpecification) -> dict[str, str | int | bool]:
    """The producer's, where so many brokers hold each record of `workload`."""
    if brokers > 1:
        return PRODUCER_PROPERTIES | {"linger.ms": REPLICATED_LINGER_MS}
    is_spread = workload.partitioning == CELL and workload.partitions > 1
    if is_spread and workload.rate_records_per_s >= SPREAD_FROM_RECORDS_PER_S:
        return PRODUCER_PROPERTIES | {"linger.ms": SPREAD_LINGER_MS}
    return dict(PRODUCER_PROPERTIES)


def schedule_errors(errors: HdrHistogram, max_ms: float) -> dict[str, Any]:
    """The account of schedule errors: quantiles, None if nothing was sent, and the histogram."""
    p50, p99 = quantiles_ms(errors, 50, 99) if errors.get_total_count() else (None, None)
    return {
        "schedule_error_ms_p50": p50,
        "schedule_error_ms_p99": p99,
        "schedule_error_ms_max": max_ms,
        "schedule_error_histogram": encode(errors),
    }


def _work(job: GeneratorJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return Generator(job, events).run(stop)


if __name__ == "__main__":
    run_worker(GeneratorJob, _work)
