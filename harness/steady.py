"""Whether the fixed warm-up of a trial was long enough. The answer warns; it never leaves out what was measured.

To cut the measured time where a statistic says that latency settled would forgive every stall before that point.
"""

import numpy as np
from numpy.typing import NDArray

from harness.headline import CLOCK_RESOLUTION_MS
from harness.statistics import MIN_SLOTS, steady_from

#: A longer warm-up that would change the mean by less than this share is not missed.
TOLERATED_SHARE = 0.05


def has_settled(means_ms: NDArray[np.float64], warmup_slots: int) -> bool | None:
    """Whether latency had settled by the end of the warm-up.

    It had, if MSER (see `steady_from`) would cut no later, or if its cut would change the mean of what is measured by
    no more than `TOLERATED_SHARE` or the clock's resolution: MSER cuts noise, too, but then little comes of it.

    Args:
        means_ms: mean latency of each slot, from the start of the warm-up, NaN where there is none, shape (slots,).
        warmup_slots: how many of them are the warm-up.

    Returns: None if there are fewer than `MIN_SLOTS` figures after the warm-up.
    """
    measured = means_ms[warmup_slots:]
    if np.count_nonzero(~np.isnan(measured)) < MIN_SLOTS:
        return None
    cut = steady_from(means_ms)
    if cut is not None and cut <= warmup_slots:
        return True
    steady_ms = float(np.nanmean(means_ms[len(means_ms) // 2 if cut is None else cut :]))
    bias_ms = abs(float(np.nanmean(measured)) - steady_ms)
    return bias_ms <= max(TOLERATED_SHARE * steady_ms, CLOCK_RESOLUTION_MS)
