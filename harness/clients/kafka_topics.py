"""Kafka topics: made for a trial, read to their end, and deleted after it.

Brokers are reached by a `client`: settings of librdkafka's, the address among them.
"""

import concurrent.futures
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic

from harness.clients.left import Left
from harness.errors import ServiceError, UsageError
from harness.processes.process import wait_until

TIMEOUT_S = 30
#: How long a transaction may take to be marked as ended, and how often that is looked for.
OPEN_S, OPEN_POLL_S = 5.0, 0.1
#: What a topic is called where it is told that one was left.
TOPIC = "topic"

Client = Mapping[str, str]


@dataclass(frozen=True)
class Topics:
    """Names of a trial's topics; `aggregates` is empty where there is no such topic."""

    input: str
    aggregates: str
    dead_letter: str

    @classmethod
    def of(cls, run_id: str, trial: str, *, aggregates: bool = True) -> "Topics":
        """The names for a trial of a run, with a topic of aggregates or without."""
        found = cls(*(f"{stem}-{run_id}-{trial}" for stem in ("cdr", "cdr-aggregates", "cdr-dead-letter")))
        return found if aggregates else replace(found, aggregates="")

    def all(self) -> list[str]:
        """The names of those that there are."""
        return [name for name in (self.input, self.aggregates, self.dead_letter) if name]


def create_topics(
    client: Client, topics: Topics, partitions: int, *, retention_s: int = 0, producers_stamps: bool = False
) -> None:
    """Create a trial's topics, each of `partitions` partitions, stamped by the broker on arrival.

    With a `retention_s`, input and aggregates older than that go away, a few minutes later at the latest. With
    `producers_stamps`, messages of the input topic keep the times that they were sent with.

    Raises:
        ServiceError: the broker refused, or did not answer in time.
    """
    stamped = {"message.timestamp.type": "LogAppendTime"}
    # Only whole segments go away: a new one each minute, and none before it is a minute old.
    brief = {"retention.ms": str(retention_s * 1000), "segment.ms": "60000", "file.delete.delay.ms": "10000"}
    config = dict.fromkeys(topics.all(), stamped)
    if retention_s:
        config |= {name: stamped | brief for name in topics.all() if name != topics.dead_letter}
    if producers_stamps:
        config[topics.input] = config[topics.input] | {"message.timestamp.type": "CreateTime"}
    wanted = [NewTopic(name, num_partitions=partitions, config=each) for name, each in config.items()]
    admin = _admin(client)  # named: collected as garbage, it would cancel
    futures = admin.create_topics(wanted, request_timeout=TIMEOUT_S)
    try:
        for name, future in futures.items():
            try:
                future.result(TIMEOUT_S)
            except (KafkaException, TimeoutError) as error:
                raise ServiceError(f"cannot create the topic {name}: {error}") from error
    except BaseException:
        # What the broker was asked for might be made later than it is deleted: its answer comes first.
        concurrent.futures.wait(futures.values(), TIMEOUT_S)
        raise
    # Made is what the controller has noted: a busy broker tells clients of it later.
    _await_topics(admin, *config)


def delete_topics(client: Client, topics: Topics) -> list[Left]:
    """Delete a trial's topics, and those of the engine's own; that one is gone already is no error.

    Returns: what could not be deleted. Nothing is raised: what ended the trial must not be hidden.
    """
    admin = _admin(client)
    left = []
    try:
        engines = _engines_own(admin, topics)
    except KafkaException as error:
        engines, left = [], [Left(TOPIC, f"those with {topics.input}. in their names", reason(error))]
    return remove_topics(admin, [*topics.all(), *engines]) + left


def _engines_own(admin: AdminClient, topics: Topics) -> list[str]:
    """What an engine has made for itself: it has the input topic's name, and a dot, in its own."""
    return [each for each in admin.list_topics(timeout=TIMEOUT_S).topics if f"{topics.input}." in each]


def remove_topics(admin: AdminClient, names: Iterable[str]) -> list[Left]:
    """Delete the topics called `names`. Returns those that are still there, or may be."""
    left, futures = [], {}
    if wanted := list(dict.fromkeys(names)):
        futures = admin.delete_topics(wanted, request_timeout=TIMEOUT_S)
    for name, future in futures.items():
        try:
            error = future.exception(2 * TIMEOUT_S)
        except TimeoutError:
            error = TimeoutError("the broker does not answer")
        if error and not _has_code(error, KafkaError.UNKNOWN_TOPIC_OR_PART):
            left.append(Left(TOPIC, name, reason(error)))
    return left


def reason(error: BaseException) -> str:
    """What went wrong, in words: librdkafka's errors have them, but do not print them alone."""
    if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError):
        return str(error.args[0].str())
    return str(error)


def ensure_topic(client: Client, topic: str, partitions: int, *, create: bool) -> str:
    """Make sure that there is a `topic` of so many partitions; if it is to be made, the broker stamps its messages.

    Several may do so at once: the first one makes it.

    Returns: the cluster's own identifier.

    Raises:
        UsageError: there is none and it is not to be made, or it has another number of partitions.
        ServiceError: the broker refused, or did not answer in time.
    """
    admin = _admin(client)
    metadata = admin.list_topics(timeout=TIMEOUT_S)
    if create and topic not in metadata.topics:
        wanted = NewTopic(topic, num_partitions=partitions, config={"message.timestamp.type": "LogAppendTime"})
        error = admin.create_topics([wanted])[topic].exception(TIMEOUT_S)
        if error and not _has_code(error, KafkaError.TOPIC_ALREADY_EXISTS):
            raise ServiceError(f"cannot create the topic {topic}: {error}")
        metadata = _await_topics(admin, topic)
    if topic not in metadata.topics:
        raise UsageError(f"--topic: there is no topic {topic}", fix="make it, or give --create-topic")
    if (found := len(metadata.topics[topic].partitions)) != partitions:
        raise UsageError(
            f"--topic: the topic {topic} has {found} partitions, and the scenario {partitions}",
            fix="give another topic, or set the scenario's `partitions` to that of the topic",
        )
    return str(metadata.cluster_id)


def replicas(client: Client, topic: str) -> int:
    """How many brokers hold each record of `topic`, which is there, or will be soon.

    Raises:
        ServiceError: no broker knows it in time.
    """
    found = _await_topics(_admin(client), topic).topics[topic].partitions
    return min(len(each.replicas) for each in found.values())


def _await_topics(admin: AdminClient, *names: str) -> ClusterMetadata:
    """What a broker tells that knows all of `names`: of several brokers, others may not know them yet."""

    def told() -> ClusterMetadata | None:
        metadata = admin.list_topics(timeout=TIMEOUT_S)
        topics = metadata.topics
        known = all(name in topics and topics[name].error is None and topics[name].partitions for name in names)
        return metadata if known else None

    return wait_until(told, deadline_s=TIMEOUT_S, what=f"the brokers know of {', '.join(names)}")


def _has_code(error: BaseException, code: int) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == code


def partition_bounds(client: Client, topic: str) -> dict[int, tuple[int, int]]:
    """The first offset of each partition of `topic`, and the one after its last."""
    consumer = Consumer({**client, "group.id": f"{topic}-end"})
    try:
        return _bounds(consumer, topic)
    finally:
        consumer.close()


def end_offset(client: Client, topic: str) -> int:
    """How many messages `topic` holds, as its partitions' end offsets tell; of transactions, up to one that is open."""
    return sum(end for _, end in partition_bounds(client, topic).values())


def committed_ends(client: Client, topic: str) -> dict[int, int]:
    """By partition of `topic`, the offset after its last message that is committed; none of those without one."""
    ends = ((message.partition(), message.offset()) for message in read_topic(client, topic))
    return {partition: offset + 1 for partition, offset in ends if partition is not None and offset is not None}


def left_open(client: Client, topic: str, within_s: float = OPEN_S) -> int:
    """How many offsets of `topic` are behind a transaction that is open, where no reader of what is committed gets.

    Brokers mark a transaction as ended a moment after a producer ended it: they are asked for `within_s`, until none is
    open.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        ends = (_ends(client, topic, level) for level in ("read_uncommitted", "read_committed"))
        written, readable = (sum(found.values()) for found in ends)
        if written <= readable or time.monotonic() > deadline_s:
            return max(0, written - readable)
        time.sleep(OPEN_POLL_S)


def has_open_transaction(client: Client, topics: Topics) -> bool:
    """Whether a transaction is open now in what an engine writes: a trial's topics, and the engine's own."""
    written = [topics.aggregates, topics.dead_letter, *_engines_own(_admin(client), topics)]
    return any(left_open(client, each, within_s=0) for each in written if each)


def _ends(client: Client, topic: str, isolation_level: str) -> dict[int, int]:
    """The end of each partition, as a consumer of that level is told it."""
    return {
        each: end for each, (_, end) in partition_bounds({**client, "isolation.level": isolation_level}, topic).items()
    }


def read_topic(client: Client, topic: str) -> Iterator[Message]:
    """All messages that `topic` holds now, those of a partition in order; of transactions, those of committed ones.

    A partition ends where the consumer says so: the last offsets may be those of a transaction's markers, which nobody
    is shown.

    Raises:
        ServiceError: nothing more could be read within `TIMEOUT_S`.
    """
    consumer = Consumer(
        {
            **client,
            "group.id": f"{topic}-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )
    try:
        left = {each for each, (start, end) in _bounds(consumer, topic).items() if end > start}
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in left])
        deadline = time.monotonic() + TIMEOUT_S
        while left:
            messages = consumer.consume(10_000, timeout=0.1)
            if messages:
                deadline = time.monotonic() + TIMEOUT_S
            elif time.monotonic() > deadline:
                raise ServiceError(f"topic {topic}: nothing more could be read within {TIMEOUT_S} s")
            for message in messages:
                if (error := message.error()) is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise ServiceError(f"topic {topic}: {error}")
    finally:
        consumer.close()


def oldest_message(client: Client, topic: str) -> Message | None:
    """The oldest message in partition 0 of `topic`; None if there is none.

    Raises:
        ServiceError: there is one, and it could not be read within `TIMEOUT_S`.
    """
    consumer = Consumer({**client, "group.id": f"{topic}-reader", "enable.auto.commit": False})
    try:
        start, end = _bounds(consumer, topic)[0]
        if start == end:
            return None
        consumer.assign([TopicPartition(topic, 0, start)])
        message = consumer.poll(TIMEOUT_S)
        if message is None or message.error():
            raise ServiceError(f"topic {topic}: {message.error() if message else 'no message could be read'}")
        return message
    finally:
        consumer.close()


def _admin(client: Client) -> AdminClient:
    # Quiet, but for errors: it reports on its own end.
    return AdminClient({**client, "log_level": 3})


def _bounds(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    partitions = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
    return {each: consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=TIMEOUT_S) for each in partitions}
