"""The Quix engine: Quix Streams in one thread. Python only, but for Kafka's client and RocksDB."""

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import quixstreams
from query import Sorted, Sorter, count_in
from quixstreams import Application, State, message_context
from quixstreams.kafka import ConnectionConfig
from quixstreams.models import Serializer, Topic, TopicConfig

from engines.contract.aggregate import encode_count
from engines.contract.events import EventWriter
from engines.contract.job import JobSpecification
from engines.contract.process import run_engine
from engines.contract.promises import Promises

DEFAULT_SETTINGS: dict[str, Any] = {
    # How long the producer waits for more to send together: records on their way to where they are counted, upserts.
    "linger_ms": 2,
    # A fetch from Kafka waits for so many bytes, but no longer than so many milliseconds.
    "fetch_min_bytes": 1,
    "fetch_wait_ms": 500,
    # How long a cell may rest before it is forgotten, by Kafka's times of its records: longer than what a restart reads
    # again.
    "state_ttl_ms": 300_000,
}

PROGRESS_INTERVAL_S = 1.0
#: How long the loop may wait for a record, and so how soon it sees that it is to stop.
POLL_S = 0.1
DRAIN_TIMEOUT_S = 5.0
GREATEST = "greatest_ms"


class Engine(Application):
    """Quix's application, told by a callback after each turn of its loop; signals are left to the contract."""

    def __init__(self, after_turn: Callable[["Engine"], None], **options: Any) -> None:
        super().__init__(**options)
        self._after_turn = after_turn

    def _setup_signal_handlers(self) -> None:
        """Leave them as they are."""

    def _process_message(self, dataframe_composed: Any) -> None:
        super()._process_message(dataframe_composed)
        self._after_turn(self)

    def partitions(self) -> int:
        """How many partitions it reads, changelogs included; 0 until it was given some, and their state is there."""
        return 0 if self._state_manager.recovery_required else len(self._consumer.assignment())


def work(
    job: JobSpecification, settings: dict[str, Any], events: EventWriter, stop: threading.Event
) -> dict[str, int | None]:
    """Run `job` until `stop` is set; return the totals."""
    sorter = Sorter(job.allowed_lateness_ms, job.locations, os.getpid())
    turns = Turns(sorter, promises(job, settings), events, stop)
    engine = Engine(turns.take, **options(job, settings))
    define(engine, job, settings, sorter)
    engine.run()
    print(f"{sorter.repeated} records came again after a restart, and were not counted again")
    return sorter.totals()


class Turns:
    """What is to be done between records: tell of readiness and progress, and stop."""

    def __init__(self, sorter: Sorter, promised: Promises, events: EventWriter, stop: threading.Event) -> None:
        self._sorter, self._promised, self._events, self._stop = sorter, promised, events, stop
        self._is_ready = False
        self._due_s = 0.0
        self._stop_s = 0.0

    def take(self, engine: Engine) -> None:
        """Do it."""
        if self._stop.is_set():
            # Records on their way to be counted get some time. Those left are counted after a restart.
            self._stop_s = self._stop_s or time.monotonic() + DRAIN_TIMEOUT_S
            if self._sorter.on_their_way == 0 or time.monotonic() > self._stop_s:
                engine.stop()
        if not self._is_ready and (partitions := engine.partitions()):
            self._is_ready = True
            configuration = effective(engine, partitions) | self._promised.as_config()
            self._events.send("ready", version=quixstreams.__version__, config=configuration)
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + PROGRESS_INTERVAL_S
            self._events.send("progress", **self._sorter.totals())


def options(job: JobSpecification, settings: dict[str, Any]) -> dict[str, Any]:
    """The application's options."""
    return {
        "broker_address": ConnectionConfig.from_librdkafka_dict(job.librdkafka_properties(), ignore_extras=True),
        # What is made in Kafka has the group's name in its own: by the input topic's, and the dot, it is known.
        "consumer_group": f"{job.input_topic}.{job.engine}",
        "auto_offset_reset": "earliest",
        "commit_interval": job.checkpoint_interval_ms / 1000,
        "consumer_poll_timeout": POLL_S,
        "state_dir": job.checkpoint_dir,
        "processing_guarantee": job.delivery,
        "consumer_extra_config": {
            # A process that takes the place of one that was killed need not wait until that one's session has run out.
            "group.instance.id": "ringbench",
            "fetch.min.bytes": settings["fetch_min_bytes"],
            "fetch.wait.max.ms": settings["fetch_wait_ms"],
            # While much is waiting, the client's queue is always full: it would pause for longer then.
            "fetch.queue.backoff.ms": 10,
        },
        "producer_extra_config": {
            "linger.ms": settings["linger_ms"],
            "acks": "all",
            # Exactly once: one for the job, so that a new process aborts what one that was killed has left open.
            **({"transactional.id": f"{job.input_topic}.{job.engine}"} if job.is_exactly_once else {}),
        },
        "loglevel": "WARNING",
    }


class Value(Serializer):
    """Takes a sorted line's value, while its key is the message's."""

    def __call__(self, value: Sorted, *_: Any, **__: Any) -> bytes:
        """The bytes to send."""
        return value.value


def define(engine: Engine, job: JobSpecification, settings: dict[str, Any], sorter: Sorter) -> None:
    """Define what `engine` does with its topics."""
    from_bytes = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
    lines = engine.topic(job.input_topic, **from_bytes)
    cells = engine.topic(
        f"{engine.config.consumer_group}.cells",
        key_serializer="bytes",
        value_serializer=Value(),
        config=like(lines),
        **from_bytes,
    )
    dead_letters = engine.topic(job.dead_letter_topic, key_serializer="bytes", value_serializer=Value())
    upserts = engine.topic(job.output_topic, key_serializer="bytes", value_serializer="bytes")
    time_to_live = timedelta(milliseconds=job.allowed_lateness_ms + settings["state_ttl_ms"])

    def sort(line: bytes | None, _key: Any, _timestamp: int, _headers: Any, state: State) -> Sorted | None:
        origin = message_context()
        found = sorter.sort(line or b"", origin.partition, origin.offset, lambda: state.get(GREATEST, 0))
        if (greatest_ms := sorter.to_keep(origin.partition)) is not None:
            state.set(GREATEST, greatest_ms)
        return found

    def count(origin: bytes, _key: Any, _timestamp: int, _headers: Any, state: State) -> bytes:
        cell = state.get("cell", {})
        sorter.arrived(origin)
        more = count_in(cell, origin)
        if more is None:
            sorter.repeated += 1
            # Told again: whether the count left when the record was counted is not known.
            return encode_count(cell["n"])
        state.set("cell", more, ttl=time_to_live)
        return encode_count(more["n"])

    # One way for both: each branch would get a deep copy of each line, and `group_by` makes one.
    found = engine.dataframe(lines).apply(sort, stateful=True, metadata=True).filter(lambda each: each is not None)
    found.to_topic(
        lambda each, _key, _timestamp, _headers: dead_letters if each.key is None else cells, key=lambda each: each.key
    )
    engine.dataframe(cells).apply(count, stateful=True, metadata=True).to_topic(upserts)


def like(topic: Topic) -> TopicConfig:
    """The configuration of a new topic with as many partitions and replicas, kept for as long."""
    found = topic.broker_config
    return TopicConfig(
        num_partitions=found.num_partitions,
        replication_factor=found.replication_factor,
        extra_config={name: found.extra_config[name] for name in ("retention.ms", "retention.bytes")},
    )


def effective(engine: Engine, partitions: int) -> dict[str, Any]:
    """What is in effect, as Quix tells it."""
    config = engine.config
    return {
        "parallelism": 1,
        "partitions_assigned": partitions,
        "processing_guarantee": config.processing_guarantee,
        "commit_interval_s": config.commit_interval,
        "consumer_group": config.consumer_group,
        **config.consumer_extra_config,
        **config.producer_extra_config,
    }


def promises(job: JobSpecification, settings: dict[str, Any]) -> Promises:
    """What this engine promises."""
    return Promises(
        delivery=f"records exactly once, upserts {job.delivery.replace('-', ' ')}",
        checkpoints=f"every {job.checkpoint_interval_ms} ms, to topics of its own",
        state_kept=f"{job.allowed_lateness_ms + settings['state_ttl_ms']} ms by Kafka's times of records",
        upserts_joined="none are",
    )


if __name__ == "__main__":
    sys.exit(run_engine(DEFAULT_SETTINGS, work))
