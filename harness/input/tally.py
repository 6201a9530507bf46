"""What was decided while a user's rows were read, counted, so that it can be said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Rows in which something was chosen, assumed or left out.

    Attributes:
        hashed: texts that are no telephone numbers of ten digits, and got one by a hash; by the map's keys.
        hashed_examples: the first of them.
        missing_numbers: chosen by a hash of the row; by the map's keys.
        counties_by_share: counties that were chosen by a hash.
        operators_by_share: operators, the same, if there is a column of them.
        left_out: rows that the map leaves out.
        lone_ends: calls of which only start or end is known: they have no length.
        without_zone: times without a zone of their own.
        twice: times that the clock showed twice, and that `ambiguous_times` decided.
        rounded_times: times written with an exponent, so that seconds are lost.
        rounded_numbers: telephone numbers written with an exponent, so that digits are lost.
    """

    hashed: Counter[str] = field(default_factory=Counter)
    hashed_examples: list[str] = field(default_factory=list)
    missing_numbers: Counter[str] = field(default_factory=Counter)
    counties_by_share: int = 0
    operators_by_share: int = 0
    left_out: int = 0
    lone_ends: int = 0
    without_zone: int = 0
    twice: int = 0
    rounded_times: int = 0
    rounded_numbers: int = 0
