"""Numbers and lengths of calls as people write them: 65, 0,5, 1,000, 00:01:05, 1m5s."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.input.guess.times import LEAST_SHARE, REMEMBERED

#: Forms of lengths. Of a plain number, the unit is not known.
NUMBER, DECIMAL_COMMA, THOUSANDS, EUROPEAN = "number", "decimal comma", "thousands", "1.000,5"
HMS, MIN_S, UNITS = "HH:MM:SS", "MM:SS", "1m5s"

_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d*)?(?:[eE][+-]?\d{1,2})?")
_DECIMAL_COMMA = re.compile(r"-?\d{1,9},\d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_EUROPEAN = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+")
_HMS = re.compile(r"(?:(\d+) days? )?(\d{1,3}):([0-5]\d):([0-5]\d)(?:[.,](\d{1,9}))?")
_MIN_S = re.compile(r"(\d{1,4}):([0-5]\d)(?:[.,](\d{1,9}))?")
_UNITS = re.compile(r"(?:PT)?(?:\d+(?:\.\d+)?\s?(?:h|ms|us|µs|ns|m|s)\s?)+", re.IGNORECASE)
_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s?(h|ms|us|µs|ns|m|s)", re.IGNORECASE)
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class AmountForm:
    """How a column's amounts are written.

    Attributes:
        name: one of the forms of this module.
        share: of the values that are not empty, how many have this form.
        whole: whether all of them are whole numbers.
    """

    name: str
    share: float
    whole: bool = True


def amount_form(values: Sequence[str]) -> AmountForm | None:
    """The form that most of `values` have, or None if they are no amounts. Empty values are to be left out before."""
    counted = Counter(form for value in values for form in _forms(value))
    if counted[EUROPEAN]:
        counted[EUROPEAN] += counted[DECIMAL_COMMA] + counted[NUMBER]
    if counted[DECIMAL_COMMA]:  # whole numbers among them are written as anywhere
        counted[DECIMAL_COMMA] += counted[NUMBER]
    if counted[THOUSANDS]:
        counted[THOUSANDS] += counted[NUMBER]
    if not counted:
        return None
    name, count = max(counted.items(), key=lambda item: (item[1], -_ORDER.index(item[0])))
    share = count / len(values)
    if share < LEAST_SHARE:
        return None
    return AmountForm(name, share, all(re.fullmatch(r"-?\d+", value) for value in values))


_ORDER = (EUROPEAN, NUMBER, THOUSANDS, DECIMAL_COMMA, HMS, MIN_S, UNITS)
_PATTERNS = {
    NUMBER: _NUMBER,
    DECIMAL_COMMA: _DECIMAL_COMMA,
    THOUSANDS: _THOUSANDS,
    EUROPEAN: _EUROPEAN,
    HMS: _HMS,
    MIN_S: _MIN_S,
    UNITS: _UNITS,
}


@lru_cache(REMEMBERED)
def _forms(value: str) -> tuple[str, ...]:
    return tuple(name for name, pattern in _PATTERNS.items() if pattern.fullmatch(value))


def amount(value: str, form: str) -> float | None:
    """A value as a number: of a form that tells its units, in seconds; None if it has not this form."""
    if form in (NUMBER, DECIMAL_COMMA, THOUSANDS, EUROPEAN):
        plain = value.replace(".", "") if form == EUROPEAN else value
        plain = plain.replace(",", "" if form == THOUSANDS else ".")
        return float(plain) if _NUMBER.fullmatch(plain) else None
    if form == UNITS:
        found = _UNIT.findall(value) if _UNITS.fullmatch(value) else None
        return sum(float(each) * _UNIT_S[unit.lower()] for each, unit in found) if found else None
    match = (_HMS if form == HMS else _MIN_S).fullmatch(value)
    if not match:
        return None
    *whole, fraction = match.groups(default="0")
    days, *clock = whole if form == HMS else ["0", *whole]
    seconds = 0
    for part in clock:
        seconds = seconds * 60 + int(part)
    return int(days) * 86_400 + seconds + float(f"0.{fraction}")
