"""In which time zone local times are: what a file says of it, which is often nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from harness.input.guess.columns import Column
from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.instants import instants
from harness.input.guess.moment import Moment

#: Zones to be named for an offset, or for the hour of a change: the workload's own first, then others by population.
_ZONES = (
    "America/Los_Angeles", "America/New_York", "America/Chicago", "America/Denver", "Europe/Rome", "Europe/London",
    "Europe/Athens", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "America/Sao_Paulo",
    "Africa/Lagos", "Africa/Nairobi", "Asia/Dubai", "Asia/Karachi", "Asia/Dhaka", "Asia/Bangkok", "America/Halifax",
)  # fmt: skip
#: Nothing is written into the map then, so that the reader says so, too.
ASSUMED = "UTC (assumed)"
_QUARTER_MS = 15 * 60_000
_NEAR_MS = 5 * 60_000
_WIDEST_MS = 15 * 3_600_000
_AGREEING = 0.95


@dataclass(frozen=True)
class Zone:
    """A zone for the map, or None; and whether the order of rows tells the hour apart that the clock shows twice."""

    name: str | None
    finding: Finding
    in_order: bool = False


def find_zone(moment: Moment, columns: Sequence[Column]) -> Zone:
    """The zone of `moment`, by its own offsets, by an epoch in the same row, or by a clock that was put back."""
    form = moment.form
    if form.zoned or "%Z" in form.name:
        return Zone(None, Finding("timezone", "not needed", Certainty.SURE, "times tell their offset from UTC"))
    for column in columns:
        found = _by_epoch(moment, column)
        if found:
            return found
    leap = _put_back(moment.instants)
    if leap is not None:
        return _by_change(leap)
    check = "in which zone the system that wrote the file was; give it as `timezone`, such as America/Los_Angeles"
    reason = "times have no zone, and nothing else in the file tells it"
    return Zone(None, Finding("timezone", ASSUMED, Certainty.NOT_SURE, reason, check))


def _by_epoch(moment: Moment, column: Column) -> Zone | None:
    if not column.time or not column.time.is_epoch or column in moment.columns:
        return None
    epochs = instants(column.values, column.time.name)
    apart = [
        (local - epoch, epoch)
        for local, epoch in zip(moment.instants, epochs, strict=True)
        if local is not None and epoch is not None and abs(local - epoch) <= _WIDEST_MS
    ]
    if not apart:
        return None
    offset_ms, _ = Counter(round(each / _QUARTER_MS) * _QUARTER_MS for each, _ in apart).most_common(1)[0]
    if sum(abs(each - offset_ms) <= _NEAR_MS for each, _ in apart) / len(apart) < _AGREEING:
        return None
    names = _with_offset(offset_ms, apart[0][1])
    reason = f"{column.said} has the same times since the epoch, {_said(offset_ms)} apart"
    if offset_ms == 0:
        return Zone("UTC", Finding("timezone", "UTC", Certainty.SURE, reason))
    if not names:
        return None
    check = f"which zone with this offset it is: {', '.join(names[:4])}"
    return Zone(names[0], Finding("timezone", names[0], Certainty.LIKELY, reason, check))


def _with_offset(offset_ms: float, epoch_ms: float) -> list[str]:
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return [name for name, zone in _known() if moment.astimezone(zone).utcoffset() == timedelta(milliseconds=offset_ms)]


def _said(offset_ms: float) -> str:
    minutes = round(abs(offset_ms) / 60_000)
    return f"{'-' if offset_ms < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _known() -> list[tuple[str, ZoneInfo]]:
    found = []
    for name in _ZONES:
        try:
            found.append((name, ZoneInfo(name)))
        except ZoneInfoNotFoundError:  # a machine without this part of the database
            continue
    return found


def _put_back(times: Sequence[float | None]) -> tuple[datetime, datetime] | None:
    """Where rows that are in order else leap back by up to an hour, once: the times before and after."""
    known = [each for each in times if each is not None]
    back = [(one, two) for one, two in pairwise(known) if two < one]
    if len(back) != 1 or not 20 * 60_000 < back[0][0] - back[0][1] <= 3_600_000:
        return None
    before, after = (datetime.fromtimestamp(each / 1000, UTC).replace(tzinfo=None) for each in back[0])
    return before, after


def _by_change(leap: tuple[datetime, datetime]) -> Zone:
    before, after = leap
    names = [name for name, zone in _known() if _is_repeated(before, zone) and _is_repeated(after, zone)]
    what = f"rows leap back from {before} to {after}"
    if not names:
        check = "in which zone the system that wrote the file was; give it as `timezone`"
        reason = f"times have no zone; {what}, but no zone known here puts its clocks back then"
        return Zone(None, Finding("timezone", ASSUMED, Certainty.NOT_SURE, reason, check))
    reason = f"{what}, when clocks are put back in {', '.join(names[:4])}"
    check = "which of these zones it is"
    return Zone(names[0], Finding("timezone", names[0], Certainty.NOT_SURE, reason, check), in_order=True)


def _is_repeated(local: datetime, zone: ZoneInfo) -> bool:
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second
