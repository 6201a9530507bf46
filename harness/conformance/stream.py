"""The main job: a stream in four partitions, step by step, with a kill in its midst and SIGTERM at its end."""

import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle

from engines.contract.job import EXACTLY_ONCE
from engines.contract.record import OPERATORS, parse
from harness.clients.kafka_topics import Client, Topics, create_topics, delete_topics, end_offset, left_open
from harness.conformance import judge_counts, judge_life, judge_messages
from harness.conformance.findings import Findings, Problem
from harness.conformance.ledger import Message, key_of, line
from harness.conformance.rig import LATENESS_MS, Bench, Rig, open_rig
from harness.conformance.wording import named
from harness.errors import ServiceError
from workloads.california import COUNTIES
from workloads.partitioning import ROUND_ROBIN
from workloads.workload import Workload, WorkloadSpecification

PARTITIONS = 4
#: The seeded stream leaves the last partition out, which is idle meanwhile.
SEED, SEEDED_S, SEEDED_PARTITIONS = 20_260_101, 4, PARTITIONS - 1
MALFORMED_PER_MILLION = 20_000
#: Event time moves on to here, in seconds after the epoch; records around it are still in time after the kill.
LATER_S = 30
#: An engine may take so long to move its watermark by what it has read.
WATERMARK_S = 15.0
#: Checkpoints that an engine has time for before it is killed.
CHECKPOINTS = 3
#: How long an engine is given to read some of what is sent right before it is killed.
KILL_S = 2.0
#: How many lines of an engine's log are told.
LOG_LINES = 5
#: Records right before SIGTERM.
BURST = 40


class Stream:
    """The job, and what has been found of it. `run` reads as its table of contents."""

    def __init__(self, bench: Bench, findings: Findings, rate_records_per_s: int) -> None:
        self._bench, self._findings = bench, findings
        kinds = tuple(kind for kind in WorkloadSpecification.malformed_kinds if kind != "long")
        self._workload = Workload(
            WorkloadSpecification(
                seed=SEED,
                rate_records_per_s=rate_records_per_s,
                warmup_s=0,
                duration_s=SEEDED_S,
                partitions=SEEDED_PARTITIONS,
                # An engine that counts each partition by itself would count right if a cell's records were in one.
                partitioning=ROUND_ROBIN,
                malformed_per_million=MALFORMED_PER_MILLION,
                malformed_kinds=kinds,
            )
        )
        self._epoch_ms = self._workload.specification.epoch_s * 1000
        #: Keys whose counts are looked at by themselves: of records that were too late, or are known to be missing.
        self._left_out: set[bytes] = set()

    def run(self) -> list[Rig]:
        """Do all of it, as far as the engine comes along. Returns the job, for what is judged at the end."""
        with open_rig(self._bench, "stream", partitions=PARTITIONS) as (rig, stack):
            if self._start(rig, stack):
                self._fresh(rig)
                self._seeded(rig)
                self._late(rig)
                self._restart(rig, stack)
                self._stop(rig)
                self._once(rig)
            return [rig]

    def _start(self, rig: Rig, stack: ExitStack) -> bool:
        """Start the engine. Returns whether it is ready."""
        child = rig.start(stack)
        try:
            event = child.wait_for("ready", self._bench.patience.ready_s)
        except ServiceError as error:
            self._findings.hold("start.ready", not_ready(error, self._bench.patience.ready_s))
            return False
        seconds = (event.at_ms - child.started_ms) / 1000
        problem = judge_messages.ready(event, child.started_ms, time.time_ns() // 1_000_000)
        self._findings.hold("start.ready", problem, f"after {seconds:.1f} s")
        return True

    # What goes out when

    def _fresh(self, rig: Rig) -> None:
        """A few records of one second, and nothing else."""
        first_s = self._bench.patience.first_s
        cells = [line(self._epoch_ms + 500, operator=operator) for operator in OPERATORS]
        rig.send((0, each) for each in cells)
        rig.settle(lambda: rig.is_right() or bool(rig.output.history), quiet_s=first_s)
        came = bool(rig.output.history)
        rig.settle(rig.is_right)
        rig.send(zip(cycle(range(PARTITIONS)), cells, strict=False))
        rig.settle(lambda: bool(rig.output.history), quiet_s=first_s)
        rig.settle(rig.is_right)
        self._findings.hold("counts.fresh", judge_messages.fresh(rig.output, first_s))
        self._findings.hold("counts.idle-partition", judge_messages.idle(came, first_s))

    def _seeded(self, rig: Rig) -> None:
        """A seeded stream with malformed lines, in all partitions but one; another topic holds other records."""
        columns = self._workload.columns(0, self._workload.total_records)
        partitions = self._workload.partitions(0, self._workload.total_records).tolist()
        messages: list[Message] = list(zip(partitions, self._workload.lines(columns), strict=True))
        messages += [(0, each) for each in self._border_lines()]
        messages.append((1, None))
        decoy = Topics(f"{rig.topics.input}-other", "", f"{rig.topics.input}-others")
        create_topics(self._bench.kafka_client, decoy, 1)
        try:
            decoys = [line(self._epoch_ms - 500, operator=operator) for operator in OPERATORS]
            rig.send([(0, each) for each in decoys], topic=decoy.input)
            rig.send(messages)
            rig.settle(lambda: rig.is_right() and (rig.records_in() or 0) >= len(rig.ledger.lines))
        finally:
            delete_topics(self._bench.kafka_client, decoy)
        self._judge_seeded(rig, {key_of(record) for each in decoys if (record := parse(each))})

    def _border_lines(self) -> list[bytes]:
        """Lines that are malformed by a hair, with times from now to far ahead, which must move no watermark."""
        now_ms = self._epoch_ms + SEEDED_S * 1000
        good = line(now_ms)
        return [
            line(now_ms, "06002"),
            line(now_ms, "06117"),
            line(now_ms, call_ms=-1),
            line(now_ms + 3_600_000, call_ms=-1),
            good + b"\n",
            good.replace(b"call", b"Call"),
        ]

    def _judge_seeded(self, rig: Rig, decoys: set[bytes]) -> None:
        findings, ledger, output = self._findings, rig.ledger, rig.output
        did = (
            f"sent {len(ledger.lines):,} records of a seeded stream, in {SEEDED_PARTITIONS} of {PARTITIONS} partitions"
        )
        findings.hold("input.own-topic", _foreign(rig, decoys, self._bench.kafka_client))
        self._written(rig)
        found = f"{len(ledger.counts):,} cells, {sum(ledger.counts.values()):,} records"
        findings.hold("counts.cells", judge_counts.counts(ledger, output, did, decoys), found)
        problem = judge_counts.dead_letters(
            ledger, output, exactly=True, did=f"{did}, malformed ones too", tombstones=False
        )
        findings.hold("malformed.dead-letters", problem, f"{ledger.dead_letters.total() - 1:,} lines")
        problem = judge_counts.dead_letters(
            ledger, output, exactly=True, did="sent a message without a value", tombstones=True
        )
        findings.hold("malformed.tombstone", problem)
        findings.hold("events.totals", judge_messages.totals(ledger, rig.child.last("progress")))

    def _written(self, rig: Rig) -> None:
        """Judge the form of what has been written so far."""
        output = rig.output
        found = f"{output.messages:,} upserts of {len(output.history):,} keys"
        self._findings.hold("upserts.key", judge_messages.keys(output), found)
        self._findings.hold("upserts.value", judge_messages.values(output))
        self._findings.hold("upserts.partition", judge_messages.partitions(output))
        self._findings.hold("upserts.absolute", judge_messages.absolute(rig.ledger, output))
        if self._bench.delivery == EXACTLY_ONCE:
            self._findings.skip("upserts.plain", "delivery exactly once is transactional")
            return
        rig.read()
        offsets = end_offset(self._bench.kafka_client, rig.topics.aggregates)
        while output.messages < offsets and rig.read():
            pass
        self._findings.hold("upserts.plain", judge_messages.plain(output.messages, offsets))

    def _once(self, rig: Rig) -> None:
        """Judge what came again, of all that was committed, and whether a transaction was left open."""
        if self._bench.delivery == EXACTLY_ONCE:
            told = f"{rig.output.messages:,} committed upserts"
            self._findings.hold("upserts.once", judge_messages.once(rig.ledger, rig.output), told)
            written = (rig.topics.aggregates, rig.topics.dead_letter)
            behind = {topic: left_open(self._bench.kafka_client, topic) for topic in written}
            self._findings.hold("stop.closed", judge_life.closed(behind))
        else:
            for check in ("upserts.once", "stop.closed"):
                self._findings.skip(check, "the job's delivery is at least once")

    # Late records

    def _late(self, rig: Rig) -> None:
        """Move event time on in every partition; then records that are late, and records that are too late."""
        if self._findings.blocking("late.counted"):
            return
        for county in ("06001", "06003"):
            self._advance(rig, county)
        border_ms = self._epoch_ms + LATER_S * 1000 - LATENESS_MS
        late = [line(border_ms, "06005"), line(border_ms + 2500, "06005"), line(border_ms + 999, "06005")]
        keys = _keys(late)
        rig.send(zip((2, 0, 3), late, strict=True))
        rig.settle(lambda: rig.is_right(self._left_out))
        self._findings.hold(
            "late.counted", judge_counts.late_counted(rig.ledger, rig.output, keys), f"{len(late)} records"
        )
        if self._findings.has_failed("late.counted"):
            self._left_out |= set(keys)
        else:
            self._too_late_ones(rig, border_ms)

    def _advance(self, rig: Rig, county: str) -> None:
        """Send a record of `LATER_S` to every partition, and wait until all are counted."""
        for_each = [(each, line(self._epoch_ms + LATER_S * 1000, county)) for each in range(PARTITIONS)]
        rig.send(for_each)
        rig.settle(lambda: rig.is_right(self._left_out))

    def _too_late_ones(self, rig: Rig, border_ms: int) -> None:
        """Records of windows that have ended, of a cell with a count and of cells without; twice if need be."""
        counted = next(iter(rig.ledger.counts))
        before = rig.ledger.counts[counted]
        known = next(each for each in rig.ledger.lines if (record := parse(each)) and key_of(record) == counted)
        began_s = time.monotonic()
        unseen = [line(self._epoch_ms + 10_000, "06007"), line(border_ms - 1, "06007")]
        self._send_too_late(rig, [known, *unseen], "06009")
        self._findings.hold("late.kept", judge_counts.late_kept(rig.output, counted, before))
        waited_s = 0.0
        if judge_counts.late_dropped(rig.output, _keys(unseen), waited_s):
            while (waited_s := time.monotonic() - began_s) < WATERMARK_S:
                time.sleep(min(1.0, WATERMARK_S - waited_s))
            unseen = [line(self._epoch_ms + 11_000, "06011"), line(border_ms - 1, "06011")]
            self._send_too_late(rig, unseen, "06013")
        problem = judge_counts.late_dropped(rig.output, _keys(unseen), waited_s)
        self._findings.hold("late.dropped", problem, f"{len(unseen)} records")

    def _send_too_late(self, rig: Rig, lines: Sequence[bytes], county: str) -> None:
        """Send `lines`, and behind them records in time, by which one sees that these have been read too."""
        self._left_out |= set(_keys(lines))
        rig.send((1, each) for each in lines)
        self._advance(rig, county)

    # A kill, and a new start

    def _restart(self, rig: Rig, stack: ExitStack) -> None:
        """Kill the engine while records come, and start it with the same job while more of them come."""
        if self._findings.blocking("restart.counts"):
            return
        time.sleep(
            CHECKPOINTS * self._bench.patience.checkpoint_interval_ms / 1000
        )  # the engine's own time, for which there is no event
        first, second, third = (self._recent_records(part) for part in range(3))
        rig.send(first)
        rig.settle(lambda: rig.is_right(self._left_out))
        messages, records_in = rig.output.messages, rig.records_in() or 0
        rig.send(second)
        deadline_s = time.monotonic() + KILL_S
        while time.monotonic() < deadline_s and rig.output.messages == messages and rig.records_in() == records_in:
            rig.read()
        rig.child.process.kill()
        rig.send(third)
        self._start_again(rig, stack)

    def _start_again(self, rig: Rig, stack: ExitStack) -> None:
        ready_s = self._bench.patience.ready_s
        child = rig.start(stack)
        try:
            child.wait_for("ready", ready_s)
        except ServiceError as error:
            self._findings.hold("restart.counts", not_ready(error, ready_s, "killed it, and started it anew"))
            return
        rig.settle(lambda: rig.is_right(self._left_out), reads=0)
        did = "killed it with SIGKILL while records came, sent more, and started it again with the same job"
        problem = judge_life.restarted(rig.ledger, rig.output, did, self._left_out)
        if problem is None and not self._findings.has_failed("malformed.dead-letters"):
            problem = judge_counts.dead_letters(rig.ledger, rig.output, exactly=False, did=did, tombstones=False)
        self._findings.hold("restart.counts", problem, f"{sum(rig.ledger.counts.values()):,} records in all")
        records, sent = rig.steady_records_in(), len(rig.ledger.lines)
        seen = "" if records is None else f"read {records:,} of {sent:,} records after it"
        self._findings.hold("restart.checkpoint", judge_life.resumed(records, sent), seen)

    def _recent_records(self, part: int) -> list[Message]:
        """Records of the newest seconds, in the same cells for each `part`, and a malformed line."""
        counties = [county.fips for county in COUNTIES]
        ends_ms = [self._epoch_ms + LATER_S * 1000 + offset_ms + part for offset_ms in (-1000, 0, 1000, 2000)]
        lines = [line(end_ms, county) for end_ms in ends_ms for county in counties]
        return [*zip(cycle(range(PARTITIONS)), lines, strict=False), (part, f"malformed {part}".encode("ascii"))]

    # The end

    def _stop(self, rig: Rig) -> None:
        """SIGINT, which is to be ignored; then SIGTERM, right after the last record was read."""
        if not rig.child.is_running:
            self._findings.hold("stop.sigterm", _gone(rig, "sent records"))
            return
        rig.signal(signal.SIGINT)
        rig.send([(0, line(self._epoch_ms + LATER_S * 1000 + 2500, "06015"))])
        rig.settle(lambda: rig.is_right(self._left_out), quiet_s=1.0, reads=0)
        before = rig.steady_records_in()
        if not rig.child.is_running:
            self._findings.hold("stop.sigint", _gone(rig, "sent SIGINT to its process, as a terminal does on Ctrl-C"))
            return
        self._findings.hold("stop.sigint", None)
        burst = [(each % PARTITIONS, line(self._epoch_ms + LATER_S * 1000 + 2600, "06017")) for each in range(BURST)]
        rig.send(burst)
        wanted = BURST + (before or 0)
        rig.settle(
            lambda: rig.is_right(self._left_out) if before is None else (rig.records_in() or 0) >= wanted, reads=wanted
        )
        end_job(rig, self._findings)
        while rig.read():
            pass
        problem = judge_counts.counts(
            rig.ledger, rig.output, "sent SIGTERM right after the last record was read", self._left_out
        )
        self._findings.hold("stop.flushed", problem)


def end_job(rig: Rig, findings: Findings) -> None:
    """Stop the engine, and judge how it took it. An engine that is known not to heed SIGTERM is killed."""
    if findings.has_failed("stop.sigterm"):
        rig.child.process.kill()
        return
    end = rig.stop()
    findings.hold("stop.sigterm", judge_life.ending(end, rig.child.last("stopped")), f"after {end.took_s:.1f} s")
    findings.hold("stop.none-left", judge_life.left_behind(end))


def not_ready(error: ServiceError, ready_s: float, did: str = "started it") -> Problem:
    """What an engine's author is told of an engine that is not ready."""
    return Problem(
        did=f"{did}, and waited for `ready`",
        expected=f"`ready` within {ready_s:g} s, on an empty topic too",
        seen=last_words(error.message),
        likely="it has died, and its log tells why; or it waits for the first record before it says that it is ready",
    )


def last_words(message: str) -> str:
    """What has happened, in one line, and the last lines of the log that follows it."""
    first, *log = message.splitlines()
    return "\n".join([first, *log[-LOG_LINES:]])


def _keys(lines: Sequence[bytes]) -> list[bytes]:
    return [key_of(record) for each in lines if (record := parse(each))]


def _foreign(rig: Rig, decoys: set[bytes], client: Client) -> Problem | None:
    """Whether the engine read another topic, or wrote to its own."""
    written = end_offset(client, rig.topics.input) - len(rig.ledger.lines)
    foreign = sorted(decoys & rig.output.history.keys())
    if not written and not foreign:
        return None
    return Problem(
        did=f"sent records to a topic {rig.topics.input}-other, and looked at the end of the input topic",
        expected="counts of its own input topic only, and nothing written to that",
        seen=f"counts of the other topic: {named(foreign)}" if foreign else f"{written:,} messages in the input",
        likely="it subscribes to a pattern instead of the name `input_topic`" if foreign else "it writes to its input",
    )


def _gone(rig: Rig, did: str) -> Problem:
    return Problem(
        did=did,
        expected="it goes on until SIGTERM comes",
        seen=last_words(rig.child.death()),
        likely="its log tells; SIGINT is to be ignored, which `stop_on_sigterm` sees to",
    )
