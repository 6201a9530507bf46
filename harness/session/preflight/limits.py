"""What the system grants: memory, cores, open files, processes, and a look at processes."""

import contextlib
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from harness.errors import RingbenchError
from harness.session.preflight.finding import Finding, size_text
from harness.session.preflight.folders import folders_of, in_memory_bytes
from harness.session.preflight.need import Need

#: A broker, an S3 store, the smallest engine and the ground truth, one after the other; and what leaves them at ease.
_LEAST_MEMORY_BYTES, _MEMORY_BYTES = 1_500_000_000, 4_000_000_000
_LEAST_CORES, _CORES = 1.0, 2.0
#: Python programs open few files each, and JVMs raise their own limit as far as it goes.
_LEAST_FILES = 256
#: A run with Flink had 290 at the most.
_THREADS = 500
_ROOT = Path("/")


def look_at_limits(need: Need, root: Path = _ROOT) -> Iterator[Finding]:
    """Look at all of them; what the kernel tells is read below `root`."""
    yield look_at_memory(need, root)
    yield look_at_cores(root)
    yield look_at_open_files(need)
    yield look_at_threads(root)
    yield look_at_proc(root)


def look_at_memory(need: Need, root: Path = _ROOT) -> Finding:
    """Whether there is enough memory, also for what is written to file systems that are kept in it."""
    in_memory = 0
    with contextlib.suppress(RingbenchError):
        in_memory = in_memory_bytes(folders_of(need))
    available_bytes, granted = float(psutil.virtual_memory().available), ""
    free = [each for each in (_free_of_cgroup(folder) for folder in _cgroups(root)) if each is not None]
    if free and min(free) < available_bytes:
        available_bytes, granted = min(free), ", by the cgroup's memory.max"
    least, usual = _LEAST_MEMORY_BYTES + in_memory, _MEMORY_BYTES + in_memory
    also = f", of them {size_text(in_memory)} for files in tmpfs" if in_memory else ""
    fix = "end other programs, or raise the limit" + (", or set TMPDIR to a directory on a disk" if in_memory else "")
    return Finding(
        "memory",
        available_bytes >= least,
        f"{size_text(available_bytes)} available{granted}",
        f"{size_text(least)} needed at least, {size_text(usual)} to be at ease{also}",
        "" if available_bytes >= usual else fix,
    )


def look_at_cores(root: Path = _ROOT) -> Finding:
    """Whether there are cores enough."""
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [each for each in (_cores_of_cgroup(folder) for folder in _cgroups(root)) if each is not None]
    cores = min([float(seen), *quotas])
    return Finding(
        "cores",
        cores >= _LEAST_CORES,
        f"{cores:g}" + (f" of {seen}, by the cgroup's cpu.max" if cores < seen else ""),
        f"{_CORES:g} needed",
        "" if cores >= _CORES else "engine, generator and services would compete: do not trust latencies from here",
    )


def look_at_open_files(need: Need) -> Finding:
    """Whether processes may open as many files as a broker does, and the harness itself."""
    soft, hard = (_number(each) for each in resource.getrlimit(resource.RLIMIT_NOFILE))
    most = max(_LEAST_FILES, need.open_files)
    fix = f"raise the limit: ulimit -Hn and ulimit -Sn, LimitNOFILE= or --ulimit nofile={max(1024, most)}"
    is_enough = soft >= _LEAST_FILES and hard >= most
    return Finding(
        "open files (ulimit -n)",
        is_enough,
        f"{soft:g}, which processes may raise to {hard:g}",
        f"{_LEAST_FILES} needed, and {most} by the one that opens most",
        "" if is_enough else fix,
    )


def look_at_threads(root: Path = _ROOT) -> Finding:
    """Whether as many further threads may be started as a run has."""
    name, expected = "threads (ulimit -u, pids.max)", f"{_THREADS} more needed"
    left: dict[str, float] = {}
    soft = _number(resource.getrlimit(resource.RLIMIT_NPROC)[0])
    # The system holds everybody to it but root.
    if soft < float("inf") and os.getuid():
        left["ulimit -u"] = soft - _own_threads()
    for folder in _cgroups(root):
        most, now = _read(folder / "pids.max"), _read(folder / "pids.current")
        if most is not None and now is not None:
            left["the cgroup's pids.max"] = min(most - now, left.get("the cgroup's pids.max", most))
    if not left:
        return Finding(name, True, "no limit", expected)
    by, fewest = min(left.items(), key=lambda each: each[1])
    fix = "" if fewest >= _THREADS else f"raise {by}, or end other programs"
    return Finding(name, fewest >= _THREADS, f"{fewest:g} more, by {by}", expected, fix)


def look_at_proc(root: Path = _ROOT) -> Finding:
    """Whether the system tells of processes: by that they are measured, and found when they are to be ended."""
    if sys.platform != "linux":
        return Finding("/proc", True, "not needed on this system")
    proc = root / "proc"
    try:
        (proc / str(os.getpid()) / "stat").read_bytes()
    except OSError as error:
        found = f"this process cannot be read in {proc}: {error.strerror}"
        return Finding(
            "/proc", False, found, "processes are measured and ended by it", "mount it, readable to this user"
        )
    try:
        (proc / "1" / "stat").read_bytes()
    except OSError:
        advice = "for how quiet the machine was to be told, mount it without hidepid"
        return Finding("/proc", True, "programs of other users are not seen", fix=advice)
    return Finding("/proc", True, "can be read")


def _own_threads() -> int:
    own, found = os.getuid(), 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found += process.num_threads() if process.uids().real == own else 0
    return found


def _cgroups(root: Path) -> list[Path]:
    """This process's cgroup, of version 2, and those around it: the limits of all of them hold."""
    top = root / "sys" / "fs" / "cgroup"
    with contextlib.suppress(OSError):
        for line in (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::"):
                own = top / line.removeprefix("0::").lstrip("/")
                return [each for each in (own, *own.parents) if each.is_relative_to(top)]
    return []


def _free_of_cgroup(folder: Path) -> float | None:
    most, now = _read(folder / "memory.max"), _read(folder / "memory.current")
    if most is None or now is None:
        return None
    statistics: dict[str, float] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines():
            key, _, value = line.partition(" ")
            statistics[key] = float(value)
    # The kernel takes back what it caches of files.
    return most - now + statistics.get("inactive_file", 0) + statistics.get("active_file", 0)


def _cores_of_cgroup(folder: Path) -> float | None:
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else float(quota) / float(period)
    return None


def _read(path: Path) -> float | None:
    """The number in a file; None if there is none, or it says ``max``."""
    with contextlib.suppress(OSError, ValueError):
        return float(int(path.read_text(encoding="ascii")))
    return None


def _number(limit: int) -> float:
    return float("inf") if limit == resource.RLIM_INFINITY else float(limit)
