"""Times of a user's rows: numbers, ISO 8601, by a pattern or Parquet's own; in milliseconds since the Unix epoch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.errors import ConfigurationError
from harness.input.problems import Check, Show
from harness.input.tally import Tally
from harness.input.values import as_text, filled, matching, missing, wrong
from harness.input.zones import Clock, Meant, Order, offset_ms, zone_names
from harness.scenarios.time_patterns import MONTHS, ZONE, TimeExpression

Milliseconds = NDArray[np.int64]

#: Event times have thirteen digits, the first of them a 1 (see `engines.contract.record`).
LEAST_MS, PAST_MS = 1_000_000_000_000, 2_000_000_000_000
_YEARS = "from 2001-09-09 to 2033-05-17"
_EXPECTED = {
    "ms": f"milliseconds since the Unix epoch, 13 digits, {_YEARS}",
    "s": f"seconds since the Unix epoch, 10 digits, {_YEARS}",
    "us": f"microseconds since the Unix epoch, 16 digits, {_YEARS}",
    "ns": f"nanoseconds since the Unix epoch, 19 digits, {_YEARS}",
    "iso": f"ISO 8601, such as 2013-11-01T00:10:00Z, {_YEARS}",
}
#: Units of times as numbers, in milliseconds; and how many digits they have.
_UNITS_MS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
_DIGITS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
_EPOCH = r"^[0-9]+([.,][0-9]*)?([eE]\+?[0-9]{1,2})?$"
_ISO = (
    r"^(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})(?:[Tt]|\s+)(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    rf"(?::(?P<second>[0-9]{{2}})(?:[.,](?P<fraction>[0-9]{{1,9}}))?)?\s*(?P<zone>{ZONE}|[A-Za-z]{{3,5}})?$"
)
_ISO_GROUPS = ["year", "month", "day", "hour", "minute", "second", "fraction", "zone"]
#: What matches times in a form that is no pattern; numbers need none.
_EXPRESSIONS = {"iso": TimeExpression(_ISO, _ISO_GROUPS)}
_NO_TIME = frozenset({"0", "0.0", "-1", "0000-00-00 00:00:00.000000"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}")
_OUT_OF_REACH = -1
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Read:
    """Times of a batch.

    Attributes:
        times_ms: `LEAST_MS` of rows that have none, or a bad one. Shape (rows,).
        missing: which rows have none. Shape (rows,).
    """

    times_ms: Milliseconds
    missing: NDArray[np.bool_]


@dataclass(frozen=True)
class _Shown:
    """What is written: times as a clock shows them, counted as if it were UTC, and how far it is ahead of UTC.

    Of a time without a zone, `has_zone` is false, and `ahead_ms` 0.
    """

    shown_ms: Milliseconds
    holds: NDArray[np.bool_]
    ahead_ms: Milliseconds
    has_zone: NDArray[np.bool_]


class Times:
    """Reads times by a map.

    Args:
        form: ``ms``, ``s``, ``us``, ``ns``, ``iso``, or a pattern; of text only.
        expression: what matches a pattern's times; None of other forms.
        timezone: of times that have none; None for UTC.
        ambiguous: how to read times that a clock shows twice: see the map's `ambiguous_times`.
        nulls: words that mean a missing time.
        tally: counts what was assumed.
    """

    def __init__(
        self,
        form: str,
        expression: TimeExpression | None,
        timezone: str | None,
        ambiguous: str | None,
        nulls: Sequence[str],
        tally: Tally,
    ) -> None:
        self._form, self._timezone, self._ambiguous = form, timezone, ambiguous
        self._nulls, self._tally = nulls, tally
        self._clock, self._names = Clock(timezone), zone_names(timezone)
        self._expression = expression or _EXPRESSIONS.get(form)
        self._orders: dict[str, Order] = {}

    def begin_file(self) -> None:
        """What follows is of another file: its rows have an order of their own."""
        self._orders = {}

    def read(self, check: Check, key: str, columns: list[pa.Array], file: str, begun: Read | None = None) -> Read:
        """The times of a batch's rows.

        Args:
            check: is told of bad rows.
            key: what the columns are in the map.
            columns: strings, or Parquet's own times; several belong together.
            file: what the rows are of.
            begun: times that these come after, if there are such.

        Raises:
            ConfigurationError: the columns hold dates without times of day, or times of day without dates.
        """
        if len(columns) == 1 and pa.types.is_temporal(columns[0].type):
            column = columns[0]
            lacks = np.asarray(column.is_null())
            shown = _of_type(column, f"{file}: input.map.columns.{key}")
        else:
            texts = [as_text(each) for each in columns]
            lacks = np.any([missing(each, self._nulls) for each in texts], axis=0)
            column = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, " ")
            shown = self._of_text(column)
        return self._in_utc(check, key, column, shown, lacks, begun)

    def _in_utc(
        self, check: Check, key: str, column: pa.Array, shown: _Shown, lacks: NDArray[np.bool_], begun: Read | None
    ) -> Read:
        near = (shown.shown_ms >= LEAST_MS - _DAY_MS) & (shown.shown_ms < PAST_MS + _DAY_MS)
        plain = shown.holds & near & ~shown.has_zone & ~lacks
        meant = self._clock.meant(np.where(plain, shown.shown_ms, 0))
        local, is_sure = self._decide(key, meant, plain, begun)
        found = np.where(shown.has_zone, shown.shown_ms - shown.ahead_ms, local)
        found = np.where(shown.holds & near, found, _OUT_OF_REACH)
        holds = (found >= LEAST_MS) & (found < PAST_MS)
        expected = _EXPECTED.get(self._form, f"a time like {self._form!r}, {_YEARS}")
        check.require(holds | lacks, wrong(key, column, expected, self._hint))
        never, twice = plain & meant.never, plain & meant.twice
        clocks = f"clocks of {self._timezone}"
        check.require(~never, wrong(key, column, f"a time that {clocks} show: they were set forward over it"))
        what = f"a time that {clocks} show once, or rows in order; input.map.ambiguous_times says which time is meant"
        check.require(~twice | is_sure, wrong(key, column, what))
        self._tally.without_zone += int(plain.sum())
        self._tally.twice += int((twice & is_sure).sum())
        return Read(np.where(holds & ~lacks, found, LEAST_MS), lacks)

    def _decide(
        self, key: str, meant: Meant, plain: NDArray[np.bool_], begun: Read | None
    ) -> tuple[Milliseconds, NDArray[np.bool_]]:
        """One of two times that may be meant, and whether that is sure.

        Of an end, it is the first that is not before its call's start.
        """
        sure = np.ones(len(plain), dtype=np.bool_)
        if begun is not None:
            fits = (meant.earlier_ms >= begun.times_ms) | begun.missing
            return np.where(fits, meant.earlier_ms, meant.later_ms), sure
        if self._ambiguous in ("earlier", "later"):
            return meant.later_ms if self._ambiguous == "later" else meant.earlier_ms, sure
        found, in_order = self._orders.setdefault(key, Order()).decide(meant, plain)
        return found, sure if self._ambiguous == "in_order" else in_order

    def _of_text(self, text: pa.Array) -> _Shown:
        if self._expression is None:
            return self._of_epoch(text)
        return _by_expression(text, self._expression, self._names)

    def _of_epoch(self, text: pa.Array) -> _Shown:
        unit_ms = _UNITS_MS[self._form]
        held = matching(text, _EPOCH)
        integers = matching(text, r"^[0-9]{1,18}$|^[0-8][0-9]{18}$")
        whole = filled(integers.cast(pa.int64()), -1)
        found = whole * 1000 if self._form == "s" else whole // round(1 / unit_ms)
        others = np.asarray(held.is_valid()) & (whole < 0)
        if others.any():
            plain = pc.replace_substring(pc.if_else(pa.array(others), held, None), ",", ".")
            numbers = pc.fill_null(plain.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
            scaled = np.round(np.clip(numbers * unit_ms, 0, 2.0 * PAST_MS)).astype(np.int64)
            found = np.where(others, scaled, found)
            self._tally.rounded_times += sum(map(_is_rounded, plain.drop_null().to_pylist()))
        holds = others | (whole >= 0)
        return _Shown(found, holds, np.zeros_like(found), np.ones(len(found), dtype=np.bool_))

    def _hint(self, text: str, show: Show) -> str:
        if text in _NO_TIME or text in self._nulls or not text:
            return f"if {show(text)} means that there is none, add it to input.map.null_values" if text else ""
        if re.fullmatch(r"1[0-9]{9,18}([.,][0-9]*)?", text):
            unit = _DIGITS.get(len(re.split("[.,]", text)[0]))
            return f"this looks like input.map.time: {unit}" if unit and unit != self._form else ""
        if _DATE.fullmatch(text):
            return "a date without a time of day: if that is in another column, give both, as in start: [date, time]"
        if self._form in _UNITS_MS and re.match(_ISO[: _ISO.index("(?::")], text):
            return "this looks like input.map.time: iso"
        found = re.search(r"[0-9]:[0-9]{2}.*?([A-Za-z]{3,5})$", text)
        if found and offset_ms(found[1], self._names) is None:
            return f"{show(found[1])} is no zone that is known; give input.map.timezone, and correct the times"
        return ""


def _is_rounded(text: str) -> bool:
    """Whether a number with an exponent has fewer digits than seconds since the epoch have."""
    mantissa, exponent, _ = text.lower().partition("e")
    return bool(exponent) and len(mantissa.replace(".", "")) < 10


def _of_type(column: pa.Array, where: str) -> _Shown:
    """Parquet's own times."""
    if not pa.types.is_timestamp(column.type):
        what = "dates without a time of day" if pa.types.is_date(column.type) else "no points in time"
        raise ConfigurationError(
            f"{where}: a column of the type {column.type} holds {what}; expected times",
            fix="give a column of timestamps; or of a date and a time of day both, as in start: [date, time]",
        )
    found = filled(column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()), _OUT_OF_REACH)
    has_zone = np.full(len(found), column.type.tz is not None)
    return _Shown(found, np.asarray(column.is_valid()), np.zeros_like(found), has_zone)


def _by_expression(text: pa.Array, expression: TimeExpression, names: dict[str, int]) -> _Shown:
    """Times by a regular expression that has a group for each part."""
    pattern, groups = expression
    parts = pc.extract_regex(text, pattern)
    holds = np.asarray(parts.is_valid())

    def number(name: str, default: int = 0) -> Milliseconds:
        if name not in groups:
            return np.full(len(text), default)
        part = pc.struct_field(parts, name)
        return filled(pc.if_else(pc.equal(part, ""), str(default), part).cast(pa.int64()), default)

    year = number("year") if "year" in groups else _full_year(number("short_year"))
    month = number("month") if "month" in groups else _month(pc.struct_field(parts, "month_name"))
    hour = number("hour")
    if "hour12" in groups:
        hour12 = number("hour12")
        holds &= (hour12 >= 1) & (hour12 <= 12)
        hour = hour12 % 12 + 12 * _is_afternoon(pc.struct_field(parts, "half"))
    minute, second = number("minute"), number("second")
    day_ms, is_day = _day_ms(np.where(holds, year, 1970), np.where(holds, month, 1), number("day", 1))
    holds &= is_day & (hour < 24) & (minute < 60) & (second < 60)
    shown_ms = day_ms + ((hour * 60 + minute) * 60 + second) * 1000
    if "fraction" in groups:
        shown_ms += _fraction_ms(pc.struct_field(parts, "fraction"))
    zone = "zone" if "zone" in groups else "zone_name"
    if zone not in groups:
        return _Shown(shown_ms, holds, np.zeros_like(shown_ms), np.zeros(len(text), dtype=np.bool_))
    ahead_ms, is_known, has_zone = _zones(pc.struct_field(parts, zone), names)
    return _Shown(shown_ms, holds & is_known, ahead_ms, has_zone)


def _full_year(short: Milliseconds) -> Milliseconds:
    """Of two digits, as `strptime` has it: up to 68 of this century."""
    return np.where(short < 69, 2000, 1900) + short


def _month(names: pa.Array) -> Milliseconds:
    seen = pc.dictionary_encode(pc.fill_null(names, ""))
    numbers = [MONTHS.get(each.lower().rstrip("."), 0) for each in seen.dictionary.to_pylist()]
    found: Milliseconds = np.array(numbers, dtype=np.int64)[seen.indices.to_numpy()]
    return found


def _is_afternoon(halves: pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.fill_null(pc.match_substring_regex(halves, "^[Pp]"), False).to_numpy(
        zero_copy_only=False
    )
    return found


def _day_ms(year: Milliseconds, month: Milliseconds, day: Milliseconds) -> tuple[Milliseconds, NDArray[np.bool_]]:
    """Midnights, and whether there is such a day: 30 February is none."""
    is_month = (month >= 1) & (month <= 12)
    months = (year - 1970) * 12 + np.where(is_month, month, 1) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    next_first = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return (first + day - 1) * 86_400_000, is_month & (day >= 1) & (day <= next_first - first)


def _fraction_ms(fraction: pa.Array) -> Milliseconds:
    """Milliseconds of digits after the second; what is less is cut off."""
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(fraction, ""), 3, "0"), 0, 3)
    return filled(digits.cast(pa.int64()), 0)


def _zones(zone: pa.Array, names: dict[str, int]) -> tuple[Milliseconds, NDArray[np.bool_], NDArray[np.bool_]]:
    """How far zones are ahead of UTC, whether they are known, and whether there is one."""
    seen = pc.dictionary_encode(pc.fill_null(zone, ""))
    texts = seen.dictionary.to_pylist()
    offsets = [offset_ms(each, names) if each else 0 for each in texts]
    at = seen.indices.to_numpy()
    ahead = np.array([each or 0 for each in offsets], dtype=np.int64)[at]
    known = np.array([each is not None for each in offsets], dtype=np.bool_)[at]
    return ahead, known, np.array([bool(each) for each in texts], dtype=np.bool_)[at]
