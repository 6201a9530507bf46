"""What a fault did to a trial: when it showed, when it was over, and how stale results became. Pure functions.

Everything counts from the records' intended send times, as latency does. Time is in seconds after the start of the
measured time; the trial is looked at in steps of `STEP_MS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: How finely it is known when records became visible.
STEP_MS = 100
STEP_S = STEP_MS / 1000
#: For how long everything must be back in the band before a fault is over: for no less than the common band's time, so
#: that what stands still at the heal leaves the band before it could seem calm.
CALM_S = 3
#: The band: the greatest figure of the control, times this, and this much more.
BAND_FACTOR = 1.5
BAND_MS = 100.0
BAND_LAG_S = 0.25
#: The common band: no more unseen than was due in so long a time, and a p99 of no more than that. Above what engines
#: have that work in micro-batches of a second or two, below the outages that faults make. Exactly once, nothing is seen
#: before it is committed: the wait for commits is added.
COMMON_BAND_S = 3.0


@dataclass(frozen=True)
class Course:
    """The course of a trial.

    Attributes:
        start_s: where the first step begins: minus the length of the warm-up.
        due: well-formed records due by the end of each step, shape (steps,).
        visible: records visible by then, shape (steps,).
        p99_ms: by whole second, p99 of the records that became visible in it; seconds without any are not there.
    """

    start_s: float
    due: NDArray[np.int64]
    visible: NDArray[np.int64]
    p99_ms: Mapping[int, float]

    @property
    def ends_s(self) -> NDArray[np.float64]:
        """Where each step ends."""
        return np.arange(1, len(self.due) + 1, dtype=np.float64) * STEP_S + self.start_s

    @property
    def lag(self) -> NDArray[np.int64]:
        """Records that were due and not visible, at the end of each step."""
        return self.due - self.visible

    def part(self, start_s: float, end_s: float) -> Course:
        """The steps from `start_s` on that end by `end_s`, so that a long trial is not looked at as a whole each time.

        The times are those of the whole.
        """
        first = max(0, int(np.floor((start_s - self.start_s) / STEP_S)))
        last = len(self.due) if np.isinf(end_s) else max(first, int(np.ceil((end_s - self.start_s) / STEP_S)))
        return Course(self.start_s + first * STEP_S, self.due[first:last], self.visible[first:last], self.p99_ms)


@dataclass(frozen=True)
class NormalBand:
    """A lag in records, for all steps or for each (steps,), and a p99 of a second in milliseconds: the upper ends."""

    lag_records: float | NDArray[np.int64]
    p99_ms: float


def visible_by_step(steps: Iterable[tuple[int, int]], count: int) -> NDArray[np.int64]:
    """Records visible by the end of each of `count` steps, from (step, records that became visible in it).

    What became visible later than the last step is left out; a clock's resolution before the first one is not.
    """
    made = np.zeros(count, dtype=np.int64)
    for step, records in steps:
        if step < count:
            made[max(step, 0)] += records
    return np.cumsum(made)


def normal_band(control: Course, end_s: float) -> NormalBand:
    """What the control shows to be normal, from 0 to `end_s`: its extremes, and some room for another trial's."""
    inside = (control.ends_s > 0) & (control.ends_s <= end_s)
    rate = float(control.due[inside][-1] - control.due[inside][0]) / end_s
    p99_ms = [found for second, found in control.p99_ms.items() if 0 <= second < end_s]
    return NormalBand(
        lag_records=BAND_FACTOR * float(control.lag[inside].max()) + BAND_LAG_S * rate,
        p99_ms=BAND_FACTOR * max(p99_ms) + BAND_MS,
    )


def common_band(course: Course, band_s: float = COMMON_BAND_S) -> NormalBand:
    """The band that is the same for all engines: what was due in the last `band_s`, whatever the rate is."""
    at = np.arange(len(course.due)) - round(band_s / STEP_S)
    # Before the first step, nothing was due; of a part of a trial, that is far from the fault that it is about.
    before = np.where(at < 0, 0, course.due[at])
    return NormalBand(course.due - before, band_s * 1000)


def beyond_share(course: Course, band: NormalBand, end_s: float) -> float:
    """The share of the steps from 0 to `end_s` in which the course was beyond the band."""
    inside = (course.ends_s > 0) & (course.ends_s <= end_s + 1e-9)
    return float(1 - _within(course, band)[inside].mean())


def time_to_detect_s(course: Course, band: NormalBand, start_s: float, end_s: float) -> float | None:
    """From the fault's start until the lag is beyond the band; None if it stays within until `end_s`."""
    beyond = (course.lag > band.lag_records) & (course.ends_s > start_s) & (course.ends_s <= end_s)
    return float(course.ends_s[np.argmax(beyond)] - start_s) if beyond.any() else None


def time_to_recover_s(
    course: Course, band: NormalBand, healed_s: float, end_s: float, calm_s: float = CALM_S
) -> float | None:
    """From the heal until lag and p99 are back in the band, and stay there for `calm_s`; None if not before `end_s`.

    0 if they never left it.
    """
    ends_s, calm = course.ends_s, _within(course, band)
    steps = round(calm_s / STEP_S)
    first = int(np.searchsorted(ends_s, healed_s + 1e-9))
    last = int(np.searchsorted(ends_s, end_s + 1e-9))
    run = 0
    for at in range(first, last):
        run = run + 1 if calm[at] else 0
        if run == steps:
            return max(0.0, float(ends_s[at - steps + 1]) - STEP_S - healed_s)
    return None


def _within(course: Course, band: NormalBand) -> NDArray[np.bool_]:
    """Whether lag and p99 are in the band, for each step, shape (steps,).

    A second's p99 is judged as a whole: each step of it has the second's.
    """
    p99_ms = [course.p99_ms.get(int(np.ceil(end_s - 1e-9)) - 1, 0.0) for end_s in course.ends_s]
    return (course.lag <= band.lag_records) & (np.array(p99_ms) <= band.p99_ms)


def excess_lag_record_s(course: Course, band: NormalBand, start_s: float, end_s: float) -> float:
    """The area between the lag and the band's upper end, where the lag is above it, from `start_s` to `end_s`.

    In record-seconds: records times the time for which they were lagging in excess.
    """
    inside = (course.ends_s > start_s + 1e-9) & (course.ends_s <= end_s + 1e-9)
    return float(np.maximum(course.lag - band.lag_records, 0)[inside].sum() * STEP_S)


def worst_staleness_s(course: Course, start_s: float, end_s: float) -> float:
    """The greatest time from `start_s` to `end_s` in which nothing became visible; one that began before counts whole.

    Records must have been due, so that the end of the load is no staleness.
    """
    grew = np.diff(course.visible, prepend=0) > 0
    worst, last_s = 0.0, course.start_s
    for end, grows, lag in zip(course.ends_s, grew, course.lag, strict=True):
        if end > end_s + 1e-9:
            break
        if grows or not lag:
            last_s = float(end)
        elif end > start_s:
            worst = max(worst, float(end) - last_s)
    return round(worst, 1)
