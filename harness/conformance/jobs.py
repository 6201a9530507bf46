"""The smaller jobs: one that is refused, one that finds its records waiting, and one of the direct route."""

import threading
import time

import redis
from hypothesis.configuration import set_hypothesis_home_dir

from engines.contract.job import DIRECT
from engines.contract.keys import decode_updates, updates_key
from engines.contract.record import CALIFORNIA
from harness.clients.redis_contents import clear, read_counts
from harness.conformance import judge_counts, judge_messages
from harness.conformance.findings import Findings, Problem
from harness.conformance.ledger import Message, line
from harness.conformance.rig import POLL_S, Bench, Rig, open_rig
from harness.conformance.stream import end_job, not_ready
from harness.errors import ServiceError
from harness.processes.private import private_directory
from harness.processes.process import wait_until
from workloads.hostile import EPOCH_MS, drawn_lines, without_late_ones
from workloads.workload import Workload, WorkloadSpecification

US = "us"
#: How many lines one finds waiting, besides the hostile ones.
WAITING_RECORDS = 400
DIRECT_RECORDS = 500
#: Hypothesis knows one folder at a time.
_DRAWING = threading.Lock()


def refuse_settings(bench: Bench, findings: Findings) -> list[Rig]:
    """A job with an unknown setting."""
    with open_rig(bench, "settings") as (rig, stack):
        child = rig.start(stack, {judge_messages.NO_SETTING: 1})
        try:
            child.wait_for("ready", bench.patience.ready_s)
        except ServiceError:
            deadline_s = time.monotonic() + bench.patience.quiet_s
            while child.process.poll() is None and time.monotonic() < deadline_s:
                time.sleep(POLL_S)
        code = child.process.poll()
        death = child.death() if code is not None else f"no event within {bench.patience.ready_s:g} s"
        findings.hold("start.settings", judge_messages.refused(child.events, death, code))
        return [rig]


def read_waiting(bench: Bench, findings: Findings, hostile_draws: int) -> list[Rig]:
    """A job of the set `us`, whose topic holds hostile lines before the engine is started."""
    with open_rig(bench, "waiting", partitions=2, locations=US) as (rig, stack):
        rig.send(_waiting(hostile_draws))
        child = rig.start(stack)
        try:
            child.wait_for("ready", bench.patience.ready_s)
        except ServiceError as error:
            findings.hold("input.beginning", not_ready(error, bench.patience.ready_s, "sent records, then started it"))
            return [rig]
        rig.settle(lambda: rig.is_right() and (rig.records_in() or 0) >= len(rig.ledger.lines))
        _judge_waiting(rig, findings)
        end_job(rig, findings)
        return [rig]


def _waiting(hostile_draws: int) -> list[Message]:
    """Hostile lines and records from all over the US, in one partition and in the order of their event times."""
    workload = Workload(
        WorkloadSpecification(
            seed=1, rate_records_per_s=WAITING_RECORDS, warmup_s=0, duration_s=1, partitions=1, locations=US
        )
    )
    lines = [*workload.lines(workload.columns(0, workload.total_records)), *_hostile_lines(hostile_draws)]
    return [(0, each) for each in without_late_ones(lines, US)]


def _hostile_lines(draws: int) -> list[bytes]:
    """Hostile lines, drawn one after the other, with nothing left of what Hypothesis keeps in a folder meanwhile."""
    with _DRAWING, private_directory() as folder:
        set_hypothesis_home_dir(str(folder))
        try:
            return list(drawn_lines(draws))
        finally:
            set_hypothesis_home_dir(None)


def _judge_waiting(rig: Rig, findings: Findings) -> None:
    ledger, output = rig.ledger, rig.output
    findings.hold("input.beginning", None if output.history or output.dead_letters else _nothing_read(rig))
    findings.hold("locations.us", judge_counts.elsewhere(ledger, output, CALIFORNIA, US))
    did = f"sent {len(ledger.lines):,} lines, most of them near the border of what is well formed"
    problem = judge_counts.dead_letters(ledger, output, exactly=True, did=did, tombstones=False)
    findings.hold(
        "malformed.hostile",
        problem or judge_counts.counts(ledger, output, did),
        f"{len(ledger.lines):,} lines, {ledger.dead_letters.total():,} of them malformed",
    )


def _nothing_read(rig: Rig) -> Problem:
    return Problem(
        did=f"sent {len(rig.ledger.lines):,} lines, and started it then",
        expected="all of them read: the input is read from its beginning",
        seen=f"no upsert and no dead letter; `records_in` {rig.records_in()}",
        likely="it starts at the end of the topic: `auto.offset.reset` is `latest`, or no position is given",
    )


def write_redis(bench: Bench, findings: Findings) -> list[Rig]:
    """A job of the direct route."""
    with open_rig(bench, "direct", partitions=2, route=DIRECT) as (rig, stack):
        child = rig.start(stack)
        try:
            child.wait_for("ready", bench.patience.ready_s)
        except ServiceError as error:
            findings.hold("route.direct", not_ready(error, bench.patience.ready_s, "started it with the direct route"))
            return [rig]
        lines = [line(EPOCH_MS + each, f"060{each % 50 * 2 + 1:02d}") for each in range(DIRECT_RECORDS)]
        rig.send((at % 2, each) for at, each in enumerate(lines))
        findings.hold("route.direct", _judge_redis(rig), f"{len(rig.ledger.counts):,} cells")
        end_job(rig, findings)
        clear(bench.redis_url, rig.namespace)
        return [rig]


def _judge_redis(rig: Rig) -> Problem | None:
    """Wait until Redis holds what was sent; its hashes and its stream have to agree."""
    url, namespace = rig.bench.redis_url, rig.namespace
    output = rig.output

    def is_there() -> bool:
        output.history.clear()
        for cell, count in read_counts(url, namespace).items():
            output.add_upsert("|".join(map(str, cell)).encode("ascii"), b"%d" % count, 0)
        return rig.is_right()

    try:
        wait_until(is_there, deadline_s=rig.bench.patience.step_s, what="Redis holds every count", poll_s=POLL_S)
    except ServiceError:
        return judge_counts.counts(rig.ledger, output, "sent records to a job of the direct route, and read Redis")
    streamed = _streamed(url, namespace)
    if streamed == output.latest():
        return None
    return Problem(
        did="sent records to a job of the direct route, and read the hashes and the stream in Redis",
        expected="an entry of the stream for each change of the hashes, in the same transaction",
        seen=f"the hashes hold {len(output.latest()):,} cells, the stream tells of {len(streamed):,}",
        likely="XADD is left out, or says something else: `RedisTarget.write` makes the whole transaction",
    )


def _streamed(url: str, namespace: str) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    with redis.Redis.from_url(url, protocol=2) as client:
        for _, fields in client.xrange(updates_key(namespace)):
            found |= dict(decode_updates(fields.get(b"u", b"")))
    return found
