"""From a file to its map: reads its first rows, looks at them, and puts together what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.input.guess.columns import Column
from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.grid import Grid, find_grid, grid_zone
from harness.input.guess.moments import Moments, find_moments
from harness.input.guess.roles import (
    Role,
    find_county,
    find_numbers,
    find_operator,
    find_type,
    is_message,
    without_narrow,
)
from harness.input.guess.text import Look, amount_keys
from harness.input.guess.times import TimeForm, is_day_first
from harness.input.guess.words import NULL_WORDS
from harness.input.guess.zones import find_zone
from harness.input.values import MISSING

#: What stands for a missing value in columns of times and lengths, beside what the reader takes for one itself.
_NULLS = ("-1", "0", "0.0")
_FOREIGN_MONTH = re.compile(r"\b\d{1,2}[-. ][^\W\d_]{3,9}\.?[-. ]\d{2,4}\b")


@dataclass(frozen=True)
class Guess:
    """A map, and what it rests upon.

    Attributes:
        map: as `InputSection` takes it; None if no column holds a time.
        findings: in the order of the map's keys.
        rows: how many rows were looked at.
        other_time: another pattern that may read the times, with day and month exchanged.
    """

    map: dict[str, Any] | None
    findings: list[Finding]
    rows: int
    other_time: str | None = None


def guess_map(look: Look) -> Guess:
    """The likeliest map of a file that was looked at."""
    grid = find_grid(look.columns)
    if grid:
        return _grid_map(look, grid)
    moments = find_moments(look.columns)
    if moments is None:
        return Guess(None, [*look.findings, _no_time(look.columns)], look.rows)
    return _records_map(look, moments)


def _no_time(columns: Sequence[Column]) -> Finding:
    named = next((value for column in columns for value in column.present[:1] if _FOREIGN_MONTH.search(value)), None)
    reason = "no column holds a date with a time of day, in a form that is read"
    if named:
        reason += f"; {named!r} may have a month's name in another language than English, which is not read"
    shown = "; ".join(f"{each.said}: {each.present[0]!r}" for each in columns[:6] if each.present)
    check = f"which column says when a call began, and how its times are written ({shown})"
    return Finding("columns.start", "none", Certainty.NOT_SURE, reason, check)


def _grid_map(look: Look, grid: Grid) -> Guess:
    assert grid.interval.time
    zone, told = grid_zone(grid)
    found: dict[str, Any] = {"layout": "activity", **look.keys, "time": grid.interval.time.name}
    found |= {"timezone": zone} if zone else {}
    found |= {"interval_s": grid.interval_s, "columns": grid.columns}
    findings = [grid.findings[0], *look.findings, _time_told(grid.interval.time, grid.interval), told, grid.findings[1]]
    return Guess(found, findings, look.rows)


def _records_map(look: Look, moments: Moments) -> Guess:
    main = moments.main
    zone = find_zone(main, look.columns)
    used = {column.number for moment in (moments.start, moments.end) if moment for column in moment.columns}
    length = moments.length
    used |= {length.column.number} if length else set()
    keys, amounts_told = amount_keys([length.column] if length else [])
    roles = _roles([each for each in look.columns if each.number not in used], moments)
    if length:
        roles["type"] = without_narrow(roles["type"], look.widths, length.column)
    found: dict[str, Any] = {"layout": "records", **look.keys, **keys, "time": main.form.name}
    findings = [*look.findings, *amounts_told, _time_told(main.form, main.columns[0]), zone.finding]
    if zone.name:
        found["timezone"] = zone.name
        found |= {"ambiguous_times": "in_order"} if zone.in_order else {}
    nulls = _nulls(moments)
    if nulls:
        found["null_values"] = nulls
        findings.append(_nulls_told(nulls))
    if length and length.unit:
        found["duration_unit"] = length.unit
    named = {"start": moments.start, "end": moments.end}
    places: dict[str, Any] = {role: moment.key for role, moment in named.items() if moment}
    places |= {"duration": length.column.key} if length else {}
    found["columns"] = places | {role: each.section for role, each in roles.items()}
    findings += [*moments.findings, *(told for each in roles.values() for told in each.findings)]
    return Guess(found, findings, look.rows, main.form.other)


def _roles(free: Sequence[Column], moments: Moments) -> dict[str, Role]:
    """County, type, operator, source and destination, in the order of the map."""
    times = {column.number for moment in moments.others for column in moment.columns}
    left = [each for each in free if each.number not in times]
    has_length = bool(moments.length or moments.end)
    messages = is_message(left, has_length=has_length)
    lengths = moments.length.column.values if moments.length else None
    kind = find_type(left, lengths, is_message=messages, has_length=has_length)
    left = _without(left, kind)
    operator = find_operator(left)
    left = _without(left, operator)
    places = find_county(left, moments.main.columns[-1])
    numbers = find_numbers(_without(left, places))
    if places.column is None and numbers:
        caller = next(iter(numbers.values())).column
        assert caller
        places = find_county(left, caller)
    return {"county": places, "type": kind, **({"operator": operator} if operator else {}), **numbers}


def _without(columns: Sequence[Column], role: Role | None) -> list[Column]:
    return [each for each in columns if not role or each is not role.column]


def _nulls(moments: Moments) -> list[str]:
    """Words in columns of times and lengths that stand for a missing value, beside those that the reader knows."""
    columns = [column for moment in (moments.start, moments.end) if moment for column in moment.columns]
    wanted = set(NULL_WORDS)
    if moments.start and moments.end:  # of a row's only time, 0 stands for nothing
        wanted |= {*_NULLS}
    found = {value for column in columns for value in wanted.intersection(column.values)}
    if moments.length:
        found |= {"-1", *NULL_WORDS}.intersection(moments.length.column.values)
    return sorted(found.difference(MISSING))


def _nulls_told(nulls: Sequence[str]) -> Finding:
    reason = "such values stand among times or lengths, and are none"
    return Finding(
        "null_values", ", ".join(nulls), Certainty.LIKELY, reason, "whether they mean that there is no value"
    )


def _time_told(form: TimeForm, column: Column) -> Finding:
    example = next((value for value in column.present if value), "")
    reason = f"{form.share:.0%} of values are written so, such as {example}"
    if form.is_epoch:
        return Finding("time", form.name, Certainty.SURE, f"{reason}: {form.name} since 1970, by the number of digits")
    if not form.has_clock:
        return Finding("time", form.name, Certainty.NOT_SURE, reason, "a form with a time of day, if there is one")
    if form.other:
        return _order_told(form, example, reason)
    return Finding("time", form.name, Certainty.SURE if form.share > 0.99 else Certainty.LIKELY, reason)


def _order_told(form: TimeForm, example: str, reason: str) -> Finding:
    """That day and month cannot be told apart, and why this order was taken."""
    first = "day" if is_day_first(form.name) else "month"
    if form.order_told:
        why = "the number that varies more was taken for the day"
    elif "." in form.name[:4]:
        why = "with full stops, the day is first nearly everywhere"
    else:
        why = "telephone numbers are North American" if first == "month" else "this is the more usual order"
    check = f"{example}: is the {first} first? If not, set time to {form.other!r}"
    certainty = Certainty.LIKELY if "." in form.name[:4] else Certainty.NOT_SURE
    return Finding("time", form.name, certainty, f"{reason}; {first} first: {why}", check)
