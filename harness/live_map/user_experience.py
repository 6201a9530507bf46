"""What users of the live map experienced, second by second, and what it comes to over a stretch of time.

Standard library only: the load test counts with this in an environment of its own (see `loadtest.main`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}


@dataclass
class Second:
    """One second of a load test. Distributions map whole milliseconds, rounded down, to how often they came.

    Attributes:
        users: how many users had the map open at its end.
        push: from the oldest stream entry that a frame brings to the frame's arrival.
        newest: the same from the newest entry.
        pages: the time each HTTP request took.
        connects: from asking for a WebSocket to the first snapshot.
        recoveries: from losing a WebSocket unasked to the next snapshot.
        lag: by how much the load generator's own timer was late, measured twenty times a second.
        frames, bytes: frames that arrived, and their size.
        dropped: frames that the viewer has left out because a user was too slow.
        negative: push latencies below 0, which no clock that is right can show.
        failures: requests, connections and frames that went wrong.
        cpu_s: CPU time of the load generator.
    """

    users: int = 0
    push: Counter[int] = field(default_factory=Counter)
    newest: Counter[int] = field(default_factory=Counter)
    pages: Counter[int] = field(default_factory=Counter)
    connects: Counter[int] = field(default_factory=Counter)
    recoveries: Counter[int] = field(default_factory=Counter)
    lag: Counter[int] = field(default_factory=Counter)
    frames: int = 0
    bytes: int = 0
    dropped: int = 0
    negative: int = 0
    failures: int = 0
    cpu_s: float = 0.0

    def add(self, other: "Second") -> None:
        """Add another second's events to these; `users` becomes the smaller number."""
        for each in fields(self):
            mine, its = getattr(self, each.name), getattr(other, each.name)
            setattr(self, each.name, min(mine, its) if each.name == "users" else mine + its)

    def as_json(self) -> dict[str, Any]:
        """For a file; see `from_json`."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Second":
        """What `as_json` has made, after JSON has made text of numbers that are keys."""
        counted: dict[str, Any] = {
            name: Counter({int(key): count for key, count in value.items()}) if isinstance(value, dict) else value
            for name, value in found.items()
        }
        return cls(**counted)


def together(seconds: Mapping[int, Second], start_s: float, end_s: float) -> Second:
    """All that happened in the whole seconds from `start_s` to `end_s`, in seconds since the Unix epoch.

    `users` is the smallest number in any of them.
    """
    chosen = [found for at_s, found in seconds.items() if start_s <= at_s and at_s + 1 <= end_s]
    total = Second(users=min((each.users for each in chosen), default=0))
    for each in chosen:
        total.add(each)
    return total


def percentile(distribution: Mapping[int, int], percent: float) -> float | None:
    """The smallest value in milliseconds that at least `percent` of a distribution do not exceed; None if empty.

    Values were rounded down to whole milliseconds; what is returned is rounded up, so that nothing looks faster.
    """
    wanted = math.ceil(sum(distribution.values()) * percent / 100)
    seen = 0
    for value in sorted(distribution):
        seen += distribution[value]
        if seen >= wanted > 0:
            return float(value + 1)
    return None


def greatest(distribution: Iterable[int]) -> float | None:
    """The greatest value in milliseconds, rounded up; None if there is none."""
    found = max(distribution, default=None)
    return None if found is None else float(found + 1)


@dataclass(frozen=True)
class ExperienceBounds:
    """What a load must keep to be held.

    Attributes:
        push_ms_p99: greatest p99 of push latency.
        lag_ms_p99: greatest p99 of the load generator's lag: above it, what was measured is the generator.
    """

    push_ms_p99: float = 250.0
    lag_ms_p99: float = 100.0


def why_not_held(total: Second, users: int, bounds: ExperienceBounds) -> str:
    """Why `users` users were not held over the time that `total` sums up; empty if they were."""
    push_ms = percentile(total.push, 99)
    if total.failures:
        return f"{total.failures:,} failures"
    if total.users < users:
        return f"only {total.users:,} of {users:,} users had the map open all the time"
    if push_ms is None:
        return "no result was pushed"
    if push_ms > bounds.push_ms_p99:
        return f"push latency p99 {push_ms:,.0f} ms, bound {bounds.push_ms_p99:g} ms"
    return ""
