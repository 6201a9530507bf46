"""Tells a leak from a resource that goes up and down: pure functions of a series of readings.

A resource leaks if it grows by more than a share of its level in an hour, and

* the interval of its slope does not reach 0. The slope is Theil's and Sen's, the median of the slopes of all pairs,
  with Sen's interval from Kendall's tau (Sen 1968, "Estimates of the regression coefficient based on Kendall's tau",
  Journal of the American Statistical Association 63). Readings that follow each other are alike, which would make the
  interval too narrow: it is therefore taken of the medians of up to `BLOCKS` blocks of readings.
* it has grown, over the time that is judged, by more than a few units: what a process needs once is no leak.
* its lows rise, too, from each third of the time to the next. Memory that is collected as garbage is a sawtooth: with
  few teeth, each of which rises for longer than it falls, its slope seems to be positive, but its lows stay. So they do
  before and after a single step, which is no leak either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.numerics.intervals import Interval
from harness.numerics.trends import lag_slope

#: Readings are put together to so many blocks at the most, and judged from so many on.
BLOCKS, FEWEST_BLOCKS = 30, 12
#: A stretch is judged if it is at least so long.
SHORTEST_S = 120.0
#: Lows are the readings below this per cent of a third's.
LOW_PERCENT = 5
#: Of what the slope says that each third grew over the one before, its lows must have grown this much.
LEAST_SHARE_OF_LOWS = 0.3


@dataclass(frozen=True)
class LeakBounds:
    """What is no leak, whatever the interval.

    Attributes:
        percent_per_hour: growth in an hour, relative to the level, that is still allowed.
        least_growth: growth over the time that is judged that is still allowed, in the resource's unit.
    """

    percent_per_hour: float
    least_growth: float


@dataclass(frozen=True)
class Stretch:
    """Readings of a resource of one process, from its having settled to its end.

    Attributes:
        times_s: ascending, shape (n,).
        values: in the resource's unit, shape (n,).
        level: what growth is relative to; the median of the readings, where nothing else is given.
    """

    times_s: NDArray[np.float64]
    values: NDArray[np.float64]
    level: float

    @property
    def length_s(self) -> float:
        """From the first reading to the last."""
        return float(self.times_s[-1] - self.times_s[0]) if len(self.times_s) else 0.0

    @property
    def is_long_enough(self) -> bool:
        """Whether it can be judged."""
        return self.length_s >= SHORTEST_S and len(blocks(self)[0]) >= FEWEST_BLOCKS


def blocks(stretch: Stretch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middles of the blocks of the stretch, and the medians of their readings; blocks without any are left out."""
    count = min(BLOCKS, len(stretch.times_s) // 2)
    if count < 1 or not stretch.length_s:
        return np.array([]), np.array([])
    width_s = stretch.length_s / count
    numbers = np.minimum((stretch.times_s - stretch.times_s[0]) // width_s, count - 1).astype(np.int64)
    there = np.unique(numbers)
    medians = np.array([np.median(stretch.values[numbers == number]) for number in there])
    return stretch.times_s[0] + (there + 0.5) * width_s, medians


def growth_per_hour(stretch: Stretch, confidence: float) -> Interval:
    """How much the resource grows in an hour, in its unit. The stretch must be long enough."""
    found = lag_slope(*blocks(stretch), confidence)
    return Interval(found.estimate * 3600, found.low * 3600, found.high * 3600, confidence)


def leaks(stretch: Stretch, bounds: LeakBounds, growth: Interval) -> bool:
    """Whether a stretch with that growth is a leak: see above."""
    grown = growth.estimate / 3600 * stretch.length_s
    return (
        growth.low > 0
        and growth.estimate > bounds.percent_per_hour / 100 * stretch.level
        and grown > bounds.least_growth
        and _least_rise(stretch) > LEAST_SHARE_OF_LOWS * grown / 3
    )


def _least_rise(stretch: Stretch) -> float:
    """By how much the lows of each third of the time are above those of the one before: the lesser of the two."""
    third_s = stretch.length_s / 3
    numbers = np.minimum((stretch.times_s - stretch.times_s[0]) // third_s, 2)
    parts = [stretch.values[numbers == number] for number in range(3)]
    if not all(map(len, parts)):
        return 0.0
    return float(np.diff([np.percentile(part, LOW_PERCENT) for part in parts]).min())


def stretches(
    times_s: NDArray[np.float64],
    starts_s: Sequence[float],
    settle_s: Sequence[float],
    disturbed: Sequence[tuple[float, float]],
) -> list[NDArray[np.bool_]]:
    """Which readings to judge of each process that a resource was of: those from its having settled to its end.

    Args:
        times_s: of the readings, ascending, shape (n,).
        starts_s: of the processes, which followed each other, ascending.
        settle_s: how long each of them needs until what it uses may grow no more.
        disturbed: times, from and to, whose readings are left out: of faults and of recovering from them.

    Returns: for each process, an array of shape (n,).
    """
    calm = np.ones(len(times_s), dtype=np.bool_)
    for start_s, end_s in disturbed:
        calm &= (times_s < start_s) | (times_s > end_s)
    spans = zip(starts_s, settle_s, [*starts_s[1:], np.inf], strict=True)
    return [calm & (times_s >= start_s + wait_s) & (times_s < end_s) for start_s, wait_s, end_s in spans]
