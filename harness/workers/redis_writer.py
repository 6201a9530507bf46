"""The Redis writer: applies the upserts of the aggregates topic to Redis as soon as they arrive.

What has arrived when the last transaction was done makes up the next one, so that there is no flush interval: at low
rates a transaction holds one upsert, at high rates many.
"""

import threading
import time
from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

import redis
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from engines.contract.aggregate import decode_count, decode_key
from engines.contract.events import EventWriter
from harness.keys import UPDATES_FIELD, encode_updates, updates_key, window_key
from harness.workers.jobs import Pulse, RedisWriterJob, run_worker

MAX_UPSERTS_PER_TRANSACTION = 5000
STREAM_LENGTH = 100_000
IDLE_POLL_S = 0.1


class RedisWriter:
    """Copies one aggregates topic to Redis."""

    def __init__(self, job: RedisWriterJob) -> None:
        self._job = job
        self._redis = redis.Redis.from_url(job.redis_url, protocol=2)
        self._journal: IO[bytes] | None = None
        self._upserts = self._refused = self._transactions = 0

    def run(self, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
        """Write until `stop` is set and nothing more has arrived. Returns totals."""
        consumer = self._consumer()
        server = self._redis.info("server")
        events.send("ready", version=str(server["redis_version"]), config={"stream_length": STREAM_LENGTH})
        with Path(self._job.journal).open("wb") if self._job.journal else nullcontext() as self._journal:
            self._write_all(consumer, events, stop)
        consumer.close()
        return self._totals()

    def _write_all(self, consumer: Consumer, events: EventWriter, stop: threading.Event) -> None:
        pulse = Pulse(events)
        while True:
            messages = _take(consumer)
            if messages:
                self._write(messages)
            elif stop.is_set():
                return
            pulse.tick(self._totals)

    def _consumer(self) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": self._job.bootstrap_servers,
                "group.id": f"{self._job.topic}-redis-writer",
                "enable.auto.commit": False,
                # Aggregates of a transactional producer count only once committed.
                "isolation.level": "read_committed",
            }
        )
        partitions = consumer.list_topics(self._job.topic, timeout=30).topics[self._job.topic].partitions
        consumer.assign([TopicPartition(self._job.topic, each, OFFSET_BEGINNING) for each in partitions])
        return consumer

    def _write(self, messages: list[Message]) -> None:
        latest: dict[bytes, bytes] = {}
        for message in messages:
            if upsert := self._upsert(message):
                latest[upsert[0]] = upsert[1]
        self._upserts += len(messages)
        if latest:
            self._transact(latest)

    def _transact(self, latest: dict[bytes, bytes]) -> None:
        windows: dict[str, dict[bytes, bytes]] = defaultdict(dict)
        for key, count in latest.items():
            window_s, _, field = key.partition(b"|")
            windows[window_key(self._job.namespace, window_s.decode("ascii"))][field] = count
        with self._redis.pipeline(transaction=True) as pipeline:
            for name, fields in windows.items():
                pipeline.hset(name, mapping=fields)  # type: ignore[arg-type]
                pipeline.expire(name, self._job.expire_s)
            stream, entry = updates_key(self._job.namespace), {UPDATES_FIELD: encode_updates(latest)}
            pipeline.xadd(stream, entry, maxlen=STREAM_LENGTH, approximate=True)  # type: ignore[arg-type]
            sent_ns = time.time_ns()
            pipeline.execute()
        self._transactions += 1
        if self._journal:
            updates = entry[UPDATES_FIELD].replace(b"\n", b" ")
            self._journal.write(b"%d %d %b\n" % (sent_ns, time.time_ns(), updates))

    def _upsert(self, message: Message) -> tuple[bytes, bytes] | None:
        """Key and value of `message`. One that breaks the contract is counted, named in the log and left out."""
        key, value = message.key() or b"", message.value() or b""
        try:
            decode_key(key)
            decode_count(value)
        except ValueError as error:
            self._refused += 1
            print(f"offset {message.offset()} of partition {message.partition()}: {error}", flush=True)
            return None
        return key, value

    def _totals(self) -> dict[str, Any]:
        return {"upserts": self._upserts, "refused": self._refused, "transactions": self._transactions}


def _take(consumer: Consumer) -> list[Message]:
    """What has arrived, waiting a moment for the first message only."""
    first = consumer.poll(IDLE_POLL_S)
    if first is None:
        return []
    messages = [first, *consumer.consume(MAX_UPSERTS_PER_TRANSACTION - 1, timeout=0)]
    for message in messages:
        if message.error():
            raise KafkaException(message.error())
    return messages


def _work(job: RedisWriterJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return RedisWriter(job).run(events, stop)


if __name__ == "__main__":
    run_worker(RedisWriterJob, _work)
