"""Clocks of time zones: how far they are ahead of UTC, and the times that they show twice or never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Milliseconds = NDArray[np.int64]

#: Clocks are set forward and back at quarters of an hour.
_QUARTER_MS = 900_000
#: Rows are in order if none is before an earlier one by more than this: calls are written when they end.
_TOLERANCE_MS = 1_800_000
#: A row that goes back by more than this part of what a clock is set back by, was written after that.
_BACK = 4
_HOUR_MS = 3_600_000
_EPOCH = datetime(1970, 1, 1)
#: Names of zones with one meaning in telephone exchanges of America and Europe, in hours.
_NAMES = {
    "Z": 0, "UTC": 0, "GMT": 0, "UT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2,
    "EEST": 3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9,
    "AKDT": -8, "HST": -10,
}  # fmt: skip


def offset_ms(zone: str, names: dict[str, int]) -> int | None:
    """How far a zone such as ``+01:00`` or ``PDT`` is ahead of UTC, in milliseconds; None if it is not known."""
    if zone[:1] in ("+", "-"):
        digits = zone[1:].replace(":", "").ljust(4, "0")
        ahead_ms = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000
        return -ahead_ms if zone[0] == "-" else ahead_ms
    return names.get(zone.upper())


def zone_names(timezone: str | None) -> dict[str, int]:
    """Known names of zones and how far they are ahead of UTC, in milliseconds; those of `timezone` come first."""
    names = {name: hours * _HOUR_MS for name, hours in _NAMES.items()}
    if timezone is None:
        return names
    zone = ZoneInfo(timezone)
    for month in range(1, 13):
        at = datetime(2024, month, 1, tzinfo=zone)
        names[(at.tzname() or "").upper()] = _milliseconds(at.utcoffset())
    return names


def _milliseconds(offset: timedelta | None) -> int:
    return round((offset or timedelta()).total_seconds() * 1000)


@dataclass(frozen=True)
class Meant:
    """What a clock's times may have been, in milliseconds since the Unix epoch; every array of shape (times,).

    Attributes:
        earlier_ms: the first time at which the clock showed this.
        later_ms: the last; the same, but for times that it showed twice.
        never: whether it never showed this, since it was set forward.
    """

    earlier_ms: Milliseconds
    later_ms: Milliseconds
    never: NDArray[np.bool_]

    @property
    def twice(self) -> NDArray[np.bool_]:
        """Whether the clock showed a time twice."""
        found: NDArray[np.bool_] = self.earlier_ms != self.later_ms
        return found


class Clock:
    """A clock that shows the time of a zone; of UTC, if that is None."""

    def __init__(self, timezone: str | None) -> None:
        self._zone = ZoneInfo(timezone) if timezone else None
        self._offsets: dict[int, tuple[int, int]] = {}

    def meant(self, shown_ms: Milliseconds) -> Meant:
        """The times at which the clock shows `shown_ms`, counted as if it were UTC."""
        if self._zone is None:
            return Meant(shown_ms, shown_ms, np.zeros(len(shown_ms), dtype=np.bool_))
        quarters, places = np.unique(shown_ms // _QUARTER_MS, return_inverse=True)
        offsets = np.array([self._offset(int(each)) for each in quarters], dtype=np.int64).reshape(-1, 2)[places]
        first, second = offsets[:, 0], offsets[:, 1]
        never = first < second
        return Meant(shown_ms - first, np.where(never, shown_ms - first, shown_ms - second), never)

    def _offset(self, quarter: int) -> tuple[int, int]:
        """Offsets of a quarter of an hour, by what was before a change of the clock, and by what is after it."""
        if quarter not in self._offsets:
            shown = _EPOCH + timedelta(milliseconds=quarter * _QUARTER_MS)
            both = (shown.replace(tzinfo=self._zone, fold=fold).utcoffset() for fold in (0, 1))
            first, second = (_milliseconds(each) for each in both)
            self._offsets[quarter] = first, second
        return self._offsets[quarter]


class Order:
    """Decides between two times by the rows before: a clock that goes back by far has been set back.

    It is asked for the rows of a file from the first to the last.
    """

    def __init__(self) -> None:
        self._last_ms = np.iinfo(np.int64).min // 2
        self._is_broken = False

    def decide(self, meant: Meant, counts: NDArray[np.bool_]) -> tuple[Milliseconds, NDArray[np.bool_]]:
        """One time for each row, and whether the rows up to it are in order, so that it can be believed.

        Args:
            meant: what the rows' times may be.
            counts: which rows have a time that is to be decided, shape (rows,).
        """
        found = meant.earlier_ms.copy()
        last_ms, at = self._last_ms, 0
        for row in np.flatnonzero(meant.twice & counts).tolist():
            last_ms = max(last_ms, int(found[at:row][counts[at:row]].max(initial=last_ms)))
            step_ms = (int(meant.later_ms[row]) - int(found[row])) // _BACK
            if found[row] < last_ms - step_ms:
                found[row] = meant.later_ms[row]
            last_ms, at = max(last_ms, int(found[row])), row + 1
        latest = np.maximum.accumulate(np.where(counts, np.maximum(found, self._last_ms), self._last_ms))
        broken = np.logical_or.accumulate(counts & (found < latest - _TOLERANCE_MS)) | self._is_broken
        if len(found):
            self._last_ms, self._is_broken = int(latest[-1]), bool(broken[-1])
        return found, ~broken


def utc_text(milliseconds: int) -> str:
    """A time in ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
