"""What each worker is told, and the frame that all of them run in.

Kafka is told of as in a job specification: `kafka_properties` are in Java's names, see `engines.contract.kafka`.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from engines.contract.events import EventWriter, stop_on_sigterm
from engines.contract.queries import COUNTS
from workloads.workload import WorkloadSpecification

ANCHOR_POLL_S = 0.01


@dataclass(frozen=True, kw_only=True)
class GeneratorJob:
    """Send `workload` to `topic`, record i at its offset after the anchor.

    `anchor` is the file that will name it (see `announce_anchor`). When records were sent goes to `output`. `orders` is
    a file that may step the wall clock (see `harness.workers.orders.ClockOrders`); empty for none. Of `shards`
    processes, which share the load by its partitions, these are `processes`, from number `shard` on, counted from 0.
    Where it `may_be_late`, a load whose start has passed is sent all the same, what was due meanwhile at once. `end` is
    a file that may end the load early (see `harness.workers.orders.EndOrders`); empty for none.
    """

    workload: WorkloadSpecification
    anchor: str
    bootstrap_servers: str
    kafka_properties: dict[str, str] = field(default_factory=dict)
    topic: str
    output: str
    orders: str = ""
    shard: int = 0
    shards: int = 1
    processes: int = 1
    may_be_late: bool = False
    end: str = ""


@dataclass(frozen=True, kw_only=True)
class ArchiverJob:
    """Copy `topic` to Parquet objects under `prefix` of an S3 bucket, one for each second of `workload`.

    `endpoint` is None for AWS itself. Credentials come from where AWS's tools look for them. When the broker took
    each record goes to `output`. Of `archivers` processes, which share the partitions, this is number `archiver`, from
    0; each of them has an object for each second.
    """

    workload: WorkloadSpecification
    bootstrap_servers: str
    kafka_properties: dict[str, str] = field(default_factory=dict)
    topic: str
    endpoint: str | None
    bucket: str
    prefix: str
    output: str
    archiver: int = 0
    archivers: int = 1


@dataclass(frozen=True, kw_only=True)
class RedisWriterJob:
    """Write the upserts in `topic` to the Redis at `redis_url`, under keys that start with `namespace`.

    Keys have to be those of `query`. `journal` is a file in which each transaction is noted: ``SENT_NS ANSWERED_NS
    KEY=COUNT...``; empty for none. `transactional` says that the upserts are written in transactions. Of `writers`
    processes, which share the topic's partitions and have their files in `directory`, this is number `writer`, from 0.
    Among so many `probes`, which follow the updates, the cells are shared.
    """

    bootstrap_servers: str
    kafka_properties: dict[str, str] = field(default_factory=dict)
    topic: str
    redis_url: str
    namespace: str
    expire_s: int
    journal: str = ""
    query: str = COUNTS
    transactional: bool = False
    writer: int = 0
    writers: int = 1
    directory: str = ""
    probes: int = 1


@dataclass(frozen=True, kw_only=True)
class ProbeJob:
    """Follow the updates under `namespace` in the Redis at `redis_url`; save what was measured to `output`.

    They are answers to `query`. `recording` is a file to keep all updates in (see `harness.measurement.recording`);
    empty for none. `end` is the file that may end the load early, as the generator's. Of `probes` processes, which
    share the cells, this is number `probe`, from 0; each of them saves a `harness.workers.accounts.ProbePart`.
    """

    workload: WorkloadSpecification
    anchor: str
    redis_url: str
    namespace: str
    output: str
    recording: str = ""
    query: str = COUNTS
    end: str = ""
    probe: int = 0
    probes: int = 1


@dataclass(frozen=True, kw_only=True)
class ProxyJob:
    """Pass bytes between a port of its own, on loopback, and `target_port`, as the file `orders` says.

    See `harness.workers.proxy.Orders`; without the file, bytes pass freely. `port` 0 is any free one.
    """

    target_port: int
    orders: str
    port: int = 0


Job = GeneratorJob | ArchiverJob | RedisWriterJob | ProbeJob | ProxyJob
J = TypeVar("J", bound=Job)


def save_job(job: Job, path: Path) -> None:
    """Write `job` to `path`, readable by the user alone: it may hold a password."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(job)), encoding="utf-8")


def announce_anchor(path: str, anchor_ns: int) -> None:
    """Tell all who wait for it when the load starts: on the wall clock, in nanoseconds since the Unix epoch."""
    part = Path(f"{path}.part")
    part.write_text(str(anchor_ns), encoding="ascii")
    part.replace(path)


def await_anchor(path: str, stop: threading.Event) -> int:
    """Wait for `announce_anchor`, and return what it told; 0 if `stop` was set first."""
    while not stop.wait(ANCHOR_POLL_S):
        if os.path.exists(path):  # noqa: PTH110 - asked often
            return int(Path(path).read_text(encoding="ascii"))
    return 0


class Pulse:
    """Sends ``progress`` events, but no more often than every `interval_s`."""

    def __init__(self, events: EventWriter, interval_s: float = 0.5) -> None:
        self._events, self._interval_s = events, interval_s
        self._due_s = time.monotonic()

    def tick(self, totals: Callable[[], dict[str, Any]]) -> None:
        """Send what `totals` returns, if an event is due."""
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + self._interval_s
            self._events.send("progress", **totals())


def load_job(kind: type[J], path: str) -> J:
    """The job of that `kind` that `save_job` has written to `path`."""
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    if "workload" in found:
        found["workload"] = WorkloadSpecification.from_json(found["workload"])
    return kind(**found)


def run_worker(kind: type[J], work: Callable[[J, EventWriter, threading.Event], dict[str, Any]]) -> None:
    """Run `work` as this process: with the job named on the command line, until it returns or SIGTERM sets the event.

    What `work` returns become the fields of the ``stopped`` event; an exception becomes ``failed`` and exit code 1.
    """
    events, stop = EventWriter(), stop_on_sigterm()
    try:
        events.send("stopped", **work(load_job(kind, sys.argv[1]), events, stop))
    except Exception as error:
        traceback.print_exc()
        events.send("failed", error=f"{type(error).__name__}: {error}")
        sys.exit(1)
