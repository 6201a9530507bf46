"""Noise of simulated trials, and how far a simulated rate may be off by chance.

Limits allow for three standard errors of the simulation. The seeds are fixed, so that a test that passes once passes
always; with others, a rate as stated would go beyond an upper limit in 0.2 to 0.6 % of the cases, and rates and powers
as they are beyond one of the others in 1 % at most. The gate's instances are small: with 400 simulations, a rate of
twice the stated one is found in 9 of 10 cases. The proofs find smaller differences.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.numerics.intervals import Interval

Floats = NDArray[np.floating[Any]]


def log_normal(random: np.random.Generator, deviation: float, trials: int) -> Floats:
    """Factors whose geometric mean is 1 in the long run; `deviation` is that of their logarithm."""
    return np.exp(random.normal(0, deviation, trials))


def skewed(random: np.random.Generator, deviation: float, trials: int) -> Floats:
    """The same with a long tail: now and then a trial is much slower."""
    return np.exp(deviation * (random.exponential(1, trials) - 1))


Noise = Callable[[np.random.Generator, float, int], Floats]


def by_simulations(few: int, many: int) -> pytest.MarkDecorator:
    """`few` in the gate, and `many` as a proof."""
    return pytest.mark.parametrize("simulations", [few, pytest.param(many, marks=pytest.mark.proof)])


def three_errors(rate: float, simulations: int) -> float:
    return 3 * math.sqrt(rate * (1 - rate) / simulations)


def share_without(value: float, intervals: Iterator[Interval | None], simulations: int) -> float:
    found = [interval for interval in intervals if interval]
    assert len(found) == simulations
    return sum(interval.excludes(value) for interval in found) / simulations


#: Figures about their level, as they repeat.
WIGGLE = (1.0, 1.01, 0.99, 1.004, 0.993, 1.007, 0.998)


def wiggling(*levels: tuple[int, float]) -> list[float]:
    """So many figures of each level."""
    flat = [level for count, level in levels for _ in range(count)]
    return [level * WIGGLE[at % len(WIGGLE)] for at, level in enumerate(flat)]
