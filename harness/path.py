"""Whether the path behind the engine kept up: Redis writer, Redis and probe. Pure functions of a trial's readings.

How late Redis is told is the writer's own account: from the broker's append of an upsert to Redis's answer. How far
behind the probe is, is its own: the age of the oldest entry that it finds when it reads. Both are told twice a second,
each time the greatest since the last. CPU time says who it was that did not keep up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.accounting import Readings

_NAMES = {"redis_writer": "the Redis writer", "redis": "Redis", "probe": "the probe"}
_WHAT = {"redis_writer": "updates reached Redis", "probe": "the probe saw updates"}
#: Delays beyond the bound for a greater share of the measured time make a run invalid.
TOLERATED_SHARE = 0.1
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


def bottlenecks(
    delays: Mapping[str, Delays], readings: Mapping[str, Readings], bound_ms: float, duration_s: float
) -> Iterator[str]:
    """Who of the path behind the engine did not keep up, and how that is known.

    Args:
        delays: of ``redis_writer`` and ``probe``, as far as there are such.
        readings: CPU time by process, those named above and ``redis``, if it was started here.
        bound_ms: of the delay.
        duration_s: of the measured time.
    """
    for name, told in delays.items():
        late = told.late(bound_ms, duration_s)
        late_s = sum(end - start for start, end in late)
        if late_s <= TOLERATED_SHARE * duration_s:
            continue
        cores = {each: _cores(readings[each], late) for each in (name, "redis") if each in readings}
        yield (
            f"{_blame(name, cores)}: {_WHAT[name]} more than {bound_ms:g} ms late for {late_s:.1f} s of "
            f"{duration_s:g} s, by {max(told.delay_ms):,.0f} ms at the most; meanwhile, "
            + ", ".join(f"{_NAMES[who]} used {used:.2f} of a core" for who, used in cores.items())
        )


def _blame(name: str, cores: Mapping[str, float]) -> str:
    """Who was at its limit; if nobody was, `name` waited for something else: a core, the network, or to go on."""
    saturated = [who for who, used in cores.items() if used >= SATURATED_CORES]
    if not saturated:
        return f"{_NAMES[name]} did not keep up, and was not busy"
    return f"{' and '.join(_NAMES[who] for who in saturated)} {'was' if len(saturated) == 1 else 'were'} the bottleneck"


def _cores(readings: Readings, spans: Sequence[tuple[float, float]]) -> float:
    """Cores that a process used in `spans` of time."""
    return sum(readings.between(*span).cpu_s for span in spans) / sum(end - start for start, end in spans)
