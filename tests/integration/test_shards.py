"""`ringbench generate` on several machines: processes here, which share a broker and an agreed start, and no more."""

import json
import signal
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient

from harness.clients.kafka_topics import ensure_topic, read_topic
from harness.measurement.clock_offset import compare_clocks
from harness.processes.process import wait_until
from harness.results.shards import ClockOffset
from harness.scenarios.loading import load_scenario
from tests.deadlines import DEADLINE_S
from tests.integration.ringbench import SMALL, Ringbench, Services
from workloads.workload import Workload

SHARDS, PARTITIONS, START_IN_S = 3, 5, 12
SCENARIO = SMALL | {"partitions": PARTITIONS, "hot_partition": {"share": 0.5}, "warmup_s": 1, "duration_s": 4}
#: How late a shard may be on a machine so busy that it does not come up in time, and where it is meant to be late.
GENEROUS_MS, STRICT_MS = 30_000, 50

pytestmark = pytest.mark.integration


class Machines:
    """Shards of one scenario's stream, started when a test wants them to be."""

    def __init__(self, services: Services, directory: Path, stack: ExitStack) -> None:
        self._services, self._directory, self._stack = services, directory, stack
        self.topic = f"shards-{uuid.uuid4().hex[:8]}"
        self.scenario = directory / "small.yaml"
        self.may_be_late_by(GENEROUS_MS)
        self.workload = Workload(load_scenario(str(self.scenario), {}).workload())

    def may_be_late_by(self, limit_ms: int) -> None:
        """Have the scenario allow so much."""
        limits = SMALL["limits"] | {"schedule_error_ms_p99": limit_ms}
        self.scenario.write_text(yaml.safe_dump(SCENARIO | {"limits": limits}), encoding="utf-8")

    def start(self, shard: str, start_at: datetime, *options: str) -> Ringbench:
        """Start a shard on a "machine" of its own."""
        where = ["--kafka", self._services.kafka, "--topic", self.topic, "--create-topic", "--shard", shard]
        when = ["--start-at", start_at.isoformat(), "--out", str(self._directory / "shards"), "--json", *options]
        directory = self._directory / shard.replace("/", "-of-")
        directory.mkdir()
        return self._stack.enter_context(Ringbench(directory, "generate", str(self.scenario), *where, *when))

    def merge(self) -> tuple[int, dict[str, Any], str]:
        """Put all that is there together. Returns the exit code, the result, and what was printed for people."""
        files = sorted(str(each) for each in (self._directory / "shards").glob("*.json"))
        directory = self._directory / f"merge-{uuid.uuid4().hex[:4]}"
        directory.mkdir()
        with Ringbench(directory, "merge-shards", *files, "--json") as merging:
            code = merging.end()
            return code, json.loads(merging.stdout or "{}"), merging.stderr

    def arrived(self) -> dict[int, list[bytes | None]]:
        """The messages of each partition, in order."""
        found: dict[int, list[bytes | None]] = {partition: [] for partition in range(PARTITIONS)}
        for message in read_topic(self._services.kafka_client, self.topic):
            found[message.partition() or 0].append(message.value())
        return found

    def expected(self) -> dict[int, list[bytes | None]]:
        """What a single generator sends to each partition."""
        total = self.workload.total_records
        found: dict[int, list[bytes | None]] = {partition: [] for partition in range(PARTITIONS)}
        lines = self.workload.lines(self.workload.columns(0, total))
        for partition, line in zip(self.workload.partitions(0, total).tolist(), lines, strict=True):
            found[partition].append(line)
        return found


@pytest.fixture
def machines(services: Services, tmp_path: Path) -> Any:
    with ExitStack() as stack:
        yield Machines(services, tmp_path, stack)


def test_shards_send_one_stream_together_and_one_that_is_missing_is_named(machines: Machines) -> None:
    start_at = datetime.now(UTC) + timedelta(seconds=START_IN_S)
    shards = [machines.start(f"{number}/{SHARDS}", start_at) for number in range(1, SHARDS + 1)]
    for shard in shards:
        assert shard.end() == 0, shard.stderr
    total = machines.workload.total_records
    assert machines.arrived() == machines.expected()

    code, merged, _ = machines.merge()
    assert (code, merged["valid"], merged["invalid_reasons"]) == (0, True, [])
    assert merged["sent"]["sent_records"] == merged["sent"]["arrived_records"] == total
    assert sum(merged["sent"]["sent_by_second"]) == total
    # One host has one clock.
    assert all(clock["low_ms"] <= 0 <= clock["high_ms"] for clock in merged["clocks"])

    told = json.loads(shards[1].stdout)
    path = next((machines.scenario.parent / "shards").glob("shard-2-*.json"))
    assert json.loads(path.read_text(encoding="utf-8")) == told
    path.unlink()
    code, _, stderr = machines.merge()
    assert code == 2
    assert "of 3 shards, these are missing: 2/3" in stderr


def test_shards_that_start_late_make_all_invalid(machines: Machines) -> None:
    machines.may_be_late_by(STRICT_MS)
    # No process comes up within the limit, and all do before the stream is over.
    start_at = datetime.now(UTC)
    shards = [machines.start(f"{number}/2", start_at, "--duration", "20") for number in (1, 2)]
    assert [shard.end() for shard in shards] == [3, 3]
    code, merged, _ = machines.merge()
    assert (code, merged["valid"]) == (3, False)
    assert any("shard 2: it was ready" in reason for reason in merged["invalid_reasons"])
    assert merged["sent"]["arrived_records"] == merged["stream"]["total_records"], "what was due is sent all the same"


def test_ctrl_c_leaves_an_account_and_nothing_else(machines: Machines) -> None:
    shard = machines.start("1/1", datetime.now(UTC), "--duration", "100")
    shard.wait_for_text("sending shard 1 of 1")
    shard.send(signal.SIGINT)
    assert shard.end() == 130
    shard.wait_until_gone()
    told = json.loads(shard.stdout)
    assert (told["complete"], told["valid"]) == (False, False)
    assert told["sent"]["arrived_records"] == told["sent"]["sent_records"] < told["stream"]["total_records"]


def test_a_topic_that_does_not_fit_is_refused(machines: Machines, services: Services) -> None:
    ensure_topic(services.kafka_client, machines.topic, PARTITIONS + 1, create=True)
    shard = machines.start("1/1", datetime.now(UTC))
    assert shard.end() == 2
    assert f"the topic {machines.topic} has 6 partitions, and the scenario 5" in shard.stderr


def test_an_injected_offset_of_the_clock_is_found(services: Services) -> None:
    topic = f"clock-{uuid.uuid4().hex[:8]}"
    ensure_topic(services.kafka_client, topic, 1, create=True)
    settings = {"bootstrap.servers": services.kafka}
    for ahead_ms in (-700, 0, 1500):
        ahead_ns = ahead_ms * 1_000_000
        found = wait_until(
            lambda ahead_ns=ahead_ns: _offset(settings, topic, ahead_ns),  # type: ignore[misc]
            deadline_s=DEADLINE_S,
            what="the clock's offset is known to 350 ms",
        )
        assert found.low_ms <= -ahead_ms <= found.high_ms
    admin = AdminClient(settings)
    for future in admin.delete_topics([topic]).values():
        future.exception(30)


def _offset(settings: dict[str, str], topic: str, ahead_ns: int) -> ClockOffset | None:
    """The offset of a clock that is ahead; None if the machine was so busy that nothing is known of it."""
    found = compare_clocks(settings, topic, wall_ns=lambda: time.time_ns() + ahead_ns)
    return found if found.bound_ms < 350 else None
