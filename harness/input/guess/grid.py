"""Whether rows are a grid cell's counts in an interval, as in Telecom Italia's data, and which column is what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.input.guess import amounts
from harness.input.guess.columns import Column
from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.instants import instants
from harness.input.guess.words import words_of

KINDS = ("sms_in", "sms_out", "call_in", "call_out")
#: Places of a grid's columns in files without a header; the third is a country code.
_PLACES = {"square": 1, "interval": 2, "sms_in": 4, "sms_out": 5, "call_in": 6, "call_out": 7}
_LEAST_COLUMNS = 5
_SQUARE_WORDS = ("cellid", "cell", "square", "squareid", "gridid", "grid", "site", "antenna")
_ITALIAN = "Europe/Rome"


@dataclass(frozen=True)
class Grid:
    """The columns of the layout ``activity``, the interval's length, and what was found."""

    columns: dict[str, str | int]
    interval: Column
    interval_s: int
    findings: list[Finding]


def find_grid(columns: Sequence[Column]) -> Grid | None:
    """The grid that these columns are, or None if rows are no counts."""
    named = any(column.name for column in columns)
    found = _by_header(columns) if named else _by_place(columns)
    if not found:
        return None
    interval = found["interval"]
    assert interval.time
    step_s = _step_s(interval)
    reason = "headers speak of messages and calls in and out" if named else "columns stand as in Telecom Italia's data"
    certainty = Certainty.SURE if named else Certainty.LIKELY
    findings = [Finding("layout", "activity", certainty, reason), _interval_told(interval, step_s)]
    return Grid({key: column.key for key, column in found.items()}, interval, step_s, findings)


def _interval_told(interval: Column, step_s: int) -> Finding:
    if len(interval.counts) > 1:
        return Finding("interval_s", str(step_s), Certainty.SURE, "the smallest step between times of the file")
    check = "how long the intervals are, in seconds"
    return Finding("interval_s", str(step_s), Certainty.NOT_SURE, "all rows read are of one interval", check)


def grid_zone(grid: Grid) -> tuple[str | None, Finding]:
    """The zone of a grid's local times: the data of this kind that is in circulation is of Milan and Trento."""
    assert grid.interval.time
    if grid.interval.time.zoned:
        return None, Finding("timezone", "not needed", Certainty.SURE, "times tell their offset from UTC")
    reason = "times have no zone; data in this form is Telecom Italia's, in Milan's time"
    check = "where the grid is; if not in Italy, give another `timezone`"
    return _ITALIAN, Finding("timezone", _ITALIAN, Certainty.LIKELY, reason, check)


def _by_header(columns: Sequence[Column]) -> dict[str, Column] | None:
    found: dict[str, Column] = {}
    for column in columns:
        kind = _kind(column.name or "")
        if kind and kind not in found and _is_amount(column):
            found[kind] = column
    if set(found) != set(KINDS):
        return None
    square = _square(columns)
    interval = next((each for each in columns if each.time and each.time.has_clock and each.time.has_date), None)
    if square is None or interval is None:
        return None
    return {"square": square, "interval": interval, **{kind: found[kind] for kind in KINDS}}


def _square(columns: Sequence[Column]) -> Column | None:
    for word in _SQUARE_WORDS:
        for column in columns:
            if "".join(words_of(column.name or "")).startswith(word) and _is_whole(column):
                return column
    return None


def _kind(header: str) -> str | None:
    """``sms_in`` and such, of headers like smsin, SMS-in, callOut."""
    match = re.fullmatch(r"(sms|text|call)s?(in|out)(?:activity|count)?", "".join(words_of(header)))
    return f"{'call' if match.group(1) == 'call' else 'sms'}_{match.group(2)}" if match else None


def _by_place(columns: Sequence[Column]) -> dict[str, Column] | None:
    if len(columns) < _LEAST_COLUMNS or len(columns) > 9:
        return None
    square, interval, country = columns[0], columns[1], columns[2]
    if not (interval.time and interval.time.is_epoch and _is_whole(square) and _is_whole(country)):
        return None
    values = columns[3:]
    fractions = any("." in value for column in values for value in column.present[:100])
    if not fractions or not all(_is_amount(column) for column in values) or _step_s(interval) % 60:
        return None
    if len(columns) < max(_PLACES.values()):
        return None
    return {key: columns[place - 1] for key, place in _PLACES.items()}


def _is_amount(column: Column) -> bool:
    return not column.present or bool(column.amount and column.amount.name in (amounts.NUMBER, amounts.DECIMAL_COMMA))


def _is_whole(column: Column) -> bool:
    return bool(column.amount and column.amount.whole and column.amount.share == 1.0)


def _step_s(interval: Column) -> int:
    """The smallest step between two times, in seconds; Telecom Italia's ten minutes if there is one time only."""
    assert interval.time
    known = sorted({each for each in instants(interval.values, interval.time.name) if each is not None})
    steps = [round((two - one) / 1000) for one, two in pairwise(known)]
    return min((step for step in steps if step > 0), default=600)
