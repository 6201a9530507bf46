"""Runs of a query other than counts are compared by when answers were final, and not by latencies that they lack."""

import re

import numpy as np
import pytest

from harness.conclusions.engine_comparison import compare_engines
from harness.conclusions.gate import Status, gate
from harness.conclusions.headline_figures import ANSWER_HEADLINES, HEADLINES
from harness.numerics.intervals import MIN_TRIALS
from harness.results.correctness import Answers, DeadLetters
from harness.results.performance import Emission, Spread
from harness.results.result import EngineResult, Result
from reports.documents.gate import gate_markdown
from reports.sections.comparison import comparison_section
from tests.builders.results import encode, make_engine, make_engine_of, make_result

DELAYS = ("emission_delay_ms_p50", "emission_delay_ms_p99")


def _spread(delay_ms: float) -> Spread:
    quantiles = {"p50": delay_ms, "p90": delay_ms * 2, "p99": delay_ms * 3, "max": delay_ms * 4, "mean": delay_ms}
    return Spread(**quantiles, count=9, negative_count=0, histogram=encode([delay_ms] * 9))


def _answering(name: str, delay_ms: float, seed: int) -> EngineResult:
    letters = DeadLetters(expected=3, observed=3, missing=0, extra=0)
    totals = dict.fromkeys(("open", "missing", "extra", "mismatched"), 0) | {"expected": 9, "observed": 9}
    answers = Answers(query="pairs", version=1, parameters={"window_s": 2}, **totals, dead_letters=letters)
    noise = np.random.default_rng(seed).normal(0, 0.01, MIN_TRIALS)
    trials = [
        trial.model_copy(
            update={
                "latency_ms": None,
                "throughput_records_per_s": None,
                "correctness": None,
                "answers": answers,
                "emission": Emission(
                    freshness_ms=_spread(5000), delay_ms=_spread(delay_ms * float(np.exp(each))), revised=0
                ),
            }
        )
        for trial, each in zip(make_engine(name, 180, trials=MIN_TRIALS).trials, noise, strict=True)
    ]
    return make_engine_of(name, trials)


def _run(delay_ms: float, seed: int) -> Result:
    return make_result(engines=[_answering("flink", delay_ms, seed)])


def test_answers_that_come_later_fail_a_build() -> None:
    old, new = _run(400, 1), _run(480, 2)
    found = gate(old, new, max_regression_percent=5)
    assert not found.passed
    assert {each.figure: each.status for each in found.changes if each.figure in DELAYS} == dict.fromkeys(
        DELAYS, Status.REGRESSION
    )
    table = re.findall("^[|].*", gate_markdown(found, old, new), flags=re.MULTILINE)
    assert any("emission delay p99" in row for row in table) and not any("latency" in row for row in table)


def test_answers_that_come_no_later_do_not() -> None:
    found = gate(_run(400, 1), _run(400, 2), max_regression_percent=5)
    assert found.passed, found.reasons
    assert [each.figure for each in found.changes] == [each.name for each in ANSWER_HEADLINES]


def test_the_engine_that_answers_sooner_wins() -> None:
    engines = [_answering("spark", 900, 3), _answering("flink", 400, 4)]
    found = compare_engines(engines)
    assert {each.figure: each.winner for each in found.ratios if each.figure in DELAYS} == dict.fromkeys(
        DELAYS, "flink"
    )
    (table, *_) = (comparison_section(make_result(engines=engines)) or pytest.fail("no section")).tables
    assert [row[0] for row in table.rows][:2] == ["emission delay p50, ms", "emission delay p99, ms"]


def test_counts_are_compared_as_ever() -> None:
    assert not {each.name for each in HEADLINES} & {*DELAYS}
    found = gate(make_result(trials=MIN_TRIALS), make_result(trials=MIN_TRIALS))
    assert {each.figure for each in found.changes} == {each.name for each in HEADLINES}
