"""What a column's values are: times, amounts, telephone numbers, counties, operators, types."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.input import fields
from harness.input.guess.amounts import AmountForm, amount_form
from harness.input.guess.times import TimeForm, time_form
from harness.input.guess.words import NULL_WORDS, type_of

#: What stands for a missing time where zero is none.
ZERO_TIMES = ("0", "0.0", "-1", "0000-00-00 00:00:00", "0000-00-00", "1970-01-01 00:00:00", "1970-01-01T00:00:00Z")
_PHONE = re.compile(r"(?:tel:|sips?:)?\+?\(?\d[\d ()./-]{5,18}\d(?:@\S+)?")
#: A column of more different values than this, by share of its rows, names no category.
_MOST_CATEGORIES = 40


@dataclass(frozen=True)
class Column:
    """A column of a sample.

    Attributes:
        number: its place, from 1 on.
        name: in the header; None if there is none.
        values: of all rows, without blanks around them.
        typed: the time form, of a column whose type says it (a timestamp of Parquet).
        is_named: whether it can be called by its name.
    """

    number: int
    name: str | None
    values: Sequence[str]
    typed: TimeForm | None = None
    is_named: bool = True

    @property
    def key(self) -> str | int:
        """What the map calls it."""
        return self.name if self.name and self.is_named else self.number

    @property
    def said(self) -> str:
        """What people call it."""
        return f"column {self.key!r}"

    @cached_property
    def present(self) -> list[str]:
        """Values that are not missing."""
        return [value for value in self.values if value and value not in NULL_WORDS]

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value stands there, missing ones left out."""
        return Counter(self.present)

    @cached_property
    def filled(self) -> float:
        """The share of rows in which there is a value."""
        return len(self.present) / len(self.values) if self.values else 0.0

    @cached_property
    def time(self) -> TimeForm | None:
        """The form of its times, or None if it holds none."""
        return self.typed or time_form([value for value in self.present if value not in ZERO_TIMES])

    @cached_property
    def amount(self) -> AmountForm | None:
        """The form of its amounts, or None if it holds none."""
        return amount_form(self.present) if self.present else None

    @cached_property
    def phones(self) -> float:
        """The share of values that are written as telephone numbers."""
        return self._share(lambda value: bool(_PHONE.fullmatch(value)))

    @cached_property
    def counties(self) -> float:
        """The share of values that name a county of California."""
        return self._share(lambda value: fields.category(value, fields.COUNTY_NAMES) >= 0)

    @cached_property
    def operators(self) -> float:
        """The share of values that name an operator of the project's."""
        return self._share(lambda value: fields.category(value, fields.OPERATOR_NAMES) >= 0)

    @cached_property
    def types(self) -> float:
        """The share of values that say what kind of record a row is."""
        return self._share(lambda value: type_of(value, self.name) is not None) if self.is_category else 0.0

    @property
    def is_category(self) -> bool:
        """Whether it has few different values."""
        return 0 < len(self.counts) <= min(_MOST_CATEGORIES, max(2, len(self.present) // 2))

    def _share(self, holds: object) -> float:
        assert callable(holds)
        return sum(count for value, count in self.counts.items() if holds(value)) / (len(self.present) or 1)
