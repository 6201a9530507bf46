"""The open-loop generator: sends each record when it is due, whatever became of those before it."""

import threading
import time
from collections import deque
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, Message, Producer

from engines.contract.events import EventWriter
from harness.histogram import Durations, encode, quantiles_ms
from harness.workers.jobs import GeneratorJob, Pulse, await_anchor, run_worker
from workloads.profiles import NANOSECONDS_PER_S
from workloads.replay import open_workload
from workloads.sample import waterfall_records

#: Lines are made this long before they are due, a slice at a time, so that making them delays none.
LOOKAHEAD_S = 1.0
SLICES_PER_S = 50
#: Never wake more often than this: at high rates, records due within one tick go out together.
TICK_NS = 1_000_000
#: Nor sleep longer than this, so that what the broker has acknowledged is told where records are few.
IDLE_NS = 50_000_000
#: Schedule errors are taken into the distribution in batches: one at a time would cost more than sending.
ERRORS_PER_BATCH = 10_000
FLUSH_DEADLINE_S = 60

PRODUCER_PROPERTIES = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    "linger.ms": 1,
    "queue.buffering.max.messages": 2_000_000,
    "queue.buffering.max.kbytes": 1_048_576,
}


class Generator:
    """Sends one workload once."""

    def __init__(self, job: GeneratorJob, events: EventWriter) -> None:
        self._job, self._events = job, events
        self._workload = open_workload(job.workload)
        self._first_measured = self._workload.due_before(job.workload.warmup_s * NANOSECONDS_PER_S)
        self._producer = Producer(
            {**PRODUCER_PROPERTIES, "bootstrap.servers": job.bootstrap_servers, "on_delivery": self._on_delivery}
        )
        self._ready: deque[tuple[int, bytes, int]] = deque()  # (due, line, partition), in order
        self._made = 0
        self._sent = self._acked = self._failed = 0
        self._errors = Durations()
        self._new_errors_ns: list[int] = []  # of the last records that were sent, in order
        self._apart = waterfall_records(self._workload)
        self._apart_errors_ns = np.zeros(len(self._apart), dtype=np.int64)

    def run(self, stop: threading.Event) -> dict[str, Any]:
        """Send everything, or what is due until `stop` is set. Returns totals and the schedule error."""
        self._producer.list_topics(self._job.topic, timeout=30)
        while self._make_slices(0):
            pass
        self._events.send("ready", version="", config=PRODUCER_PROPERTIES)
        if anchor_ns := await_anchor(self._job.anchor, stop):
            # The wall clock names the moment; the monotonic clock keeps time from there on.
            start_ns = time.monotonic_ns() + anchor_ns - time.time_ns()
            if start_ns < time.monotonic_ns():
                raise RuntimeError("the agreed start time had passed before the generator heard of it")
            self._send_all(start_ns, stop)
            self._producer.flush(FLUSH_DEADLINE_S)
        self._note_errors()
        np.savez(self._job.output, indexes=self._apart, errors_ns=self._apart_errors_ns)
        return self._totals() | self._schedule_errors()

    def _send_all(self, start_ns: int, stop: threading.Event) -> None:
        pulse = Pulse(self._events)
        while self._sent < self._workload.total_records and not stop.is_set():
            now_ns = time.monotonic_ns()
            self._send_due(start_ns, now_ns - start_ns)
            self._producer.poll(0)
            pulse.tick(self._totals)
            if not self._make_slices(now_ns - start_ns):
                self._sleep_until_due(start_ns)

    def _send_due(self, start_ns: int, now_offset_ns: int) -> None:
        ready, send, errors_ns, now_ns = self._ready, self._send, self._new_errors_ns, time.monotonic_ns
        while ready and ready[0][0] <= now_offset_ns:
            due_ns, line, partition = ready.popleft()
            send(line, partition)
            errors_ns.append(now_ns() - start_ns - due_ns)
        if len(errors_ns) >= ERRORS_PER_BATCH:
            self._note_errors()

    def _note_errors(self) -> None:
        """Take in the schedule errors of the records that were sent since the last call."""
        errors_ns = np.array(self._new_errors_ns, dtype=np.int64)
        self._new_errors_ns.clear()
        first = self._sent - len(errors_ns)
        self._errors.record_ns(errors_ns[max(0, self._first_measured - first) :])
        low, high = np.searchsorted(self._apart, (first, self._sent))
        self._apart_errors_ns[low:high] = errors_ns[self._apart[low:high] - first]

    def _send(self, line: bytes, partition: int) -> None:
        while True:
            try:
                self._producer.produce(self._job.topic, line, partition=partition)
                break
            except BufferError:
                # The broker is behind. Waiting here shows as schedule error, which is what it is.
                self._producer.poll(0.01)
        self._sent += 1

    def _make_slices(self, now_offset_ns: int) -> bool:
        """Make the next slice of lines if fewer than the look-ahead are ready. Returns whether it was needed."""
        wanted = self._workload.due_before(now_offset_ns + int(LOOKAHEAD_S * NANOSECONDS_PER_S))
        if self._made >= wanted:
            return False
        last = min(self._made + max(1, self._job.workload.rate_records_per_s // SLICES_PER_S), wanted)
        columns = self._workload.columns(self._made, last)
        partitions = self._workload.partitions(self._made, last)
        self._ready.extend(
            zip(columns.offsets_ns.tolist(), self._workload.lines(columns), partitions.tolist(), strict=True)
        )
        self._made = last
        return True

    def _sleep_until_due(self, start_ns: int) -> None:
        wait_ns = start_ns + self._ready[0][0] - time.monotonic_ns() if self._ready else IDLE_NS
        time.sleep(min(max(wait_ns, TICK_NS), IDLE_NS) / NANOSECONDS_PER_S)

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self._acked += 1
        else:
            self._failed += 1

    def _schedule_errors(self) -> dict[str, Any]:
        errors = self._errors.to_histogram()
        p50, p99 = quantiles_ms(errors, 50, 99) if self._errors.count else (None, None)
        return {
            "schedule_error_ms_p50": p50,
            "schedule_error_ms_p99": p99,
            "schedule_error_ms_max": self._errors.max_ms,
            "schedule_error_histogram": encode(errors),
        }

    def _totals(self) -> dict[str, Any]:
        return {"sent_records": self._sent, "acked_records": self._acked, "failed_records": self._failed}


def _work(job: GeneratorJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return Generator(job, events).run(stop)


if __name__ == "__main__":
    run_worker(GeneratorJob, _work)
