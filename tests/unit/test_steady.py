"""The warm-up was long enough, or it was not: on series whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.steady import has_settled

WARMUP, MEASURED = 20, 60


def _series(
    seed: int, transient_slots: float, height_ms: float = 2000.0, level_ms: float = 20.0
) -> NDArray[np.float64]:
    """A latency that decays to its level within so many slots, with noise of 10 %."""
    at = np.arange(WARMUP + MEASURED)
    decay = height_ms * np.exp(-5 * at / transient_slots) if transient_slots else 0.0
    found: NDArray[np.float64] = level_ms * np.random.default_rng(seed).lognormal(0, 0.1, len(at)) + decay
    return found


@pytest.mark.parametrize("transient_slots", [0, 2, 10])
def test_what_settles_within_the_warmup_has_settled(transient_slots: int) -> None:
    settled = [has_settled(_series(seed, transient_slots), WARMUP) for seed in range(200)]
    assert settled.count(True) >= 195


@pytest.mark.parametrize("transient_slots", [40, 60])
def test_what_does_not_has_not(transient_slots: int) -> None:
    settled = [has_settled(_series(seed, transient_slots), WARMUP) for seed in range(200)]
    assert settled.count(False) >= 195


def test_a_ramp_never_settles() -> None:
    ramp = np.linspace(10, 5000, WARMUP + MEASURED)
    assert has_settled(ramp, WARMUP) is False


def test_a_difference_below_the_clocks_resolution_is_settled() -> None:
    step = np.array([2.0] * 30 + [1.2] * 50)
    assert has_settled(step, WARMUP) is True


def test_too_few_figures_tell_nothing() -> None:
    series = _series(1, 0)
    series[WARMUP + 9 :] = np.nan
    assert has_settled(series, WARMUP) is None
    assert has_settled(_series(1, 0)[: WARMUP + 9], WARMUP) is None
