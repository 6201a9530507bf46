"""Intervals cover what they say they cover and still tell engines apart; what disturbs a run is found, and only then.

Most tests simulate trials whose truth is known. An observed rate may differ from the stated one by chance: limits allow
for three standard errors of the simulation. The seeds are fixed, so that a test that passes once passes always; with
others, a rate as stated would go beyond an upper limit in 0.2 to 0.6 % of the cases, and rates and powers as they are
beyond one of the others in 1 % at most. The gate's instances are small: with 400 simulations, a rate of twice the
stated one is found in 9 of 10 cases. The proofs find smaller differences.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from harness.numerics.intervals import MIN_TRIALS, Interval, adjusted, paired_ratio, step_down, typical
from harness.numerics.intervals import unpaired_ratio as ratio_of_runs
from harness.numerics.trends import drift, knee, lag_slope, order_effect, steady_from

Floats = NDArray[np.floating[Any]]


def _log_normal(random: np.random.Generator, deviation: float, trials: int) -> Floats:
    """Factors whose geometric mean is 1 in the long run; `deviation` is that of their logarithm."""
    return np.exp(random.normal(0, deviation, trials))


def _skewed(random: np.random.Generator, deviation: float, trials: int) -> Floats:
    """The same with a long tail: now and then a trial is much slower."""
    return np.exp(deviation * (random.exponential(1, trials) - 1))


def unpaired_ratio(new: Any, old: Any, confidence: float = 0.95) -> Interval | None:
    """The interval of the ratio of two runs; None if there is none."""
    found = ratio_of_runs(new, old)
    return found.interval(confidence) if found else None


Noise = Callable[[np.random.Generator, float, int], Floats]


def _simulations(few: int, many: int) -> pytest.MarkDecorator:
    """`few` in the gate, and `many` as a proof."""
    return pytest.mark.parametrize("simulations", [few, pytest.param(many, marks=pytest.mark.proof)])


def _three_errors(rate: float, simulations: int) -> float:
    return 3 * math.sqrt(rate * (1 - rate) / simulations)


def _share_without(value: float, intervals: Iterator[Interval | None], simulations: int) -> float:
    found = [interval for interval in intervals if interval]
    assert len(found) == simulations
    return sum(interval.excludes(value) for interval in found) / simulations


# Intervals


@pytest.mark.parametrize(
    ("noise", "deviation", "trials", "simulations"),
    [
        (_log_normal, 0.03, 6, 400),
        pytest.param(_log_normal, 0.03, 6, 1000, marks=pytest.mark.proof),
        pytest.param(_log_normal, 0.15, 12, 500, marks=pytest.mark.proof),
        pytest.param(_skewed, 0.03, 6, 2000, marks=pytest.mark.proof),
        (_skewed, 0.15, 8, 400),
        pytest.param(_skewed, 0.15, 8, 800, marks=pytest.mark.proof),
        pytest.param(_skewed, 0.15, 12, 400, marks=pytest.mark.proof),
    ],
)
def test_an_interval_covers_the_typical_figure_as_often_as_it_says(
    noise: Noise, deviation: float, trials: int, simulations: int
) -> None:
    """In 93 % of the cases at least; and not in nearly all, which would be too wide. Student's t fails when skewed."""
    random = np.random.default_rng(11)
    intervals = (typical(40 * noise(random, deviation, trials)) for _ in range(simulations))
    missed = _share_without(40, intervals, simulations)
    assert missed <= 0.07 + _three_errors(0.07, simulations)
    assert missed >= 0.015


def test_an_interval_is_little_wider_than_students_and_never_narrower() -> None:
    """Student's t is as narrow as can be if noise is log-normal."""
    random = np.random.default_rng(12)
    widths = []
    for _ in range(200):
        logs = random.normal(0, 0.1, 6)
        interval = typical(np.exp(logs))
        assert interval
        half_width = stats.t.ppf(0.975, 5) * logs.std(ddof=1) / math.sqrt(6)
        widths.append(math.log(interval.high / interval.low) / 2 / half_width)
        assert interval.low <= math.exp(logs.mean() - half_width) * (1 + 1e-9)
        assert interval.high >= math.exp(logs.mean() + half_width) * (1 - 1e-9)
    assert 1.02 < np.median(widths) < 1.3


def test_a_long_tail_to_one_side_makes_the_interval_longer_on_the_other_one_than_students() -> None:
    """The mean of trials without the tail's slow ones is too low, and their spread too small as well."""
    logs = np.array([0, 0.01, 0.02, 0.03, 0.05, 0.4])
    interval = typical(np.exp(logs), 0.95)
    assert interval
    below, above = (abs(math.log(end / interval.estimate)) for end in (interval.low, interval.high))
    assert above > 2 * below


@pytest.mark.parametrize("noise", [_log_normal, pytest.param(_skewed, marks=pytest.mark.proof)])
@pytest.mark.parametrize("comparisons", [1, 3, pytest.param(9, marks=pytest.mark.proof)])
@_simulations(500, 1500)
def test_equal_engines_are_rarely_found_different(noise: Noise, comparisons: int, simulations: int) -> None:
    """At most as often as the confidence allows, 5 % divided by the comparisons, and three standard errors."""
    random, confidence = np.random.default_rng(13), adjusted(0.95, comparisons)
    intervals = (
        paired_ratio(noise(random, 0.1, 6), noise(random, 0.1, 6), confidence=confidence) for _ in range(simulations)
    )
    different = _share_without(1, intervals, simulations)
    assert different <= 0.05 / comparisons + _three_errors(0.05 / comparisons, simulations)
    # An interval that is never wrong is too wide to be of use.
    assert different > (0.01 if comparisons == 1 else -1)


@pytest.mark.parametrize(("noise", "power"), [(_log_normal, 0.95), (_skewed, 0.9)])
@_simulations(400, 1000)
def test_six_blocks_show_a_difference_of_20_percent_in_each_of_three_comparisons(
    noise: Noise, power: float, simulations: int
) -> None:
    random = np.random.default_rng(14)
    intervals = (
        paired_ratio(1.2 * noise(random, 0.04, 6), noise(random, 0.04, 6), confidence=adjusted(0.95, 3))
        for _ in range(simulations)
    )
    assert _share_without(1, intervals, simulations) >= power


@pytest.mark.parametrize(
    ("noise", "deviations", "trials"),
    [(_log_normal, (0.15, 0.03), (6, 6)), (_log_normal, (0.04, 0.04), (6, 12)), (_skewed, (0.1, 0.1), (6, 6))],
)
@_simulations(300, 800)
def test_an_interval_covers_the_ratio_of_two_runs_as_often_as_it_says(
    noise: Noise, deviations: tuple[float, float], trials: tuple[int, int], simulations: int
) -> None:
    random = np.random.default_rng(15)
    intervals = (
        unpaired_ratio(30 * noise(random, deviations[0], trials[0]), 20 * noise(random, deviations[1], trials[1]))
        for _ in range(simulations)
    )
    missed = _share_without(1.5, intervals, simulations)
    assert 0.01 <= missed <= 0.07 + _three_errors(0.07, simulations)


def test_two_runs_of_six_trials_show_a_difference_of_20_percent() -> None:
    random, simulations = np.random.default_rng(16), 300
    intervals = (
        unpaired_ratio(1.2 * _log_normal(random, 0.04, 6), _log_normal(random, 0.04, 6), confidence=adjusted(0.95, 3))
        for _ in range(simulations)
    )
    assert _share_without(1, intervals, simulations) >= 0.95


def test_two_runs_are_not_resampled_in_step() -> None:
    """If they were, equal runs would not differ in any resample, and the interval would be Student's."""
    logs = 0.01 * np.arange(6)
    interval = unpaired_ratio(np.exp(logs), np.exp(logs))
    assert interval
    assert interval.estimate == 1
    student = stats.t.ppf(0.975, 10) * math.sqrt(2 / 6) * logs.std(ddof=1)
    assert 1.01 * student < math.log(interval.high) < 1.1 * student
    assert 1.01 * student < -math.log(interval.low) < 1.1 * student


def test_pairing_cancels_a_drift_that_misleads_unpaired_runs() -> None:
    """Equal engines; everything becomes 4 % slower from each trial to the next."""
    random, simulations = np.random.default_rng(18), 200
    misled, paired = 0, []
    for _ in range(simulations):
        figures = 1.04 ** np.arange(24) * _log_normal(random, 0.03, 24)
        one_after_the_other = unpaired_ratio(figures[12:], figures[:12])
        # A B B A: in each four, the first and the last trial are of A.
        fours = figures.reshape(6, 4)
        blocks = paired_ratio(fours[:, [0, 3]].ravel(), fours[:, [1, 2]].ravel())
        assert one_after_the_other
        assert blocks
        misled += one_after_the_other.excludes(1)
        paired.append(blocks)
    assert misled == simulations
    assert _share_without(1, iter(paired), simulations) <= 0.05 + _three_errors(0.05, simulations)
    # Not because it is wide: the drift is 160 % in all.
    assert np.median([blocks.high / blocks.low for blocks in paired]) < 1.12


def test_the_estimates_are_geometric_means() -> None:
    figures, others = [1.0, 2, 4, 8, 16, 32], [1.0, 1, 2, 2, 4, 4]
    one, ratio, runs = typical(figures), paired_ratio(figures, others), unpaired_ratio(figures, [*others, 2])
    assert one
    assert ratio
    assert runs
    assert one.estimate == pytest.approx(2**2.5)
    assert ratio.estimate == pytest.approx(2**1.5)
    assert runs.estimate == pytest.approx(2**1.5)
    for interval in (one, ratio, runs):
        assert interval.low < interval.estimate < interval.high
        assert interval.confidence == 0.95


def test_neither_unit_nor_order_nor_repetition_changes_an_interval() -> None:
    figures = _skewed(np.random.default_rng(19), 0.1, 7)
    first, again, backwards, scaled = (
        typical(each) for each in (figures, list(figures), figures[::-1], figures * 1000)
    )
    assert first
    assert scaled
    assert first == again == backwards
    assert (scaled.low, scaled.high) == pytest.approx((first.low * 1000, first.high * 1000))


def test_the_reverse_ratio_has_the_reverse_interval() -> None:
    random = np.random.default_rng(20)
    a, b = _skewed(random, 0.1, 8), _log_normal(random, 0.05, 8)
    ratio, reverse = paired_ratio(a, b), paired_ratio(b, a)
    assert ratio
    assert reverse
    width = math.log(ratio.high / ratio.low)
    assert math.log(ratio.low) == pytest.approx(-math.log(reverse.high), abs=0.03 * width)
    assert math.log(ratio.high) == pytest.approx(-math.log(reverse.low), abs=0.03 * width)


def test_more_confidence_takes_a_wider_interval() -> None:
    figures = _log_normal(np.random.default_rng(21), 0.1, 6)
    intervals = [typical(figures, adjusted(0.95, comparisons)) for comparisons in (1, 3, 9)]
    widths = [interval.high / interval.low for interval in intervals if interval]
    assert len(widths) == 3
    assert widths == sorted(set(widths))


def test_equal_figures_have_an_interval_without_width() -> None:
    for interval, truth in (
        (typical([3.7] * 6), 3.7),
        (unpaired_ratio([3.0] * 6, [2.0] * 7), 1.5),
        (paired_ratio([3.0] * 6, [2.0] * 6), 1.5),
    ):
        assert interval
        assert interval.low == interval.estimate == interval.high == pytest.approx(truth)


def test_too_few_trials_have_no_interval() -> None:
    few, enough = [1.0, 1.1, 1.2, 1.3, 1.4], [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
    assert len(enough) == MIN_TRIALS
    assert typical(few) is paired_ratio(few, few) is None
    assert unpaired_ratio(few, enough) is unpaired_ratio(enough, few) is None
    assert typical([]) is None
    assert typical(enough)
    assert paired_ratio(enough, enough)
    assert unpaired_ratio(enough, enough)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_figures_without_a_logarithm_have_no_interval(bad: float) -> None:
    good = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
    spoilt = [*good[:-1], bad]
    assert typical(spoilt) is None
    assert paired_ratio(good, spoilt) is paired_ratio(spoilt, good) is None
    assert unpaired_ratio(good, spoilt) is unpaired_ratio(spoilt, good) is None


def test_figures_of_all_magnitudes_do_not_overflow() -> None:
    interval = typical([1e-300, 1e300, 1, 1, 1, 1], adjusted(0.95, 9))
    assert interval
    assert 0 <= interval.low < 1 < interval.high


@pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0, 95.0, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    calls: list[Callable[[], object]] = [
        lambda: typical([], confidence),
        lambda: paired_ratio([], [], confidence),
        lambda: unpaired_ratio([1.0, 2, 3, 4, 5, 6], [1.0] * 6, confidence),
        lambda: step_down([lambda _: True], confidence),
        lambda: lag_slope(np.arange(20.0), np.arange(20.0), confidence),
        lambda: adjusted(confidence, 2),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="confidence"):
            call()


def test_unequal_numbers_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="paired"):
        paired_ratio([1.0] * 7, [1.0] * 6)


def test_an_interval_holds_its_ends() -> None:
    interval = Interval(estimate=2, low=1, high=3, confidence=0.95)
    assert [interval.excludes(value) for value in (0.999, 1, 2, 3, 3.001)] == [True, False, False, False, True]


def test_comparisons_share_the_allowed_error() -> None:
    assert adjusted(0.95, 1) == pytest.approx(0.95)
    assert adjusted(0.95, 10) == pytest.approx(0.995)
    with pytest.raises(ValueError, match="comparisons"):
        adjusted(0.95, 0)


def _shown_up_to(confidence: float) -> Callable[[float], bool]:
    """A claim that the data show with `confidence`, and no more."""
    return lambda wanted: wanted <= confidence


def test_claims_step_down_as_holm_says() -> None:
    """Of four, the two clearest are made: at 1 - 0.05 / 4 and 1 - 0.05 / 3. The third would have to hold with 0.975."""
    p_values = [0.04, 0.0125, 0.026, 0.015]
    found = step_down([_shown_up_to(1 - p) for p in p_values], 0.95)
    assert found == pytest.approx([0.975, 1 - 0.05 / 4, 0.975, 1 - 0.05 / 3])
    assert [1 - p >= each for p, each in zip(p_values, found, strict=True)] == [False, True, False, True]


def test_without_a_first_claim_none_is_made_however_many_are_close() -> None:
    assert step_down([_shown_up_to(1 - 0.013)] * 4, 0.95) == pytest.approx([1 - 0.05 / 4] * 4)
    assert step_down([], 0.95) == []
    assert step_down([_shown_up_to(0.96)], 0.95) == pytest.approx([0.95])


@pytest.mark.parametrize("noise", [_log_normal, pytest.param(_skewed, marks=pytest.mark.proof)])
@pytest.mark.parametrize("trials", [6, pytest.param(12, marks=pytest.mark.proof)])
def test_a_detectable_ratio_is_found_as_often_as_stated(noise: Noise, trials: int) -> None:
    """Runs tell what would be found, and further ones differ by that. Where noise is skewed, 73 % of them are found."""
    random, confidence, simulations = np.random.default_rng(22), 1 - 2 * 0.05 / 5, 200
    lows, factors = [], []
    for _ in range(simulations):
        ratio = ratio_of_runs(noise(random, 0.1, trials), noise(random, 0.1, trials))
        assert ratio
        lows.append(ratio.interval(confidence).low)
        factors.append(ratio.detectable(confidence).by_interval)
    found = float((np.outer(lows, factors) > 1).mean())
    assert (0.76 if noise is _log_normal else 0.7) < found < 0.84


def test_an_estimate_is_beyond_a_bound_as_often_as_stated() -> None:
    random, simulations = np.random.default_rng(23), 200
    estimates, factors = [], []
    for _ in range(simulations):
        ratio = ratio_of_runs(_log_normal(random, 0.1, 6), _log_normal(random, 0.1, 6))
        assert ratio
        estimates.append(ratio.interval().estimate)
        factors.append(ratio.detectable(0.95).by_estimate)
    found = float((np.outer(estimates, factors) > 1).mean())
    assert abs(found - 0.8) < _three_errors(0.8, simulations)


def test_more_trials_less_noise_and_less_confidence_detect_less() -> None:
    logs = np.array([-1.0, -0.6, -0.2, 0.2, 0.6, 1.0])

    def detectable(scale: float, repeated: int, confidence: float, power: float = 0.8) -> float:
        ratio = ratio_of_runs(*(np.exp(scale * np.tile(logs, repeated)) for _ in range(2)))
        assert ratio
        return ratio.detectable(confidence, power).by_interval

    most = detectable(0.1, 1, 0.99)
    assert 1 < detectable(0.1, 2, 0.99) < most
    assert 1 < detectable(0.05, 1, 0.99) < most
    assert 1 < detectable(0.1, 1, 0.95) < most < detectable(0.1, 1, 0.99, power=0.9)
    assert detectable(0.0, 1, 0.99) == 1
    assert detectable(500.0, 1, 0.99) == math.inf


# Drift

ORDERS = {
    "in turn": ["a", "b", "c"] * 6,
    "there and back": ["a", "b", "c", "c", "b", "a"] * 3,
    "one after the other": ["a"] * 6 + ["b"] * 6 + ["c"] * 6,
}


def _run(random: np.random.Generator, order: list[str], percent_per_trial: float) -> list[tuple[str, float]]:
    """Trials with a noise of 5 % of engines that are far apart."""
    level = {"a": 1.0, "b": 30.0, "c": 1000.0}
    factors = (1 + percent_per_trial / 100) ** np.arange(len(order)) * _log_normal(random, 0.05, len(order))
    return [(engine, level[engine] * factor) for engine, factor in zip(order, factors.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("order", "power"), [("in turn", 0.99), ("there and back", 0.99), ("one after the other", 0.6)]
)
@pytest.mark.parametrize("percent", [2, -2])
@_simulations(100, 200)
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
    assert 0.025 < rate <= 0.05 + _three_errors(0.05, simulations)


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
        1.5 * factor * _log_normal(random, 0.05, blocks),
        1.5 / factor * _log_normal(random, 0.05, blocks),
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
    assert 0.01 <= rate <= 0.05 + _three_errors(0.05, simulations)


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
    missed = _share_without(40, iter(found), simulations)
    assert 0.01 < missed <= 0.05 + _three_errors(0.05, simulations)
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
    found = [knee(LOADS, (3 + LOADS) * _log_normal(random, 0.02, 10)) for _ in range(200)]
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
