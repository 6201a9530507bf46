"""How quiet the machine was: CPU time that the hypervisor stole, that other programs used, and waiting for cores.

All of it comes from the kernel's own accounts. What cannot be read, on other systems or older kernels, is None.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from harness.measurement.accounting import TreeMeter
from harness.results.host import ForeignProgram, Host

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
#: Columns of /proc/stat that are CPU time which somebody used here: user, nice, system, irq, softirq. What guests of
#: this machine used is in the first two.
_BUSY, _STEAL = (0, 1, 2, 5, 6), 7
_PRESSURES = ("cpu", "memory", "io")
#: So many other programs are named, and none that used less.
_NAMED, _LEAST_CORES = 3, 0.02


@dataclass(frozen=True)
class HostReading:
    """Totals up to now, in seconds, and None for what cannot be read.

    Attributes:
        busy_s, stolen_s: of all cores.
        own_s: what this process and all that it has started have used; None if that was not asked for.
        throttled_s: for which this process's cgroup was kept from running.
        waited_s: by resource, for which at least one task of the machine waited for it (PSI, "some").
    """

    busy_s: float | None
    stolen_s: float | None
    throttled_s: float | None
    waited_s: dict[str, float | None]
    own_s: float | None = None


#: Which of a reading's totals.
_Total = Callable[[HostReading], float | None]


@dataclass(frozen=True)
class Program:
    """A process, told apart from a later one of the same number by when it began; its name may change meanwhile."""

    pid: int
    created_s: float
    name: str = field(compare=False)


def read_host(root: Path = Path("/")) -> HostReading:
    """Read the kernel's accounts below `root`, all but `own_s`."""
    columns = _cpu_columns(root / "proc" / "stat")
    busy = sum(columns[place] for place in _BUSY) / _TICKS_PER_S if columns else None
    stolen = columns[_STEAL] / _TICKS_PER_S if len(columns) > _STEAL else None
    waited = {name: _pressure_s(root / "proc" / "pressure" / name) for name in _PRESSURES}
    return HostReading(busy, stolen, _throttled_s(root), waited)


def _cpu_columns(path: Path) -> list[int]:
    with suppress(OSError, ValueError):
        name, *columns = path.read_text(encoding="ascii").partition("\n")[0].split()
        return [int(column) for column in columns] if name == "cpu" and len(columns) > max(_BUSY) else []
    return []


def _pressure_s(path: Path) -> float | None:
    with suppress(OSError, ValueError, IndexError):
        return int(path.read_text(encoding="ascii").splitlines()[0].rpartition("total=")[2]) / 1e6
    return None


def _cgroup(root: Path) -> Path | None:
    """The folder of this process's cgroup, of version 2."""
    with suppress(OSError):
        for line in (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith("0::"):
                return root / "sys" / "fs" / "cgroup" / line.removeprefix("0::").lstrip("/")
    return None


def _throttled_s(root: Path) -> float | None:
    folder = _cgroup(root)
    with suppress(OSError, ValueError):
        for line in (folder / "cpu.stat").read_text(encoding="ascii").splitlines() if folder else ():
            if line.startswith("throttled_usec "):
                return int(line.split()[1]) / 1e6
    return None


def cgroup_cores(root: Path = Path("/")) -> float | None:
    """How many cores' time this process's cgroup may use; None if it has no limit, or none that can be read."""
    folder = _cgroup(root)
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split() if folder else ("max", "0")
        return None if quota == "max" else int(quota) / int(period)
    return None


def frequency_mhz(root: Path = Path("/")) -> float | None:
    """The mean frequency of the cores now; None where the system does not tell."""
    found = []
    for path in (root / "sys" / "devices" / "system" / "cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq"):
        with suppress(OSError, ValueError):
            found.append(int(path.read_text(encoding="ascii")) / 1000)
    return float(np.mean(found)) if found else None


def _with_own() -> Callable[[], HostReading]:
    """What reads the host, together with what this process and its like have used."""
    meter = TreeMeter()
    return lambda: replace(read_host(), own_s=meter.read_cpu_s())


@dataclass
class HostWatch:
    """Readings of the host over a trial, oldest first; times are seconds after the start of the measured time.

    Attributes:
        cores: how many the system has.
        programs: what each of other programs had used by then, in CPU-seconds.
    """

    read: Callable[[], HostReading] = field(default_factory=_with_own)
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    t_s: list[float] = field(default_factory=list)
    readings: list[HostReading] = field(default_factory=list)
    frequencies_mhz: list[float] = field(default_factory=list)
    programs: list[tuple[float, dict[Program, float]]] = field(default_factory=list)

    def look(self, t_s: float) -> None:
        """Read the host now."""
        self.t_s.append(t_s)
        self.readings.append(self.read())

    def look_at_programs(self, t_s: float, own: Collection[int]) -> None:
        """Note what every process has used until now that is not among `own` pids; to be called twice, or more.

        And the cores' frequency, which costs too much to be asked for at every look.
        """
        if (mhz := frequency_mhz()) is not None:
            self.frequencies_mhz.append(mhz)
        self.programs.append((t_s, {program: used for program, used in _all_used() if program.pid not in own}))

    def use(self, start_s: float, end_s: float) -> Host | None:
        """What was not the run's own between two times; None if the host was never read."""
        if not self.t_s or end_s <= start_s:
            return None

        def rate(of: _Total) -> float | None:
            totals = self._totals(np.array([start_s, end_s]), of)
            return None if totals is None else float(totals[1] - totals[0]) / (end_s - start_s)

        stolen_cores = rate(lambda each: each.stolen_s)
        return Host(
            cores=self.cores,
            stolen_share=None if stolen_cores is None else stolen_cores / self.cores,
            foreign_cores=rate(_foreign_s),
            foreign_programs=self._foreign_programs(),
            throttled_share=rate(lambda each: each.throttled_s),
            cgroup_cores=cgroup_cores(),
            cpu_pressure_share=rate(lambda each: each.waited_s["cpu"]),
            memory_pressure_share=rate(lambda each: each.waited_s["memory"]),
            io_pressure_share=rate(lambda each: each.waited_s["io"]),
            frequency_mhz=float(np.mean(self.frequencies_mhz)) if self.frequencies_mhz else None,
        )

    def lately(self, length_s: float) -> tuple[float | None, float | None]:
        """The share of stolen time, and the cores of other programs, over about the last `length_s` of the readings."""
        first = len(self.t_s) - 1
        while first > 0 and self.t_s[-1] - self.t_s[first] < length_s:
            first -= 1
        if first < 0 or (elapsed_s := self.t_s[-1] - self.t_s[first]) <= 0:
            return None, None
        before, now = self.readings[first], self.readings[-1]

        def rate(of: _Total) -> float | None:
            totals = of(before), of(now)
            return None if totals[0] is None or totals[1] is None else (totals[1] - totals[0]) / elapsed_s

        stolen_cores = rate(lambda each: each.stolen_s)
        return None if stolen_cores is None else stolen_cores / self.cores, rate(_foreign_s)

    def by_second(self, bounds_s: NDArray[np.float64]) -> tuple[list[float | None], list[float | None]]:
        """The share of stolen time and the cores of other programs, between each two of `bounds_s`, a second apart.

        `bounds_s` are seconds after the start of the measured time, shape (n + 1,).
        """
        unknown: list[float | None] = [None] * (len(bounds_s) - 1)
        stolen = self._totals(bounds_s, lambda each: each.stolen_s)
        foreign = self._totals(bounds_s, _foreign_s)
        return (
            unknown if stolen is None else (np.diff(stolen) / self.cores).tolist(),
            unknown if foreign is None else np.diff(foreign).tolist(),
        )

    def _totals(self, at_s: NDArray[np.float64], of: _Total) -> NDArray[np.float64] | None:
        totals = [of(reading) for reading in self.readings]
        known = [total for total in totals if total is not None]
        return np.interp(at_s, self.t_s, known) if known and len(known) == len(totals) else None

    def _foreign_programs(self) -> list[ForeignProgram]:
        if len(self.programs) < 2:
            return []
        (start_s, before), (end_s, after) = self.programs[0], self.programs[-1]
        used: Counter[str] = Counter()
        for program, total_s in after.items():
            used[program.name] += total_s - before.get(program, 0.0)  # type: ignore[assignment]
        cores = [(name, used_s / (end_s - start_s)) for name, used_s in used.most_common(_NAMED)]
        return [ForeignProgram(name=name, cores=each) for name, each in cores if each >= _LEAST_CORES]


def _foreign_s(reading: HostReading) -> float | None:
    """What other programs have used."""
    return None if reading.busy_s is None or reading.own_s is None else reading.busy_s - reading.own_s


def _all_used() -> Iterable[tuple[Program, float]]:
    """Every process, and the CPU time that it has used by itself."""
    for process in psutil.process_iter():
        with suppress(psutil.Error), process.oneshot():
            times = process.cpu_times()
            yield Program(process.pid, process.create_time(), process.name()), times.user + times.system
