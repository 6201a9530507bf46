"""Changes of level are found where they are, and nowhere else."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.numerics.change_points import MIN_LEVEL, change_points
from tests.builders.noise import wiggling

Noise = Callable[[np.random.Generator, int], NDArray[np.float64]]
#: What the trials of an engine differ by.
SIGMA = 0.03
CHANGES = {250: 1.15, 500: 0.85, 800: 1.2}
WITHIN = 2
NOISES: dict[str, Noise] = {
    "normal": lambda dice, count: dice.normal(0, 1, count),
    "skewed": lambda dice, count: dice.exponential(1, count) - 1,
    "long tails": lambda dice, count: dice.standard_t(3, count) / np.sqrt(3),
}


def _series(noise: Noise, count: int, seed: int, changes: dict[int, float] | None = None) -> NDArray[np.float64]:
    dice = np.random.default_rng(seed)
    values = 400 * np.exp(SIGMA * noise(dice, count))
    for at, factor in (changes or {}).items():
        values[at:] *= factor
    return values


def _is_right(found: list[int]) -> bool:
    """Whether the known changes were found within two results, and no other."""
    return len(found) == len(CHANGES) and all(abs(a - b) <= WITHIN for a, b in zip(found, CHANGES, strict=True))


def _right_of(seeds: int, noise: Noise) -> int:
    return sum(_is_right(change_points(_series(noise, 1000, seed, CHANGES))) for seed in range(seeds))


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_three_changes_among_a_thousand_results_are_found_and_no_other(noise: Noise) -> None:
    assert _right_of(8, noise) >= 7


@pytest.mark.proof
@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_three_changes_are_found_and_no_other_in_95_of_100_seeds(noise: Noise) -> None:
    assert _right_of(100, noise) >= 95


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
@pytest.mark.parametrize("count", [20, 50])
def test_noise_alone_is_no_change(count: int, noise: Noise) -> None:
    assert sum(bool(change_points(_series(noise, count, seed))) for seed in range(50)) <= 2


def test_levels_between_which_a_figure_goes_up_and_down_are_all_found() -> None:
    assert change_points(wiggling((14, 180), (15, 205), (17, 177), (12, 212))) == [14, 29, 46]


def test_a_change_is_found_as_soon_as_it_has_enough_results() -> None:
    assert change_points(wiggling((40, 100), (MIN_LEVEL, 120))) == [40]
    assert change_points(wiggling((40, 100), (2, 120))) == []


@pytest.mark.parametrize("factor", [3.0, 1000.0])
def test_single_results_that_are_far_off_are_no_change(factor: float) -> None:
    values = wiggling((60, 100))
    for at in (11, 30, 31, 52):
        values[at] *= factor
    assert change_points(values) == []


def test_what_is_found_does_not_depend_on_the_unit() -> None:
    values = wiggling((20, 100), (20, 120))
    assert change_points(values) == change_points([each / 1e6 for each in values]) == [20]


@pytest.mark.parametrize("values", [[], [1.0] * 50, [1.0, 2.0] * (MIN_LEVEL - 1), [1.0, float("nan")] * 20], ids=str)
def test_what_tells_nothing_has_no_changes(values: list[float]) -> None:
    assert change_points(values) == []
