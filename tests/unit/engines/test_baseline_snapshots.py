"""The baseline saves what a restart goes on from beside its loop, and counts right from whatever is on the disk."""

import os
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.builders.baseline import baseline_module
from tests.builders.jobs import make_job
from tests.deadlines import DEADLINE_S

engine, keeping, query_module = map(baseline_module, ("engine", "keeping", "query"))

PARTITIONS, BATCH = 2, 3
START_MS = 1_767_225_600_000
Topic = list[list[bytes]]


def _topic(records: int = 90) -> Topic:
    """Lines by partition: ten a second, one in ten malformed."""
    ends_ms = [START_MS + 100 * number for number in range(records)]
    lines = [
        b"+12025550101,+19995550199,06037,%d,%d,call,AT&T" % (START_MS, end_ms) if number % 10 else b"no"
        for number, end_ms in enumerate(ends_ms)
    ]
    return [lines[partition::PARTITIONS] for partition in range(PARTITIONS)]


class _Message:
    def __init__(self, partition: int, offset: int, value: bytes) -> None:
        self._place, self._value = (partition, offset), value

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def value(self) -> bytes:
        return self._value

    def error(self) -> None:
        return None


class _Consumer:
    """Reads a topic, a few messages of one partition at a time, in turns."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._next = [0] * PARTITIONS
        self._turn = 0

    def list_topics(self, name: str, **_: Any) -> Any:
        return SimpleNamespace(topics={name: SimpleNamespace(error=None, partitions=range(PARTITIONS))})

    def assign(self, places: list[Any]) -> None:
        self._next = [max(0, each.offset) for each in places]

    def consume(self, *_: Any, **__: Any) -> list[_Message]:
        self._turn = (self._turn + 1) % PARTITIONS
        first = self._next[self._turn]
        found = self._topic[self._turn][first : first + BATCH]
        self._next[self._turn] += len(found)
        return [_Message(self._turn, first + place, value) for place, value in enumerate(found)]


class _Producer:
    """Keeps what was produced; `outstanding` of it have not arrived."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes | None, bytes]] = []
        self.outstanding = self.flushes = 0

    def __len__(self) -> int:
        return self.outstanding

    def produce(self, _topic: str, value: bytes, key: bytes | None) -> None:
        self.sent.append((key, value))

    def poll(self, _timeout_s: float) -> None:
        """Nothing waits."""

    def flush(self, _timeout_s: float) -> int:
        self.flushes += 1
        return self.outstanding


class _Baseline:
    """The baseline's loop over a topic, with a snapshot due at every step."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, topic: Topic) -> None:
        self.producer = _Producer()
        patch.setattr(engine, "Message", _Message)
        patch.setattr(engine, "Consumer", lambda _: _Consumer(topic))
        patch.setattr(keeping, "Producer", lambda _: self.producer)
        job = make_job(allowed_lateness_ms=1000, checkpoint_dir=str(folder), checkpoint_interval_ms=0)
        self.query = query_module.Query(job.allowed_lateness_ms)
        self.loop = engine._Loop(job, engine.DEFAULT_SETTINGS, self.query, lambda: None)

    def step(self, steps: int) -> None:
        for _ in range(steps):
            self.loop.step()

    def saved(self) -> int:
        """How many records the snapshot on the disk holds; -1 without one."""
        snapshots = self.loop._keeping._snapshots
        return int(snapshots.read()["offsets"].clip(0).sum()) if snapshots.exists() else -1


class _Disk:
    """Holds up every `fsync` until it is let go, or is full."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.full = False
        patch.setattr(os, "fsync", self._sync)

    def _sync(self, _descriptor: int) -> None:
        self.reached.set()
        assert self.let_go.wait(DEADLINE_S)
        if self.full:
            raise OSError("no space left")


def _await(condition: Any) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def test_the_loop_goes_on_while_a_snapshot_is_written_which_holds_what_was_counted_when_it_was_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline, disk = _Baseline(monkeypatch, tmp_path, _topic()), _Disk(monkeypatch)
    disk.let_go.set()
    baseline.step(4)
    _await(lambda: baseline.loop._keeping._snapshots.overdue_s() is not None)
    before = baseline.saved()
    disk.let_go.clear()
    disk.reached.clear()
    counted = baseline.query.records_in
    baseline.step(10)
    assert disk.reached.wait(DEADLINE_S)
    assert baseline.query.records_in == counted + 10 * BATCH, "nothing waits for the disk"
    assert baseline.saved() == before, "the former snapshot stays until the next one is on the disk"
    disk.let_go.set()
    baseline.loop._keeping._snapshots.finish()
    assert baseline.saved() == counted, "what was counted afterwards is not in it"


@pytest.mark.parametrize("disk_hangs", [False, True])
@pytest.mark.parametrize("killed_after", [1, 7, 29])
def test_counts_are_right_after_a_kill_whatever_had_got_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int, disk_hangs: bool
) -> None:
    topic = _topic()
    first, disk = _Baseline(monkeypatch, tmp_path, topic), _Disk(monkeypatch)
    disk.let_go.set()
    first.step(killed_after // 2)
    first.loop._keeping._snapshots.finish()
    if disk_hangs:
        disk.let_go.clear()
    first.step(killed_after - killed_after // 2)
    if not disk_hangs:
        first.loop._keeping._snapshots.finish()
    second = _Baseline(monkeypatch, tmp_path, topic)
    second.step(60)
    disk.full = disk_hangs  # what the first one was writing never gets there
    disk.let_go.set()
    told = {key: int(value) for key, value in [*first.producer.sent, *second.producer.sent] if key}
    truth = Counter(
        b"%d|06037|AT&T|call" % (int(line.split(b",")[4]) // 1000) for part in topic for line in part if line != b"no"
    )
    assert told == truth


def test_a_snapshot_waits_until_all_that_was_published_has_arrived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = _Baseline(monkeypatch, tmp_path, _topic())
    baseline.producer.outstanding = 1
    baseline.step(3)
    assert (baseline.saved(), baseline.producer.flushes) == (-1, 0)
    monkeypatch.setattr(keeping, "LONGEST_WAIT_S", 0.0)
    baseline.step(1)
    baseline.loop.finish()
    assert (baseline.saved(), baseline.producer.flushes) == (-1, 2), "Kafka is away"
    baseline.producer.outstanding = 0
    baseline.loop.finish()
    assert baseline.saved() == baseline.query.records_in


def test_a_snapshot_that_cannot_be_written_ends_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline, disk = _Baseline(monkeypatch, tmp_path, _topic()), _Disk(monkeypatch)
    disk.full = True
    disk.let_go.set()
    baseline.step(1)
    with pytest.raises(OSError, match="no space left"):
        baseline.loop.finish()
    with pytest.raises(OSError, match="no space left"):
        baseline.step(1)
