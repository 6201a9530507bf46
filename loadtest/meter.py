"""Counts what users experience, by the second in which it happened."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable

from harness.live_map.user_experience import Second

MAX_REASONS = 50


class Meter:
    """All users' counts.

    Attributes:
        seconds: by second, since the Unix epoch.
        reasons: how often things went wrong, by what it was.
        present: how many users have the map open, or are just loading the page anew.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, Second] = defaultdict(Second)
        self.reasons: Counter[str] = Counter()
        self.present = 0
        self._is_closed = False
        self._cpu_s = time.process_time()

    def now(self) -> Second:
        """The second to count in."""
        return self.seconds[int(time.time())]

    def fail(self, reason: str) -> None:
        """Count something that went wrong. Once the test is ending, nothing can: users are torn off then."""
        if self._is_closed:
            return
        self.now().failures += 1
        self.reasons[reason if reason in self.reasons or len(self.reasons) < MAX_REASONS else "other reasons"] += 1

    def close(self) -> None:
        """The test is ending."""
        self._is_closed = True

    def follow(self, sleep: Callable[[float], None], interval_s: float = 0.05) -> None:
        """Measure the load generator itself, for ever: how late its timer is, its CPU time, and how many users it has.

        `sleep` is what the users wait with, so that what keeps one waiting keeps the other.
        """
        while True:
            due_s = time.monotonic() + interval_s
            sleep(interval_s)
            second = self.now()
            second.lag[int((time.monotonic() - due_s) * 1000)] += 1
            second.users = self.present
            cpu_s = time.process_time()
            second.cpu_s += cpu_s - self._cpu_s
            self._cpu_s = cpu_s
