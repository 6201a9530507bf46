"""Two runs compared: what fails a build and what must not, and that tools can read what they are told of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from typer.testing import CliRunner

from harness.cli import app
from harness.conclusions.comparable import check_comparable
from harness.conclusions.gate import NO_INTERVALS, Gate, gate
from harness.conclusions.gate_figures import Change, Pair, Rule, Status, judge
from harness.conclusions.headline_figures import GATED, HEADLINES, Headline, headline
from harness.errors import InvalidRun, UsageError
from harness.numerics.intervals import MIN_TRIALS
from harness.results.correctness import Verdict
from harness.results.result import EngineResult, Result, TrialResult, save_result
from reports.documents.gate import benchmark_json, gate_markdown, gate_table, junit_xml
from tests.builders.results import directly, make_engine, make_result

ATTACK = "<script>alert(1)</script> | [x](http://example.com) [bold]`$x_1$"
NOISE = 0.02
#: What each figure is about, in its unit; so much that no resolution hides a change of a few percent.
TYPICAL = {
    "latency_ms_p50": 180.0,
    "latency_ms_p99": 410.0,
    "latency_ms_p999": 530.0,
    "latency_ms_mean": 195.0,
    "throughput_records_per_s_sustained": 5990.0,
    "cpu_s_per_million_records": 104.0,
    "rss_bytes_peak": 4.4e8,
}
SCENARIO = {"name": "nightly", "seed": 42, "rate_records_per_s": 6000, "parallelism": 2, "limits": {"quiet_s": 15.0}}


def noisy(about: float, seed: int, *, trials: int = MIN_TRIALS, noise: float = NOISE) -> list[float]:
    """Log-normal figures whose geometric mean is exactly `about`."""
    logs = np.random.default_rng(seed).normal(0, noise, trials)
    return [about * math.exp(each) for each in logs - logs.mean()]


def with_figure(trial: TrialResult, name: str, value: float | None) -> TrialResult:
    """`trial` with one of its headline figures replaced; None takes away the part that holds it."""
    part, field = {
        "throughput_records_per_s_sustained": ("throughput_records_per_s", "sustained"),
        "cpu_s_per_million_records": ("cost", "cpu_s_per_million_records"),
        "rss_bytes_peak": ("cost", "rss_bytes_peak"),
    }.get(name, ("latency_ms", name.removeprefix("latency_ms_")))
    found = getattr(trial, part)
    if found is None or value is None:
        return trial.model_copy(update={part: None})
    counted = round(value) if name == "rss_bytes_peak" else value
    return trial.model_copy(update={part: found.model_copy(update={field: counted})})


def engine_with(figures: Mapping[str, Sequence[float | None]], base: EngineResult) -> EngineResult:
    """`base` with the figures of its trials replaced."""
    trials = list(base.trials)
    for name, values in figures.items():
        trials = [with_figure(trial, name, value) for trial, value in zip(trials, values, strict=True)]
    return base.model_copy(update={"trials": trials})


def run(
    factors: Mapping[str, float] | None = None,
    *,
    seed: int = 1,
    trials: int = MIN_TRIALS,
    name: str = "flink",
    noise: float = NOISE,
    **figures: Sequence[float | None],
) -> Result:
    """A run of one engine with `TYPICAL` figures times `factors`, or exactly the given figures."""
    drawn = {
        of: noisy(about * (factors or {}).get(of, 1), seed * 100 + place, trials=trials, noise=noise)
        for place, (of, about) in enumerate(TYPICAL.items())
    }
    engine = engine_with(drawn | figures, make_engine("flink", 180, trials=trials)).model_copy(update={"name": name})
    return make_result(engines=[engine]).model_copy(update={"run_id": f"run-{seed}", "scenario": dict(SCENARIO)})


#: The figures of `TYPICAL` that can fail a build, unless others are asked for.
GATED_OF_COUNTS = [each for each in HEADLINES if each in GATED]


def of(found: Gate, figure: str) -> Change:
    return next(change for change in found.changes if change.figure == figure)


def statuses(found: Gate) -> dict[str, Status]:
    """Of the gated figures."""
    return {change.figure: change.status for change in found.changes if change.gated}


def with_engines(result: Result, *engines: EngineResult) -> Result:
    return result.model_copy(update={"engines": list(engines)})


def with_verdict(result: Result, verdict: Verdict) -> Result:
    return with_engines(result, result.engines[0].model_copy(update={"verdict": verdict}))


def with_environment(result: Result, **fields: Any) -> Result:
    return result.model_copy(update={"environment": result.environment.model_copy(update=fields)})


def with_scenario(result: Result, **keys: Any) -> Result:
    return result.model_copy(update={"scenario": result.scenario | keys})


OLD_RUN = run()


# What fails, and what does not


def test_a_regression_of_twenty_percent_fails() -> None:
    found = gate(OLD_RUN, run({"latency_ms_p99": 1.2}, seed=2))
    change = of(found, "latency_ms_p99")
    assert not found.passed and found.has_intervals
    assert change.status is Status.REGRESSION
    assert change.change_percent == pytest.approx(20)
    assert change.old == pytest.approx(410) and change.new == pytest.approx(492)
    assert change.ratio and change.ratio.low > 1.05
    # One end of each interval can fail the build.
    assert change.ratio.confidence == pytest.approx(1 - 2 * 0.05 / len(GATED_OF_COUNTS))
    assert found.reasons == [change.reason]
    assert "flink: latency p99 is 20.0 % worse" in change.reason
    assert {each.status for each in found.changes if each.gated and each is not change} == {Status.UNCHANGED}


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
    figures: Sequence[Headline] = GATED_OF_COUNTS,
    seed: int = 7,
) -> list[list[Change]]:
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


def share_of(status: Status, found: list[list[Change]], *, at: int | None = None) -> float:
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


def test_two_runs_of_the_same_pass() -> None:
    found = gate(OLD_RUN, run(seed=2))
    assert found.passed and found.reasons == [] and found.notes == []
    assert set(statuses(found).values()) == {Status.UNCHANGED}


def test_an_improvement_is_no_failure() -> None:
    found = gate(OLD_RUN, run({"cpu_s_per_million_records": 0.7}, seed=2))
    assert found.passed
    assert of(found, "cpu_s_per_million_records").status is Status.IMPROVEMENT
    assert of(found, "cpu_s_per_million_records").change_percent == pytest.approx(-30)


@pytest.mark.parametrize(
    ("factor", "status", "percent"), [(0.8, Status.REGRESSION, 20), (1.25, Status.IMPROVEMENT, -25)]
)
def test_throughput_is_worse_if_it_is_lower(factor: float, status: Status, percent: float) -> None:
    change = of(
        gate(OLD_RUN, run({"throughput_records_per_s_sustained": factor}, seed=2)), "throughput_records_per_s_sustained"
    )
    assert change.status is status
    assert change.change_percent == pytest.approx(percent)
    assert change.interval_percent
    assert change.interval_percent[0] < percent < change.interval_percent[1]


def test_a_change_within_the_resolution_is_unchanged() -> None:
    before, after = noisy(4.0, 1), noisy(4.9, 2)
    found = gate(run(latency_ms_p50=before), run(seed=2, latency_ms_p50=after))
    assert of(found, "latency_ms_p50").change_percent == pytest.approx(22.5)
    assert of(found, "latency_ms_p50").status is Status.UNCHANGED
    assert found.passed


def test_a_change_that_is_shown_but_allowed_is_unchanged() -> None:
    factors = {"latency_ms_p50": 1.04}
    found = gate(run(noise=0.001), run(factors, seed=2, noise=0.001))
    least, _ = of(found, "latency_ms_p50").interval_percent or (0, 0)
    assert least > 0
    assert of(found, "latency_ms_p50").status is Status.UNCHANGED
    assert not gate(run(noise=0.001), run(factors, seed=2, noise=0.001), max_regression_percent=3).passed


def test_a_change_that_noise_could_explain_is_inconclusive_and_passes_with_a_note() -> None:
    found = gate(run(noise=0.3), run({"latency_ms_p99": 1.2}, seed=2, noise=0.3))
    assert of(found, "latency_ms_p99").status is Status.INCONCLUSIVE
    assert found.passed
    assert any("1 of 5 gated figures are inconclusive" in note for note in found.notes)


def test_what_is_inconclusive_fails_a_strict_build_in_words() -> None:
    old, new = run(noise=0.3), run({"latency_ms_p99": 1.2}, seed=2, noise=0.3)
    found = gate(old, new, strict=True)
    assert not found.passed and found.strict
    assert statuses(found)["latency_ms_p99"] is Status.INCONCLUSIVE
    assert found.reasons == [of(found, "latency_ms_p99").reason]
    assert "latency p99 is 20.0 % worse by the estimate, and -" in found.reasons[0] and "--strict" in found.reasons[0]
    assert gate(OLD_RUN, run(seed=2), strict=True).passed


# What is gated


def test_a_figure_that_is_not_gated_is_shown_and_fails_nothing() -> None:
    new = run({"latency_ms_p999": 3, "latency_ms_mean": 3}, seed=2)
    found = gate(OLD_RUN, new)
    assert found.passed
    for name in ("latency_ms_p999", "latency_ms_mean"):
        change = of(found, name)
        assert change.status is Status.NOT_GATED and not change.gated
        assert change.ratio and change.ratio.low > 2.5 and change.ratio.confidence == 0.95
    assert not gate(OLD_RUN, new, gated=["latency_ms_mean"]).passed
    assert len(gate(OLD_RUN, new, gated=["all"]).reasons) == 2


def test_only_the_figures_that_are_asked_for_are_gated_and_have_all_the_power() -> None:
    found = gate(OLD_RUN, run({"latency_ms_p99": 1.5}, seed=2), gated=["latency_ms_p999"])
    assert found.passed and list(statuses(found)) == ["latency_ms_p999"]
    change = of(found, "latency_ms_p999")
    assert change.ratio and change.ratio.confidence == pytest.approx(0.9)
    all_of_them = of(gate(OLD_RUN, run(seed=2), gated=["all", "latency_ms_p50"]), "latency_ms_p999")
    assert all_of_them.ratio and all_of_them.ratio.confidence == pytest.approx(1 - 2 * 0.05 / len(HEADLINES))


@pytest.mark.parametrize("name", ["latency_p99", "emission_delay_ms_p50", ""])
def test_a_figure_that_the_runs_lack_is_refused_with_those_they_have(name: str) -> None:
    with pytest.raises(UsageError, match=f"^--gate '{name}'") as caught:
        gate(OLD_RUN, run(seed=2), gated=["latency_ms_p50", name])
    assert all(each.name in caught.value.fix for each in HEADLINES) and "all" in caught.value.fix


def test_a_lost_figure_that_is_not_gated_is_noted() -> None:
    lost = run(seed=2, latency_ms_mean=[0.0] * MIN_TRIALS)
    found = gate(OLD_RUN, lost)
    assert found.passed and of(found, "latency_ms_mean").status is Status.NOT_MEASURED
    assert found.notes == ["flink: latency mean was measured in OLD, but not in every trial of NEW; it is not gated"]
    assert not gate(OLD_RUN, lost, gated=["all"]).passed


# The worst trials


@pytest.mark.parametrize(("factor", "how"), [(1.5, "worse"), (0.5, "better")])
def test_the_worst_trials_stand_beside_what_is_worse_or_better(factor: float, how: str) -> None:
    old, new = [100.0, 101, 102, 103, 104, 130], [factor * each for each in (100, 101, 102, 103, 104, 140)]
    found = gate(run(latency_ms_p99=old), run(seed=2, latency_ms_p99=new))
    change = of(found, "latency_ms_p99")
    assert (change.old_worst_trial, change.new_worst_trial) == (130, 140 * factor)
    (sentence,) = found.reasons or found.improvements
    assert f"% {how}, by " in sentence and f"worst trials 130 and {140 * factor:g} ms" in sentence
    for text in (shown(found), " ".join(gate_markdown(found).split()).replace("\\", "")):
        assert sentence in text
    slow = of(gate(run(seed=3), run(seed=2)), "throughput_records_per_s_sustained")
    assert slow.new and slow.new_worst_trial and slow.new_worst_trial < slow.new


def test_an_engine_missing_in_the_new_run_fails_and_an_additional_one_is_noted() -> None:
    two = with_engines(OLD_RUN, *OLD_RUN.engines, make_engine("baseline", 6, trials=MIN_TRIALS))
    lost, gained = gate(two, run(seed=2)), gate(run(seed=2), two)
    assert not lost.passed and lost.reasons == ["baseline is in OLD, but not in NEW"]
    assert gained.passed and gained.notes == ["baseline is in NEW only, and was not compared"]
    assert {change.engine for change in lost.changes + gained.changes} == {"flink"}


def test_runs_without_a_common_engine_fail() -> None:
    found = gate(OLD_RUN, run(name="spark", trials=1), point_estimates=True)
    assert not found.passed and found.changes == [] and len(found.reasons) == 1
    nothing = gate(with_engines(OLD_RUN), OLD_RUN)
    assert not nothing.passed and "nothing was compared" in nothing.reasons[0]


@pytest.mark.parametrize("last", [None, 0.0, math.nan])
def test_a_figure_that_the_new_run_lacks_fails(last: float | None) -> None:
    found = gate(OLD_RUN, run(seed=2, cpu_s_per_million_records=[*noisy(104, 1)[:-1], last]))
    change = of(found, "cpu_s_per_million_records")
    assert change.status is Status.NOT_MEASURED and change.new is None and change.ratio is None
    assert not found.passed
    assert "CPU per million records was measured in OLD, but not in every trial of NEW" in change.reason


def test_a_figure_that_the_old_run_lacks_is_noted() -> None:
    lacking = run(cpu_s_per_million_records=[0.0] * MIN_TRIALS)
    gained, neither = gate(lacking, run(seed=2)), gate(lacking, lacking)
    assert gained.passed and statuses(gained)["cpu_s_per_million_records"] is Status.NOT_MEASURED
    assert gained.notes == ["flink: CPU per million records was not measured in every trial of OLD"]
    assert neither.passed and neither.notes == [gained.notes[0] + ", nor in NEW"]


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNKNOWN])
def test_a_verdict_that_was_pass_and_is_not_any_more_fails(verdict: Verdict) -> None:
    new = run(seed=2)
    found = gate(OLD_RUN, with_verdict(new, verdict))
    assert found.reasons == [f"flink: the verdict was pass in OLD, and is {verdict.value} in NEW"]
    assert not found.passed


def test_a_verdict_that_was_not_pass_before_is_noted() -> None:
    old = with_verdict(OLD_RUN, Verdict.FAIL)
    found = gate(old, run(seed=2))
    assert found.passed
    assert any("was fail in OLD already" in note for note in found.notes)


# Too few trials, and what makes no sense


@pytest.mark.parametrize(("old", "new"), [(1, 1), (6, 5), (5, 6)])
def test_too_few_trials_are_refused_with_both_ways_out(old: int, new: int) -> None:
    with pytest.raises(UsageError) as caught:
        gate(run(trials=old), run(seed=2, trials=new))
    assert caught.value.message == f"too few trials for intervals: OLD has {old}, NEW has {new}"
    assert "--trials 6" in caught.value.fix and "--point-estimates" in caught.value.fix


def test_point_estimates_are_judged_as_they_are_and_loudly() -> None:
    found = gate(run(trials=1), run({"latency_ms_p99": 1.06, "latency_ms_p50": 0.9}, trials=1), point_estimates=True)
    assert not found.passed and not found.has_intervals
    assert statuses(found)["latency_ms_p99"] is Status.REGRESSION
    assert statuses(found)["latency_ms_p50"] is Status.IMPROVEMENT
    assert all(change.ratio is None and change.new_interval is None for change in found.changes)
    assert found.notes[0] == NO_INTERVALS
    assert NO_INTERVALS in gate_markdown(found) and NO_INTERVALS in shown(found)


def test_exactly_the_allowed_change_passes() -> None:
    old, new = run(trials=1, latency_ms_p99=[400.0]), run(trials=1, latency_ms_p99=[420.0])
    found = gate(old, new, point_estimates=True)
    assert found.passed and statuses(found)["latency_ms_p99"] is Status.UNCHANGED


def test_point_estimates_change_nothing_where_there_are_intervals() -> None:
    new = run({"latency_ms_p99": 1.2}, seed=2)
    assert gate(OLD_RUN, new, point_estimates=True) == gate(OLD_RUN, new)


def test_an_invalid_run_is_refused_by_name() -> None:
    invalid = OLD_RUN.model_copy(update={"valid": False, "invalid_reasons": ["the clock moved", "and more"]})
    with pytest.raises(InvalidRun, match=r"^OLD \(run-1\) is an invalid run: the clock moved\n"):
        gate(invalid, OLD_RUN)
    with pytest.raises(InvalidRun, match=r"^NEW \(run-1\) is an invalid run: the clock moved\n"):
        gate(OLD_RUN, invalid)
    with pytest.raises(InvalidRun, match=r"OLD .*; NEW "):
        gate(invalid, invalid)


@pytest.mark.parametrize(
    "arguments",
    [{"max_regression_percent": -1}, {"max_regression_percent": math.nan}, {"confidence": 95}, {"confidence": 0.75}],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="makes no sense"):
        gate(OLD_RUN, OLD_RUN, **arguments)


def test_a_gate_survives_json() -> None:
    found = gate(OLD_RUN, run({"latency_ms_p99": 1.2}, seed=2), notes=["java: 17 in OLD, 21 in NEW"])
    assert Gate.model_validate_json(found.model_dump_json()) == found
    assert found.notes == ["java: 17 in OLD, 21 in NEW"]


# Comparable


def test_runs_alike_are_comparable_without_a_note() -> None:
    other = with_scenario(run(seed=2), name="pull-request", description="the same", engines=["flink", "spark"])
    assert check_comparable(OLD_RUN, other) == []


@pytest.mark.parametrize(
    ("key", "value"), [("host", "ffff"), ("cpu_model", "Other CPU"), ("cpu_count", 64), ("memory_bytes", 2**30)]
)
def test_another_host_is_refused_unless_allowed(key: str, value: Any) -> None:
    other = with_environment(run(seed=2), **{key: value})
    expected = f"{key}: {getattr(OLD_RUN.environment, key)} in OLD, {value} in NEW"
    with pytest.raises(UsageError, match="the host differs") as caught:
        check_comparable(OLD_RUN, other, allow_different_workload=True)
    assert expected in caught.value.message
    assert "--allow-different-host" in caught.value.fix and "--allow-different-workload" not in caught.value.fix
    notes = check_comparable(OLD_RUN, other, allow_different_host=True)
    assert notes == [f"the host differs, allowed by --allow-different-host: {expected}"]


@pytest.mark.parametrize(
    ("key", "value", "before"), [("seed", 43, 42), ("parallelism", 4, 2), ("key_to_come", "x", "none")]
)
def test_another_workload_is_refused_unless_allowed(key: str, value: Any, before: Any) -> None:
    other = with_scenario(run(seed=2), **{key: value})
    expected = f"{key}: {before} in OLD, {value} in NEW"
    with pytest.raises(UsageError, match="the workload differs") as caught:
        check_comparable(OLD_RUN, other, allow_different_host=True)
    assert expected in caught.value.message
    assert "--allow-different-workload" in caught.value.fix and "--allow-different-host" not in caught.value.fix
    notes = check_comparable(OLD_RUN, other, allow_different_workload=True)
    assert notes == [f"the workload differs, allowed by --allow-different-workload: {expected}"]


def test_a_run_from_before_there_was_a_key_had_its_default() -> None:
    assert check_comparable(OLD_RUN, with_scenario(run(seed=2), surges=[])) == []
    surges = [{"county": "Fresno", "at_s": 30, "duration_s": 20, "factor": 3.0}]
    with pytest.raises(UsageError, match=r"surges: \[\] in OLD, \[\{'county': 'Fresno'"):
        check_comparable(OLD_RUN, with_scenario(run(seed=2), surges=surges))


def test_a_run_that_does_not_say_how_its_partitions_were_chosen_had_them_take_turns() -> None:
    assert check_comparable(OLD_RUN, with_scenario(run(seed=2), partitioning="round-robin")) == []
    with pytest.raises(UsageError, match="partitioning: round-robin in OLD, cell in NEW"):
        check_comparable(OLD_RUN, with_scenario(run(seed=2), partitioning="cell"))


def test_all_that_differs_is_named_at_once() -> None:
    other = with_scenario(with_environment(run(seed=2), host="ffff", cpu_count=3), seed=43, parallelism=4)
    with pytest.raises(UsageError) as caught:
        check_comparable(OLD_RUN, other)
    for key in ("host: ", "cpu_count: ", "seed: ", "parallelism: "):
        assert key in caught.value.message
    assert "--allow-different-host" in caught.value.fix and "--allow-different-workload" in caught.value.fix


def test_memory_that_another_kernel_keeps_for_itself_makes_no_other_host() -> None:
    other = with_environment(run(seed=2), memory_bytes=OLD_RUN.environment.memory_bytes - 2**24, kernel="6.2")
    assert check_comparable(OLD_RUN, other) == ["kernel: 6.1 in OLD, 6.2 in NEW"]


def test_software_that_differs_is_noted() -> None:
    services = OLD_RUN.environment.services | {"kafka": "4.3.0"}
    other = with_environment(run(seed=2), java="17", python="3.12.1", commit=None, services=services)
    other = with_engines(other, other.engines[0].model_copy(update={"version": "1.1.0"}))
    assert check_comparable(OLD_RUN, with_scenario(other, limits={"quiet_s": 30.0})) == [
        "java: 21.0.8 in OLD, 17 in NEW",
        "python: 3.11.7 in OLD, 3.12.1 in NEW",
        "commit: 48cbd08 in OLD, none in NEW",
        "kafka: 4.2.0 in OLD, 4.3.0 in NEW",
        "limits.quiet_s: 15.0 in OLD, 30.0 in NEW",
        "flink version: 1.0.0 in OLD, 1.1.0 in NEW",
    ]


def test_settings_of_the_compared_engines_are_noted_only() -> None:
    other = with_scenario(run(seed=2), engine_settings={"flink": {"mini_batch": {"size": 9}}, "spark": {"x": 1}})
    configured = other.engines[0].model_copy(update={"config": other.engines[0].config | {"parallelism": 3}})
    assert check_comparable(OLD_RUN, with_engines(other, configured)) == [
        "flink setting mini_batch.size: none in OLD, 9 in NEW",
        "flink configuration parallelism: 2 in OLD, 3 in NEW",
    ]


def test_a_run_compared_with_itself_and_other_bytes_are_noted() -> None:
    assert check_comparable(OLD_RUN, OLD_RUN) == ["OLD and NEW are the same run, run-1"]
    assert OLD_RUN.truth
    truth = OLD_RUN.truth.model_copy(update={"archive_sha256": "00" * 32})
    notes = check_comparable(OLD_RUN, run(seed=2).model_copy(update={"truth": truth}))
    assert len(notes) == 1 and "archives of the same workload differ" in notes[0]


# The price of the Kafka hop


def by_both_routes() -> tuple[Result, Result]:
    """Runs that differ in their routes only: through Kafka, p50 is 12 ms, and directly 10 ms."""
    kafka, direct = make_result(engines=[make_engine("flink", 12)]), make_result(engines=[make_engine("flink", 10)])
    return kafka, directly(direct).model_copy(update={"run_id": "direct"})


def prices(old: Result, new: Result) -> dict[str, tuple[float | None, ...]]:
    found = gate(old, new, point_estimates=True, notes=check_comparable(old, new))
    assert "route: " in " ".join(found.notes)
    return {each.figure: (each.kafka, each.direct, each.price) for each in found.hop_prices}


def test_the_price_of_the_kafka_hop_is_what_it_costs_more_in_either_order_of_the_runs() -> None:
    kafka, direct = by_both_routes()
    found = prices(kafka, direct)
    assert found == prices(direct, kafka)
    p50s = [run.engines[0].latency_ms.p50 for run in (kafka, direct) if run.engines[0].latency_ms]
    assert found["latency p50"] == (*p50s, p50s[0] - p50s[1])
    through, around, price = found["CPU per million records, Kafka, Redis and writer"]
    # The writer, which the direct route lacks, has 0.11 of a core at 6,000 records/s.
    assert through and around and price == pytest.approx(0.11 / 6000 * 1e6)
    assert through == pytest.approx((0.19 + 0.085 + 0.11) / 6000 * 1e6)


def test_runs_of_the_same_route_and_engines_with_other_settings_show_no_price() -> None:
    kafka, direct = by_both_routes()
    assert gate(kafka, with_scenario(kafka, route="kafka"), point_estimates=True).hop_prices == []
    tuned = with_scenario(direct, engine_settings={"flink": {"flush_interval_ms": 5}})
    assert gate(kafka, tuned, point_estimates=True).hop_prices == []


def test_services_that_could_not_be_measured_have_no_price() -> None:
    kafka, direct = by_both_routes()
    for engine in direct.engines:
        engine.trials[0].other_costs = []
    assert prices(kafka, direct)["CPU per million records, all of these"][1:] == (None, None)


def test_the_price_is_told_in_the_terminal_and_in_markdown() -> None:
    kafka, direct = by_both_routes()
    found = gate(kafka, direct, point_estimates=True)
    assert all(len(line) <= 80 for line in terminal(found).splitlines())
    assert "The price of the Kafka hop" in terminal(found)
    assert re.search(
        r"^\| flink \| latency p50, ms \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$", gate_markdown(found), re.MULTILINE
    )


# What is told


def shown(found: Gate) -> str:
    """What the terminal shows, as one line."""
    return " ".join(terminal(found).split())


def terminal(found: Gate) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(gate_table(found))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def mixed(name: str = "flink") -> Gate:
    """A regression, an improvement, figures lost, inconclusive, unchanged, not gated, not measured; an engine lost."""
    old = run(name=name, latency_ms_p50=noisy(180, 1, noise=0.3), latency_ms_mean=[0.0] * MIN_TRIALS)
    new = run(
        {"latency_ms_p99": 1.2, "cpu_s_per_million_records": 0.7},
        seed=2,
        name=name,
        latency_ms_p50=noisy(216, 2, noise=0.3),
        throughput_records_per_s_sustained=[0.0] * MIN_TRIALS,
    )
    lost = make_engine("baseline", 6, trials=MIN_TRIALS)
    return gate(with_engines(old, *old.engines, lost), new, notes=[f"{name} version: {ATTACK}"])


def test_the_table_fits_80_columns_and_leaves_nothing_out() -> None:
    text = terminal(mixed())
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for word in (
        *Status,
        "FAIL: run-2 against run-1",
        "baseline is in OLD, but not in NEW",
        "note: 1 of 5 gated figures",
    ):
        assert word in text
    for each in HEADLINES:
        assert each.label in text
    assert terminal(gate(OLD_RUN, run(seed=2))).startswith("pass: run-2 against run-1")


def test_square_brackets_are_no_markup_in_the_terminal() -> None:
    assert "[bold]" in shown(mixed(ATTACK))


def test_markdown_has_a_row_for_every_figure() -> None:
    text = gate_markdown(mixed())
    assert text.startswith("## Ringbench: FAIL: run-2 against run-1\n")
    assert "| flink | latency p99, ms | 410 | 492 | +20.0 | " in text
    assert "| flink | sustained throughput, records/s | 5,990 | - | - | - | - | not measured |" in text
    assert "| flink | latency mean, ms | - | 195 | - | - | - | not measured |" in text
    assert re.search(r"[|] flink [|] latency p99.9, ms [|] .* [|] - [|] not gated [|]", text)
    assert re.search(r"[|] flink [|] latency p99, ms [|] .* [|] \+\d+\.\d [|] regression [|]", text)
    assert "Intervals of the 4 gated figures hold with 97.5 to 96.6 % each" in text
    assert "- baseline is in OLD, but not in NEW" in text
    assert len(re.findall("^[|]", text, flags=re.MULTILINE)) == 2 + len(HEADLINES)
    assert gate_markdown(gate(OLD_RUN, run(seed=2))).startswith("## Ringbench: pass: ")


def test_markdown_is_safe_with_hostile_names() -> None:
    text = gate_markdown(mixed(ATTACK))
    assert "&lt;script&gt;" in text
    assert set(re.findall("<[^>]*>", text)) == {"<details>", "</details>", "<summary>", "</summary>"}
    for row in re.findall("^[|].*", text, flags=re.MULTILINE):
        assert len(re.findall(r"(?<!\\)[|]", row)) == 9
    assert "[x](" not in text.replace(r"\[", "")


def parse(found: Gate) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(found).encode())  # noqa: S314 - made by the test itself


def test_junit_counts_match_and_every_reason_is_a_failure() -> None:
    found = mixed()
    root = parse(found)
    assert [suite.get("name") for suite in root] == ["flink", "baseline"]
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
        assert suite.get("errors") == "0"
    assert root.get("tests") == str(len(root.findall("*/testcase"))) == str(2 + len(HEADLINES))
    assert root.get("failures") == str(len(found.reasons))
    assert {each.get("message") for each in root.iter("failure")} == set(found.reasons)


def test_junit_says_what_became_of_each_figure() -> None:
    cases = {case.get("name"): case for case in parse(mixed()).findall("testsuite[@name='flink']/testcase")}
    assert set(cases) == {"correctness"} | {each.label for each in HEADLINES}
    assert {case.get("classname") for case in cases.values()} == {"ringbench.flink"}
    kinds = {
        name: [(part.tag, part.get("type")) for part in case if part.tag != "system-out"]
        for name, case in cases.items()
    }
    assert kinds["latency p99"] == [("failure", "regression")]
    assert kinds["sustained throughput"] == [("failure", "not measured")]
    assert kinds["latency p99.9"] == [("skipped", "not gated")]
    assert kinds["latency p50"] == [("skipped", "inconclusive")]
    assert kinds["latency mean"] == [("skipped", "not measured")]
    assert kinds["CPU per million records"] == kinds["peak memory"] == kinds["correctness"] == []
    told = {name: case.findtext("system-out") or "" for name, case in cases.items()}
    assert re.fullmatch(r"minimum detectable change: \+\d+\.\d %; worst trials: \d+ and \d+ ms", told["latency p99"])
    assert told["latency p99.9"].startswith("minimum detectable change: not gated")
    assert told["sustained throughput"].startswith("minimum detectable change: not measured; worst trials: 5,")
    assert told["sustained throughput"].endswith(" and - records/s")


def test_junit_holds_a_lost_verdict_and_any_name() -> None:
    new = run(seed=2)
    found = gate(OLD_RUN, with_verdict(new, Verdict.FAIL))
    assert parse(found).find("testsuite/testcase[@name='correctness']/failure") is not None
    assert parse(mixed(f"{ATTACK}\x00\x1b"))[0].get("name") == f"{ATTACK}\ufffd\ufffd"


def test_the_benchmark_file_has_what_the_action_reads() -> None:
    entries = json.loads(benchmark_json(mixed()))
    assert len(entries) == len(HEADLINES) - 1  # one figure was lost
    for entry in entries:
        assert set(entry) == {"name", "unit", "value", "range", "extra"}
        assert entry["value"] > 0
        found = re.fullmatch(r"± (?P<value>\d.+)", entry["range"])  # the action's own pattern
        assert found and float(found["value"]) > 0
    by_name = {entry["name"]: entry for entry in entries}
    assert by_name["flink: latency p99"]["value"] == pytest.approx(492)
    assert by_name["flink: latency p99"]["unit"] == headline("latency_ms_p99").unit == "ms"


def test_all_of_the_benchmark_file_is_better_if_smaller() -> None:
    fast, slow = (
        {each["name"]: each["value"] for each in json.loads(benchmark_json(gate(OLD_RUN, new)))}
        for new in (run(seed=2), run({"throughput_records_per_s_sustained": 0.5}, seed=2))
    )
    name = "flink: sustained seconds per million records"
    assert fast[name] == pytest.approx(1e6 / 5990)
    assert slow[name] == pytest.approx(2 * fast[name])
    assert not [name for name in fast if "throughput" in name]


def test_the_benchmark_file_has_no_range_without_intervals() -> None:
    entries = json.loads(benchmark_json(gate(run(trials=1), run(trials=1, seed=2), point_estimates=True)))
    assert entries and all(set(entry) == {"name", "unit", "value", "extra"} for entry in entries)


# The command


@pytest.mark.parametrize(
    ("options", "code"),
    [((), 0), (("--strict",), 1), (("--strict", "--gate", "latency_ms_p50"), 0), (("--gate", "latency_ms_mean"), 1)],
)
def test_the_command_ends_by_what_is_asked_of_it(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    old, new = run(noise=0.3), run({"latency_ms_p99": 1.2}, seed=2, noise=0.3)
    flat = dict.fromkeys(("latency_ms_p50", "latency_ms_mean"), noisy(180, 3))
    runs = (
        with_engines(old, engine_with(flat, old.engines[0])),
        with_engines(new, engine_with(flat | {"latency_ms_mean": noisy(240, 4)}, new.engines[0])),
    )
    for name, result in zip(("old", "new"), runs, strict=True):
        (tmp_path / name).mkdir()
        save_result(result, tmp_path / name)
    found = CliRunner().invoke(app, ["compare", str(tmp_path / "old"), str(tmp_path / "new"), *options])
    assert found.exit_code == code, found.output
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
