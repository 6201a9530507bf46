"""What a restart of the baseline goes on from, by delivery.

At least once, that is a snapshot: counts and the offsets that they were counted up to. A restart goes on from the last
one that is on the disk, and publishes again what came after it: counts stay exact, dead letters since the snapshot are
written a second time.

Exactly once, what is published and what was read for it are committed in one transaction. A restart goes on from what
was committed last: the counts of the last snapshot, and those that were published since, which it reads from the
aggregates topic itself. A restart in the midst of a transaction finds neither what it published nor that it had read.
"""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from lines import number_of
from numpy.typing import NDArray
from query import Query
from snapshots import Arrays, Snapshots

from engines.contract.aggregate import decode_key
from engines.contract.job import JobSpecification

Offsets = NDArray[np.int64]
T = TypeVar("T")

TIMEOUT_S = 15.0
#: One request of a commit is awaited for so long at once, so that progress can be told in between.
STEP_S = 1.0
#: The client goes on by itself once the broker is back, and has found out which groups it coordinates.
TRANSIENT_ERRORS = (
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)
#: Between two attempts, since an answer that is an error may come at once.
RETRY_S = 0.1
FLUSH_TIMEOUT_S = 5.0
#: What was given `STEP_S` and has not returned by then never will: librdkafka's issues 5456 and 5511, of the sending of
#: offsets while the broker that coordinates their group is away.
HUNG_S = 10.0
#: For so long, a snapshot waits for a moment when all that was published has arrived by itself.
LONGEST_WAIT_S = 1.0
#: A broker that is away for longer, or a process that was killed and not started again, has its transaction aborted.
TRANSACTION_TIMEOUT_MS = 120_000


class AbortedError(Exception):
    """A transaction could not be committed: all since the last one has to be read again."""


def _producer_properties(job: JobSpecification, settings: dict[str, Any]) -> dict[str, Any]:
    return job.librdkafka_properties() | {
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": settings["linger_ms"],
    }


class AtLeastOnce:
    """Snapshots alone.

    Attributes:
        producer: what everything is published with.
        promise: in words for readers.
        resumed: whether there was something to go on from.
    """

    promise = "records exactly once, upserts at least once"

    def __init__(self, job: JobSpecification, settings: dict[str, Any], _tell: Callable[[], None]) -> None:
        self._snapshots = _snapshots(job)
        self.resumed = self._snapshots.exists()
        reports = {"on_delivery": _raise_failure, "delivery.report.only.error": True}
        self.producer = Producer(_producer_properties(job, settings) | reports)

    def resume(self, _consumer: Consumer, query: Query, offsets: Offsets) -> None:
        """Bring `query` and `offsets`, shape (partitions,), to where a restart goes on."""
        if self.resumed:
            snapshot = self._snapshots.read()
            query.restore(snapshot)
            offsets[: len(snapshot["offsets"])] = snapshot["offsets"]

    def keep_if_due(self, _consumer: Consumer, query: Query, offsets: Offsets) -> None:
        """Hand a copy of what was counted to the snapshots' thread, if one is due.

        All that was published must have arrived. Mostly it has, while the last batch was waited for; if it does not for
        long, because batches follow each other at once or Kafka is away, it is waited for.
        """
        overdue_s = self._snapshots.overdue_s()
        if overdue_s is None:
            return
        self.producer.poll(0)
        if len(self.producer) == 0:
            self._save(query, offsets)
        elif overdue_s >= LONGEST_WAIT_S:
            self._save_after_flush(query, offsets)

    def _save_after_flush(self, query: Query, offsets: Offsets) -> None:
        if self.producer.flush(FLUSH_TIMEOUT_S) == 0:
            self._save(query, offsets)
        else:  # Kafka is away
            self._snapshots.put_off()

    def _save(self, query: Query, offsets: Offsets) -> None:
        self._snapshots.save({"offsets": offsets.copy(), **query.save()})

    def finish(self, _consumer: Consumer, query: Query, offsets: Offsets) -> None:
        """Save a last snapshot, once all that was published has arrived: none, if Kafka is away."""
        self._snapshots.finish()
        self._save_after_flush(query, offsets)
        self._snapshots.finish()


class ExactlyOnce:
    """Transactions, and snapshots beside them, so that a restart need not read the whole topic; see `AtLeastOnce`.

    The offsets' metadata has the watermark and the partition's greatest event time, in milliseconds: what makes a
    record late when it is read again is what made it late before.
    """

    promise = "records exactly once, upserts exactly once"

    def __init__(self, job: JobSpecification, settings: dict[str, Any], tell: Callable[[], None]) -> None:
        """Begin. `tell` is called while a commit is awaited, which may take seconds where the broker is busy."""
        self._tell = tell
        self._job, self._interval_s = job, job.checkpoint_interval_ms / 1000
        self._snapshots = _snapshots(job)
        self.resumed = False
        self._committed: Offsets | None = None
        self._due_s = time.monotonic() + self._interval_s
        transactions = {
            # One for the job, by which a broker knows a process that took the place of another.
            "transactional.id": f"{job.input_topic}.{job.engine}",
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        }
        self.producer = Producer(_producer_properties(job, settings) | transactions)
        # Aborts what a process that was killed has left open. The first one of a broker makes a topic for transactions.
        self._insist(lambda: self.producer.init_transactions(STEP_S))
        self.producer.begin_transaction()

    def resume(self, consumer: Consumer, query: Query, offsets: Offsets) -> None:
        """See `AtLeastOnce.resume`."""
        places = [TopicPartition(self._job.input_topic, each) for each in range(len(offsets))]
        committed = self._insist(lambda: consumer.committed(places, timeout=STEP_S))
        found = {each.partition: each for each in committed if each.offset >= 0}
        if not found:
            return
        self.resumed = True
        published: dict[int, int] = {}
        if self._snapshots.exists():
            snapshot = self._snapshots.read()
            query.restore(snapshot)
            published = dict(enumerate(snapshot["published"].tolist()))
        watermark_ms, greatest_ms = 0, np.zeros(len(offsets), dtype=np.int64)
        for partition, each in found.items():
            offsets[partition] = each.offset
            watermark_ms, greatest_ms[partition] = map(int, str(each.metadata).split())
        query.catch_up(self._published_since(published), watermark_ms, greatest_ms)
        self._committed = offsets.copy()

    def _published_since(self, positions: dict[int, int]) -> Iterator[tuple[int, int]]:
        """Numbers of cells and their counts, as they were committed from `positions` on, by partition."""
        consumer = Consumer(
            self._job.librdkafka_properties()
            | {
                "group.id": f"{self._job.input_topic}.restore",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        topic = self._job.output_topic
        left = set(self._insist(lambda: consumer.list_topics(topic, timeout=STEP_S)).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, each, positions.get(each, 0)) for each in left])
        while left:
            for message in consumer.consume(10_000, timeout=0.1):
                if (error := message.error()) is None:
                    yield number_of(decode_key(message.key() or b"")), int(message.value() or 0)
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                elif error.fatal():
                    raise KafkaException(error)
        consumer.close()

    def keep_if_due(self, consumer: Consumer, query: Query, offsets: Offsets) -> None:
        """Commit what was published and read, if that is due and there is something; then let a snapshot be written.

        Raises:
            AbortedError: it could not be committed.
        """
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + self._interval_s
        if not self._has_read_more(offsets):
            return
        state = query.save()
        self._commit(consumer, state, offsets)
        if self._snapshots.overdue_s() is not None:
            self._snapshots.save({"offsets": offsets.copy(), "published": self._ends(consumer), **state})

    def _has_read_more(self, offsets: Offsets) -> bool:
        """Whether anything was read since the last commit."""
        return self._committed is None or not np.array_equal(offsets, self._committed)

    def _commit(self, consumer: Consumer, state: Arrays, offsets: Offsets) -> None:
        watermark_ms, greatest_ms = int(state["watermark_ms"]), state["greatest_ms"].tolist()
        read = [
            TopicPartition(self._job.input_topic, each, offset, metadata=f"{watermark_ms} {greatest_ms[each]}")
            for each, offset in enumerate(offsets.tolist())
            if offset >= 0
        ]
        group = consumer.consumer_group_metadata()
        self._insist(lambda: self._in_time(lambda: self.producer.send_offsets_to_transaction(read, group, STEP_S)))
        self._insist(lambda: self.producer.commit_transaction(STEP_S))
        self.producer.begin_transaction()
        self._committed = offsets.copy()

    def _in_time(self, step: Callable[[], object]) -> None:
        """Do `step`, which may never return.

        Raises:
            AbortedError: it has not returned; a new producer aborts the transaction.
        """
        failures: list[Exception] = []

        def attempt() -> None:
            try:
                step()
            except Exception as failure:
                failures.append(failure)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        deadline_s = time.monotonic() + HUNG_S
        while thread.is_alive():
            if time.monotonic() > deadline_s:
                raise AbortedError(f"Kafka's client has not returned within {HUNG_S:g} s")
            thread.join(STEP_S)
            self._tell()
        if failures:
            raise failures[0]

    def _insist(self, step: Callable[[], T]) -> T:
        """Do one `step`, again while the broker is away, or too busy to answer, for less than a transaction lasts."""
        deadline_s = time.monotonic() + TRANSACTION_TIMEOUT_MS / 1000
        while True:
            try:
                return step()
            except KafkaException as failure:
                error = failure.args[0]
                if error.txn_requires_abort():
                    self.producer.abort_transaction(TIMEOUT_S)
                    raise AbortedError(str(error)) from failure
                is_transient = error.retriable() or error.code() in TRANSIENT_ERRORS
                if not is_transient or time.monotonic() > deadline_s:
                    raise
            self._tell()
            time.sleep(RETRY_S)

    def _ends(self, consumer: Consumer) -> Offsets:
        """The end of each partition of the aggregates topic, shape (partitions,)."""
        topic = self._job.output_topic
        partitions = sorted(self._insist(lambda: consumer.list_topics(topic, timeout=STEP_S)).topics[topic].partitions)
        places = [TopicPartition(topic, each) for each in partitions]
        ends = [self._insist(partial(consumer.get_watermark_offsets, each, timeout=STEP_S))[1] for each in places]
        return np.array(ends, dtype=np.int64)

    def finish(self, consumer: Consumer, query: Query, offsets: Offsets) -> None:
        """Commit what is left."""
        self._snapshots.finish()
        if self._has_read_more(offsets):
            self._commit(consumer, query.save(), offsets)
        self.producer.abort_transaction(TIMEOUT_S)


def _snapshots(job: JobSpecification) -> Snapshots:
    return Snapshots(Path(job.checkpoint_dir) / "snapshot.npz", job.checkpoint_interval_ms / 1000)


def _raise_failure(error: KafkaError | None, _message: Message) -> None:
    if error is not None:
        raise KafkaException(error)
