"""CPU time and memory of process groups, from the kernel's own accounting."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
import psutil

#: Listing a group's processes costs far more than reading them, and few groups change once they work.
READINGS_PER_LISTING = 10


@dataclass(frozen=True)
class Usage:
    """CPU-seconds since the processes started, and resident memory now, of all processes of a group."""

    cpu_user_s: float = 0.0
    cpu_system_s: float = 0.0
    rss_bytes: int = 0

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.cpu_user_s + self.cpu_system_s


class UsageMeter:
    """Follows one group: the program under a guard with all its descendants, and those of them that have ended.

    The guard itself (see `harness.processes.guard`), whose pid names the group, is the harness's and does not count.
    What a process that has ended used is in the kernel's account of the one that waited for it, the guard in the end,
    which adopts orphans: so processes count that no reading ever saw. (The kernel keeps no account of the children of a
    process that ignores SIGCHLD.) Memory is the sum of resident set sizes, which counts pages that two processes of a
    group share twice.
    """

    def __init__(self, guard_pid: int) -> None:
        self._guard_pid, self._guard = guard_pid, psutil.Process(guard_pid)
        self._processes: list[psutil.Process] = []
        self._readings = 0
        self._before = Usage()  # of the groups that this one was started anew after
        self._used = Usage()

    def follow(self, guard_pid: int) -> None:
        """Go on with the group of another guard, if it is another and lives: the group was started anew."""
        if guard_pid != self._guard_pid:
            with suppress(psutil.NoSuchProcess):
                self._guard_pid, self._guard = guard_pid, psutil.Process(guard_pid)
                self._readings = 0
                self._before = self._used

    def read(self) -> Usage:
        """The group's usage now. Of a group that has ended, what it had used at the last reading."""
        if self._readings % READINGS_PER_LISTING == 0:
            self._list()
        self._readings += 1
        found = [usage for process in self._processes if (usage := _usage(process))]
        if ended := _usage_of_ended_children(self._guard):
            user_s = self._before.cpu_user_s + ended.cpu_user_s + sum(each.cpu_user_s for each in found)
            system_s = self._before.cpu_system_s + ended.cpu_system_s + sum(each.cpu_system_s for each in found)
            # A process that ends while the others are read is in no account for a moment.
            self._used = Usage(max(user_s, self._used.cpu_user_s), max(system_s, self._used.cpu_system_s))
        return replace(self._used, rss_bytes=sum(each.rss_bytes for each in found))

    def _list(self) -> None:
        try:
            self._processes = self._guard.children(recursive=True)
        except psutil.NoSuchProcess:
            self._processes = []


def _usage(process: psutil.Process) -> Usage | None:
    """What a process and those that it has waited for have used, and its memory; None if it has ended."""
    try:
        with process.oneshot():
            times, rss_bytes = process.cpu_times(), process.memory_info().rss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return Usage(times.user + times.children_user, times.system + times.children_system, rss_bytes)


def _usage_of_ended_children(guard: psutil.Process) -> Usage | None:
    """What the processes that a guard has waited for have used; None if it has ended itself."""
    try:
        times = guard.cpu_times()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return Usage(times.children_user, times.children_system)


class OwnMeter:
    """Follows this process alone, without its children."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def read(self) -> Usage:
        """This process's usage now."""
        times = self._process.cpu_times()
        return Usage(times.user, times.system, self._process.memory_info().rss)


class TreeMeter:
    """Follows this process with all that it has started, whatever group that belongs to, guards included."""

    def __init__(self) -> None:
        self._own, self._others = psutil.Process(), UsageMeter(os.getpid())

    def read_cpu_s(self) -> float:
        """The CPU time that all of them have used, in seconds."""
        times = self._own.cpu_times()
        return times.user + times.system + self._others.read().cpu_s


@dataclass
class Readings:
    """A group's usage over time: `t_s` and `usages`, of equal length, oldest first."""

    t_s: list[float] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)

    def add(self, t_s: float, usage: Usage) -> None:
        """Append a reading."""
        self.t_s.append(t_s)
        self.usages.append(usage)

    def between(self, start_s: float, end_s: float) -> Usage:
        """CPU time used between two times, interpolated between readings, and the peak of memory among them."""
        readings = zip(self.t_s, self.usages, strict=True)
        peak_bytes = [usage.rss_bytes for t_s, usage in readings if start_s <= t_s <= end_s]
        return Usage(
            cpu_user_s=self._used([usage.cpu_user_s for usage in self.usages], start_s, end_s),
            cpu_system_s=self._used([usage.cpu_system_s for usage in self.usages], start_s, end_s),
            rss_bytes=max(peak_bytes, default=0),
        )

    @classmethod
    def together(cls, groups: Sequence["Readings"]) -> "Readings":
        """The usage of several groups, read at the same times, as that of one."""
        usages = [
            Usage(
                sum(each.cpu_user_s for each in now),
                sum(each.cpu_system_s for each in now),
                sum(each.rss_bytes for each in now),
            )
            for now in zip(*(group.usages for group in groups), strict=True)
        ]
        return cls(groups[0].t_s, usages)

    def _used(self, totals: list[float], start_s: float, end_s: float) -> float:
        return float(np.interp(end_s, self.t_s, totals) - np.interp(start_s, self.t_s, totals))
