"""Whether the JVMs of an engine were warm when measuring began: what their compilers did, from the kernel's accounts.

The rule looks at the compilers alone, and never at latency: a rule that waits for latency to be low forgives stalls.
"""

import math
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.processes.process import guarded_tree
from harness.results.performance import Warmth

#: So long before the measured time, or from its start on, compilers are to be quiet.
QUIET_S = 10
#: Within less, compilers have hardly begun, and have not yet shown what they do.
SHORTEST_WARMUP_S = 20
#: What compilers may do at the end of the warm-up, of what they do later. (Spark at 6,000 records/s on 2 cores: 2.7
#: times as much after 20 s, 1.8 times after 40 s, as much as later after 60 s.)
TOLERATED = 1.5
#: What they may use in the first half of the time at an even load, of what they use in its second half, for a use that
#: no longer falls. Compiling comes in bursts: see the simulation in `tests/unit/harness/measurement/test_warmth.py`.
TOLERATED_FALL = 1.1
#: The halves of a shorter time differ by chance.
SHORTEST_EVEN_S = 20
#: Compilers change little within less, and a JVM has hundreds of threads.
READ_EVERY_S = 1.0
#: Listing processes costs far more than reading them, and few come or go once an engine works.
_READINGS_PER_LISTING = 10
#: Of HotSpot's "C1 CompilerThread0" and its like, as much as the kernel keeps of a thread's name.
_COMPILERS = ("C1 CompilerThre", "C2 CompilerThre")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12  # columns of /proc/PID/stat behind the name


class CompilerMeter:
    """Follows the compilers' threads of all JVMs that descend from a process. A thread that has ended stays counted."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._used_s: dict[Path, float] = {}  # by thread
        self._others: set[Path] = set()

    def read(self, pids: Collection[int]) -> float | None:
        """CPU-seconds of the compilers' threads of the processes `pids`, and of all earlier ones; None without any."""
        for thread in self._threads(pids):
            self._read(thread)
        return sum(self._used_s.values()) if self._used_s else None

    def _threads(self, pids: Collection[int]) -> list[Path]:
        found: list[Path] = []
        for pid in pids:
            with suppress(OSError):
                found += (self._proc / str(pid) / "task").iterdir()
        return [thread for thread in found if thread not in self._others]

    def _read(self, thread: Path) -> None:
        try:
            name, _, columns = (thread / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
        except OSError:
            return  # it has ended
        if name.partition("(")[2] not in _COMPILERS:
            self._others.add(thread)
            return
        used = columns.split()
        self._used_s[thread] = (int(used[_USER]) + int(used[_SYSTEM])) / _TICKS_PER_S


@dataclass
class CompilerWatch:
    """What compilers have used over a trial: `t_s` after the start of the measured time, and `cpu_s` in all by then."""

    meter: CompilerMeter = field(default_factory=CompilerMeter)
    t_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    _due_s: float = -math.inf
    _readings: int = 0
    _guards: list[int] = field(default_factory=list)
    _pids: list[int] = field(default_factory=list)

    def look(self, t_s: float, guard_pids: Collection[int]) -> None:
        """Read the compilers of all that runs under the guards now, unless that was done a moment ago."""
        if t_s < self._due_s:
            return
        self._due_s = t_s + READ_EVERY_S
        if self._readings % _READINGS_PER_LISTING == 0 or self._guards != list(guard_pids):
            self._guards = list(guard_pids)
            self._pids = [process.pid for guard in guard_pids for process in guarded_tree(guard)]
        self._readings += 1
        found = self.meter.read(self._pids)
        if found is not None:
            self.t_s.append(t_s)
            self.cpu_s.append(found)

    def between(self, start_s: float, end_s: float) -> float | None:
        """CPU-seconds of the compilers between two times; None if no JVM was seen for as long."""
        if not self.t_s or self.t_s[0] > start_s + READ_EVERY_S or self.t_s[-1] < end_s - READ_EVERY_S:
            return None
        return float(np.interp(end_s, self.t_s, self.cpu_s) - np.interp(start_s, self.t_s, self.cpu_s))


def warmth_of(
    watch: CompilerWatch, warmup_s: int, duration_s: int, limit_cores: float, *, even_s: int | None = None
) -> Warmth | None:
    """Whether the compilers had done their work by the end of the warm-up.

    They had if in its last `QUIET_S` they used no more than `limit_cores`; or if they worked until then, and used no
    more in the first `QUIET_S` of the measured time, nor over all of it: what was measured is warm. Some engines make
    new code as long as they run, and never rest: theirs had if they used no more than `TOLERATED` times what they use
    in the second half of the measured time, and if that use is known not to fall any more. A warm-up that is shorter
    than `SHORTEST_WARMUP_S` is too short, whatever they did.

    Args:
        watch: what was read.
        warmup_s, duration_s: of the trial.
        limit_cores: what the compilers of an engine that is at rest may use.
        even_s: how long the load stays as it is, from the start of the measured time on; all of that time by default.
            By less than `SHORTEST_EVEN_S`, nobody can tell whether their use falls.

    Returns: None if the engine has no JVM, or nobody looked.
    """
    before_s = watch.between(-min(QUIET_S, warmup_s), 0)
    during_s, later_s = watch.between(0, duration_s), watch.between(duration_s / 2, duration_s)
    if before_s is None or during_s is None or later_s is None:
        return None
    before_cores, later_cores = before_s / min(QUIET_S, warmup_s), later_s / (duration_s / 2)
    is_at_rest = before_cores <= limit_cores or _rested(watch, duration_s, limit_cores)
    fall = _fall(watch, duration_s if even_s is None else even_s, limit_cores)
    is_steady = before_cores <= TOLERATED * later_cores and fall is not None and fall <= TOLERATED_FALL
    return Warmth(
        warm=(is_at_rest or is_steady) and warmup_s >= SHORTEST_WARMUP_S,
        warmup_s=warmup_s,
        compiler_cores=before_cores,
        compiler_cores_later=later_cores,
        compiler_cpu_s=during_s,
        compiler_fall=fall,
    )


def _rested(watch: CompilerWatch, duration_s: int, limit_cores: float) -> bool:
    """Whether compilers were quiet from the start of the measured time on."""
    spans_s = (min(QUIET_S, duration_s), duration_s)
    return all((used_s := watch.between(0, each)) is not None and used_s <= limit_cores * each for each in spans_s)


def _fall(watch: CompilerWatch, even_s: int, limit_cores: float) -> float | None:
    """What the compilers use in the first half of an even load, over that of its second, or what they may at rest."""
    first_s, second_s = watch.between(0, even_s / 2), watch.between(even_s / 2, even_s)
    if even_s < SHORTEST_EVEN_S or first_s is None or second_s is None:
        return None
    return first_s / max(second_s, limit_cores * even_s / 2)
