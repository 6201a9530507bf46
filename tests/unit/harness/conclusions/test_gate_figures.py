"""Figures are judged as often wrong as stated, and what a comparison calls detectable is found as often as stated."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.conclusions.gate import gate
from harness.conclusions.gate_figures import FigureChange, Pair, Rule, Status, judge
from harness.conclusions.headline_figures import HeadlineFigure
from harness.numerics.intervals import MIN_TRIALS
from tests.builders.two_runs import (
    GATED_OF_COUNTS,
    OLD_RUN,
    TYPICAL,
    noisy,
    of,
    run,
)

Noise = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]


def log_normal(deviation: float) -> Noise:
    return lambda random, shape: np.exp(random.normal(0, deviation, shape))


def skewed(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Now and then, a trial is much slower."""
    return np.exp(0.1 * random.exponential(1, shape))


def builds(
    count: int,
    noise: Noise,
    worse: Sequence[float],
    allowed_percent: float = 5,
    figures: Sequence[HeadlineFigure] = GATED_OF_COUNTS,
    seed: int = 7,
) -> list[list[FigureChange]]:
    """What came of `count` builds whose figures, in their order, truly are `worse` by these factors."""
    random = np.random.default_rng(seed)
    rule = Rule(allowed_percent, 0.95, has_intervals=True)
    found = []
    for _ in range(count):
        old, new = noise(random, (2, len(figures), MIN_TRIALS))
        factors = [each if of.lower_is_better else 1 / each for of, each in zip(figures, worse, strict=True)]
        pairs = [
            Pair("flink", of, (TYPICAL[of.name] * before).tolist(), (TYPICAL[of.name] * after * factor).tolist(), True)
            for of, before, after, factor in zip(figures, old, new, factors, strict=True)
        ]
        found.append(judge(pairs, rule))
    return found


def share_of(status: Status, found: list[list[FigureChange]], *, at: int | None = None) -> float:
    """How many of the builds have a figure of that status, or have it `at` that place."""
    looked_at = [build if at is None else [build[at]] for build in found]
    return sum(status in {change.status for change in build} for build in looked_at) / len(found)


def at_most(error: float, builds: int) -> float:
    """What a rate of `error` may be by chance, in so many simulated builds."""
    return error + 3 * math.sqrt(error * (1 - error) / builds)


PROOF = pytest.mark.proof


@pytest.mark.parametrize(
    ("noise", "count"),
    [(log_normal(0.04), 40), *(pytest.param(each, 1000, marks=PROOF) for each in (log_normal(0.04), skewed))],
)
def test_noise_alone_fails_a_build_no_more_often_than_stated(noise: Noise, count: int) -> None:
    # No regression at all is allowed here, so that the intervals alone protect the build.
    found = builds(count, noise, [1] * 5, allowed_percent=0)
    for status in (Status.REGRESSION, Status.IMPROVEMENT):
        assert share_of(status, found) <= at_most(0.05, count)
        # Intervals that hardly ever fail a build are too wide to be of use.
        assert share_of(status, found) > (0.01 if count > 40 else -1)


@PROOF
def test_figures_that_are_truly_worse_do_not_make_noise_fail_others_more_often() -> None:
    found = [build[2:] for build in builds(1000, log_normal(0.04), [3, 3, 1, 1, 1], allowed_percent=0)]
    assert 0.01 < share_of(Status.REGRESSION, found) <= at_most(0.05, 1000)


@pytest.mark.parametrize(
    ("engines", "worse", "count", "found_in"),
    [
        (1, 1.5, 20, 0.85),
        (1, 1.2, 30, 0.1),
        *(pytest.param(*each, marks=PROOF) for each in ((1, 1.5, 500, 0.98), (1, 1.2, 500, 0.23))),
        *(pytest.param(*each, marks=PROOF) for each in ((3, 1.5, 200, 0.9), (3, 1.2, 200, 0.06))),
    ],
)
def test_a_regression_of_one_figure_is_found_in_spite_of_a_spread_of_ten_percent(
    engines: int, worse: float, count: int, found_in: float
) -> None:
    """With six trials, 50 % in 99 % of builds and 20 % in 29 %; among three engines' figures, in 95 and 13 %."""
    unchanged = [1.0] * (len(GATED_OF_COUNTS) * engines - 1)
    found = builds(count, log_normal(0.1), [worse, *unchanged], figures=GATED_OF_COUNTS * engines)
    assert share_of(Status.REGRESSION, found, at=0) >= found_in


def test_each_figure_is_judged_with_the_confidence_that_the_others_leave_it() -> None:
    new = {"latency_ms_p50": 1.5, "latency_ms_p99": 1.5, "cpu_s_per_million_records": 1.5, "rss_bytes_peak": 0.5}
    flat = [5990.0, 5991, 5989, 5992, 5988, 5990]
    old_run, new_run = (
        run(factors, seed=seed, throughput_records_per_s_sustained=[factor * each for each in flat])
        for factors, seed, factor in (({}, 1, 1.0), (new, 2, 0.97))
    )
    found = {each.figure: each.ratio.confidence for each in gate(old_run, new_run).changes if each.ratio}
    of_five, of_two = (1 - 2 * 0.05 / left for left in (5, 2))
    assert [found[name] for name in new] == pytest.approx([of_five] * 4)  # of improvements, this is the first, too
    assert found["throughput_records_per_s_sustained"] == pytest.approx(of_two)
    assert found["latency_ms_mean"] == 0.95


def test_a_figure_that_bonferroni_would_miss_is_found_after_others() -> None:
    """Its interval at the confidence of five reaches into what is allowed; at that of two, it does not."""
    close = run({"latency_ms_p50": 1.075}, seed=2)
    clear = run(
        {"latency_ms_p50": 1.075, "latency_ms_p99": 3, "cpu_s_per_million_records": 3, "rss_bytes_peak": 3}, seed=2
    )
    alone, beside = (of(gate(OLD_RUN, each), "latency_ms_p50") for each in (close, clear))
    assert (alone.status, beside.status) == (Status.INCONCLUSIVE, Status.REGRESSION)
    assert alone.interval_percent and beside.interval_percent
    assert alone.interval_percent[0] < 5 < beside.interval_percent[0]


def test_what_a_figure_shows_is_what_its_interval_says() -> None:
    seen = set()
    for change in (change for build in builds(15, log_normal(0.1), [1.5, 1.3, 1, 0.8, 0.6]) for change in build):
        assert change.interval_percent
        least, greatest = change.interval_percent
        assert (change.status is Status.REGRESSION) is (least > 5)
        assert (change.status is Status.IMPROVEMENT) is (greatest < 0)
        seen.add(change.status)
    assert seen >= {Status.REGRESSION, Status.IMPROVEMENT, Status.INCONCLUSIVE, Status.UNCHANGED}


# What would have been found


@pytest.mark.parametrize(("place", "count"), [(0, 20), *(pytest.param(each, 300, marks=PROOF) for each in (0, 2))])
def test_a_detectable_change_is_found_as_often_as_stated(place: int, count: int) -> None:
    """Builds tell what would have been found, and in as many others, the figure gets worse by that."""
    told = [build[place].minimum_detectable_percent or 0 for build in builds(count, log_normal(0.1), [1] * 5)]
    lower_is_better = GATED_OF_COUNTS[place].lower_is_better
    factors = [1 + each / 100 if lower_is_better else 1 / (1 - each / 100) for each in told]
    found = [
        builds(1, log_normal(0.1), [factor if at == place else 1 for at in range(5)], seed=100 + number)[0]
        for number, factor in enumerate(factors)
    ]
    assert abs(share_of(Status.REGRESSION, found, at=place) - 0.8) < 3 * math.sqrt(0.16 / count)


def test_nothing_would_have_been_found_without_intervals_or_of_what_is_not_gated() -> None:
    bare = gate(run(trials=1), run(seed=2, trials=1), point_estimates=True)
    assert {each.minimum_detectable_percent for each in bare.changes} == {None}
    found = {each.figure: each.minimum_detectable_percent for each in gate(OLD_RUN, run(seed=2)).changes}
    assert {name for name, percent in found.items() if percent is None} == {"latency_ms_p999", "latency_ms_mean"}
    assert all(5 < percent < 20 for percent in found.values() if percent is not None)


def test_a_throughput_cannot_fall_by_more_than_all_of_it() -> None:
    throughput = "throughput_records_per_s_sustained"
    noisy = of(gate(run(noise=0.5), run(seed=2, noise=0.5)), throughput).minimum_detectable_percent
    assert noisy and 50 < noisy < 100
    assert of(gate(OLD_RUN, run(seed=2), max_regression_percent=100), throughput).minimum_detectable_percent is None


def test_no_change_within_the_resolution_would_have_been_found() -> None:
    """Of 2 ms, 5 % are 0.1 ms; but a change has to be more than 1 ms."""
    change = of(gate(run(latency_ms_p50=noisy(2, 1)), run(seed=2, latency_ms_p50=noisy(2, 2))), "latency_ms_p50")
    assert change.minimum_detectable_percent and 50 < change.minimum_detectable_percent < 60
