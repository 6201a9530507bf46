"""Watches the wall clock for steps, against the monotonic clock, which has none."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
#: A reading of the two clocks may be torn apart by the scheduler; the tightest of so many counts.
_READINGS = 5


class ClockWatch:
    """Follows how far the wall clock has moved against the monotonic clock since the first `look`.

    Attributes:
        step_ms: the greatest distance from the first reading so far, in milliseconds. A step there and back counts, if
            a `look` fell in between.
    """

    def __init__(self, wall_ns: Clock = time.time_ns, monotonic_ns: Clock = time.monotonic_ns) -> None:
        self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
        self._first_ns: int | None = None
        self.step_ms = 0.0

    def look(self) -> None:
        """Read both clocks."""
        distance_ns = self._distance_ns()
        if self._first_ns is None:
            self._first_ns = distance_ns
        self.step_ms = max(self.step_ms, abs(distance_ns - self._first_ns) / 1e6)

    def _distance_ns(self) -> int:
        """Wall clock less monotonic clock, from the reading that took the least time."""
        readings = []
        for _ in range(_READINGS):
            before_ns = self._monotonic_ns()
            wall_ns = self._wall_ns()
            after_ns = self._monotonic_ns()
            readings.append((after_ns - before_ns, wall_ns - (before_ns + after_ns) // 2))
        return min(readings)[1]
