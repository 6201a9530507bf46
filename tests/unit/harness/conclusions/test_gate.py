"""Two runs compared: what fails a build and what must not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.conclusions.gate import NO_INTERVALS, Gate, gate
from harness.conclusions.gate_figures import Status
from harness.conclusions.headline_figures import HEADLINES
from harness.errors import InvalidRun, UsageError
from harness.numerics.intervals import MIN_TRIALS
from harness.results.correctness import Verdict
from harness.results.result import save_result
from reports.documents.gate import gate_markdown
from tests.builders.results import make_engine
from tests.builders.two_runs import (
    GATED_OF_COUNTS,
    OLD_RUN,
    engine_with,
    noisy,
    of,
    run,
    shown,
    statuses,
    with_engines,
    with_verdict,
)


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
    before, after = run(latency_ms_p99=old), run(seed=2, latency_ms_p99=new)
    found = gate(before, after)
    change = of(found, "latency_ms_p99")
    assert (change.old_worst_trial, change.new_worst_trial) == (130, 140 * factor)
    (sentence,) = found.reasons or found.improvements
    assert f"% {how}, by " in sentence and f"worst trials 130 and {140 * factor:g} ms" in sentence
    for text in (shown(found), " ".join(gate_markdown(found, before, after).split()).replace("\\", "")):
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
    old, new = run(trials=1), run({"latency_ms_p99": 1.06, "latency_ms_p50": 0.9}, trials=1)
    found = gate(old, new, point_estimates=True)
    assert not found.passed and not found.has_intervals
    assert statuses(found)["latency_ms_p99"] is Status.REGRESSION
    assert statuses(found)["latency_ms_p50"] is Status.IMPROVEMENT
    assert all(change.ratio is None and change.new_interval is None for change in found.changes)
    assert found.notes[0] == NO_INTERVALS
    assert NO_INTERVALS in gate_markdown(found, old, new) and NO_INTERVALS in shown(found)


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
