"""In which unit a column's lengths are, by how they are written, by its header, and by how long calls are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median

from harness.input.guess import amounts
from harness.input.guess.columns import Column
from harness.input.guess.findings import Certainty
from harness.input.guess.words import unit_in

#: A median call beyond this, in seconds, is a length in another unit.
_IMPLAUSIBLE_S = 4 * 3600
#: Lengths with fractions of which most are shorter than this, and all than that, may well be minutes.
_SHORT, _LONG = 15.0, 240.0
#: Calls are billed by tenths and halves of a minute; seconds with fractions have more digits.
_TENTHS = re.compile(r"\d+(?:[.,]\d)?")
_SUMMARY = "the median and the longest call in the summary"


@dataclass(frozen=True)
class Unit:
    """A unit as the map has it (None if values tell it themselves), how sure that is, why, and what to check."""

    name: str | None
    certainty: Certainty
    reason: str
    check: str = ""


def unit_of(column: Column) -> Unit:
    """The unit of a column of amounts."""
    form = column.amount
    assert form
    if form.name in (amounts.HMS, amounts.UNITS):
        return Unit(None, Certainty.SURE, f"values are written as {form.name}")
    if form.name == amounts.MIN_S:
        check = "whether 05:30 means five minutes and 30 seconds; if hours and minutes, set duration_unit to hh:mm"
        return Unit("mm:ss", Certainty.LIKELY, "values are written as two numbers with a colon", check)
    numbers = sorted(value for each in column.present if (value := amounts.amount(each, form.name)) and value > 0)
    said = unit_in(column.name)
    if not numbers:
        return Unit(said or "s", Certainty.NOT_SURE, "all are 0", "in which unit lengths are")
    middle, longest = median(numbers), numbers[-1]
    sizes = f"the median is {middle:g}, the longest {longest:g}"
    if said not in (None, "s"):
        return Unit(said, Certainty.SURE, f"the header says so; {sizes}")
    if middle > _IMPLAUSIBLE_S:
        check = f"calls of {middle / 3600:.0f} h would be too long; if they are not, set duration_unit to s"
        certainty = Certainty.NOT_SURE if said else Certainty.LIKELY
        return Unit("ms", certainty, f"{sizes}: too long for seconds{_though(said)}", check)
    if middle < _SHORT and longest < _LONG and not form.whole:
        return _minutes_or_seconds(column, said, sizes)
    if said:
        return Unit("s", Certainty.SURE, f"the header says so; {sizes}")
    return Unit("s", Certainty.LIKELY, sizes, _SUMMARY)


def _though(said: str | None) -> str:
    return ", though the header says seconds" if said else ""


def _minutes_or_seconds(column: Column, said: str | None, sizes: str) -> Unit:
    """Small numbers with fractions: minutes, unless the header says seconds and there are more digits than of those."""
    if said and not all(map(_TENTHS.fullmatch, column.present)):
        check = "whether calls are as short as that; if these are minutes, set duration_unit to min"
        return Unit("s", Certainty.NOT_SURE, f"the header says seconds; {sizes}, with fractions", check)
    reason = f"{sizes}, with fractions: short for seconds{_though(said)}"
    return Unit("min", Certainty.NOT_SURE, reason, "a call that you know; if these are seconds, set duration_unit to s")
