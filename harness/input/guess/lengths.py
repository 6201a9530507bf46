"""Which column says how long a call was, and in which unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from statistics import median

from harness.input.guess import amounts
from harness.input.guess.columns import Column
from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.moment import Moment
from harness.input.guess.units import Unit, unit_of
from harness.input.guess.words import header_score, speaks_against, words_of

UNITS_MS = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "min": 60_000.0}
_MATCHES = 0.95
_DIFFERENCE = "the difference of two times of the same row"


@dataclass(frozen=True)
class Length:
    """A column of lengths, with the form of its values and their unit (None if they tell it themselves)."""

    column: Column
    form: str
    unit: str | None


def find_length(
    columns: Sequence[Column], group: Sequence[Moment], start: Moment | None, end: Moment | None
) -> tuple[Length | None, list[Finding]]:
    """The column of lengths: the difference of two times, or what its header or its values speak for."""
    named = [each for each in columns if not speaks_against(each.name, "duration")]
    if start and end:
        for column in named:
            found = _fitting(column, start, end)
            if found:
                reason = f"end less start in {agreement(found, start, end):.0%} of rows"
                return found, _length_told(column, Certainty.SURE, reason, Unit(found.unit, Certainty.SURE, reason))
    scored = sorted(named, key=lambda each: -_length_score(each))
    if not scored or _length_score(scored[0]) <= 0:
        return None, []
    column = scored[0]
    assert column.amount
    fitting = _from_answer(column, group, end)
    unit = Unit(fitting.unit, Certainty.SURE, _DIFFERENCE) if fitting else unit_of(column)
    has_name = header_score(column.name, "duration") > 0
    chosen = Certainty.LIKELY if has_name else Certainty.NOT_SURE
    if has_name and (len(scored) == 1 or _length_score(scored[1]) <= 0):
        chosen = Certainty.SURE
    why = "its header says so" if has_name else "of all columns of numbers, its values look most like lengths of calls"
    return Length(column, column.amount.name, unit.name), _length_told(column, chosen, why, unit)


def _length_told(column: Column, chosen: Certainty, why: str, unit: Unit) -> list[Finding]:
    assert column.amount
    look = "" if chosen != Certainty.NOT_SURE else "whether this column is how long a call lasted"
    found = unit.name or f"as written, {column.amount.name}"
    return [
        Finding("columns.duration", column.said, chosen, why, look),
        Finding("duration_unit", found, unit.certainty, unit.reason, unit.check),
    ]


def _fitting(column: Column, start: Moment, end: Moment) -> Length | None:
    assert column.amount
    tells = column.amount.name in (amounts.HMS, amounts.UNITS)
    units = [None] if tells else ["s"] if column.amount.name == amounts.MIN_S else list(UNITS_MS)
    lengths = [Length(column, column.amount.name, unit) for unit in units]
    return next((each for each in lengths if agreement(each, start, end) >= _MATCHES), None)


def agreement(length: Length, start: Moment, end: Moment) -> float:
    """In what share of rows with both times the length is their difference; 0 if there is never one."""
    rows = list(zip(length.column.values, start.instants, end.instants, strict=True))
    pairs = [(amounts.amount(value, length.form), after - before) for value, before, after in rows if before and after]
    if not any(apart for _, apart in pairs):
        return 0.0
    per = UNITS_MS[length.unit or "s"]
    return sum(found is not None and abs(found * per - apart) < 1 for found, apart in pairs) / len(pairs)


def _from_answer(column: Column, group: Sequence[Moment], end: Moment | None) -> Length | None:
    """A length that is the difference of any two times tells its unit, too."""
    pairs = [(one, two) for one, two in product(group, group) if one is not two and (not end or two is end)]
    return next((found for one, two in pairs if (found := _fitting(column, one, two))), None)


def _length_score(column: Column) -> float:
    """How much speaks for a column of lengths: its header, or, without one, its values."""
    assert column.amount
    if column.name is not None:
        score = header_score(column.name, "duration")
        bare = {"call", "total", "duration"} & set(words_of(column.name))
        return score + 0.2 * len(bare) if score > 0 else 0.0
    if column.phones > 0.5 or len(column.counts) < 3:
        return 0.0
    if column.amount.name in (amounts.HMS, amounts.MIN_S, amounts.UNITS):
        return 3.0
    found = [amounts.amount(value, column.amount.name) or 0.0 for value in column.present]
    # Lengths of calls lie far apart: most are short and some are long; numbers of lines and codes are not so.
    if min(found) < -1 or max(found) > 7 * 86_400_000 or not max(found) or _counts_up(found):
        return 0.0
    return 1.0 + (median(found) < 0.5 * max(found)) + (median(found) > 0)


def _counts_up(found: Sequence[float]) -> bool:
    return len(found) > 2 and all(one < two for one, two in pairwise(found))
