"""What is looked at in a soak test while it goes on: resources of all processes, and counts that can change no more."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engines.contract.keys import updates_key
from harness.faults.catalogue import BY_NAME
from harness.faults.plan import DueFault
from harness.services.backing import Backing
from harness.trial.observation import OWN
from harness.trial.options import View
from harness.trial.setting import CHECKPOINTS

#: Readings are at least so far apart, and there are so many at the most, however long the run.
INTERVAL_S, MAX_READINGS = 2.0, 2000
REDIS_TIMEOUT_S = 1.0
MEMORY, DESCRIPTORS, THREADS = "memory", "descriptors", "threads"
KEYS, DATA, STREAM = "keys", "data", "stream"
CHECKPOINT, LOG, DISK = "checkpoint", "log", "disk"
#: What is not one process's own.
RUN = "run"
BYTES = {MEMORY, DATA, STREAM, CHECKPOINT, LOG, DISK}


def interval_s(duration_s: float) -> float:
    """How far readings are apart in a trial of that length."""
    return max(INTERVAL_S, duration_s / MAX_READINGS)


def disturbed(planned: Sequence[DueFault], until_s: float = float("inf")) -> list[tuple[float, float]]:
    """The times, from and to, of faults that begin before `until_s`, and of recovering from them."""
    return [(each.at_s, each.healed_s + BY_NAME[each.fault].recovery_s) for each in planned if each.at_s < until_s]


@dataclass
class ResourceSeries:
    """What was read: times, and values by process and resource; None where there was nothing to be read.

    Attributes:
        starts_s: by process, when each of those that followed each other was first seen.
    """

    t_s: list[float] = field(default_factory=list)
    values: dict[tuple[str, str], list[float | None]] = field(default_factory=dict)
    starts_s: dict[str, list[float]] = field(default_factory=dict)

    def add(self, t_s: float, found: dict[tuple[str, str], float]) -> None:
        """Append a reading."""
        for key in found.keys() - self.values.keys():
            self.values[key] = [None] * len(self.t_s)
        self.t_s.append(t_s)
        for key, values in self.values.items():
            values.append(found.get(key))

    def latest(self, process: str, resource: str) -> float | None:
        """The newest value; None if there is none."""
        return next((value for value in reversed(self.values.get((process, resource), [])) if value is not None), None)


class Resources:
    """Reads the resources of one trial, every now and then.

    `work` is the run's private directory, `directory` the trial's in it.
    """

    def __init__(self, backing: Backing, work: Path, directory: Path, every_s: float) -> None:
        self._backing, self._work, self._directory, self._every_s = backing, work, directory, every_s
        self._due_s = 0.0
        self._guards: dict[str, int] = {}
        self.readings = ResourceSeries()

    def look(self, view: View) -> bool:
        """Read all, if it is time to. Returns whether it was."""
        if time.monotonic() < self._due_s:
            return False
        self._due_s = time.monotonic() + self._every_s
        found: dict[tuple[str, str], float] = {}
        for name, pid in view.pids.items():
            self._note_start(name, pid, view.t_s)
            found |= {(name, resource): value for resource, value in _of_group(pid).items()}
        self.readings.starts_s.setdefault(OWN, [view.t_s])
        found |= {(OWN, resource): value for resource, value in _of([psutil.Process()]).items()}
        found |= self._of_redis() | self._of_files()
        self.readings.add(view.t_s, found)
        return True

    def _note_start(self, name: str, pid: int, t_s: float) -> None:
        if self._guards.get(name) != pid:
            self._guards[name] = pid
            self.readings.starts_s.setdefault(name, []).append(t_s)

    def _of_redis(self) -> dict[tuple[str, str], float]:
        """What Redis says of itself; nothing, if a fault keeps it from answering."""
        try:
            with redis.Redis.from_url(
                self._backing.redis_url, protocol=2, socket_timeout=REDIS_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
            ) as client:
                return {
                    ("redis", KEYS): float(client.dbsize()),
                    ("redis", DATA): float(client.info("memory")["used_memory"]),
                    ("redis", STREAM): float(client.memory_usage(updates_key(self._backing.namespace)) or 0),
                }
        except redis.RedisError:
            return {}

    def _of_files(self) -> dict[tuple[str, str], float]:
        found = {
            ("engine", CHECKPOINT): float(size_bytes(self._directory / CHECKPOINTS)),
            (RUN, DISK): float(size_bytes(self._work)),
        }
        if self._backing.kafka_data:
            found["kafka", LOG] = float(size_bytes(self._backing.kafka_data))
        return found


def _of_group(guard_pid: int) -> dict[str, float]:
    """Sums over the processes under a guard; nothing, if there are none."""
    with suppress(psutil.NoSuchProcess):
        return _of(psutil.Process(guard_pid).children(recursive=True))
    return {}


def _of(processes: Sequence[psutil.Process]) -> dict[str, float]:
    found: list[tuple[float, float, float]] = []
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied), process.oneshot():
            found.append((process.memory_info().rss, process.num_fds(), process.num_threads()))
    if not found:
        return {}
    return dict(zip((MEMORY, DESCRIPTORS, THREADS), map(float, map(sum, zip(*found, strict=True))), strict=True))


def size_bytes(directory: Path) -> int:
    """Bytes that the files below `directory` take up on disk. Files may come and go meanwhile."""
    total = 0
    for folder, _folders, files in os.walk(directory):
        for name in files:
            with suppress(OSError):
                # What is set aside but not written takes up nothing: Kafka's indexes are sparse.
                total += 512 * os.lstat(f"{folder}/{name}").st_blocks
    return total
