"""Lengths of calls, in whatever form a program has written them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.input.problems import Check, Show
from harness.input.values import Numbers, as_text, filled, wrong

MAX_DURATION_MS = 7 * 86_400_000
_UNITS_MS = {"d": 86_400_000.0, "h": 3_600_000.0, "min": 60_000.0, "s": 1_000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
#: Other names of units.
_NAMES = {"day": "d", "days": "d", "m": "min", "sec": "s", "µs": "us", "μs": "us"}
_WORDS = "|".join(sorted({*_UNITS_MS, *_NAMES}, key=len, reverse=True))
_PART = re.compile(rf"([0-9]+(?:[.,][0-9]+)?)\s*({_WORDS})\s*")
#: 01:02:03.5, 1:02:03, and as data frames and databases have it: 0 days 00:01:05.
_CLOCK = re.compile(r"(?:([0-9]+) days?,? )?([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9])(?:[.,]([0-9]{1,9}))?")
_TWO = re.compile(r"([0-9]{1,4}):([0-5][0-9])(?:[.,]([0-9]{1,9}))?")
_ISO = re.compile(r"P(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:[.,][0-9]+)?)S)?)?", re.IGNORECASE)
#: Units of numbers that are a clock's: of the first part of two, in milliseconds.
_TWO_UNITS_MS = {"mm:ss": (60_000.0, 1_000.0), "hh:mm": (3_600_000.0, 60_000.0)}


class Durations:
    """Reads lengths by a map.

    Args:
        unit: of numbers: see the map's `duration_unit`.
        numbers: how these are written.
        nulls: words that mean that there is none.
    """

    def __init__(self, unit: str, numbers: Numbers, nulls: Sequence[str]) -> None:
        self._unit, self._numbers, self._nulls = unit, numbers, nulls

    def read_ms(self, check: Check, key: str, column: pa.Array) -> NDArray[np.int64]:
        """Lengths in milliseconds, shape (rows,); what is missing or bad is 0."""
        if pa.types.is_duration(column.type):
            found = filled(column.cast(pa.duration("us"), safe=False).cast(pa.int64()), 0) / 1000
        elif pa.types.is_time(column.type):
            found = filled(column.cast(pa.time64("us"), safe=False).cast(pa.int64()), 0) / 1000
        elif pa.types.is_temporal(column.type):
            found = np.full(len(column), np.nan)
        else:
            found = self._of_values(column)
        if self._unit in _TWO_UNITS_MS:
            expected = f"a length such as 01:05 ({self._unit}), at most 7 days; or nothing"
        else:
            expected = f"a length in {self._unit}, 0 or more, at most 7 days; or nothing"
        # NaN is neither.
        holds = (found >= 0) & (found <= MAX_DURATION_MS)
        check.require(holds, wrong(key, column, expected, self._hint))
        return np.where(holds, np.round(np.where(holds, found, 0)), 0).astype(np.int64)

    def _of_values(self, column: pa.Array) -> NDArray[np.float64]:
        found = self._numbers.read(column, self._nulls)
        unit_ms = _UNITS_MS.get(self._unit)
        # Numbers alone are no lengths of two parts; what is missing is 0.
        found = found * unit_ms if unit_ms else np.where(found > 0, np.nan, found)
        others = np.flatnonzero(np.isnan(found))
        if len(others):
            seen = pc.dictionary_encode(pc.take(as_text(column), pa.array(others)))
            lengths = np.array([self._of_form(each) for each in seen.dictionary.to_pylist()])
            found[others] = lengths[seen.indices.to_numpy()]
        return found

    def _of_form(self, text: str) -> float:
        """A length with units of its own, in milliseconds; NaN if it is none."""
        if found := _CLOCK.fullmatch(text):
            days, hours, minutes, seconds, fraction = (each or "0" for each in found.groups())
            whole_s = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
            return (whole_s + float(f"0.{fraction}")) * 1000
        if self._unit in _TWO_UNITS_MS and (found := _TWO.fullmatch(text)):
            first_ms, second_ms = _TWO_UNITS_MS[self._unit]
            return int(found[1]) * first_ms + (int(found[2]) + float(f"0.{found[3] or 0}")) * second_ms
        if len(text) > 1 and (found := _ISO.fullmatch(text)) and any(found.groups()):
            days, hours, minutes, seconds = (each or "0" for each in found.groups())
            whole_s = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60
            return (whole_s + float(seconds.replace(",", "."))) * 1000
        return _by_parts(text)

    def _hint(self, text: str, show: Show) -> str:
        if _TWO.fullmatch(text):
            return "set input.map.duration_unit to mm:ss or hh:mm, whichever this is"
        return self._numbers.hint(text, show)


def _by_parts(text: str) -> float:
    """A length such as 1m5s or 2 h 30 min, greater units first; NaN if it is none."""
    total_ms, at, last_ms = 0.0, 0, float("inf")
    while at < len(text):
        found = _PART.match(text, at)
        unit_ms = _UNITS_MS[_NAMES.get(found[2], found[2])] if found else float("inf")
        if not found or unit_ms >= last_ms:
            return float("nan")
        total_ms += float(found[1].replace(",", ".")) * unit_ms
        at, last_ms = found.end(), unit_ms
    return total_ms if text else float("nan")
