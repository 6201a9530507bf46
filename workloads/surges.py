"""Surges: for a while, records come from a county at a multiple of their usual rate; the other counties' rates stay.

A weight stands for a county's rate, and is its usual one as long as nothing surges: its population, or Zipf's share by
its rank. Weights are exact fractions, so that they mean the same on every machine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from workloads.california import COUNTIES
from workloads.locations import Locations

_NUMBERS = {county.name: number for number, county in enumerate(COUNTIES)}
_ZIPF_DIGITS = 12


@dataclass(frozen=True)
class Surge:
    """One county's surge; of all operators and types alike.

    Attributes:
        county: a name in `workloads.california.COUNTIES`.
        at_s: when it begins, in whole seconds after the start of the measured time.
        duration_s: its length in whole seconds.
        factor: the county's rate, divided by its usual one; above 0, and below 1 for a lull.
    """

    county: str
    at_s: int
    duration_s: int
    factor: float

    @property
    def end_s(self) -> int:
        """When it is over, in whole seconds after the start of the measured time."""
        return self.at_s + self.duration_s


def usual_weights(locations: Locations, zipf_exponent: float | None) -> list[Fraction]:
    """The locations' weights while nothing surges, in the order of their codes.

    Args:
        locations: the set.
        zipf_exponent: the location of rank r by weight, from 1, weighs r to the power of -`zipf_exponent`; None if
            weights are the set's own.
    """
    if zipf_exponent is None:
        return [Fraction(weight) for weight in locations.weights]
    by_weight = sorted(range(len(locations.codes)), key=lambda number: -locations.weights[number])
    ranks = {number: rank for rank, number in enumerate(by_weight, start=1)}
    return [Fraction(f"{ranks[at] ** -zipf_exponent:.{_ZIPF_DIGITS}g}") for at in range(len(by_weight))]


def county_weights(usual: Sequence[Fraction], surges: Iterable[Surge]) -> list[Fraction]:
    """The counties' weights while `surges` go on, in the order of `COUNTIES`; `usual` are those while none does."""
    weights = list(usual)
    for surge in surges:
        weights[_NUMBERS[surge.county]] *= Fraction(surge.factor)
    return weights
