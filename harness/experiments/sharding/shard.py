"""Shards of one stream that several machines send: who sends what, when, and what all of them come to together."""

import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from harness.errors import UsageError
from harness.numerics.durations import merged
from harness.results.part import explained, read_whole
from harness.results.shards import MergedShards, Sent, ShardClock, ShardResult, Stream
from harness.scenarios.scenario import Scenario
from harness.workers.generator import schedule_errors
from workloads.parts import partitions_of
from workloads.workload import Workload

#: So many of a stream's first lines are in its digest: other versions of software might make other ones.
DIGEST_LINES = 1000
#: What clocks of two shards may be apart by the most, unless the user says otherwise.
CLOCK_LIMIT_MS = 50.0
_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_SHARD_FIX = "give I/N, the number of this shard, from 1, and that of all: --shard 2/8"
_SHOWN_SHARDS = 20
_START_FIX = "give a date and time with its zone, such as 2026-05-01T12:00:00Z, or seconds since the Unix epoch"


@dataclass(frozen=True)
class Shard:
    """One machine's part of a stream: `number` of `count`, from 1; its `processes` share it."""

    number: int
    count: int
    processes: int = 1

    @property
    def first_process(self) -> int:
        """Its own first process, counted from 0 among those of all shards."""
        return (self.number - 1) * self.processes

    @property
    def all_processes(self) -> int:
        """How many processes all shards have together."""
        return self.count * self.processes

    def partitions(self, partitions: int) -> list[int]:
        """Those that it sends to, of so many, ascending.

        Raises:
            UsageError: there are not enough of them for all shards.
        """
        if self.all_processes > partitions:
            raise UsageError(
                f"{self.count} shards of {self.processes} processes each need {self.all_processes} partitions of their "
                f"own, and the scenario has {partitions}",
                fix="raise the scenario's `partitions`, or have fewer shards or `generators`",
            )
        own = range(self.first_process, self.first_process + self.processes)
        return sorted(each for process in own for each in partitions_of(process, self.all_processes, partitions))


def parse_shard(text: str, processes: int = 1) -> Shard:
    """The shard that the option ``--shard`` names.

    Raises:
        UsageError: it names none.
    """
    if not (found := _SHARD.fullmatch(text)):
        raise UsageError(f"--shard {text}: expected two numbers", fix=_SHARD_FIX)
    number, count = int(found[1]), int(found[2])
    if not 1 <= number <= count:
        raise UsageError(f"--shard {text}: there is no shard {number} of {count}", fix=_SHARD_FIX)
    return Shard(number, count, processes)


def parse_start(text: str) -> int:
    """The time that the option ``--start-at`` names, in nanoseconds since the Unix epoch.

    Raises:
        UsageError: it names none.
    """
    if re.fullmatch(r"[0-9]{9,11}", text):
        return int(text) * 1_000_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--start-at {text}: no date and time", fix=_START_FIX) from error
    if moment.tzinfo is None:
        raise UsageError(f"--start-at {text}: machines may have other time zones", fix=_START_FIX)
    # Through whole microseconds: a float of today's seconds has no nanoseconds.
    return round(moment.timestamp() * 1e6) * 1000


def stream_digest(workload: Workload, processes: int) -> str:
    """SHA-256 of all that decides what a stream is, who sends which part of it, and of its first lines."""
    first = workload.columns(0, min(DIGEST_LINES, workload.total_records))
    described = json.dumps([asdict(workload.specification), processes], sort_keys=True).encode()
    return hashlib.sha256(b"\n".join([described, *workload.lines(first)])).hexdigest()


def problems(result: ShardResult, clock_step_limit_ms: float) -> list[str]:
    """Why what a shard sent must not be believed; empty if nothing speaks against it."""
    sent, limit_ms = result.sent, result.stream.schedule_error_limit_ms
    found = []
    if not result.complete:
        found.append("it was stopped before the stream's end")
    if result.start_late_ms > limit_ms:
        found.append(f"it was ready {result.start_late_ms:,.0f} ms after the agreed start, limit {limit_ms:g} ms")
    if sent.schedule_error_ms_p99 is not None and sent.schedule_error_ms_p99 > limit_ms:
        found.append(f"schedule error p99 {sent.schedule_error_ms_p99:,.1f} ms, limit {limit_ms:g} ms")
    if sent.acked_records < sent.sent_records:
        found.append(f"{sent.sent_records - sent.acked_records:,} records were not acknowledged")
    if sent.arrived_records != sent.sent_records:
        found.append(f"{sent.sent_records:,} records were sent, and {sent.arrived_records:,} are in its partitions")
    if result.clock_step_ms > clock_step_limit_ms:
        found.append(f"the wall clock moved by {result.clock_step_ms:,.1f} ms, limit {clock_step_limit_ms:g} ms")
    if result.clock_after is None:
        found.append("its clock could not be compared with the broker's after the load")
    return found


def load_shard(path: Path) -> ShardResult:
    """The shard's result in `path`.

    Raises:
        UsageError: it cannot be read, or is none of this version.
    """
    fix = "give the files that `ringbench generate` wrote, made by this version"
    try:
        return read_whole(ShardResult, path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error}", fix=fix) from error
    except ValueError as error:
        raise UsageError(f"{path}: no shard's result: {explained(error)}", fix=fix) from error


def merge(results: dict[Path, ShardResult], clock_limit_ms: float) -> MergedShards:
    """All shards of a stream put together; `results` are by their files, for messages.

    Raises:
        UsageError: they do not belong together, or are not all, each once.
    """
    _check(results)
    shards = sorted(results.values(), key=lambda each: each.shard)
    stream, sent = shards[0].stream, _together([each.sent for each in shards])
    clocks = [_clock(each) for each in shards]
    apart_ms = max((one.high_ms - other.low_ms for one, other in itertools.permutations(clocks, 2)), default=0.0)
    reasons = [f"shard {each.shard}: {reason}" for each in shards for reason in each.invalid_reasons]
    reasons += [*_wrong_together(stream, sent), *_wrong_clocks(clocks, apart_ms, clock_limit_ms)]
    return MergedShards(
        stream=stream,
        sent=sent,
        clocks=clocks,
        clock_limit_ms=clock_limit_ms,
        clocks_apart_ms_max=apart_ms,
        valid=not reasons,
        invalid_reasons=reasons,
    )


def _check(results: dict[Path, ShardResult]) -> None:
    (first_path, first), *others = results.items()
    for path, each in others:
        for name in Stream.model_fields:
            expected, found = getattr(first.stream, name), getattr(each.stream, name)
            if found != expected:
                raise UsageError(
                    f"{path}: {name} is {found}, and {expected} in {first_path}",
                    fix="merge shards of one stream only, with the same scenario, seed, topic and start time",
                )
    seen: dict[int, Path] = {}
    for path, each in results.items():
        if each.shard in seen:
            raise UsageError(f"{path}: shard {each.shard} is in {seen[each.shard]}, too", fix="give each shard once")
        seen[each.shard] = path
    if missing := [each for each in range(1, first.stream.shards + 1) if each not in seen]:
        names = ", ".join(f"{each}/{first.stream.shards}" for each in missing[:_SHOWN_SHARDS])
        names += f" and {len(missing) - _SHOWN_SHARDS:,} more" if len(missing) > _SHOWN_SHARDS else ""
        raise UsageError(f"of {first.stream.shards} shards, these are missing: {names}", fix="give the files of all")


def _together(parts: Sequence[Sent]) -> Sent:
    errors = merged([each.schedule_error_histogram for each in parts])
    seconds = itertools.zip_longest(*(each.sent_by_second for each in parts), fillvalue=0)
    return Sent(
        sent_records=sum(each.sent_records for each in parts),
        acked_records=sum(each.acked_records for each in parts),
        failed_records=sum(each.failed_records for each in parts),
        arrived_records=sum(each.arrived_records for each in parts),
        sent_by_second=[sum(each) for each in seconds],
        **schedule_errors(errors, max(each.schedule_error_ms_max for each in parts)),
    )


def _clock(result: ShardResult) -> ShardClock:
    seen = [each for each in (result.clock_before, result.clock_after) if each]
    return ShardClock(
        shard=result.shard,
        host=result.host,
        low_ms=min(each.low_ms for each in seen),
        high_ms=max(each.high_ms for each in seen),
    )


def _wrong_together(stream: Stream, sent: Sent) -> list[str]:
    found, limit_ms = [], stream.schedule_error_limit_ms
    if sent.arrived_records != stream.total_records:
        found.append(f"{sent.arrived_records:,} records arrived, and the stream has {stream.total_records:,}")
    if sent.schedule_error_ms_p99 is not None and sent.schedule_error_ms_p99 > limit_ms:
        found.append(f"schedule error p99 of all {sent.schedule_error_ms_p99:,.1f} ms, limit {limit_ms:g} ms")
    return found


def _wrong_clocks(clocks: Sequence[ShardClock], apart_ms: float, limit_ms: float) -> list[str]:
    vague = [each for each in clocks if (each.high_ms - each.low_ms) / 2 > limit_ms]
    found = [
        f"shard {each.shard}: its clock is known to {(each.high_ms - each.low_ms) / 2:,.1f} ms only, limit "
        f"{limit_ms:g} ms"
        for each in vague
    ]
    if apart_ms > limit_ms and not vague:
        found.append(f"the shards' clocks may be apart by {apart_ms:,.1f} ms, limit {limit_ms:g} ms")
    return found


def describe(scenario: Scenario, workload: Workload, shard: Shard, start_ns: int, topic: str, cluster: str) -> Stream:
    """What `shard` has in common with the others of its stream."""
    return Stream(
        scenario=scenario.name,
        seed=scenario.seed,
        digest=stream_digest(workload, scenario.generators),
        start_ns=start_ns,
        shards=shard.count,
        topic=topic,
        kafka_cluster=cluster,
        total_records=workload.total_records,
        total_s=workload.total_s,
        schedule_error_limit_ms=scenario.limits.schedule_error_ms_p99,
    )
