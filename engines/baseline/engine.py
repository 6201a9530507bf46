"""The baseline's loop: read a batch, count it, publish what changed; now and then keep what was done. One thread.

What is kept, and what a restart goes on from, depends on the delivery that is asked for: see `keeping`.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import confluent_kafka
import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from keeping import TRANSIENT_ERRORS, AbortedError, AtLeastOnce, ExactlyOnce
from numpy.typing import NDArray
from query import Query
from sink import RedisSink

from engines.contract.events import EventWriter
from engines.contract.job import JobSpecification
from engines.contract.promises import Promises

DEFAULT_SETTINGS: dict[str, Any] = {
    # A batch ends after so many messages or milliseconds: the wait bounds the latency of a quiet topic, and joins the
    # records of one cell into one upsert, for as long as Flink and Kafka Streams do.
    "batch_messages": 5000,
    "batch_wait_ms": 20,
    # The producer's linger: long enough to send one batch's upserts together.
    "linger_ms": 1,
    # A fetch from Kafka waits for so many bytes, but no longer than that.
    "fetch_min_bytes": 1,
    "fetch_wait_ms": 500,
}

PROGRESS_INTERVAL_S = 1.0
METADATA_TIMEOUT_S = 15.0


def run(
    job: JobSpecification, settings: dict[str, Any], events: EventWriter, stop: threading.Event, query: Query
) -> dict[str, int | None]:
    """Count `job`'s records with `query` until `stop` is set; return the totals.

    Raises:
        KafkaException: Kafka refused something, or an upsert could not be delivered.
        redis.RedisError: in the direct route, Redis is away, or refuses what is written.
        OSError: a snapshot could not be written.
    """
    progress = _Progress(events, query)
    loop = _Loop(job, settings, query, progress.tell)
    ready = False
    while not stop.is_set():
        try:
            loop.step()
        except AbortedError as error:
            print(f"a transaction was aborted, and what it held is read again: {error}", flush=True)
            loop.close()
            query.forget()
            loop = _Loop(job, settings, query, progress.tell)
        if not ready and loop.reads_every_partition():
            ready = True
            events.send("ready", version=confluent_kafka.__version__, config=loop.configuration())
        progress.tell()
    loop.finish()
    return dict(query.totals())


class _Progress:
    """Tells the query's totals now and then."""

    def __init__(self, events: EventWriter, query: Query) -> None:
        self._events, self._query = events, query
        self._due_s = 0.0

    def tell(self) -> None:
        """Tell them, if it is time."""
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + PROGRESS_INTERVAL_S
            self._events.send("progress", **self._query.totals())


class _Loop:
    """One consumer, one producer and the query between them."""

    def __init__(self, job: JobSpecification, settings: dict[str, Any], query: Query, tell: Callable[[], None]) -> None:
        self._job, self._settings, self._query = job, settings, query
        self._keeping = (ExactlyOnce if job.is_exactly_once else AtLeastOnce)(job, settings, tell)
        self._producer = self._keeping.producer
        self._consumer = Consumer(
            job.librdkafka_properties()
            | {
                # At least once, offsets live in the snapshot, and the client only insists on a group.
                "group.id": f"ringbench-{job.run_id}-{job.engine}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.min.bytes": settings["fetch_min_bytes"],
                "fetch.wait.max.ms": settings["fetch_wait_ms"],
                # While much is waiting, the client's queue is always full: its default is to pause for a second then.
                "fetch.queue.backoff.ms": 10,
            }
        )
        self._redis = RedisSink(job.redis) if job.redis else None
        self._offsets = self._find_offsets()
        self._unheard = set(range(len(self._offsets)))
        starts = enumerate(self._offsets.tolist())
        self._consumer.assign([TopicPartition(job.input_topic, *each) for each in starts])

    def _find_offsets(self) -> NDArray[np.int64]:
        """Where to start in each partition: where a restart goes on, or at the beginning."""
        topic = self._consumer.list_topics(self._job.input_topic, timeout=METADATA_TIMEOUT_S).topics[
            self._job.input_topic
        ]
        if topic.error is not None:
            raise KafkaException(topic.error)
        offsets = np.full(len(topic.partitions), confluent_kafka.OFFSET_BEGINNING)
        self._query.assign(len(offsets))
        self._keeping.resume(self._consumer, self._query, offsets)
        return offsets

    def step(self) -> None:
        """Read one batch, count it and publish what changed; keep what was done before it, if that is due."""
        settings = self._settings
        messages = self._consumer.consume(settings["batch_messages"], timeout=settings["batch_wait_ms"] / 1000)
        self._keeping.keep_if_due(self._consumer, self._query, self._offsets)
        records = [each for each in messages if each.error() is None]
        if records:
            self._take(records)
        if len(records) < len(messages):
            self._hear(messages)
        self._publish()
        self._query.advance_watermark()

    def _take(self, records: list[Message]) -> None:
        partitions = np.fromiter(map(Message.partition, records), dtype=np.int64, count=len(records))
        offsets = np.fromiter(map(Message.offset, records), dtype=np.int64, count=len(records))
        self._query.add(partitions, [each.value() or b"" for each in records])
        np.maximum.at(self._offsets, partitions, offsets + 1)
        if self._unheard:
            self._unheard.difference_update(partitions.tolist())

    def _hear(self, messages: list[Message]) -> None:
        """Act on those `messages` that are no records, once the records among them are counted."""
        for message in messages:
            if (error := message.error()) is None:
                continue
            if error.code() == KafkaError._PARTITION_EOF:
                self._reach_end(message)
            elif error.fatal() or error.code() not in TRANSIENT_ERRORS:
                raise KafkaException(error)

    def _reach_end(self, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        assert partition is not None and offset is not None, "the end of a partition has a place"
        self._unheard.discard(partition)
        if offset >= self._offsets[partition]:  # else it was the end for a moment only: more came in the same batch
            self._query.reach_end(partition)

    def _publish(self) -> None:
        for line in self._query.take_malformed_lines():
            self._produce(self._job.dead_letter_topic, None, line)
        upserts = self._query.take_upserts()
        if self._redis:
            self._redis.write(upserts)
        else:
            for key, value in upserts:
                self._produce(self._job.output_topic, key, value)
        self._producer.poll(0)

    def _produce(self, topic: str, key: bytes | None, value: bytes) -> None:
        while True:
            try:
                return self._producer.produce(topic, value, key)
            except BufferError:
                # The client's queue is full: wait until Kafka took some.
                self._producer.poll(0.1)

    def reads_every_partition(self) -> bool:
        """Whether a record or the end was seen in every partition: a record sent now would be read."""
        return not self._unheard

    def finish(self) -> None:
        """Keep what was done since it was kept last, as far as Kafka lets it."""
        self._keeping.finish(self._consumer, self._query, self._offsets)

    def close(self) -> None:
        """Let go of the input, for another loop to read it."""
        self._consumer.close()

    def configuration(self) -> dict[str, Any]:
        """What is in effect. The client cannot be asked, but refuses a property that it does not take."""
        return self._settings | {
            "librdkafka": confluent_kafka.libversion()[0],
            "parallelism": 1,
            "partitions": len(self._offsets),
            "checkpoint_interval_ms": self._job.checkpoint_interval_ms,
            "resumed": self._keeping.resumed,
            **self._promises().as_config(),
        }

    def _promises(self) -> Promises:
        return Promises(
            delivery=self._keeping.promise,
            checkpoints=f"every {self._job.checkpoint_interval_ms} ms, to a file",
            state_kept=f"{self._job.allowed_lateness_ms} ms of event time",
            upserts_joined=f"{self._settings['batch_wait_ms']} ms",
        )
