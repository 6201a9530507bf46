"""Whether a trial has recovered from a fault, seen live, so that the next one may come."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from harness.measurement.recovery import COMMON_BAND_S
from workloads.profiles import NANOSECONDS_PER_S
from workloads.workload import Workload

#: What the probe told longer ago than this says nothing of now. It tells twice a second.
FRESH_S = 2.0


@dataclass
class Pace:
    """Waits for the recovery from one fault after the other.

    Attributes:
        workload: what the trial sends.
        malformed_indexes: of its records that never become visible; in order.
        within_s: how long to wait for a recovery at the most, from the heal.
        ends_load: whether the load ends early, once the last fault is recovered from.
        band_s: of the common band: what is due in so long a time may be unseen; and how long all has to be calm.
    """

    workload: Workload
    malformed_indexes: Sequence[int]
    within_s: float
    ends_load: bool = True
    band_s: float = COMMON_BAND_S
    _calm_from_s: float | None = None

    def look(self, t_s: float, told_s: float, visible_records: int, *, is_over: bool) -> None:
        """Take in how things stand at `t_s`; times are in seconds after the start of the measured time.

        Args:
            t_s: now.
            told_s: when so many records were visible, as the probe told last.
            visible_records: how many.
            is_over: whether the last fault has done something, and no process is dead or starting.
        """
        if not is_over or t_s - told_s > FRESH_S or not self._is_in_band(told_s, visible_records):
            self._calm_from_s = None
        elif self._calm_from_s is None:
            self._calm_from_s = t_s

    def goes_on(self, t_s: float, healed_s: float) -> bool:
        """Whether the fault that was healed at `healed_s` is recovered from, or was waited for long enough."""
        if t_s - healed_s >= self.within_s:
            return True
        return self._calm_from_s is not None and t_s - max(self._calm_from_s, healed_s) >= self.band_s

    def malformed_before(self, index: int) -> int:
        """How many malformed records there are before that one."""
        return bisect_left(self.malformed_indexes, index)

    def _is_in_band(self, told_s: float, visible_records: int) -> bool:
        """Whether all that was due before the common band's time is visible: the same lag as `common_band` allows."""
        return self._to_be_visible(told_s - self.band_s) <= visible_records

    def _to_be_visible(self, t_s: float) -> int:
        due = self.workload.due_before(int((t_s + self.workload.specification.warmup_s) * NANOSECONDS_PER_S))
        return due - self.malformed_before(due)
