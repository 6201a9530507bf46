"""The delivery path without an engine, and the feeder that stands in for one."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from engines.contract.keys import position_key
from harness.clients.kafka_topics import Topics
from harness.clients.redis_contents import clear
from harness.console.progress import ConsoleWatcher
from harness.errors import ServiceError
from harness.experiments.benches.broker import DEADLINE_S, PACE_S, READY_S, BenchBroker
from harness.measurement.accounting import Readings, UsageMeter
from harness.processes.child import Child
from harness.processes.process import wait_until
from harness.services.backing import NAMESPACE
from harness.services.pair import start_pair
from harness.services.redis import RedisService
from harness.workers.jobs import GeneratorJob, Job, ProbeJob, RedisWriterJob
from harness.workers.start import start_worker
from workloads.workload import WorkloadSpecification

TICK_S = 0.25
EXPIRE_S = 3600


@dataclass(frozen=True)
class PathOptions:
    """What is measured.

    Attributes:
        rates_updates_per_s: to try, in order; if empty, from `FIRST_PACE` on, until one is not kept.
        duration_s: measured time of each rate.
        capacity: measure writer and probe as fast as they can, too.
    """

    rates_updates_per_s: tuple[int, ...] = ()
    duration_s: int = PACE_S
    capacity: bool = True


@dataclass
class DeliveryRig(BenchBroker):
    """A broker and a Redis."""

    store: RedisService
    watcher: ConsoleWatcher

    def client(self) -> "redis.Redis":
        """A client of the Redis."""
        return redis.Redis.from_url(self.store.url, protocol=2)


@dataclass
class Measurement:
    """One load, its topics, and the processes that follow it. `readings` are of the processes, by name."""

    rig: DeliveryRig
    specification: WorkloadSpecification
    topics: Topics
    directory: Path
    children: dict[str, Child]
    stack: ExitStack
    readings: dict[str, Readings]

    @property
    def anchor(self) -> str:
        """The file that names the start of the load."""
        return str(self.directory / "anchor")

    def start(self, name: str) -> Child:
        """Start a worker, and wait until it is ready."""
        jobs: dict[str, Callable[[], Job]] = {
            "redis_writer": self._writer_job,
            "probe": self._probe_job,
            "feeder": self._feeder_job,
        }
        job = jobs[name]()
        child = self.children[name] = self.stack.enter_context(start_worker(name, job, self.directory))
        child.wait_for("ready", READY_S)
        return child

    def stop(self, name: str) -> dict[str, Any]:
        """Stop a worker. Returns its last totals."""
        self.children[name].stop()
        return self.children[name].wait_for("stopped", READY_S).fields

    def _feeder_job(self) -> GeneratorJob:
        return GeneratorJob(
            workload=self.specification,
            anchor=self.anchor,
            bootstrap_servers=self.rig.kafka.bootstrap_servers,
            topic=self.topics.aggregates,
            output=str(self.directory / "feeder.npz"),
        )

    def _writer_job(self) -> RedisWriterJob:
        return RedisWriterJob(
            bootstrap_servers=self.rig.kafka.bootstrap_servers,
            topic=self.topics.aggregates,
            redis_url=self.rig.store.url,
            namespace=NAMESPACE,
            expire_s=EXPIRE_S,
        )

    def _probe_job(self) -> ProbeJob:
        return ProbeJob(
            workload=self.specification,
            anchor=self.anchor,
            redis_url=self.rig.store.url,
            namespace=NAMESPACE,
            output=str(self.directory / "probe.json"),
            recording=str(self.directory / "probe.updates.gz"),
        )

    def meters(self) -> dict[str, UsageMeter]:
        """Meters of all processes now."""
        own = {name: child.process.pid for name, child in self.children.items()}
        services = {"kafka": self.rig.kafka.process.pid, "redis": self.rig.store.process.pid}
        return {name: UsageMeter(pid) for name, pid in (own | services).items()}

    def await_total(self, name: str, total: str, wanted: int) -> None:
        """Wait until a worker has told of a total of `wanted`."""
        child = self.children[name]

        def reached() -> bool:
            if not child.is_running:
                raise ServiceError(child.death())
            return bool(child.latest(total, 0) >= wanted)

        wait_until(reached, deadline_s=DEADLINE_S, what=f"{name}: {wanted:,} {total}", poll_s=TICK_S / 5)

    def written(self) -> int:
        """How many upserts Redis has, by the position that the writer leaves there."""
        with self.rig.client() as client:
            told: Any = client.get(position_key(NAMESPACE))
        return sum(json.loads(told or b"{}").values())


@contextmanager
def start_rig(watcher: ConsoleWatcher) -> Iterator[DeliveryRig]:
    with start_pair(watcher) as (work, kafka, store):
        yield DeliveryRig(work, kafka, store, watcher)


@contextmanager
def start_measurement(rig: DeliveryRig, specification: WorkloadSpecification) -> Iterator[Measurement]:
    clear(rig.store.url, NAMESPACE)
    with rig.topics(specification.partitions) as (topics, directory), ExitStack() as stack:
        yield Measurement(rig, specification, topics, directory, {}, stack, {})
