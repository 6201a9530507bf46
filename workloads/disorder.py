"""Disorder: records that are sent twice, and records whose event time is not the time at which they are sent.

A record stays due when its profile says. What moves is its event time, and what its line says: a copy says what an
earlier record said. All of it is chosen by random words of the record's own, so that any range can be made alone.
"""

from dataclasses import dataclass
from functools import cache
from math import isqrt, log

import numpy as np
from numpy.typing import NDArray

#: A copy follows the record that it repeats by so many records at most.
MAX_COPY_DISTANCE = 16
#: Copies are no copies of copies, so that not every record can be one.
MAX_DUPLICATES_PER_MILLION = 200_000

_DELAY_QUANTILES = 4096


@dataclass(frozen=True)
class Disorder:
    """How event times differ from intended send times. Shares are of the records; shifts of one record add up.

    Attributes:
        shuffle_ms: every record's event time is earlier by 0 to so many milliseconds, evenly distributed.
        late_share, late_delay_ms_mean: so many records' event times are earlier by an exponentially distributed time
            with this mean, 9 times the mean at most.
        far_late_share, far_late_delay_ms: so many records' event times are earlier by just this time.
        skewed_share, skewed_ahead_ms: so many records come from producers whose clocks are ahead by this; behind, if
            it is negative.
    """

    shuffle_ms: int = 0
    late_share: float = 0.0
    late_delay_ms_mean: int = 0
    far_late_share: float = 0.0
    far_late_delay_ms: int = 0
    skewed_share: float = 0.0
    skewed_ahead_ms: int = 0


class Shifts:
    """The shifts of event times that a `Disorder` asks for."""

    def __init__(self, disorder: Disorder) -> None:
        self._disorder = disorder
        self._late_below, self._far_late_below, self._skewed_below = (
            round(share * 2**32) for share in (disorder.late_share, disorder.far_late_share, disorder.skewed_share)
        )
        self._delays_ms = _delay_quantiles_ms(disorder.late_delay_ms_mean)

    def shifts_ms(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
        """By how much event times are later than intended send times, shape (records,).

        Args:
            low, high: halves of the records' random words, shape (records, 4); columns 1 to 3 are used.
        """
        asked = self._disorder
        shuffle = low[:, 1] * (asked.shuffle_ms + 1) >> 32
        late = np.where(high[:, 1] < self._late_below, self._delays_ms[low[:, 2] % _DELAY_QUANTILES], 0)
        far_late = np.where(high[:, 2] < self._far_late_below, asked.far_late_delay_ms, 0)
        ahead = np.where(low[:, 3] < self._skewed_below, asked.skewed_ahead_ms, 0)
        found: NDArray[np.int64] = ahead - shuffle - late - far_late
        return found


def originals(low: NDArray[np.int64], high: NDArray[np.int64], duplicates_per_million: int) -> NDArray[np.int64]:
    """The place of the record that each record repeats, or its own.

    What is said of the first `MAX_COPY_DISTANCE` places holds only if place 0 is the workload's first record.

    Args:
        low, high: halves of the records' random words, shape (records, 4); column 0 is used.
        duplicates_per_million: how many records in a million are copies, on average.
    """
    candidates = low[:, 0] < _candidates_below(duplicates_per_million)
    places = np.arange(len(candidates), dtype=np.int64)
    earlier = places - 1 - high[:, 0] % MAX_COPY_DISTANCE
    # A candidate that would repeat another one is none: so a look at the two of them decides.
    copies = candidates & (earlier >= 0) & ~candidates[np.maximum(earlier, 0)]
    return np.where(copies, earlier, places)


def _candidates_below(duplicates_per_million: int) -> int:
    """The bound p of 2^32 with p (1 - p) = the share wanted, since a candidate is a copy with probability 1 - p."""
    share = duplicates_per_million * 2**32 // 1_000_000
    return (2**32 - isqrt(2**64 - 4 * share * 2**32)) // 2


@cache
def _delay_quantiles_ms(mean_ms: int) -> NDArray[np.int64]:
    """Evenly spaced quantiles of the exponential distribution, not to be changed."""
    middles = ((at + 0.5) / _DELAY_QUANTILES for at in range(_DELAY_QUANTILES))
    return np.array([round(-mean_ms * log(1 - middle)) for middle in middles], dtype=np.int64)
