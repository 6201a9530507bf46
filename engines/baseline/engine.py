"""The baseline's loop: read a batch, count it, publish what changed; now and then save a snapshot. One thread.

A snapshot holds the counts and the offsets that they were counted up to, in one file that replaces the former by
renaming. A restart goes on from the last one and publishes again what came after it: counts stay exact, dead letters
since the snapshot are written a second time.
"""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from query import Query
from sink import RedisSink

from engines.contract.aggregate import encode_count, encode_key
from engines.contract.events import EventWriter
from engines.contract.job import JobSpecification

DEFAULT_SETTINGS: dict[str, Any] = {
    # A batch ends after so many messages or milliseconds: the wait bounds the latency of a quiet topic, and joins the
    # records of one cell into one upsert.
    "batch_messages": 5000,
    "batch_wait_ms": 5,
    # The producer's linger: long enough to send one batch's upserts together.
    "linger_ms": 1,
}

PROGRESS_INTERVAL_S = 1.0
METADATA_TIMEOUT_S = 15.0
FLUSH_TIMEOUT_S = 5.0

#: The client goes on by itself once the broker is back.
TRANSIENT_ERRORS = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE)


def run(
    job: JobSpecification, settings: dict[str, Any], events: EventWriter, stop: threading.Event, query: Query
) -> dict[str, int | None]:
    """Count `job`'s records with `query` until `stop` is set; return the totals.

    Raises:
        KafkaException: Kafka refused something, or an upsert could not be delivered.
        redis.RedisError: in the direct route, Redis is away, or refuses what is written.
    """
    loop = _Loop(job, settings, query)
    next_progress_s = next_snapshot_s = 0.0
    ready = False
    while not stop.is_set():
        loop.step()
        now_s = time.monotonic()
        if not ready and loop.reads_every_partition():
            ready = True
            events.send("ready", version=confluent_kafka.__version__, config=loop.configuration())
        if now_s >= next_progress_s:
            next_progress_s = now_s + PROGRESS_INTERVAL_S
            events.send("progress", **query.totals())
        if now_s >= next_snapshot_s:
            next_snapshot_s = now_s + job.checkpoint_interval_ms / 1000
            loop.save_snapshot()
    loop.save_snapshot()
    return dict(query.totals())


class _Loop:
    """One consumer, one producer and the query between them."""

    def __init__(self, job: JobSpecification, settings: dict[str, Any], query: Query) -> None:
        self._job, self._settings, self._query = job, settings, query
        self._snapshot_path = Path(job.checkpoint_dir) / "snapshot.json"
        self._resumed = self._snapshot_path.exists()
        self._producer = Producer(
            job.kafka_properties
            | {
                "bootstrap.servers": job.bootstrap_servers,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": settings["linger_ms"],
            }
        )
        self._consumer = Consumer(
            job.kafka_properties
            | {
                "bootstrap.servers": job.bootstrap_servers,
                # The client insists on a group; offsets live in the snapshot, beside the counts that they belong to.
                "group.id": f"ringbench-{job.run_id}-{job.engine}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            }
        )
        self._redis = RedisSink(job.redis) if job.redis else None
        self._offsets = self._find_offsets()
        self._unheard = set(self._offsets)
        self._consumer.assign([TopicPartition(job.input_topic, *each) for each in self._offsets.items()])

    def _find_offsets(self) -> dict[int, int]:
        """Where to start in each partition: at the snapshot's offset, or at the beginning."""
        topic = self._consumer.list_topics(self._job.input_topic, timeout=METADATA_TIMEOUT_S).topics[
            self._job.input_topic
        ]
        if topic.error is not None:
            raise KafkaException(topic.error)
        offsets = {partition: confluent_kafka.OFFSET_BEGINNING for partition in topic.partitions}  # noqa: C420
        if self._resumed:
            snapshot = json.loads(self._snapshot_path.read_text(encoding="utf-8"))
            self._query.restore(snapshot["state"])
            offsets |= dict(snapshot["offsets"])
        self._query.assign(offsets)
        return offsets

    def step(self) -> None:
        """Read one batch, count it and publish what changed."""
        settings = self._settings
        for message in self._consumer.consume(settings["batch_messages"], timeout=settings["batch_wait_ms"] / 1000):
            self._take(message)
        self._publish()
        self._query.advance_watermark()

    def _take(self, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        assert partition is not None and offset is not None, "every message that was read has a place"
        error = message.error()
        if error is None:
            self._query.add(partition, message.value() or b"")
            self._offsets[partition] = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            self._query.reach_end(partition)
        elif error.fatal() or error.code() not in TRANSIENT_ERRORS:
            raise KafkaException(error)
        else:
            return
        self._unheard.discard(partition)

    def _publish(self) -> None:
        for line in self._query.take_malformed_lines():
            self._produce(self._job.dead_letter_topic, None, line)
        changes = self._query.take_changes()
        if self._redis:
            self._redis.write(changes)
        else:
            for cell, count in changes:
                self._produce(self._job.output_topic, encode_key(cell), encode_count(count))
        self._producer.poll(0)

    def _produce(self, topic: str, key: bytes | None, value: bytes) -> None:
        while True:
            try:
                return self._producer.produce(topic, value, key, on_delivery=_raise_failure)
            except BufferError:
                # The client's queue is full: wait until Kafka took some.
                self._producer.poll(0.1)

    def reads_every_partition(self) -> bool:
        """Whether a record or the end was seen in every partition: a record sent now would be read."""
        return not self._unheard

    def save_snapshot(self) -> None:
        """Replace the snapshot by one of now, once all that was published has arrived: not yet, if Kafka is away."""
        if self._producer.flush(FLUSH_TIMEOUT_S) > 0:
            return
        snapshot = {"offsets": list(self._offsets.items()), "state": self._query.save()}
        new_path = self._snapshot_path.with_suffix(".new")
        with new_path.open("w", encoding="utf-8") as file:
            json.dump(snapshot, file)
            file.flush()
            os.fsync(file.fileno())
        new_path.replace(self._snapshot_path)

    def configuration(self) -> dict[str, Any]:
        """What is in effect. The client cannot be asked, but refuses a property that it does not take."""
        return self._settings | {
            "librdkafka": confluent_kafka.libversion()[0],
            "parallelism": 1,
            "partitions": len(self._offsets),
            "checkpoint_interval_ms": self._job.checkpoint_interval_ms,
            "resumed": self._resumed,
        }


def _raise_failure(error: KafkaError | None, _message: Message) -> None:
    if error is not None:
        raise KafkaException(error)
