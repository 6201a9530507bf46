"""Arrival profiles: when each record is due, as a pure function of its index."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NANOSECONDS_PER_S = 1_000_000_000


class Profile(Protocol):
    """Maps record indexes to intended send times, in nanoseconds after the start, never decreasing with the index."""

    def offsets_ns(self, first: int, last: int) -> NDArray[np.int64]:
        """Intended send times of the records `first` to `last` - 1, shape (last - first,)."""

    def due_before(self, offset_ns: int) -> int:
        """How many records are due strictly before `offset_ns`: the index of the first one that is not."""


class ConstantRate:
    """Equal spacing: record i is due at i / rate. Good for 292 years, as 64 bits of nanoseconds are."""

    def __init__(self, rate_records_per_s: int) -> None:
        self._rate = rate_records_per_s

    def offsets_ns(self, first: int, last: int) -> NDArray[np.int64]:
        """See `Profile.offsets_ns`."""
        index = np.arange(first, last, dtype=np.int64)
        # Seconds and rest apart: index * 10^9 would overflow after some 9 * 10^9 records.
        whole_s, rest = np.divmod(index, self._rate)
        offsets: NDArray[np.int64] = whole_s * NANOSECONDS_PER_S + rest * NANOSECONDS_PER_S // self._rate
        return offsets

    def due_before(self, offset_ns: int) -> int:
        """See `Profile.due_before`."""
        # Exact inverse of the floor above: floor(i * 10^9 / rate) < offset if and only if i * 10^9 < offset * rate.
        return max(0, -(-offset_ns * self._rate // NANOSECONDS_PER_S))


class Step:
    """One profile up to a whole second, and another one from then on, which starts anew there."""

    def __init__(self, before: Profile, until_s: int, after: Profile) -> None:
        self._before, self._after = before, after
        self._until_ns = until_s * NANOSECONDS_PER_S
        self._records_before = before.due_before(self._until_ns)

    def offsets_ns(self, first: int, last: int) -> NDArray[np.int64]:
        """See `Profile.offsets_ns`."""
        border = min(max(self._records_before, first), last)
        before = self._before.offsets_ns(first, border)
        after = self._after.offsets_ns(border - self._records_before, last - self._records_before)
        return np.concatenate([before, self._until_ns + after]) if len(after) else before

    def due_before(self, offset_ns: int) -> int:
        """See `Profile.due_before`."""
        if offset_ns <= self._until_ns:
            return self._before.due_before(offset_ns)
        return self._records_before + self._after.due_before(offset_ns - self._until_ns)


#: Profiles by the name a scenario gives them, each made from the scenario's rate in records per second.
PROFILES = {"constant": ConstantRate}
