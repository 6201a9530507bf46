"""Several archivers share a topic by its partitions: together they archive what one would, and one that dies is named.

Topic, store and processes are fakes.
"""

import io
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.errors import ServiceError
from harness.workers import archivers, group
from harness.workers.archiver import Archiver
from harness.workers.jobs import ArchiverJob
from tests.builders.processes import Clock, FakeChild
from workloads.workload import Workload, WorkloadSpecification

SPECIFICATION = WorkloadSpecification(seed=3, rate_records_per_s=300, warmup_s=1, duration_s=3, partitions=5)
WORKLOAD = Workload(SPECIFICATION)


class Said:
    """Keeps events in place of printing them."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **fields: Any) -> None:
        """Keep one."""
        self.events.append((kind, fields))


class Message:
    """A record as the broker has it."""

    def __init__(self, partition: int, line: bytes, at_ms: int) -> None:
        self._partition, self._line, self._at_ms = partition, line, at_ms

    def error(self) -> None:
        """None: it is there."""

    def partition(self) -> int:
        """Where it is."""
        return self._partition

    def value(self) -> bytes:
        """The line."""
        return self._line

    def timestamp(self) -> tuple[int, int]:
        """When the broker took it."""
        return 1, self._at_ms


class Topic:
    """A consumer of all that was sent, of the partitions that are assigned."""

    def __init__(self, _properties: dict[str, Any]) -> None:
        self._messages: Iterator[Message] = iter(())

    def assign(self, places: list[Any]) -> None:
        """Take what these partitions have."""
        wanted = {each.partition for each in places}
        columns = WORKLOAD.columns(0, WORKLOAD.total_records)
        sent = zip(WORKLOAD.partitions_of(columns).tolist(), WORKLOAD.lines(columns), strict=True)
        found = [Message(number, line, at) for at, (number, line) in enumerate(sent) if number in wanted]
        self._messages = iter(found)

    def consume(self, records: int, timeout: float) -> list[Message]:
        """Some of them."""
        assert timeout < 1
        found = list(itertools.islice(self._messages, min(records, 100)))
        assert found, "all was read, and the archive is not whole"
        return found

    def close(self) -> None:
        """Nothing is open."""


class Store:
    """An S3 client that keeps objects."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto3's names
        """Keep an object; no name comes twice."""
        assert Bucket == "bucket" and Key not in self.objects
        self.objects[Key] = Body

    def rows(self) -> list[dict[str, Any]]:
        """All rows of all objects."""
        found = [row for body in self.objects.values() for row in pq.read_table(io.BytesIO(body)).to_pylist()]
        return sorted(found, key=lambda row: (row["partition"], row["offset"]))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    found = Store()
    monkeypatch.setattr("harness.workers.archiver.s3_client", lambda *_, **__: found)
    monkeypatch.setattr("harness.workers.archiver.Consumer", Topic)
    return found


def job(directory: Path, **further: Any) -> ArchiverJob:
    return ArchiverJob(
        workload=SPECIFICATION,
        bootstrap_servers="kafka:1",
        topic="cdr",
        endpoint=None,
        bucket="bucket",
        prefix="run/trial",
        output=str(directory / "archiver.npz"),
        **further,
    )


def archive(found: ArchiverJob) -> dict[str, Any]:
    return Archiver(found).run(Said(), threading.Event())  # type: ignore[arg-type]


def archive_together(
    found: ArchiverJob, said: Said | None = None, stop: threading.Event | None = None
) -> dict[str, Any]:
    return archivers.run_all(found, said or Said(), stop or threading.Event())  # type: ignore[arg-type]


def appended_ms(path: str | Path) -> Any:
    with np.load(path) as arrays:
        return arrays["appended_ms"]


def test_one_archiver_has_one_object_a_second_called_as_ever(store: Store, tmp_path: Path) -> None:
    told = archive(job(tmp_path))
    epoch_s = SPECIFICATION.epoch_s
    assert list(store.objects) == [f"run/trial/second={epoch_s + each}/part-0.parquet" for each in range(4)]
    sent = np.bincount(WORKLOAD.partitions(0, WORKLOAD.total_records), minlength=5).tolist()
    assert told == {"archived_s": 4, "archived_records": WORKLOAD.total_records, "archived_offsets": sent}


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_several_archive_what_one_does_under_names_that_do_not_collide(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    alone = archive(job(tmp_path))
    rows, times_ms = store.rows(), appended_ms(tmp_path / "archiver.npz")
    store.objects.clear()

    def start(module: str, part: ArchiverJob, _directory: Path, *, name: str) -> FakeChild:
        assert module == "archiver" and part.archivers == processes
        child = FakeChild(name.replace("_", " "), Clock())
        child.tell("ready", version="", config={})
        child.end(**archive(part))
        return child

    monkeypatch.setattr(group, "start_worker", start)
    assert archive_together(job(tmp_path, archivers=processes)) == alone
    assert len(store.objects) == 4 * processes
    assert store.rows() == rows
    assert np.array_equal(appended_ms(tmp_path / "archiver.npz"), times_ms)


def test_each_reads_its_own_partitions_only(store: Store, tmp_path: Path) -> None:
    told = archive(job(tmp_path, archiver=1, archivers=2))
    assert {row["partition"] for row in store.rows()} == {1, 3}
    assert [bool(each) for each in told["archived_offsets"]] == [False, True, False, True, False]
    assert all(key.endswith("/part-1.parquet") for key in store.objects)


def test_one_that_dies_is_named_and_the_others_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[FakeChild] = []

    def start(_module: str, part: ArchiverJob, _directory: Path, *, name: str) -> FakeChild:
        child = FakeChild(name.replace("_", " "), Clock())
        children.append(child)
        child.tell("ready", version="", config={})
        if part.archiver == 1:
            child.fail("the store is full")
        return child

    monkeypatch.setattr(group, "start_worker", start)
    with pytest.raises(ServiceError, match="archiver 1 failed: the store is full"):
        archive_together(job(tmp_path, archivers=3))
    assert not any(child.is_running for child in children)


def test_what_they_tell_is_what_all_of_them_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, stop = Said(), threading.Event()

    def start(_module: str, part: ArchiverJob, _directory: Path, *, name: str) -> FakeChild:
        child = FakeChild(name, Clock())
        child.tell("ready", version="", config={})
        child.tell("progress", archived_s=part.archiver + 2, archived_records=10)
        np.savez(part.output, indexes=[7], appended_ms=[-1])
        child.process.on_term = lambda: child.end(archived_s=3, archived_records=10, archived_offsets=[10])
        return child

    monkeypatch.setattr(group, "start_worker", start)
    monkeypatch.setattr(
        said, "send", lambda kind, **fields: (said.events.append((kind, fields)), len(said.events) == 2 and stop.set())
    )
    found = archive_together(job(tmp_path, archivers=2), said, stop)
    assert said.events[1:] == [("progress", {"archived_s": 2, "archived_records": 20})]
    assert found == {"archived_s": 3, "archived_records": 20, "archived_offsets": [20]}
