"""Whether the path kept up that is not the engine: above all Redis writer, Redis and probe, which come behind it.

All of it is pure functions of a trial's readings.

How late Redis is told is the writer's own account: from the broker's append of an upsert to Redis's answer. How far
behind the probe is, is its own: the age of the oldest entry that it finds when it reads. Both are told twice a second,
each time the greatest since the last. CPU time says who it was that did not keep up.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.measurement.accounting import Readings
from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import Workload

_NAMES = {"redis_writer": "the Redis writer", "redis": "Redis", "probe": "the probe"}
_WHAT = {"redis_writer": "updates reached Redis", "probe": "the probe saw updates"}
#: Delays beyond the bound for a greater share of the measured time make a run invalid.
TOLERATED_SHARE = 0.1
_SEVERAL = {"redis_writer": "the Redis writers", "probe": "the probes"}
#: Of a process with one thread that works: more of a core means that it could not go faster.
SATURATED_CORES = 0.9


@dataclass
class Delays:
    """What a process told of its delays: when, seconds after the start of the measured time, and the greatest since."""

    t_s: list[float] = field(default_factory=list)
    delay_ms: list[float] = field(default_factory=list)

    def add(self, t_s: float, delay_ms: float) -> None:
        """Append what was told at `t_s`; something that is known already is passed over."""
        if not self.t_s or t_s > self.t_s[-1]:
            self.t_s.append(t_s)
            self.delay_ms.append(delay_ms)

    def at(self, t_s: float) -> float:
        """What was told of `t_s`, in milliseconds: at that time, or first after it; 0 if nothing was."""
        place = bisect_left(self.t_s, t_s)
        return self.delay_ms[place] if place < len(self.t_s) else 0.0

    def until(self, t_s: float) -> "Delays":
        """What was told at `t_s` at the latest."""
        told = bisect_right(self.t_s, t_s)
        return Delays(self.t_s[:told], self.delay_ms[:told])

    def greatest_ms(self, from_s: float) -> float | None:
        """The greatest of what was told after `from_s`; None if nothing was."""
        return max((delay for t_s, delay in zip(self.t_s, self.delay_ms, strict=True) if t_s > from_s), default=None)

    def late(self, bound_ms: float, duration_s: float) -> list[tuple[float, float]]:
        """When within the measured time delays were beyond `bound_ms`: from, to, in order and without overlaps.

        What is told holds from the time when something was told before; and what came so late was late before it came.
        """
        found: list[tuple[float, float]] = []
        for before_s, t_s, delay_ms in zip([float("-inf"), *self.t_s], self.t_s, self.delay_ms, strict=False):
            if delay_ms > bound_ms:
                start_s, end_s = max(0.0, min(before_s, t_s - (delay_ms - bound_ms) / 1000)), min(t_s, duration_s)
                while found and start_s <= found[-1][1]:
                    start_s = min(start_s, found.pop()[0])
                if start_s < end_s:
                    found.append((start_s, end_s))
        return found


def input_delays(progress: Sequence[tuple[int, int, int]], workload: Workload) -> Delays:
    """How late the broker had the records, by what the generator told: the hops `send` and `append` together.

    Args:
        progress: (milliseconds after the start of the load, records sent, records acknowledged), in order of time.
        workload: what was sent.

    Returns: at each time, the age of the oldest record that was due and not acknowledged; 0 if there was none.
    """
    found = Delays()
    for schedule_ms, _sent, acked in progress:
        due_ms = schedule_ms
        if acked < workload.total_records:
            due_ms = min(due_ms, workload.offsets_ns(acked, acked + 1)[0] * 1000 / NANOSECONDS_PER_S)
        found.add(schedule_ms / 1000 - workload.specification.warmup_s, float(schedule_ms - due_ms))
    return found


def bottlenecks(
    delays: Mapping[str, Delays],
    readings: Mapping[str, Readings],
    bound_ms: float,
    duration_s: float,
    processes: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[str]:
    """Who of the path behind the engine did not keep up, and how that is known.

    Args:
        delays: of ``redis_writer`` and ``probe``, as far as there are such.
        readings: CPU time by process, those named above and ``redis``, if it was started here.
        bound_ms: of the delay.
        duration_s: of the measured time.
        processes: how many of those that are named in `delays` share the work, where it is not one.
    """
    for name, told in delays.items():
        late = told.late(bound_ms, duration_s)
        late_s = sum(end - start for start, end in late)
        if late_s <= TOLERATED_SHARE * duration_s:
            continue
        cores = {each: _cores(readings[each], late) for each in (name, "redis") if each in readings}
        yield (
            f"{_blame(name, cores, processes)}: {_WHAT[name]} more than {bound_ms:g} ms late for {late_s:.1f} s of "
            f"{duration_s:g} s, by {max(told.delay_ms):,.0f} ms at the most; meanwhile, "
            + ", ".join(_use(who, used, processes) for who, used in cores.items())
        )


def _use(who: str, used: float, processes: Mapping[str, int]) -> str:
    if (several := processes.get(who, 1)) == 1:
        return f"{_NAMES[who]} used {used:.2f} of a core"
    return f"{_SEVERAL[who]} used {used:.2f} cores in {several} processes"


def _blame(name: str, cores: Mapping[str, float], processes: Mapping[str, int]) -> str:
    """Who was at its limit; if nobody was, `name` waited for something else: a core, the network, or to go on."""
    limits = {who: SATURATED_CORES * processes.get(who, 1) for who in cores}
    names = {who: _NAMES[who] if processes.get(who, 1) == 1 else _SEVERAL[who] for who in (name, *cores)}
    saturated = [who for who, used in cores.items() if used >= limits[who]]
    if saturated:
        are_several = len(saturated) > 1 or names[saturated[0]] == _SEVERAL.get(saturated[0])
        return f"{' and '.join(names[who] for who in saturated)} {'were' if are_several else 'was'} the bottleneck"
    # Of several processes, it is known what they used together.
    if cores.get(name, 0.0) >= SATURATED_CORES:
        return f"{names[name]} did not keep up, and one of them may have been busy throughout"
    return f"{names[name]} did not keep up, and {'was' if names[name] == _NAMES[name] else 'were'} not busy"


def _cores(readings: Readings, spans: Sequence[tuple[float, float]]) -> float:
    """Cores that a process used in `spans` of time."""
    return sum(readings.between(*span).cpu_s for span in spans) / sum(end - start for start, end in spans)
