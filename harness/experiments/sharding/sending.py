"""`ringbench generate`: one machine's shard of a stream, sent from an agreed start on, and its account saved."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines.contract.kafka import librdkafka_properties
from harness.clients.kafka_topics import ensure_topic, oldest_message, partition_bounds
from harness.console.interrupt import INTERRUPTED, CleanUp, Interrupt
from harness.console.progress import ConsoleWatcher
from harness.errors import InvalidRun, RingbenchError, UsageError
from harness.experiments.sharding.shard import Shard, describe, problems
from harness.measurement.clock import ClockWatch
from harness.measurement.clock_offset import MESSAGE, compare_clocks
from harness.processes.child import Child
from harness.processes.temporary import temporary_folder
from harness.results.shards import ClockOffset, Sent, ShardResult, Stream, save_shard
from harness.scenarios.refusals import GENERATE, check_together
from harness.scenarios.scenario import Scenario
from harness.services.kafka import check_kafka
from harness.session.fingerprint import host_id
from harness.workers.jobs import GeneratorJob, announce_anchor
from harness.workers.start import start_worker
from workloads.profiles import NANOSECONDS_PER_S
from workloads.replay import open_workload
from workloads.workload import Workload

#: Of the topic, for another one whose messages tell the broker's time.
CLOCK_SUFFIX = "-ringbench-clock"
READY_S = 90.0
#: For what is on its way after the last record was due, or after Ctrl-C.
STOP_S = 75.0
#: Generators hear of the start so long before: from there on, they go by the monotonic clock.
NOTICE_NS = 2 * NANOSECONDS_PER_S
POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """What the command line says.

    Attributes:
        bootstrap_servers: of the Kafka to send to.
        kafka_properties: how to get into that, see `harness.clients.credentials`.
        topic: where to.
        create_topic: make it, if it is not there.
        shard: which part of the stream.
        start_ns: the agreed start, in nanoseconds since the Unix epoch; None for `start_in_s` from when it is ready.
        start_in_s: see above.
        directory: where the account goes.
        command: the arguments that repeat the command.
    """

    bootstrap_servers: str
    topic: str
    create_topic: bool
    shard: Shard
    start_ns: int | None
    start_in_s: float
    directory: Path
    command: list[str]
    kafka_properties: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def kafka_client(self) -> dict[str, str]:
        """What a librdkafka client needs to reach Kafka."""
        return librdkafka_properties(self.bootstrap_servers, self.kafka_properties)


@dataclass
class _Load:
    """A load under way: what the generators have said in the end is in `told`."""

    stream: Stream
    late_ms: float
    clock: ClockWatch
    before: ClockOffset
    told: dict[str, Any]


class _Sending:
    """Sends a shard of a scenario's stream."""

    def __init__(self, scenario: Scenario, options: GenerateOptions, watcher: ConsoleWatcher) -> None:
        self._scenario, self._options, self._watcher = scenario, options, watcher
        self._workload: Workload = open_workload(scenario.workload())
        self._partitions = options.shard.partitions(scenario.partitions)
        self._check_start()

    def run(self) -> ShardResult:
        """Send it. Returns the account, also after Ctrl-C once the load has begun."""
        options = self._options
        self._watcher.phase(f"checking Kafka at {options.bootstrap_servers}")
        check_kafka(options.kafka_client)
        cluster = self._topics()
        ends = self._ends()
        with CleanUp("ending the generators") as stack:
            work = stack.enter_context(temporary_folder())
            self._watcher.phase("preparing the first records")
            job = self._job(work)
            module = "generators" if job.processes > 1 else "generator"
            child = stack.enter_context(start_worker(module, job, work))
            child.wait_for("ready", READY_S)
            self._watcher.phase("comparing clocks")
            before = self._compare()
            self._watcher.note(f"the broker's clock is ahead by {before.offset_ms:+.2f} ms, ± {before.bound_ms:.2f} ms")
            load = self._load(child, job, cluster, before)
        return self._account(load, ends)

    def _check_start(self) -> None:
        start_ns = self._options.start_ns
        if start_ns and start_ns + self._workload.total_s * NANOSECONDS_PER_S < time.time_ns():
            raise UsageError(
                f"the stream that starts at {_moment(start_ns)} is over by now", fix="give a --start-at to come"
            )

    def _topics(self) -> str:
        """Make sure of the topics. Returns the cluster's identifier."""
        options = self._options
        client, topic = options.kafka_client, options.topic
        ensure_topic(client, topic, self._scenario.partitions, create=options.create_topic)
        clock = topic + CLOCK_SUFFIX
        cluster = ensure_topic(client, clock, 1, create=True)
        # Another shard may have made it, or a stream before this one; whoever else has, has something else in it.
        oldest = oldest_message(client, clock)
        if oldest is not None and oldest.value() != MESSAGE:
            raise UsageError(
                f"the topic {clock}, by which clocks are compared, holds messages of somebody else's",
                fix="give another --topic; or delete that one, if it is an older version's or not needed",
            )
        return cluster

    def _ends(self) -> dict[int, int]:
        """The end offsets of this shard's partitions, none of which may hold anything.

        Raises:
            UsageError: one does.
        """
        bounds = partition_bounds(self._options.kafka_client, self._options.topic)
        for partition in self._partitions:
            first, end = bounds[partition]
            if end > first:
                raise UsageError(
                    f"partition {partition} of the topic {self._options.topic} holds {end - first:,} messages already",
                    fix="give a new topic: a stream is one only in a topic of its own",
                )
        return {each: bounds[each][1] for each in self._partitions}

    def _compare(self) -> ClockOffset:
        return compare_clocks(self._options.kafka_client, self._options.topic + CLOCK_SUFFIX)

    def _job(self, work: Path) -> GeneratorJob:
        shard = self._options.shard
        return GeneratorJob(
            workload=self._scenario.workload(),
            anchor=str(work / "anchor"),
            bootstrap_servers=self._options.bootstrap_servers,
            kafka_properties=self._options.kafka_properties,
            topic=self._options.topic,
            output=str(work / "generator.npz"),
            shard=shard.first_process,
            shards=shard.all_processes,
            processes=shard.processes,
            may_be_late=True,
        )

    def _load(self, child: Child, job: GeneratorJob, cluster: str, before: ClockOffset) -> _Load:
        """Wait for the start, and send everything that is due until the end, or Ctrl-C."""
        options, clock = self._options, ClockWatch()
        clock.look()
        start_ns = options.start_ns or time.time_ns() + int(options.start_in_s * NANOSECONDS_PER_S)
        late_ms = max(0.0, (time.time_ns() - start_ns) / 1e6)
        stream = describe(self._scenario, self._workload, options.shard, start_ns, options.topic, cluster)
        self._watcher.phase(f"waiting for the start at {_moment(start_ns)}")
        while (left_ns := start_ns - NOTICE_NS - time.time_ns()) > 0:
            self._watcher.status(f"{(left_ns + NOTICE_NS) / NANOSECONDS_PER_S:.0f} s left")
            time.sleep(min(POLL_S, left_ns / NANOSECONDS_PER_S))
        if late_ms:
            self._watcher.note(f"the agreed start was {late_ms:,.0f} ms ago: what was due goes out at once")
        with Interrupt() as interrupt:
            announce_anchor(job.anchor, start_ns)
            self._watcher.phase(f"sending shard {options.shard.number} of {options.shard.count}")
            while child.is_running and not interrupt.has_come:
                clock.look()
                self._tell(child)
                time.sleep(POLL_S)
            if interrupt.has_come:
                self._watcher.phase(f"stopped by {interrupt.why}: what is on its way is waited for")
                child.stop(STOP_S)
            return _Load(stream, late_ms, clock, before, child.wait_for("stopped", STOP_S).fields)

    def _tell(self, child: Child) -> None:
        if told := child.last("progress"):
            elapsed_s = max(0.0, told.fields["schedule_ms"] / 1000)
            done = f"{elapsed_s:,.0f} of {self._workload.total_s:,} s"
            sent, acked = told.fields["sent_records"], told.fields["acked_records"]
            self._watcher.status(f"{done}: {sent:,} records sent, {acked:,} acknowledged")

    def _account(self, load: _Load, ends: dict[int, int]) -> ShardResult:
        bounds = partition_bounds(self._options.kafka_client, self._options.topic)
        told = load.told | {"arrived_records": sum(bounds[each][1] - ends[each] for each in ends)}
        result = ShardResult(
            stream=load.stream,
            shard=self._options.shard.number,
            processes=self._options.shard.processes,
            partitions=self._partitions,
            host=host_id(),
            command=self._options.command,
            complete=told["passed_records"] == load.stream.total_records,
            start_late_ms=load.late_ms,
            clock_before=load.before,
            clock_after=self._compare_again(),
            clock_step_ms=load.clock.step_ms,
            sent=Sent(**{name: told[name] for name in Sent.model_fields}),
            valid=True,
            invalid_reasons=[],
        )
        reasons = problems(result, self._scenario.limits.clock_step_ms)
        return result.model_copy(update={"valid": not reasons, "invalid_reasons": reasons})

    def _compare_again(self) -> ClockOffset | None:
        """What the clocks say after the load; None, with a note, if they say nothing: the load has taken place."""
        try:
            return self._compare()
        except RingbenchError as error:
            self._watcher.note(error.message)
            return None


def generate(scenario: Scenario, options: GenerateOptions, watcher: ConsoleWatcher) -> tuple[ShardResult, Path]:
    """Send a shard of a scenario's stream, and save what became of it. Returns that, and its file.

    Raises:
        UsageError: scenario, shard, start or topic make no sense.
        ServiceError: Kafka cannot be reached, or a generator has failed.
        InvalidRun: the clock was stepped before the load began.
    """
    check_together(scenario, GENERATE)
    result = _Sending(scenario, options, watcher).run()
    return result, save_shard(result, options.directory)


def exit_code(result: ShardResult) -> int:
    """0, or 3 if what was sent must not be believed, or 130 if Ctrl-C ended it."""
    if not result.complete:
        return INTERRUPTED
    return 0 if result.valid else InvalidRun.exit_code


def _moment(start_ns: int) -> str:
    return datetime.fromtimestamp(start_ns / NANOSECONDS_PER_S, UTC).isoformat(timespec="milliseconds")
