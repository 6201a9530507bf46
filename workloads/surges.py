"""Surges: for a while, records come from a county at a multiple of their usual rate; the other counties' rates stay.

A weight stands for a county's rate, and is its usual one as long as nothing surges: its population, or Zipf's share by
its rank. Weights are exact fractions, so that they mean the same on every machine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from workloads.california import COUNTIES

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


def usual_weights(zipf_exponent: float | None) -> list[Fraction]:
    """The counties' weights while nothing surges, in the order of `COUNTIES`.

    Args:
        zipf_exponent: the county of rank r by population, from 1, weighs r to the power of -`zipf_exponent`; None if
            populations are the weights.
    """
    populations = [county.population for county in COUNTIES]
    if zipf_exponent is None:
        return [Fraction(population) for population in populations]
    ranks = {population: rank for rank, population in enumerate(sorted(populations, reverse=True), start=1)}
    return [Fraction(f"{ranks[population] ** -zipf_exponent:.{_ZIPF_DIGITS}g}") for population in populations]


def county_weights(usual: Sequence[Fraction], surges: Iterable[Surge]) -> list[Fraction]:
    """The counties' weights while `surges` go on, in the order of `COUNTIES`; `usual` are those while none does."""
    weights = list(usual)
    for surge in surges:
        weights[_NUMBERS[surge.county]] *= Fraction(surge.factor)
    return weights
