"""The synthetic engine: counts right but for what it is told to do wrong, and keeps account of what it did when.

It is what the harness is proven with: `ringbench calibrate` compares what this engine says that it did with what the
harness reports of it.
"""

import heapq
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from injection import DEFAULT_SETTINGS, Injection

from engines.contract.aggregate import Cell, encode_count, encode_key
from engines.contract.events import EventWriter
from engines.contract.job import JobSpecification
from engines.contract.process import run_engine
from engines.contract.record import parse

BATCH_MESSAGES = 2000
#: The longest wait for a message: what is held back leaves at most this late.
WAIT_S = 0.001
PROGRESS_INTERVAL_S = 1.0
METADATA_TIMEOUT_S = 15.0
FLUSH_TIMEOUT_S = 10.0

#: The client goes on by itself once the broker is back.
TRANSIENT_ERRORS = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT)


def work(
    job: JobSpecification, settings: dict[str, Any], events: EventWriter, stop: threading.Event
) -> dict[str, int | None]:
    """Do what `settings` say to `job`'s records until `stop` is set; return the totals.

    Raises:
        ValueError: the settings make no sense.
        KafkaException: Kafka refused something.
    """
    engine = Engine(job, Injection(settings), stop)
    next_progress_s = 0.0
    events.send("ready", version=confluent_kafka.__version__, config=settings)
    while not stop.is_set():
        engine.step()
        if time.monotonic() >= next_progress_s:
            next_progress_s = time.monotonic() + PROGRESS_INTERVAL_S
            events.send("progress", **engine.totals())
    engine.finish(settings["account"])
    return dict(engine.totals())


class Engine:
    """One consumer, one producer, and between them what is held back."""

    def __init__(self, job: JobSpecification, injection: Injection, stop: threading.Event) -> None:
        self._job, self._injection, self._stop = job, injection, stop
        common: dict[str, Any] = job.librdkafka_properties()
        self._producer = Producer(
            common | {"enable.idempotence": True, "acks": "all", "linger.ms": 0, "on_delivery": _raise_failure}
        )
        self._consumer = Consumer(
            common | {"group.id": f"ringbench-{job.run_id}-{job.engine}", "enable.auto.commit": False}
        )
        topic = self._consumer.list_topics(job.input_topic, timeout=METADATA_TIMEOUT_S).topics[job.input_topic]
        if topic.error is not None:
            raise KafkaException(topic.error)
        self._consumer.assign([TopicPartition(job.input_topic, each, OFFSET_BEGINNING) for each in topic.partitions])
        self._counts: dict[Cell, int] = {}
        self._held: list[tuple[int, int, Cell, int, int]] = []  # (due, number, cell, how often, event time)
        self._account: list[tuple[Cell, int, int]] = []  # (cell, event time, when it left)
        self._records_in = self._malformed = 0

    def step(self) -> None:
        """Take what has come, and let go of what is due."""
        for message in self._consumer.consume(BATCH_MESSAGES, timeout=WAIT_S):
            if (error := message.error()) is None:
                partition = message.partition()
                assert partition is not None
                self._take(partition, message.value() or b"")
            elif error.fatal() or error.code() not in TRANSIENT_ERRORS:
                raise KafkaException(error)
        self._release(time.time_ns())
        self._producer.poll(0)

    def _take(self, partition: int, line: bytes) -> None:
        self._records_in += 1
        record = parse(line, self._job.locations)
        if record is None:
            self._malformed += 1
            self._produce(self._job.dead_letter_topic, None, line)
            return
        if stall_s := self._injection.take_stall_s(record):
            self._stop.wait(stall_s)
        cell, times = self._injection.count(record)
        if times:
            due_ns = self._injection.due_ns(time.time_ns(), partition, cell, record, line)
            heapq.heappush(self._held, (due_ns, self._records_in, cell, times, record.event_time_ms))

    def _release(self, now_ns: int) -> None:
        while self._held and self._held[0][0] <= now_ns:
            _, _, cell, times, event_time_ms = heapq.heappop(self._held)
            self._counts[cell] = count = self._counts.get(cell, 0) + times
            self._account.append((cell, event_time_ms, time.time_ns()))
            self._produce(self._job.output_topic, encode_key(cell), encode_count(count))

    def _produce(self, topic: str, key: bytes | None, value: bytes) -> None:
        while True:
            try:
                return self._producer.produce(topic, value, key)
            except BufferError:
                self._producer.poll(0.1)

    def totals(self) -> dict[str, int]:
        """The totals of a ``progress`` event."""
        return {"records_in": self._records_in, "malformed": self._malformed, "late": 0}

    def finish(self, account: str) -> None:
        """Deliver what has left, and write the account of it to the file `account`, unless that is empty.

        The account is a JSON object: `faults`, and `left`, one ``[KEY, EVENT_TIME_MS, LEFT_NS]`` for each count that
        left, in order; the k-th of a key is the record that raised its count to k, if no faults were injected.
        """
        self._producer.flush(FLUSH_TIMEOUT_S)
        self._consumer.close()
        if account:
            left = [(encode_key(cell).decode("ascii"), *rest) for cell, *rest in self._account]
            Path(account).write_text(json.dumps({"faults": vars(self._injection.faults), "left": left}))


def _raise_failure(error: KafkaError | None, _message: Message) -> None:
    if error is not None:
        raise KafkaException(error)


if __name__ == "__main__":
    sys.exit(run_engine(DEFAULT_SETTINGS, work))
