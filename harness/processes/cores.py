"""Which cores whose processes run on: an engine's own, and those of everything else, by CPU affinity, without root."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.errors import ConfigurationError
from harness.processes.guard import CPUS
from harness.processes.process import guarded_tree


@dataclass(frozen=True)
class Cores:
    """The numbers of an engine's cores, and of all others' that this process may use. Of none, all share all."""

    engine: frozenset[int] = frozenset()
    others: frozenset[int] = frozenset()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that have a guard run its program on the engine's cores."""
        return {CPUS: ",".join(map(str, sorted(self.engine)))} if self.engine else {}

    @contextmanager
    def others_kept_off(self, guard_pids: Collection[int]) -> Iterator[None]:
        """Keep this process, what it starts meanwhile, and what runs under the guards now off the engine's cores.

        Raises:
            ConfigurationError: the system does not allow it.
        """
        if not self.engine:
            yield
            return
        own = os.getpid()
        try:
            _pin([own, *guard_pids], self.others)
            yield
        finally:
            _pin([own, *guard_pids], self.engine | self.others)


def cores_for(engine_cpus: int) -> Cores:
    """Cores for an engine that gets `engine_cpus` of its own; 0 for sharing all of them with everything else.

    Raises:
        ConfigurationError: there are not as many, or none would be left, or the system has no such thing.
    """
    if not engine_cpus:
        return Cores()
    if not hasattr(os, "sched_getaffinity"):
        raise ConfigurationError(
            "--engine-cpus (engine_cpus): this system cannot tell processes which cores to run on",
            fix="leave it out, or run on Linux",
        )
    available = sorted(os.sched_getaffinity(0))
    if engine_cpus >= len(available):
        raise ConfigurationError(
            f"--engine-cpus (engine_cpus): found {engine_cpus}, and Ringbench may use {len(available)} "
            f"core{'s' * (len(available) > 1)} here, one of which is for everything else",
            fix=f"give at most {len(available) - 1}, or leave it out"
            if len(available) > 1
            else "leave it out, or give Ringbench two cores or more",
        )
    # The last ones: the first core has the system's interrupts on many machines.
    return Cores(frozenset(available[-engine_cpus:]), frozenset(available[:-engine_cpus]))


def cores_in_use(guard_pids: Collection[int]) -> list[int]:
    """The cores that the programs under the guards, and all that they have started, may run on, as the system says."""
    found: set[int] = set()
    for process in [each for pid in guard_pids for each in guarded_tree(pid)]:
        for thread in _threads(process.pid):
            with suppress(OSError):
                found |= os.sched_getaffinity(thread)
    return sorted(found)


def _pin(pids: Collection[int], cores: Collection[int]) -> None:
    """Have processes, their descendants, and all of their threads run on `cores` alone."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            for process in [psutil.Process(pid), *_descendants(pid)]:
                for thread in _threads(process.pid):
                    _pin_thread(thread, cores)


def _descendants(pid: int) -> list[psutil.Process]:
    """Those of a guard; of this process none, since each of its children has a guard."""
    return [] if pid == os.getpid() else guarded_tree(pid)


def _threads(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(path.name) for path in (Path("/proc") / str(pid) / "task").iterdir()]
    return []


def _pin_thread(thread: int, cores: Collection[int]) -> None:
    try:
        os.sched_setaffinity(thread, cores)
    except ProcessLookupError:
        pass  # it has ended
    except OSError as error:
        raise ConfigurationError(
            f"--engine-cpus (engine_cpus): the system does not let processes be kept on cores: {error.strerror}",
            fix="leave it out",
        ) from error
