"""Which form a column's times have: epochs, ISO 8601, or a pattern of `strftime`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

#: Units of epochs by the digits before the point, for times from 2001 to 2033.
EPOCH_DIGITS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
#: A form is a column's if so much of what is not empty has it.
LEAST_SHARE = 0.8
DAY_FIRST, MONTH_FIRST = "day first", "month first"
#: Of so many values it is kept which forms they have: those of a sample of some columns.
REMEMBERED = 1 << 16

_EPOCH = re.compile(r"(1\d{9}(?:\d{3}){0,3})(?:\.\d{1,9})?")
_SCIENTIFIC = re.compile(r"1(?:\.\d+)?[eE]\+?(9|12|15|18)")
_CLOCK = r"(?P<clock>\d{1,2}:\d{2}(?::\d{2})?)(?P<fraction>[.,]\d{1,9})?(?P<half>\s?[AaPp]\.?[Mm]\.?)?"
_ZONE = r"(?P<zone>\s?\(?(?:Z|UTC|GMT|[A-Z]{3,4})?(?:[+-]\d{2}(?::?\d{2})?)?\)?)"
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?(?P<zone>\s?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
)
_DATE = (
    r"(?:(?P<weekday>(?:[Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)[a-z]*)(?P<comma>,?\s))?"
    r"(?P<first>\d{1,4}|[^\W\d_]{3,9}\.?)(?P<separator>[-/. ])(?P<second>\d{1,2}|[^\W\d_]{3,9}\.?)"
    r"(?P<separator2>[-/. ]|, )(?P<third>\d{4}|\d{2})"
)
_WRITTEN = re.compile(
    rf"(?:(?P<before>[+-]\d{{2}}:?\d{{2}})\s)?{_DATE}(?:(?P<gap>,?\s|T|_|-)?{_CLOCK}{_ZONE})?"
    + _ZONE.replace("zone", "dayzone")
)
#: As Twilio writes them, and as C's `ctime` does.
_CLOCK_FIRST = re.compile(rf"{_CLOCK}(?P<zone> UTC| GMT)?(?P<gap>,? ){_DATE}")
_CTIME = re.compile(rf"[A-Za-z]{{3}} (?P<month>[A-Za-z]{{3}}) {{1,2}}(?P<day>\d{{1,2}}) {_CLOCK}{_ZONE} \d{{4}}")
_COMPACT = re.compile(
    r"(?P<date>(?:19|20)\d{6})(?P<gap>[ T_-]?)(?P<clock>\d{6}|\d{4})?(?P<fraction>[.,]\d{1,9})?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)
_CLOCK_ALONE = re.compile(_CLOCK)
_COMPACT_CLOCK = re.compile(r"([01]\d|2[0-3])[0-5]\d[0-5]\d")


@dataclass(frozen=True)
class TimeForm:
    """How a column's times are written.

    Attributes:
        name: ``s``, ``ms``, ``us``, ``ns``, ``iso`` or a pattern of `strftime`.
        share: of the values that are not empty, how many have this form.
        zoned: whether each value tells its offset from UTC (epochs do).
        has_date: whether a date is in it.
        has_clock: whether a time of day is in it.
        other: the pattern with day and month exchanged, if it reads the values as well.
        order_told: whether the values tell day from month, though not for sure.
    """

    name: str
    share: float
    zoned: bool = False
    has_date: bool = True
    has_clock: bool = True
    other: str | None = None
    order_told: bool = False

    @property
    def is_epoch(self) -> bool:
        """Whether values are numbers since the Unix epoch."""
        return self.name in EPOCH_DIGITS.values()


def time_form(values: Sequence[str]) -> TimeForm | None:
    """The form that most of `values` have, or None if they are no times. Empty values are to be left out before."""
    if not values:
        return None
    counted = Counter(form for value in values for form in _forms(value))
    if not counted:
        return None
    most = max(counted.values())
    best = sorted((form for form, count in counted.items() if count == most), key=_rank)
    share = most / len(values)
    if share < LEAST_SHARE:
        return None
    form = best[0]
    other = next((each.pattern for each in best[1:] if _is_exchanged(form.pattern, each.pattern)), None)
    order = order_by_variation(values) if other else None
    if other and order == MONTH_FIRST and is_day_first(form.pattern):
        form, other = next(each for each in best if each.pattern == other), form.pattern
    return TimeForm(form.pattern, share, form.zoned, form.has_date, form.has_clock, other, order is not None)


def is_day_first(pattern: str) -> bool:
    """Whether a pattern has the day before the month."""
    return pattern.find("%d") < pattern.find("%m")


def order_by_variation(values: Sequence[str]) -> str | None:
    """Whether day or month comes first, by which of both varies more, as days do; None if that does not tell."""
    pairs = [re.findall(r"\d+", value)[:2] for value in values]
    firsts, seconds = (len({pair[at] for pair in pairs if len(pair) > 1}) for at in (0, 1))
    if firsts == seconds:
        return None
    return DAY_FIRST if firsts > seconds else MONTH_FIRST


@dataclass(frozen=True)
class _Form:
    pattern: str
    zoned: bool = False
    has_date: bool = True
    has_clock: bool = True


def _rank(form: _Form) -> tuple[bool, bool, bool, str]:
    """Of forms that fit equally well, ISO comes first, then four-digit years, then day first."""
    return form.pattern != "iso", "%y" in form.pattern, not is_day_first(form.pattern), form.pattern


def _is_exchanged(one: str, other: str) -> bool:
    return {"%d", "%m"} <= set(re.findall("%[dm]", one)) and one != other and _exchanged(one) == other


def _exchanged(pattern: str) -> str:
    return re.sub("%[dm]", lambda match: "%m" if match.group() == "%d" else "%d", pattern)


@lru_cache(REMEMBERED)
def _forms(value: str) -> frozenset[_Form]:
    """All forms of a value: asked for anew by each way to cut a text into columns, and each way to pair columns."""
    return frozenset(_found(value))


def _found(value: str) -> Iterator[_Form]:
    epoch = _EPOCH.fullmatch(value)
    if epoch:
        yield _Form(EPOCH_DIGITS[len(epoch.group(1))], zoned=True)
    scientific = _SCIENTIFIC.fullmatch(value)
    if scientific:
        yield _Form(EPOCH_DIGITS[int(scientific.group(1)) + 1], zoned=True)
    iso = _ISO.fullmatch(value)
    if iso and int(value[:4]) > 1900 and int(value[5:7]) <= 12:  # days that no month has are told as bad rows
        yield _Form("iso", zoned=bool(iso.group("zone")))
        return
    yield from _written(value)
    yield from _clock_first(value)
    yield from _compact(value)
    if _CLOCK_ALONE.fullmatch(value) and _is_time_of_day(value):
        yield _Form(_clock_pattern(_CLOCK_ALONE.fullmatch(value)), has_date=False)


def _is_time_of_day(value: str) -> bool:
    hour, minute, *rest = (int(each) for each in re.findall(r"\d+", value)[:3])
    return hour < 24 and minute < 60 and all(second < 61 for second in rest[:1])


def _written(value: str) -> Iterator[_Form]:
    match = _WRITTEN.fullmatch(value)
    if not match:
        return
    clock = _clock_pattern(match) if match["clock"] else ""
    if match["clock"] and not _is_time_of_day(match["clock"]):
        return
    after = _zone_pattern(match["zone"] or "") + _zone_pattern(match["dayzone"] or "")
    before = "%z " if match["before"] else ""
    weekday = ("%a" if len(match["weekday"]) == 3 else "%A") + match["comma"] if match["weekday"] else ""
    for ordered in _orders(match["first"], match["second"], match["third"]):
        first, second, third = ordered
        dated = f"{first}{match['separator']}{second}{match['separator2']}{third}"
        pattern = f"{before}{weekday}{dated}{(match['gap'] or '') if clock else ''}{clock}{after}"
        zoned = "%z" in pattern or "UTC" in pattern or "GMT" in pattern
        yield _Form(pattern, zoned, has_clock=bool(clock))


def _clock_first(value: str) -> Iterator[_Form]:
    ctime = _CTIME.fullmatch(value)
    if ctime and _month_pattern(ctime["month"]):
        zone = _zone_pattern(ctime["zone"])
        yield _Form(f"%a %b %d {_clock_pattern(ctime)}{zone} %Y", zoned=bool(zone))
    match = _CLOCK_FIRST.fullmatch(value)
    if not match or not _is_time_of_day(match["clock"]):
        return
    zone = match["zone"] or ""
    for first, second, third in _orders(match["first"], match["second"], match["third"]):
        dated = f"{first}{match['separator']}{second}{match['separator2']}{third}"
        yield _Form(f"{_clock_pattern(match)}{zone}{match['gap']}{dated}", zoned=bool(zone))


def _orders(first: str, second: str, third: str) -> Iterator[tuple[str, str, str]]:
    """Directives for the parts of a date, in every order that gives a date of the calendar."""
    year = "%Y" if len(third) == 4 else "%y"
    named = [_month_pattern(part) for part in (first, second)]
    if named[1] and first.isdigit():
        yield "%d", named[1], year
    elif named[0] and second.isdigit():
        yield named[0], "%d", year
    elif first.isdigit() and second.isdigit():
        one, two, three = int(first), int(second), int(third)
        if len(first) == 4 and len(third) == 2 and _is_date(one, two, three):
            yield "%Y", "%m", "%d"
        if len(first) == 4:
            return
        full = three if len(third) == 4 else 2000 + three
        if _is_date(full, two, one):
            yield "%d", "%m", year
        if _is_date(full, one, two):
            yield "%m", "%d", year
        if len(first) == len(third) == 2 and _is_date(2000 + one, two, three):
            yield "%y", "%m", "%d"


def _month_pattern(text: str) -> str | None:
    name = text.lower().rstrip(".")
    if name in MONTHS:
        return "%b"
    return "%B" if name in _FULL_MONTHS else None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return 1970 <= date(year, month, day).year < 2100
    except ValueError:
        return False


def _clock_pattern(match: re.Match[str] | None) -> str:
    assert match
    hour = "%I" if match["half"] else "%H"
    pattern = f"{hour}:%M:%S" if match["clock"].count(":") == 2 else f"{hour}:%M"
    if match["fraction"]:
        pattern += f"{match['fraction'][0]}%f"
    return pattern + (f"{' ' if match['half'][0].isspace() else ''}%p" if match["half"] else "")


def _zone_pattern(zone: str) -> str:
    """Directives for what stands after a time: ``UTC`` and such stay as they are, other names become ``%Z``."""
    pattern = re.sub(r"[+-]\d{2}(?::?\d{2})?", "%z", zone)
    return re.sub(r"\b(?!UTC\b|GMT\b|Z\b)[A-Z]{3,4}\b", "%Z", pattern)


def _compact(value: str) -> Iterator[_Form]:
    match = _COMPACT.fullmatch(value)
    if not match:
        return
    day = match["date"]
    if not _is_date(int(day[:4]), int(day[4:6]), int(day[6:])):
        return
    clock = match["clock"] or ""
    if not clock:
        if len(value) == 8:
            yield _Form("%Y%m%d", has_clock=False)
        return
    if int(clock[:2]) > 23 or int(clock[2:4]) > 59 or int(clock[4:] or 0) > 60:
        return
    pattern = f"%Y%m%d{match['gap']}%H%M" + ("%S" if len(clock) == 6 else "")
    pattern += f"{match['fraction'][0]}%f" if match["fraction"] else ""
    zone = match["zone"]
    pattern += "" if not zone else "Z" if zone == "Z" else "%z"
    yield _Form(pattern, zoned=bool(zone))


def is_compact_clock(value: str) -> bool:
    """Whether six digits can be a time of day."""
    return bool(_COMPACT_CLOCK.fullmatch(value))
