"""CPU time and memory of process groups, from the kernel's own accounting."""

from dataclasses import dataclass
import psutil


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

    def __sub__(self, earlier: "Usage") -> "Usage":
        """What was used since `earlier`; memory stays what it is now."""
        return Usage(self.cpu_user_s - earlier.cpu_user_s, self.cpu_system_s - earlier.cpu_system_s, self.rss_bytes)


class Meter:
    """Follows one group: the program under a guard with all its descendants, and those of them that have ended.

    The guard itself (see `harness.guard`), whose pid names the group, is the harness's and does not count.

    Memory is the sum of resident set sizes, which counts pages that two processes of a group share twice.
    """

    def __init__(self, guard_pid: int) -> None:
        self._root = psutil.Process(guard_pid)
        self._seen: dict[tuple[int, float], Usage] = {}
        self.rss_bytes_peak = 0

    def read(self) -> Usage:
        """The group's usage now. What a process used in the moment before it ended, after the last reading, is lost."""
        alive = [usage for process in self._processes() if (usage := self._read(process))]
        rss_bytes = sum(usage.rss_bytes for usage in alive)
        self.rss_bytes_peak = max(self.rss_bytes_peak, rss_bytes)
        used = self._seen.values()
        return Usage(sum(each.cpu_user_s for each in used), sum(each.cpu_system_s for each in used), rss_bytes)

    def reset_peak(self) -> None:
        """Start to look for the peak of memory anew."""
        self.rss_bytes_peak = 0

    def _processes(self) -> list[psutil.Process]:
        try:
            return self._root.children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _read(self, process: psutil.Process) -> Usage | None:
        try:
            with process.oneshot():
                times, rss_bytes = process.cpu_times(), process.memory_info().rss
                identity = process.pid, process.create_time()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        usage = self._seen[identity] = Usage(times.user, times.system, rss_bytes)
        return usage
