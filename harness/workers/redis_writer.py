"""The Redis writer: applies the upserts of the aggregates topic to Redis as soon as they arrive.

What has arrived when the last transaction was done makes up the next one, so that there is no flush interval: at low
rates a transaction holds one upsert, at high rates many.

Each transaction also leaves, in Redis, up to where the topic has been applied, and is told what stood there before. So
a writer that is started anew goes on where the last one was; and one whose Redis has lost what it held, all of it or
what came last, finds out by its next transaction, and applies the topic again from where Redis is.

Several writers share the topic's partitions, and each has a position of its own: see `harness.workers.redis_writers`.
"""

import json
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO, Any

import redis
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from engines.contract.aggregate import decode_count
from engines.contract.events import EventWriter
from engines.contract.kafka import librdkafka_properties
from engines.contract.keys import STREAM_LENGTH, Command, encode_updates, position_key, transaction
from engines.contract.queries import QUERIES
from harness.clients.kafka_errors import is_transient
from harness.clients.redis_transaction import Transaction
from harness.workers.jobs import Pulse, RedisWriterJob, run_worker
from workloads.parts import partitions_of

MAX_UPSERTS_PER_TRANSACTION = 5000
#: Keys come again and again: so many are remembered, those of some minutes.
KNOWN_KEYS = 100_000
IDLE_POLL_S = 0.1
#: Between two attempts to reach a Redis that is away.
RETRY_S = 0.05
#: A Redis that is away for longer will not come back.
AWAY_DEADLINE_S = 120.0
#: For how long the positions outlive the last transaction, at least: what they are for has ended long before.
POSITION_S = 3600


class RedisWriter:
    """Copies one aggregates topic to Redis."""

    def __init__(self, job: RedisWriterJob) -> None:
        self._job = job
        # Without the client's own retries: the writer must know of each connection that it has lost.
        self._redis = redis.Redis.from_url(job.redis_url, protocol=2, retry=Retry(NoBackoff(), 0))
        self._position_key = position_key(job.namespace, job.writer if job.writers > 1 else None)
        self._positions: dict[int, int] = {}  # by partition, the offset up to which the topic has been applied
        self._written = b""  # the positions that Redis was last told
        self._journal: IO[bytes] | None = None
        self._check_key = QUERIES[job.query].key_check()
        self._known: set[bytes] = set()  # keys that keep the contract
        self._refused = self._transactions = self._rebuilds = self._changes = 0
        self._delay_ms = 0.0  # until Redis's answer, the greatest since the last time it was told
        self._behind_since_ms = 0.0  # of transactions: when the first full batch was taken; 0 if the last was not full

    def run(self, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
        """Write until `stop` is set and nothing more has arrived. Returns totals."""
        consumer = self._consumer()
        events.send("ready", version=self._version(), config={"stream_length": STREAM_LENGTH})
        with Path(self._job.journal).open("wb") if self._job.journal else nullcontext() as self._journal:
            self._write_all(consumer, events, stop)
        consumer.close()
        return self._totals()

    def _version(self) -> str | None:
        """The server's version; None if the user may not ask."""
        with suppress(NoPermissionError):
            return str(self._redis.info("server")["redis_version"])
        return None

    def _write_all(self, consumer: Consumer, events: EventWriter, stop: threading.Event) -> None:
        pulse = Pulse(events)
        while True:
            messages = _take(consumer)
            if messages:
                self._write(consumer, messages)
            elif stop.is_set():
                return
            elif self._job.writers > 1:
                self._look_for_loss(consumer)
            pulse.tick(self._progress)

    def _consumer(self) -> Consumer:
        consumer = Consumer(
            {
                **librdkafka_properties(self._job.bootstrap_servers, self._job.kafka_properties),
                "group.id": f"{self._job.topic}-redis-writer",
                "enable.auto.commit": False,
                # Should the broker forget an offset, all is read again: counts are absolute.
                "auto.offset.reset": "earliest",
                # By default, a partition of which much is waiting here is not asked for more for a second.
                "fetch.queue.backoff.ms": 5,
                # Aggregates of a transactional producer count only once committed.
                "isolation.level": "read_committed",
            }
        )
        partitions = consumer.list_topics(self._job.topic, timeout=30).topics[self._job.topic].partitions
        self._positions = dict.fromkeys(partitions_of(self._job.writer, self._job.writers, len(partitions)), 0)
        told: Any = self._redis.get(self._position_key)
        self._written = told or b""
        self._go_to(consumer, self._written)
        return consumer

    def _go_to(self, consumer: Consumer, told: bytes) -> None:
        """Go on from the positions that Redis held, or from the beginning if it held none."""
        found = {int(partition): offset for partition, offset in json.loads(told or b"{}").items()}
        self._positions = dict.fromkeys(self._positions, 0) | found
        consumer.assign([TopicPartition(self._job.topic, *each) for each in self._positions.items()])

    def _waiting_since_ms(self, messages: list[Message]) -> float:
        """Since when the first of `messages` has waited: since the broker's append.

        Of transactions, since it could be had, because what is appended waits for its commit, which is the engine's
        affair. That is now, or while batches are full, when the first of these was taken.
        """
        if not self._job.transactional:
            # The first to be read has waited longest, or hardly less than the first of another partition.
            return float(messages[0].timestamp()[1])
        is_behind = len(messages) == MAX_UPSERTS_PER_TRANSACTION
        since_ms = self._behind_since_ms or time.time_ns() / 1e6
        self._behind_since_ms = since_ms if is_behind else 0.0
        return since_ms

    def _write(self, consumer: Consumer, messages: list[Message]) -> None:
        since_ms = self._waiting_since_ms(messages)
        latest = self._upserts(messages)
        # Those of a partition come in order: what stays is its last.
        for partition, message in {message.partition(): message for message in messages}.items():
            offset = message.offset()
            assert partition is not None and offset is not None, "every message that was read has a place"
            self._positions[partition] = offset + 1
        if not latest:
            return
        before, positions = self._written, json.dumps(self._positions).encode("ascii")
        found = self._transact_until_done(latest, positions)
        self._written = positions
        self._changes += len(latest)
        self._delay_ms = max(self._delay_ms, time.time_ns() / 1e6 - since_ms)
        # Its own positions: the transaction was done before, and only the answer was lost.
        if found not in (before, positions):
            self._rebuild(consumer, found, before)

    def _look_for_loss(self, consumer: Consumer) -> None:
        """Find out what Redis has lost with nothing to write: that others go on writing says nothing of what is its."""
        with suppress(redis.ConnectionError, redis.TimeoutError):  # it is away, and is asked again
            told: Any = self._redis.get(self._position_key)
            found, before = told or b"", self._written
            if found != before:
                self._written = found
                self._rebuild(consumer, found, before)

    def _rebuild(self, consumer: Consumer, found: bytes, before: bytes) -> None:
        """Apply the topic again from the positions that were `found` in Redis, where those from `before` are lost."""
        self._rebuilds += 1
        print(f"Redis has lost counts; it was at {found!r}, the writer at {before!r}", flush=True)
        self._go_to(consumer, found)

    def _transact_until_done(self, latest: dict[bytes, bytes], positions: bytes) -> bytes:
        """Write `latest` and `positions`, again and again while Redis is away; counts are absolute.

        Returns: the positions that Redis held before.

        Raises:
            redis.RedisError: it is away for too long, or refuses what is written.
        """
        deadline = time.monotonic() + AWAY_DEADLINE_S
        while True:
            try:
                return self._transact(latest, positions)
            except (redis.ConnectionError, redis.TimeoutError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)

    def _transact(self, latest: dict[bytes, bytes], positions: bytes) -> bytes:
        job = self._job
        place: Command = ("GETSET", self._position_key, positions)
        # GETSET makes a new key, which has no expiry.
        expiry: Command = ("EXPIRE", self._position_key, max(POSITION_S, job.expire_s))
        counts = transaction(latest, job.namespace, job.expire_s, job.probes)
        whole = Transaction.of([place, expiry, *counts])
        sent_ns = time.time_ns()
        answers = whole.run(self._redis)
        self._transactions += 1
        if self._journal:
            updates = encode_updates(latest).replace(b"\n", b" ")
            self._journal.write(b"%d %d %b\n" % (sent_ns, time.time_ns(), updates))
        return answers[0] or b""

    def _upserts(self, messages: list[Message]) -> dict[bytes, bytes]:
        """Keys of `messages` with their last values, looked at together; one by one, if one breaks the contract."""
        values = [message.value() for message in messages]
        latest: dict[Any, Any] = dict(zip([message.key() for message in messages], values, strict=True))
        if all(values) and b"".join(values).isdigit() and self._know(latest.keys() - self._known):  # type: ignore[arg-type]
            return latest
        return dict(upsert for message in messages if (upsert := self._upsert(message)))

    def _know(self, keys: set[Any]) -> bool:
        """Look at keys that were never seen, and remember them. Returns whether all keep the contract."""
        try:
            for key in keys:
                self._check_key(key or b"")
        except ValueError:
            return False
        if len(self._known) > KNOWN_KEYS:
            self._known.clear()
        self._known |= keys
        return True

    def _upsert(self, message: Message) -> tuple[bytes, bytes] | None:
        """Key and value of `message`. One that breaks the contract is counted, named in the log and left out."""
        key, value = message.key() or b"", message.value() or b""
        try:
            self._check_key(key)
            decode_count(value)
        except ValueError as error:
            self._refused += 1
            print(f"offset {message.offset()} of partition {message.partition()}: {error}", flush=True)
            return None
        return key, value

    def _progress(self) -> dict[str, Any]:
        """Totals, and how late Redis was told since this was called last."""
        told, self._delay_ms = self._delay_ms, 0.0
        return self._totals() | {"delay_ms": told}

    def _totals(self) -> dict[str, Any]:
        return {
            "upserts": sum(self._positions.values()),
            "changes": self._changes,
            "refused": self._refused,
            "transactions": self._transactions,
            "rebuilds": self._rebuilds,
        }


def _take(consumer: Consumer) -> list[Message]:
    """What has arrived, waiting a moment for the first message only."""
    first = consumer.poll(IDLE_POLL_S)
    if first is None:
        return []
    messages = [first, *consumer.consume(MAX_UPSERTS_PER_TRANSACTION - 1, timeout=0)]
    failed = [message for message in messages if message.error()]
    for message in failed:
        if (error := message.error()) and not is_transient(error):
            raise KafkaException(error)
    return [message for message in messages if not message.error()] if failed else messages


def _work(job: RedisWriterJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    return RedisWriter(job).run(events, stop)


if __name__ == "__main__":
    run_worker(RedisWriterJob, _work)
