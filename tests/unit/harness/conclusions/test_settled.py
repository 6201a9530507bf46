"""An engine had settled, or it had not, or nobody can tell: on series whose answer is known, as the intervals are."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.conclusions.settled import CERTAIN_TIMES, change_over, start_had_settled, trial_had_settled, why_unsettled
from harness.results.performance import Change, SteadyState
from harness.results.result import TrialResult

WARMUP, MEASURED = 20, 60
LIMIT = 0.05
PROOF = pytest.mark.proof

Shape = Callable[[NDArray[np.float64]], NDArray[np.float64]]


# The start


def _starting(
    seed: int, transient_slots: float, height_ms: float = 2000.0, level_ms: float = 20.0
) -> NDArray[np.float64]:
    """A latency that decays to its level within so many slots, with noise of 10 %."""
    at = np.arange(WARMUP + MEASURED)
    decay = height_ms * np.exp(-5 * at / transient_slots) if transient_slots else 0.0
    found: NDArray[np.float64] = level_ms * np.random.default_rng(seed).lognormal(0, 0.1, len(at)) + decay
    return found


@pytest.mark.parametrize("transient_slots", [0, 2, 10])
def test_what_settles_within_the_warmup_has_settled(transient_slots: int) -> None:
    settled = [start_had_settled(_starting(seed, transient_slots), WARMUP) for seed in range(200)]
    assert settled.count(True) >= 195


@pytest.mark.parametrize("transient_slots", [40, 60])
def test_what_does_not_has_not(transient_slots: int) -> None:
    settled = [start_had_settled(_starting(seed, transient_slots), WARMUP) for seed in range(200)]
    assert settled.count(False) >= 195


def test_a_ramp_never_settles() -> None:
    ramp = np.linspace(10, 5000, WARMUP + MEASURED)
    assert start_had_settled(ramp, WARMUP) is False


def test_a_difference_below_the_clocks_resolution_is_settled() -> None:
    step = np.array([2.0] * 30 + [1.2] * 50)
    assert start_had_settled(step, WARMUP) is True


def test_too_few_figures_tell_nothing() -> None:
    series = _starting(1, 0)
    series[WARMUP + 9 :] = np.nan
    assert start_had_settled(series, WARMUP) is None
    assert start_had_settled(_starting(1, 0)[: WARMUP + 9], WARMUP) is None


# The change over the measured time


def _decaying(first: float, last: float, tau_s: float) -> Shape:
    return lambda t_s: last + (first - last) * np.exp(-t_s / tau_s)


def _flat(t_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full(len(t_s), 100.0)


#: 95, 37 and 17 % too high on average, and compilers that take half of the CPU time and are done with a time constant.
SLOW = {
    "461 to 185 ms": _decaying(461, 185, 60),
    "292 to 185 ms": _decaying(292, 185, 60),
    "60 to 45 ms": _decaying(60, 45, 40),
    "CPU of compilers": _decaying(1.6, 0.8, 60),
}


def _series(random: np.random.Generator, shape: Shape, noise: float) -> NDArray[np.float64]:
    """Seconds with log-normal noise, whose correlation with the next second's is 0.5."""
    shocks = random.normal(0, noise * np.sqrt(1 - 0.5**2), MEASURED + 50)
    found: NDArray[np.float64] = shape(np.arange(MEASURED) + 0.5) * np.exp(
        np.convolve(shocks, 0.5 ** np.arange(50))[50 : 50 + MEASURED]
    )
    return found


def _saw(random: np.random.Generator, batch_s: float) -> NDArray[np.float64]:
    """Seconds of an engine that works in batches: who comes first waits longest. With noise of 10 %."""
    place_s = (np.arange(MEASURED) + 0.5 + random.uniform(0, batch_s)) % batch_s
    found: NDArray[np.float64] = (0.3 + batch_s - place_s) * random.lognormal(0, 0.1, MEASURED)
    return found


@cache
def _still() -> Change | None:
    return change_over(np.full(MEASURED, 1.0), LIMIT)


def _trials(series: list[NDArray[np.float64]], part: str = "latency") -> list[TrialResult]:
    """Trials that changed as `series` say in `part`, and not at all in the other."""
    steady: list[dict[str, Any]] = [
        {"latency": _still(), "cpu": _still(), part: change_over(each, LIMIT)} for each in series
    ]
    return [
        TrialResult.model_construct(
            steady=SteadyState(settled=None, settled_from_s=0, start_settled=True, **each), cost=object()
        )
        for each in steady
    ]


def _passed(make: Callable[[np.random.Generator], NDArray[np.float64]], trials: int, runs: int) -> float:
    """The share of engines that are said to have settled."""
    random = np.random.default_rng(61)
    found = [why_unsettled(_trials([make(random) for _ in range(trials)])) for _ in range(runs)]
    return found.count("") / runs


def _three_errors(share: float, runs: int) -> float:
    return 3 * float(np.sqrt(share * (1 - share) / runs))


@pytest.mark.parametrize("case", SLOW)
@pytest.mark.parametrize(
    ("noise", "runs"),
    [(0.1, 15), pytest.param(0.2, 400, marks=PROOF), pytest.param(0.3, 400, marks=PROOF)],
)
def test_an_engine_that_goes_on_changing_is_found_in_nine_of_ten_cases(case: str, noise: float, runs: int) -> None:
    passed = _passed(lambda random: _series(random, SLOW[case], noise), 6, runs)
    assert passed <= 0.1 + (_three_errors(0.1, runs) if runs < 100 else 0)


@pytest.mark.parametrize("part", ["latency", "cpu"])
def test_a_change_in_either_is_found_and_named(part: str) -> None:
    random = np.random.default_rng(62)
    trials = _trials([_series(random, SLOW["CPU of compilers"], 0.05) for _ in range(6)], part)
    name = {"latency": "latency", "cpu": "CPU time per second"}[part]
    assert why_unsettled(trials).startswith(f"had not settled: its {name} changed by -")


@pytest.mark.parametrize("case", SLOW)
@pytest.mark.parametrize("noise", [0.1, 0.2, 0.3])
def test_a_single_trial_does_not_pass_what_goes_on_changing_either(case: str, noise: float) -> None:
    random, runs = np.random.default_rng(63), 200
    changes = [change_over(_series(random, SLOW[case], noise), LIMIT) for _ in range(runs)]
    passed = [trial_had_settled(True, [each]) for each in changes].count(True) / runs
    assert passed <= 0.1 + _three_errors(0.1, runs)


@pytest.mark.parametrize(
    ("noise", "trials", "share", "runs"),
    [
        (0.05, 6, 0.95, 20),
        (0.1, 6, 0.85, 20),
        (0.2, 6, 0.6, 20),
        pytest.param(0.1, 6, 0.88, 400, marks=PROOF),
        pytest.param(0.2, 6, 0.7, 400, marks=PROOF),
        pytest.param(0.3, 6, 0.5, 1000, marks=PROOF),
        pytest.param(0.3, 10, 0.7, 400, marks=PROOF),
    ],
)
def test_an_engine_that_had_settled_is_said_to_have_in_most_cases(
    noise: float, trials: int, share: float, runs: int
) -> None:
    passed = _passed(lambda random: _series(random, _flat, noise), trials, runs)
    assert passed >= share - _three_errors(share, runs)


@pytest.mark.parametrize(
    ("batch_s", "runs"), [(2.3, 20), pytest.param(1.7, 300, marks=PROOF), pytest.param(5.0, 300, marks=PROOF)]
)
def test_so_is_one_that_works_in_batches(batch_s: float, runs: int) -> None:
    assert _passed(lambda random: _saw(random, batch_s), 6, runs) >= 0.8 - _three_errors(0.8, runs)


def test_noise_that_hides_a_change_is_no_rest() -> None:
    random = np.random.default_rng(64)
    found = [trial_had_settled(True, [change_over(_series(random, _flat, 0.6), LIMIT)]) for _ in range(100)]
    assert found.count(True) <= 2
    assert found.count(None) >= 60


def test_the_factor_is_that_of_the_whole_time_and_a_stall_leaves_it() -> None:
    falling = _decaying(100, 0, 120)(np.arange(MEASURED) + 0.5)
    falling[[31, 32, 33]] *= 50
    found = change_over(falling, LIMIT)
    assert found and found.low and found.high
    assert found.factor == pytest.approx(np.exp(-0.5), rel=0.01)
    assert found.low <= found.factor <= found.high < 1


def test_a_change_within_the_clocks_resolution_is_none() -> None:
    latency_ms = np.linspace(4.0, 4.6, MEASURED)
    assert trial_had_settled(True, [change_over(latency_ms, LIMIT)]) is False
    assert trial_had_settled(True, [change_over(latency_ms, LIMIT, resolution=1.0)]) is True


def test_a_trial_that_is_too_short_has_a_change_but_no_judgement() -> None:
    for slots in (3, 39):
        found = change_over(np.full(slots, 7.0), LIMIT)
        assert found and (found.factor, found.low, found.high) == (1, None, None)
        assert trial_had_settled(True, [found]) is None
    assert change_over(np.full(2, 7.0), LIMIT) is None
    assert change_over(np.full(40, 7.0), LIMIT).low == 1  # type: ignore[union-attr]


def test_seconds_without_a_figure_are_left_out_and_what_is_not_positive_is_not_judged() -> None:
    gaps = np.full(MEASURED, 7.0)
    gaps[20:32] = np.nan
    found = change_over(gaps, LIMIT)
    assert found and (found.factor, found.low) == (1, 1)
    gaps[35:50] = 0.0
    assert change_over(gaps, LIMIT) is None
    assert change_over(np.full(MEASURED, np.nan), LIMIT) is None


@pytest.mark.parametrize("judged", [True, False, None])
def test_a_trial_had_settled_only_if_everything_says_so(judged: bool | None) -> None:
    quiet, falling = change_over(np.full(MEASURED, 7.0), LIMIT), change_over(np.linspace(9.0, 7.0, MEASURED), LIMIT)
    other = {True: quiet, False: falling, None: None}[judged]
    assert trial_had_settled(True, [quiet, other]) is judged
    assert trial_had_settled(judged, [quiet, quiet]) is judged
    assert trial_had_settled(False, [None, None]) is False


def test_the_limit_is_the_scenarios() -> None:
    falling = np.linspace(9.0, 8.0, MEASURED)
    assert trial_had_settled(True, [change_over(falling, 0.05)]) is False
    assert trial_had_settled(True, [change_over(falling, 0.2)]) is True
    assert change_over(falling, 0.2).certain_share == 0.2 * CERTAIN_TIMES  # type: ignore[union-attr]


def test_trials_of_seconds_are_judged_together_by_a_generous_limit() -> None:
    """As by the limits of tests that measure for 3 s."""
    random = np.random.default_rng(65)
    trials = _trials([np.ones(MEASURED)] * 6)
    for trial in trials:
        short = change_over(random.lognormal(0, 0.5, 3), 10.0)
        trial.steady = SteadyState(settled=None, settled_from_s=None, latency=short, cpu=short)
    assert why_unsettled(trials) == ""
