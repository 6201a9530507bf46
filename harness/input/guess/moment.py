"""Times of an event in a row: in one column, or in two with the date and the time of day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.input.guess.columns import Column
from harness.input.guess.instants import instants
from harness.input.guess.times import TimeForm, is_compact_clock, is_day_first
from harness.input.guess.words import header_score, speaks_against

_AMERICAN = re.compile(r"(?:\+?1)?[ .-]?\(?[2-9]\d{2}\)?[ .-]?[2-9]\d{2}[ .-]?\d{4}")
_MOST = 0.95


@dataclass(frozen=True)
class Moment:
    """A time of an event: a column, or one with the date and one with the time of day."""

    columns: tuple[Column, ...]
    form: TimeForm
    values: Sequence[str]
    instants: Sequence[float | None]

    @property
    def key(self) -> str | int | list[str | int]:
        """What the map calls it."""
        return self.columns[0].key if len(self.columns) == 1 else [column.key for column in self.columns]

    @property
    def said(self) -> str:
        """What people call it."""
        return " and ".join(column.said for column in self.columns)

    def score(self, role: str) -> float:
        """How strongly headers say that it is `role`."""
        return sum(header_score(column.name, role) for column in self.columns)

    @property
    def is_of_the_call(self) -> bool:
        """Whether no header says that it is of something else: of when the row was written, say."""
        return not any(speaks_against(column.name, "time") for column in self.columns)


def all_moments(columns: Sequence[Column]) -> list[Moment]:
    """All columns of times, or else pairs of columns with date and time of day, or else dates."""
    american = _is_american(columns)
    return [_as_american(each) if american else each for each in _found(columns)]


def _found(columns: Sequence[Column]) -> list[Moment]:
    whole = [
        _moment((each,), each.time, each.values)
        for each in columns
        if each.time and each.time.has_date and each.time.has_clock
    ]
    if any(each.is_of_the_call for each in whole):
        return whole
    dates = [each for each in columns if each.time and each.time.has_date and not each.time.has_clock]
    clocks = [each for each in map(_as_clock, columns) if each.time and not each.time.has_date and not _is_length(each)]
    pairs = [_paired(date, clock) for clock in clocks if (date := _date_of(clock, dates))]
    return pairs or whole or [_moment((date,), date.time, date.values) for date in dates if date.time]


def _is_american(columns: Sequence[Column]) -> bool:
    """Whether telephone numbers are written as in North America, where the month stands before the day."""
    phones = [value for column in columns if column.phones > _MOST for value in column.present]
    return bool(phones) and sum(bool(_AMERICAN.fullmatch(value)) for value in phones) / len(phones) > _MOST


def _as_american(moment: Moment) -> Moment:
    """Of dates with slashes of which nothing else tells day from month, the month first."""
    form = moment.form
    if not form.other or form.order_told or not is_day_first(form.name) or "/%" not in form.name:
        return moment
    if form.zoned and any("+" in value for value in moment.values):  # an offset of the Old World
        return moment
    return _moment(moment.columns, replace(form, name=form.other, other=form.name), moment.values)


def _as_clock(column: Column) -> Column:
    """A column of six digits whose header speaks of times, as times of day."""
    compact = column.present and all(map(is_compact_clock, column.present))
    if compact and header_score(column.name, "time") > header_score(column.name, "duration"):
        return replace(column, typed=TimeForm("%H%M%S", 1.0, has_date=False))
    return column


def _is_length(column: Column) -> bool:
    return header_score(column.name, "duration") > header_score(column.name, "time") or speaks_against(
        column.name, "duration"
    )


def _date_of(clock: Column, dates: Sequence[Column]) -> Column | None:
    """The date that belongs to a time of day: of the same words, else the nearest before it."""
    for role in ("start", "end", "answer"):
        if header_score(clock.name, role) > 0:
            same = [date for date in dates if header_score(date.name, role) > 0]
            if same:
                return same[0]
    return min(dates, key=lambda date: (date.number > clock.number, abs(date.number - clock.number)), default=None)


def _paired(date: Column, clock: Column) -> Moment:
    assert date.time and clock.time
    name = f"{date.time.name} {clock.time.name}"
    name = "iso" if name in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M") else name
    other = f"{date.time.other} {clock.time.name}" if date.time.other else None
    form = TimeForm(
        name,
        min(date.time.share, clock.time.share),
        date.time.zoned or clock.time.zoned,
        other=other,
        order_told=date.time.order_told,
    )
    values = [f"{one} {two}" for one, two in zip(date.values, clock.values, strict=True)]
    return _moment((date, clock), form, values)


def _moment(columns: tuple[Column, ...], form: TimeForm, values: Sequence[str]) -> Moment:
    return Moment(columns, form, values, instants(values, form.name))
