"""Drift, an effect of order, the end of a warm-up, a growing backlog and a knee are found, and only where they are.

Most tests simulate trials whose truth is known; `tests/builders/noise.py` says how far a rate may be off by chance.
"""

import math

import numpy as np
import pytest

from harness.numerics.intervals import Interval
from harness.numerics.trends import drift, knee, lag_slope, order_effect, steady_from
from tests.builders.noise import Floats, by_simulations, log_normal, share_without, three_errors

# Drift


ORDERS = {
    "in turn": ["a", "b", "c"] * 6,
    "there and back": ["a", "b", "c", "c", "b", "a"] * 3,
    "one after the other": ["a"] * 6 + ["b"] * 6 + ["c"] * 6,
}


def _run(random: np.random.Generator, order: list[str], percent_per_trial: float) -> list[tuple[str, float]]:
    """Trials with a noise of 5 % of engines that are far apart."""
    level = {"a": 1.0, "b": 30.0, "c": 1000.0}
    factors = (1 + percent_per_trial / 100) ** np.arange(len(order)) * log_normal(random, 0.05, len(order))
    return [(engine, level[engine] * factor) for engine, factor in zip(order, factors.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("order", "power"), [("in turn", 0.99), ("there and back", 0.99), ("one after the other", 0.6)]
)
@pytest.mark.parametrize("percent", [2, -2])
@by_simulations(100, 200)
def test_a_drift_is_found(order: str, power: float, percent: float, simulations: int) -> None:
    random = np.random.default_rng(31)
    trends = [drift(_run(random, ORDERS[order], percent)) for _ in range(simulations)]
    found = [trend for trend in trends if trend]
    assert np.mean([trend.p_value < 0.05 for trend in found]) >= power
    assert np.median([trend.percent_per_trial for trend in found]) == pytest.approx(percent, abs=0.15)


@pytest.mark.parametrize(
    ("order", "simulations"),
    [("there and back", 400), *(pytest.param(order, 3000, marks=pytest.mark.proof) for order in ORDERS)],
)
def test_a_drift_is_not_found_where_there_is_none(order: str, simulations: int) -> None:
    random = np.random.default_rng(32)
    trends = [drift(_run(random, ORDERS[order], 0)) for _ in range(simulations)]
    rate = np.mean([trend.p_value < 0.05 for trend in trends if trend])
    assert 0.025 < rate <= 0.05 + three_errors(0.05, simulations)


def test_figures_without_spread_do_not_drift() -> None:
    trend = drift([("a", 0.1), ("b", 0.7)] * 6)
    assert trend
    assert (trend.percent_per_trial, trend.p_value) == (0, 1)


def test_a_short_run_or_a_bad_figure_shows_no_drift() -> None:
    run = _run(np.random.default_rng(33), ORDERS["in turn"], 2)
    assert drift(run)
    assert drift(run[:-1]) is None
    assert drift([*run[:-1], ("c", 0.0)]) is None
    assert drift([*run[:-1], ("c", math.nan)]) is None
    assert drift([]) is None


# Order within blocks


def _ratios(random: np.random.Generator, blocks: int, percent: float) -> tuple[Floats, Floats]:
    """Ratios a / b, truly 1.5, where going first costs `percent`: of blocks with A first, and with B first."""
    factor = 1 + percent / 100
    return (
        1.5 * factor * log_normal(random, 0.05, blocks),
        1.5 / factor * log_normal(random, 0.05, blocks),
    )


@pytest.mark.parametrize("percent", [10, -10])
def test_an_effect_of_going_first_is_found(percent: float) -> None:
    random = np.random.default_rng(41)
    effects = [order_effect(*_ratios(random, 6, percent)) for _ in range(50)]
    found = [effect for effect in effects if effect]
    assert np.mean([effect.p_value < 0.05 for effect in found]) >= 0.95
    assert np.median([effect.percent for effect in found]) == pytest.approx(percent, abs=1)


@pytest.mark.parametrize(
    ("blocks", "simulations"),
    [(6, 100), *(pytest.param(*each, marks=pytest.mark.proof) for each in ((6, 300), (8, 60)))],
)
def test_an_effect_of_going_first_is_not_found_where_there_is_none(blocks: int, simulations: int) -> None:
    """With six blocks of each order, all assignments are looked at; with eight, there are too many."""
    random = np.random.default_rng(42)
    effects = [order_effect(*_ratios(random, blocks, 0)) for _ in range(simulations)]
    rate = np.mean([effect.p_value <= 0.05 for effect in effects if effect])
    assert 0.01 <= rate <= 0.05 + three_errors(0.05, simulations)


def test_an_effect_counts_half_the_difference() -> None:
    """Ratios of 2 * 1.1 and 2 / 1.1: A costs twice as much as B, and going first 10 %."""
    effect = order_effect([2.2] * 3, [2 / 1.1] * 3)
    assert effect
    assert effect.percent == pytest.approx(10)


@pytest.mark.parametrize(("blocks", "assignments"), [(2, 6), (3, 20), (6, 924)])
def test_all_assignments_of_few_blocks_are_counted(blocks: int, assignments: int) -> None:
    """Where all ratios of one order exceed all others, two assignments are as extreme: that one, and its mirror."""
    first, second = 2 + 0.01 * np.arange(blocks), 1 + 0.01 * np.arange(blocks)
    for effect in (order_effect(first, second), order_effect(second, first)):
        assert effect
        assert effect.p_value == pytest.approx(2 / assignments)


def test_equal_ratios_show_no_effect_of_order() -> None:
    effect = order_effect([1.1] * 4, [1.1] * 4)
    assert effect
    assert (effect.percent, effect.p_value) == (0, 1)


def test_too_few_or_bad_ratios_show_no_effect_of_order() -> None:
    assert order_effect([1.0, 1.1], [1.2, 1.3])
    assert order_effect([1.0], [1.2, 1.3, 1.4]) is None
    assert order_effect([1.2, 1.3, 1.4], []) is None
    assert order_effect([1.0, 0.0], [1.2, 1.3]) is None
    assert order_effect([1.0, 1.1], [1.2, math.nan]) is None


# Warm-up


def _warming_up(seed: int, slots: int = 120, decay_slots: float = 6, height: float = 40) -> Floats:
    """10 ms with a deviation of 1 ms, after a start `height` ms higher that decays by 1 / e in `decay_slots`."""
    noise = np.random.default_rng(seed).normal(0, 1, slots)
    return 10 + height * np.exp(-np.arange(slots) / decay_slots) + noise


def test_a_warm_up_is_cut_off() -> None:
    """Where it has sunk into the noise, after about e^-4 of it; and what remains has the right mean."""
    for seed in range(50):
        series = _warming_up(seed)
        start = steady_from(series)
        assert start is not None
        assert 2.5 * 6 <= start <= 9 * 6, seed
        assert series.mean() > 11
        assert series[start:].mean() == pytest.approx(10, abs=0.6)


def test_a_sudden_change_is_cut_off_exactly() -> None:
    assert steady_from([50.0] * 13 + [10.0] * 40) == 13
    # A start of seconds must not round away a spread of nanoseconds.
    spread = 1e-6 * np.random.default_rng(51).normal(0, 1, 100)
    assert steady_from(np.concatenate([np.full(9, 1e4), 10 + spread])) == 9


def test_of_a_flat_series_nearly_all_is_kept() -> None:
    assert steady_from([7.1] * 30) == 0
    starts = [steady_from(_warming_up(seed, height=0)) for seed in range(200)]
    assert np.mean([start == 0 for start in starts]) > 0.5
    assert np.mean([start is not None and start <= 12 for start in starts]) > 0.9


@pytest.mark.parametrize("slots", [10, 11, 60, 300])
def test_a_ramp_never_settles(slots: int) -> None:
    assert steady_from(np.arange(slots) * 3.0) is None
    ramp = 10 + 30 * np.linspace(0, 1, slots)
    assert steady_from(ramp + 0.3 * np.random.default_rng(52).normal(0, 1, slots)) is None
    assert steady_from(ramp[::-1]) is None


def test_a_ramp_within_the_noise_goes_unnoticed() -> None:
    """The limit of the method, which the docstring states: it rises by three deviations of the noise."""
    ramps = [_warming_up(seed, height=0) + 3 * np.linspace(0, 1, 120) for seed in range(50)]
    assert np.mean([steady_from(ramp) is not None for ramp in ramps]) > 0.8


def test_a_warm_up_of_more_than_half_the_series_leaves_nothing() -> None:
    assert steady_from([50.0] * 29 + [10.0] * 31) == 29
    assert steady_from([50.0] * 30 + [10.0] * 30) is None
    assert steady_from([50.0] * 31 + [10.0] * 29) is None


def test_slots_without_a_figure_keep_their_position() -> None:
    series = _warming_up(1)
    start = steady_from(series)
    assert start
    assert steady_from(np.concatenate([np.full(7, np.nan), series])) == start + 7
    later = series.copy()
    later[[start + 3, start + 20, 119]] = np.nan
    assert steady_from(later) in range(start - 3, start + 4)
    # Never the answer themselves, even if nothing else stands between the warm-up and them.
    assert steady_from([50.0] * 5 + [math.nan] * 2 + [10.0] * 20) == 7
    assert steady_from([math.nan] * 2 + [10.0] * 20) == 2
    assert steady_from([math.nan] * 20 + [10.0] * 15) is None


def test_a_series_that_cannot_be_judged_has_no_steady_state() -> None:
    assert steady_from([10.0] * 10) == 0
    assert steady_from([10.0] * 9) is None
    assert steady_from([10.0] * 9 + [math.nan] * 5) is None
    assert steady_from([10.0] * 20 + [math.inf]) is None
    assert steady_from([]) is None


# Backlog


def test_the_growth_of_a_backlog_is_covered_as_often_as_said() -> None:
    random, simulations = np.random.default_rng(61), 400
    times_s = np.arange(60) * 0.5
    intervals = (lag_slope(times_s, 500 + 40 * times_s + random.normal(0, 50, 60)) for _ in range(simulations))
    found = list(intervals)
    missed = share_without(40, iter(found), simulations)
    assert 0.01 < missed <= 0.05 + three_errors(0.05, simulations)
    assert all(interval.excludes(0) for interval in found)
    assert np.median([interval.high - interval.low for interval in found]) < 4


def _sawtooth(times_s: Floats, period_s: float, phase_s: float) -> Floats:
    """Micro-batches: the lag grows to 1,000 records, falls to nothing, and so on."""
    return 1000 * ((times_s + phase_s) % period_s) / period_s


@pytest.mark.parametrize("period_s", [3, 5, 20])
@pytest.mark.parametrize("phase_s", [0, 1.7, 8.3])
def test_a_flat_sawtooth_does_not_grow(period_s: float, phase_s: float) -> None:
    """From three teeth on, up to the height of one of them divided by the duration; with many teeth, not at all."""
    times_s = np.arange(240) * 0.25
    lag_records = _sawtooth(times_s, period_s, phase_s)
    interval = lag_slope(times_s, lag_records)
    assert abs(interval.estimate) < 1000 / 60
    assert not interval.excludes(0) or period_s == 20
    growing = lag_slope(times_s, lag_records + 50 * times_s)
    assert growing.estimate == pytest.approx(50, abs=1000 / 60)
    assert growing.excludes(0)


def test_a_sawtooth_of_a_few_teeth_is_the_limit_that_the_docstring_states() -> None:
    times_s = np.arange(240) * 0.25
    assert lag_slope(times_s, _sawtooth(times_s, 20, 0)).excludes(0)


def test_no_backlog_does_not_grow() -> None:
    assert lag_slope(np.arange(20.0), np.zeros(20)) == Interval(0, 0, 0, 0.95)


def test_a_single_stall_does_not_make_a_trend() -> None:
    lag_records = np.random.default_rng(62).normal(100, 10, 60)
    lag_records[-4:] = 100_000
    interval = lag_slope(np.arange(60.0), lag_records)
    assert abs(interval.estimate) < 1
    assert np.polyfit(np.arange(60), lag_records, 1)[0] > 100


def test_readings_may_come_in_any_order() -> None:
    random = np.random.default_rng(63)
    times_s, order = np.arange(40.0), random.permutation(40)
    lag_records = 5 * times_s + random.normal(0, 9, 40)
    assert lag_slope(times_s[order], lag_records[order]) == lag_slope(times_s, lag_records)


@pytest.mark.parametrize(
    ("times_s", "lag_records"),
    [
        ([0.0, 1, 2], [5.0, 6, 7]),
        (np.arange(20.0), np.arange(19.0)),
        (np.arange(20.0), np.full(20, np.nan)),
        (np.full(20, 3.0), np.arange(20.0)),
        (np.arange(20.0) // 2, np.arange(20.0)),
    ],
)
def test_readings_without_a_slope_are_refused(times_s: Floats, lag_records: Floats) -> None:
    with pytest.raises(ValueError, match="lags"):
        lag_slope(times_s, lag_records)


# Knee


@pytest.mark.parametrize(("greatest_load", "knee_load"), [(0.96, 0.8), (0.84, 0.6), (0.64, 0.4)])
def test_the_knee_of_a_queue_is_where_calculus_puts_it(greatest_load: float, knee_load: float) -> None:
    """1 / (1 - x) on [0, L] is farthest below its chord where its slope is that of the chord: at 1 - sqrt(1 - L)."""
    loads = np.linspace(0, greatest_load, round(greatest_load / 0.04) + 1)
    found = knee(loads, 5 / (1 - loads))
    assert found is not None
    assert loads[found] == pytest.approx(knee_load)
    # Neither axis's unit nor its origin matters.
    assert knee(100_000 * loads + 7, 3 + 0.001 / (1 - loads)) == found


LOADS = np.linspace(1, 10, 10)


@pytest.mark.parametrize(
    "latencies",
    [3 * LOADS + 1, np.sqrt(LOADS), -LOADS, 1 / LOADS, np.ones(10), np.append(LOADS[:-1], np.nan)],
    ids=["straight", "concave", "falling", "falling and convex", "flat", "unknown"],
)
def test_a_curve_without_a_bend_has_no_knee(latencies: Floats) -> None:
    assert knee(LOADS, latencies) is None


def test_noise_on_a_straight_line_is_no_knee() -> None:
    random = np.random.default_rng(71)
    found = [knee(LOADS, (3 + LOADS) * log_normal(random, 0.02, 10)) for _ in range(200)]
    assert found.count(None) >= 195


def test_four_points_are_needed_for_a_knee() -> None:
    assert knee([1, 2, 3], [1, 1, 9]) is None
    assert knee([1, 2, 3, 4], [1, 1, 1, 9]) == 2
    assert knee([], []) is None


@pytest.mark.parametrize(
    ("loads", "latencies"),
    [([1.0, 2, 2, 3], [1.0, 2, 3, 4]), ([1.0, 3, 2, 4], [1.0, 2, 3, 4]), ([1.0, 2, 3, 4], [1.0, 2, 3])],
    ids=["equal", "falling", "unequal lengths"],
)
def test_loads_that_make_no_curve_are_refused(loads: list[float], latencies: list[float]) -> None:
    with pytest.raises(ValueError, match="increasing"):
        knee(loads, latencies)
