"""Surges: for a while, records come from a county at a multiple of their usual rate; the other counties' rates stay.

A weight stands for a county's rate, and is its population as long as nothing surges. Weights are exact fractions, so
that they mean the same on every machine.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from workloads.california import COUNTIES

_NUMBERS = {county.name: number for number, county in enumerate(COUNTIES)}
_USUAL_WEIGHT = sum(county.population for county in COUNTIES)


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


def county_weights(surges: Iterable[Surge], at_s: int) -> list[Fraction]:
    """The counties' weights `at_s` seconds after the start of the measured time, in the order of `COUNTIES`."""
    weights = [Fraction(county.population) for county in COUNTIES]
    for surge in surges:
        if surge.at_s <= at_s < surge.end_s:
            weights[_NUMBERS[surge.county]] *= Fraction(surge.factor)
    return weights


def total_rate(usual_records_per_s: int, weights: list[Fraction]) -> int:
    """The rate of all counties in records per second, rounded to a whole number, but never to 0.

    Args:
        usual_records_per_s: the rate when nothing surges.
        weights: of the counties.
    """
    return max(1, round(usual_records_per_s * sum(weights) / _USUAL_WEIGHT))
