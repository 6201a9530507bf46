"""One job of the engine under test: its topics, its processes, what is sent to it, and what it writes."""

import contextlib
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from engines.contract.job import AT_LEAST_ONCE, DIRECT, EXACTLY_ONCE, KAFKA, JobSpecification, RedisTarget
from engines.contract.record import CALIFORNIA
from harness.clients.kafka_topics import TIMEOUT_S, Topics, create_topics, delete_topics, has_open_transaction
from harness.conformance.ledger import Ledger, Message
from harness.engines.prepare import ENGINE_STOP_S, PreparedEngine
from harness.errors import ServiceError
from harness.processes.child import Child
from harness.scenarios.scenario import Limits

LATENESS_MS = 5000
PARALLELISM = 2
POLL_S = 0.05
#: How long to wait for totals that change no more.
STEADY_S = 10.0
#: The guard ends what a program has left behind; what it has to kill stays this much longer than what ends by itself.
LEFT_BEHIND_S = 1.5


@dataclass(frozen=True)
class Patience:
    """How long to wait for an engine.

    Attributes:
        ready_s: for `ready`.
        first_s: for the first counts of a job, while nothing else is sent.
        quiet_s: an engine that has read everything and has written nothing for so long is done, right or wrong.
        step_s: for one step altogether; what takes longer hangs.
        checkpoint_interval_ms: how often it is to checkpoint.
    """

    ready_s: float = Limits().engine_ready_s
    first_s: float = 30.0
    quiet_s: float = 8.0
    step_s: float = 60.0
    checkpoint_interval_ms: int = 1000


#: For engines that start in a second.
QUICK = Patience(ready_s=20.0, first_s=4.0, quiet_s=2.0, step_s=12.0, checkpoint_interval_ms=400)
#: The same, where nothing is there before it is committed: for that, a busy broker takes seconds.
QUICK_ONCE = replace(Patience(), checkpoint_interval_ms=QUICK.checkpoint_interval_ms)


@dataclass(frozen=True)
class Bench:
    """What all jobs share: the engine, the services, a folder, the engine's environment variables, and the delivery."""

    run_id: str
    prepared: PreparedEngine
    bootstrap_servers: str
    redis_url: str
    work: Path
    environment: dict[str, str]
    patience: Patience
    delivery: str = AT_LEAST_ONCE

    @property
    def kafka_client(self) -> dict[str, str]:
        """Settings of librdkafka's with which a client reaches the broker."""
        return {"bootstrap.servers": self.bootstrap_servers}


@dataclass
class Output:
    """What an engine has written so far.

    Attributes:
        history: by key, the values of its upserts, in order; None for no value.
        partitions: by key, the partitions that its upserts are in.
        dead_letters: values, and how often each was written.
        messages: how many upserts.
        told_again: upserts whose count had been told before, or a greater one, in words.
    """

    history: dict[bytes, list[bytes | None]] = field(default_factory=dict)
    partitions: dict[bytes, set[int]] = field(default_factory=dict)
    dead_letters: Counter[bytes] = field(default_factory=Counter)
    messages: int = 0
    told_again: list[str] = field(default_factory=list)

    def add_upsert(self, key: bytes | None, value: bytes | None, partition: int) -> None:
        """Take in one upsert."""
        self.messages += 1
        earlier = self.history.setdefault(key or b"", [])
        if earlier and _number(value) <= _number(earlier[-1]):
            self.told_again.append(f"{key!r} is {value!r} after {earlier[-1]!r}, in partition {partition}")
        earlier.append(value)
        self.partitions.setdefault(key or b"", set()).add(partition)

    def latest(self) -> dict[bytes, int]:
        """The counts that the latest upserts give, of values that are counts."""
        found = {key: values[-1] for key, values in self.history.items()}
        return {key: int(value) for key, value in found.items() if value is not None and value.isdigit()}


def _number(value: bytes | None) -> int:
    """The count that `value` is; 0 of one that is none."""
    return int(value) if value is not None and value.isdigit() else 0


@dataclass(frozen=True)
class Ending:
    """How a process ended.

    Attributes:
        code: its exit code; 128 + N if it died of signal N.
        took_s: from SIGTERM to its end.
        left: what it left behind and the guard had to kill.
    """

    code: int
    took_s: float
    left: list[str]


class Rig:
    """One job. Make it with `open_rig`.

    Attributes:
        ledger: what was sent.
        output: what has been read of what the engine has written; `read` reads on.
        children: the engine's processes, in the order they were started.
        topics: the job's.
        cwd: the folder that the engine's processes are started in, and have no business in.
    """

    def __init__(self, bench: Bench, label: str, partitions: int, locations: str, route: str) -> None:
        self.bench, self.label, self.partitions = bench, label, partitions
        self.topics = Topics.of(bench.run_id, label, aggregates=route == KAFKA)
        self.ledger, self.output = Ledger(locations), Output()
        self.children: list[Child] = []
        self.directory = bench.work / label
        self.cwd = self.directory / "cwd"
        self.namespace = f"cdr:{bench.run_id}:{label}"
        self._route = route
        self._errors: list[KafkaError] = []
        self._producer = Producer({**bench.kafka_client, "enable.idempotence": True, "log_level": 3})
        self._consumer: Consumer | None = None

    # The engine

    @property
    def child(self) -> Child:
        """The engine's latest process."""
        return self.children[-1]

    def start(self, stack: ExitStack, settings: dict[str, Any] | None = None) -> Child:
        """Start the engine, as a trial does; it is stopped with `stack`."""
        for folder in (self.cwd, self.directory / "checkpoints"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        job = self.directory / "engine.job.json"
        self._specification(settings or {}).save(job)
        engine = self.bench.prepared
        child = Child(
            f"engine {engine.engine.name}",
            engine.command(job),
            log_path=self.directory / "engine.log",
            env=self.bench.environment,
            cwd=self.cwd,
        )
        self.children.append(child)
        stack.callback(child.process.kill)
        return child

    def _specification(self, settings: dict[str, Any]) -> JobSpecification:
        direct = RedisTarget(url=self.bench.redis_url, namespace=self.namespace, expire_s=3600)
        return JobSpecification(
            run_id=self.bench.run_id,
            engine=self.bench.prepared.engine.name,
            bootstrap_servers=self.bench.bootstrap_servers,
            input_topic=self.topics.input,
            route=self._route,
            output_topic=self.topics.aggregates,
            redis=direct if self._route == DIRECT else None,
            delivery=self.bench.delivery,
            dead_letter_topic=self.topics.dead_letter,
            locations=self.ledger.locations,
            allowed_lateness_ms=LATENESS_MS,
            parallelism=PARALLELISM,
            checkpoint_dir=str(self.directory / "checkpoints"),
            checkpoint_interval_ms=self.bench.patience.checkpoint_interval_ms,
            jars=[str(jar) for jar in self.bench.prepared.jars],
            settings=settings,
        )

    def records_in(self) -> int | None:
        """How many records the latest process says that it has read; None if it does not say."""
        found = self.child.latest("records_in")
        return found if isinstance(found, int) else None

    def steady_records_in(self) -> int | None:
        """`records_in`, once two events of `progress` from now on agree; the last known, if none do in good time."""
        began_ms, deadline_s = time.time_ns() // 1_000_000, time.monotonic() + STEADY_S
        while self.child.is_running and time.monotonic() < deadline_s:
            self.read()
            told = [each for each in self.child.events if each.kind == "progress" and each.at_ms > began_ms]
            if len(told) > 1 and told[-1].fields.get("records_in") == told[-2].fields.get("records_in"):
                break
        return self.records_in()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the engine's process, and to it alone."""
        if tree := self.child.process.child_tree():
            tree[0].send_signal(number)

    def stop(self) -> Ending:
        """SIGTERM, as at the end of a trial; tell how the engine took it."""
        process = self.child.process
        tree = process.child_tree()
        began_s = time.monotonic()
        stopping = threading.Thread(target=self.child.stop, args=(ENGINE_STOP_S,))
        stopping.start()
        ended_s = began_s
        left: list[str] = []
        while stopping.is_alive():
            if tree and _runs(tree[0]):
                ended_s = time.monotonic()
            elif time.monotonic() - ended_s > LEFT_BEHIND_S:
                left = left or [_name(each) for each in process.child_tree()]
            stopping.join(POLL_S)
        return Ending(process.poll() or 0, time.monotonic() - began_s, left)

    # What goes in, and what comes out

    def send(self, messages: Iterable[Message], *, topic: str = "") -> None:
        """Write `messages` to the input topic, each to its partition, and note them; to another `topic`, note nothing.

        Raises:
            ServiceError: the broker did not take them.
        """
        wanted = list(messages)
        for partition, value in wanted:
            self._producer.produce(topic or self.topics.input, value, partition=partition, on_delivery=self._delivered)
            self._producer.poll(0)
        if self._producer.flush(TIMEOUT_S) or self._errors:
            raise ServiceError(f"topic {self.topics.input}: records could not be sent: {self._errors[:1]}")
        if not topic:
            self.ledger.add(wanted)

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._errors.append(error)

    def read(self) -> bool:
        """Take in what the engine has written since the last call. Returns whether that was anything."""
        messages = self._tail().consume(10_000, timeout=POLL_S)
        for message in messages:
            if message.error():
                raise ServiceError(f"topic {message.topic()}: {message.error()}")
            if message.topic() == self.topics.dead_letter:
                self.output.dead_letters[message.value() or b""] += 1
            else:
                partition = message.partition()
                assert partition is not None, "a message that was read has a place"
                self.output.add_upsert(message.key(), message.value(), partition)
        return bool(messages)

    def _tail(self) -> Consumer:
        if self._consumer is None:
            names = [name for name in (self.topics.aggregates, self.topics.dead_letter) if name]
            self._consumer = Consumer(
                {
                    **self.bench.kafka_client,
                    "group.id": f"{self.topics.input}-conformance",
                    "enable.auto.commit": False,
                }
            )
            self._consumer.assign(
                [TopicPartition(name, each, OFFSET_BEGINNING) for name in names for each in range(self.partitions)]
            )
        return self._consumer

    def settle(self, is_done: Callable[[], bool], *, quiet_s: float = 0.0, reads: int | None = None) -> bool:
        """Wait for `is_done`. Returns whether it came true; if not, the engine has ended, or is done otherwise.

        It is not done while a transaction is open: one of a process that was killed holds up all who read what is
        committed, the engine itself too, until brokers abort it, after its time and up to ten seconds more.

        Args:
            is_done: asked whenever something was read.
            quiet_s: how long the engine must have written nothing, to be done; the bench's by default.
            reads: how many records its latest process has to have read before that, if it tells; by default, all.
        """
        quiet_s = quiet_s or self.bench.patience.quiet_s
        step_s = self.bench.patience.step_s
        sent = len(self.ledger.lines) if reads is None else reads
        began_s = last_s = time.monotonic()
        while True:
            last_s = time.monotonic() if self.read() else last_s
            if is_done():
                return True
            now_s = time.monotonic()
            records = self.records_in()
            has_read = records is None or records >= sent or now_s - began_s > step_s / 2
            if now_s - began_s > step_s or not self.child.is_running:
                return self.read() and is_done()
            if has_read and now_s - last_s > quiet_s:
                if not self._is_held_up():
                    return self.read() and is_done()
                last_s = now_s  # what is held up is written after this

    def _is_held_up(self) -> bool:
        return self.bench.delivery == EXACTLY_ONCE and has_open_transaction(self.bench.kafka_client, self.topics)

    def is_right(self, without: Iterable[bytes] = ()) -> bool:
        """Whether the output holds just what the ledger says, but for the keys `without`; dead letters may repeat."""
        left_out = set(without)
        latest = self.output.latest()
        keys = (latest.keys() | self.ledger.counts.keys()) - left_out
        return (
            all(latest.get(key) == self.ledger.counts.get(key) for key in keys)
            and self.ledger.dead_letters <= self.output.dead_letters
        )

    def close(self) -> None:
        """Let go of everything, topics and files too; the log stays."""
        if self._consumer is not None:
            self._consumer.close()
        delete_topics(self.bench.kafka_client, self.topics)
        shutil.rmtree(self.directory / "checkpoints", ignore_errors=True)


@contextmanager
def open_rig(
    bench: Bench, label: str, *, partitions: int = 1, locations: str = CALIFORNIA, route: str = KAFKA
) -> Iterator[tuple[Rig, ExitStack]]:
    """A new job, and what ends its processes; all of it is gone at the end."""
    rig = Rig(bench, label, partitions, locations, route)
    rig.directory.mkdir(mode=0o700, parents=True)
    create_topics(bench.kafka_client, rig.topics, partitions)
    try:
        with ExitStack() as stack:
            yield rig, stack
    finally:
        rig.close()


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{' '.join(process.cmdline())[:100] or process.name()} (process {process.pid})"
    return f"process {process.pid}"


def files_below(directory: Path) -> set[str]:
    """The files below `directory`, by their paths in it; Python's compiled modules do not count."""
    found = set()
    for parent, folders, names in os.walk(directory):
        folders[:] = [each for each in folders if each != "__pycache__"]
        found |= {str((Path(parent) / each).relative_to(directory)) for each in names}
    return found
