"""The detector proves itself: it finds known leaks, and does not accuse what goes up and down."""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.numerics.leaks import SHORTEST_S, LeakBounds, Stretch, blocks, growth_per_hour, leaks, stretches

BOUNDS = LeakBounds(percent_per_hour=10, least_growth=1)
#: As of 35 resources that hold together with 95 %.
CONFIDENCE = 1 - 0.05 / 35
MINUTES = 30
#: What docs/soak.md promises for a flat sawtooth of three teeth or more.
FALSE_ALARM_RATE = 0.01


def sawtooth(dice: np.random.Generator, period_s: float, height: float, noise: float, per_hour: float = 0.0) -> Stretch:
    """Half an hour of a level of 100 with teeth that rise slowly and fall at once, noise, and growth."""
    times_s = np.arange(0, MINUTES * 60, 2.0)
    teeth = height * ((times_s / period_s + dice.uniform()) % 1.0)
    return stretch(times_s, 100 + teeth + dice.normal(0, noise, len(times_s)) + per_hour * times_s / 3600)


def stretch(times_s: NDArray[np.float64], values: NDArray[np.float64]) -> Stretch:
    return Stretch(times_s, values, float(np.median(values)))


def is_accused(found: Stretch) -> bool:
    return leaks(found, BOUNDS, growth_per_hour(found, CONFIDENCE))


@pytest.mark.parametrize(("shortest_s", "longest_s"), [(3, 60), (60, 300), (300, MINUTES * 60 / 3)])
@pytest.mark.parametrize("simulations", [150, pytest.param(400, marks=pytest.mark.proof)])
def test_a_flat_sawtooth_is_hardly_ever_accused(shortest_s: float, longest_s: float, simulations: int) -> None:
    """The seed is fixed. With others, a rate of 0.1 % would go beyond the bound in 1 % of the cases."""
    dice = np.random.default_rng(7)
    found = [
        is_accused(sawtooth(dice, dice.uniform(shortest_s, longest_s), dice.uniform(10, 200), dice.uniform(0.1, 3)))
        for _ in range(simulations)
    ]
    assert np.mean(found) <= FALSE_ALARM_RATE


def test_a_leak_under_a_sawtooth_is_found() -> None:
    dice = np.random.default_rng(8)
    found = [is_accused(sawtooth(dice, dice.uniform(3, 60), 30, 1, per_hour=30)) for _ in range(100)]
    assert np.mean(found) >= 0.99


def test_the_growth_is_told_as_it_is() -> None:
    times_s = np.arange(0, 1800, 2.0)
    found = growth_per_hour(stretch(times_s, 100 + 50 * times_s / 3600), CONFIDENCE)
    assert (found.low, found.estimate, found.high) == pytest.approx((50, 50, 50), rel=0.01)


def test_growth_below_the_allowed_share_or_the_least_amount_is_no_leak() -> None:
    times_s = np.arange(0, 1800, 2.0)
    found = stretch(times_s, 100 + 9 * times_s / 3600)
    assert not leaks(found, BOUNDS, growth_per_hour(found, CONFIDENCE))
    few = stretch(times_s, 2 + 1.5 * times_s / 3600)
    assert not leaks(few, BOUNDS, growth_per_hour(few, CONFIDENCE))


@pytest.mark.parametrize("at_s", [300, 900, 1500])
def test_a_single_step_is_no_leak(at_s: float) -> None:
    times_s = np.arange(0, 1800, 2.0)
    dice = np.random.default_rng(9)
    assert not is_accused(stretch(times_s, np.where(times_s < at_s, 100.0, 150.0) + dice.normal(0, 1, len(times_s))))


def test_a_stretch_is_long_enough_from_a_length_and_a_number_of_readings_on() -> None:
    assert stretch(np.arange(0, SHORTEST_S + 1, 2.0), np.ones(61)).is_long_enough
    assert not stretch(np.arange(0, SHORTEST_S - 2, 2.0), np.ones(59)).is_long_enough
    assert not stretch(np.arange(0, 10) * 100.0, np.ones(10)).is_long_enough
    assert not Stretch(np.array([]), np.array([]), 0.0).is_long_enough


def test_blocks_hold_all_readings_and_gaps_have_none() -> None:
    times_s = np.concatenate([np.arange(0, 100, 1.0), np.arange(500, 600, 1.0)])
    middles_s, medians = blocks(stretch(times_s, times_s))
    assert len(middles_s) == len(medians) < 30
    assert not ((middles_s > 120) & (middles_s < 480)).any()
    assert medians == pytest.approx(middles_s, abs=10)


def test_each_process_is_judged_by_itself_from_its_having_settled_and_without_faults() -> None:
    times_s = np.arange(0, 100, 10.0)
    first, second = stretches(times_s, [0, 50], [20, 20], disturbed=[(35, 45), (85, 95)])
    assert times_s[first].tolist() == [20, 30]
    assert times_s[second].tolist() == [70, 80]
