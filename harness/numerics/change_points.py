"""Where the level of a series of figures changed: PELT, by the library ruptures.

`docs/adr/0003-change-points.md` tells what was measured, and why this method is used and not another.
"""

import math

import numpy as np
from numpy.typing import NDArray

from harness.numerics.intervals import MIN_TRIALS, Figures, logarithms

#: A level has so many figures at least: no fewer have an interval.
MIN_LEVEL = MIN_TRIALS
#: A further level must lessen the sum of squares, in units of the noise's variance, by so many times the logarithm of
#: the number of figures. The criterion of Schwarz takes 2 (Yao 1988, Statistics and Probability Letters 6); the rest is
#: room for noise that is only estimated, and for results that are not quite independent of their neighbours.
PENALTY = 6.0
#: A figure that is farther than so many standard deviations from the median of so many neighbours, itself included,
#: counts as if it were so far.
FARTHEST_SIGMAS, NEIGHBOURS = 3.0, 11
#: The standard deviation of normal noise over the median of its absolute value.
_NORMAL_MAD = 1.4826


def change_points(values: Figures) -> list[int]:
    """Where a new level begins: indices into `values`, ascending.

    The cost of a level is the sum of squared distances from its mean, on logarithms. PELT finds the division of least
    cost, with a penalty for each level (Killick, Fearnhead and Eckley 2012, Journal of the American Statistical
    Association 107). The noise is taken from the differences of neighbours, which changes of level hardly touch (von
    Neumann 1941, Annals of Mathematical Statistics 12). A single result that is far off is brought near its neighbours
    first, as by the filter of Hampel (Pearson and others 2016, EURASIP Journal on Advances in Signal Processing): it
    is no change.

    Args:
        values: figures in the order of time, shape (n,).

    Returns:
        An empty list if there are fewer than 2 `MIN_LEVEL` values, or any is not positive and finite.
    """
    logs = logarithms(values)
    if logs is None or len(logs) < 2 * MIN_LEVEL:
        return []
    robust = _noise(logs)
    near = _brought_near(logs, FARTHEST_SIGMAS * robust)
    noise = max(robust, _deviation(near))
    if noise == 0:
        return []
    from ruptures import KernelCPD

    found = KernelCPD(kernel="linear", min_size=MIN_LEVEL).fit(near / noise).predict(pen=PENALTY * math.log(len(near)))
    return [int(each) for each in found[:-1]]


def _noise(logs: NDArray[np.float64]) -> float:
    """The noise about the level, by the median absolute difference of neighbours; where most are equal, by all."""
    steps = np.diff(logs)
    robust = _NORMAL_MAD * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)
    return robust or _deviation(logs)


def _deviation(logs: NDArray[np.float64]) -> float:
    """The noise about the level, by the standard deviation of the differences of neighbours."""
    return float(np.diff(logs).std()) / math.sqrt(2)


def _brought_near(logs: NDArray[np.float64], farthest: float) -> NDArray[np.float64]:
    """`logs`, none of which is farther than `farthest` from its neighbours' median."""
    medians = np.median(np.lib.stride_tricks.sliding_window_view(logs, NEIGHBOURS), axis=1)
    # At the ends, the neighbours are all on one side: a new level is none before it is most of them.
    middle = np.pad(medians, NEIGHBOURS // 2, mode="edge")
    return middle + np.clip(logs - middle, -farthest, farthest)
