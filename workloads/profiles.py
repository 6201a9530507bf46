"""Arrival profiles: when each record is due, as a pure function of its index."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
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


class Pieces:
    """Profiles one after the other. Each starts anew at a whole second, and holds until the next one does."""

    def __init__(self, pieces: Sequence[tuple[int, Profile]]) -> None:
        """Put profiles together.

        Args:
            pieces: when each starts, in seconds, ascending from 0, and the profile.
        """
        self._profiles = [profile for _, profile in pieces]
        self._starts_ns = [start_s * NANOSECONDS_PER_S for start_s, _ in pieces]
        lengths_ns = [after_ns - start_ns for start_ns, after_ns in pairwise(self._starts_ns)]
        records = (profile.due_before(ns) for profile, ns in zip(self._profiles, lengths_ns, strict=False))
        self._firsts = list(accumulate(records, initial=0))  # index of each piece's first record

    def parts(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Divide the records `first` to `last` - 1 among the pieces; there is one part at least, if an empty one.

        Returns: for each part, the number of its piece, and its first and past-the-last index.
        """
        number = bisect_right(self._firsts, first) - 1
        for border in self._firsts[number + 1 : bisect_left(self._firsts, last, number + 1)]:
            yield number, first, border
            number, first = number + 1, border
        yield number, first, last

    def offsets_ns(self, first: int, last: int) -> NDArray[np.int64]:
        """See `Profile.offsets_ns`."""
        return join([self._part_offsets_ns(*part) for part in self.parts(first, last)])

    def _part_offsets_ns(self, number: int, first: int, last: int) -> NDArray[np.int64]:
        before = self._firsts[number]
        return self._starts_ns[number] + self._profiles[number].offsets_ns(first - before, last - before)

    def due_before(self, offset_ns: int) -> int:
        """See `Profile.due_before`."""
        number = max(0, bisect_right(self._starts_ns, offset_ns) - 1)
        return self._firsts[number] + self._profiles[number].due_before(offset_ns - self._starts_ns[number])


def join(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """`parts` one after the other. Most ranges lie in one piece, and are not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
