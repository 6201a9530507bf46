"""A rate is sustained only if nothing speaks against it, and what does is blamed on the engine or on the harness."""

from pathlib import Path
from typing import Any

import pytest

from harness.result import Sample, TrialResult, Verdict
from harness.sustainable import ENGINE, HARNESS, READINGS_OUT_OF_BOUND, Overload, faults, growth
from harness.trial import Trial, View
from tests.unit.results import make_engine
from workloads.workload import Workload, WorkloadSpecification

RATE, WARMUP_S, DURATION_S, BOUND_MS = 10_000, 5, 20, 2000.0
WORKLOAD = Workload(
    WorkloadSpecification(seed=1, rate_records_per_s=RATE, warmup_s=WARMUP_S, duration_s=DURATION_S, partitions=1)
)


def _result(lag_growth: float = 0.0, sawtooth: int = 0, **changes: Any) -> TrialResult:
    """A trial that was sustained, but for `changes`; its lag grows by so many records a second."""
    (trial,) = make_engine("flink", 50).trials
    series = [
        Sample(
            t_s=second,
            sent_records=RATE * min(second + WARMUP_S + 1, WARMUP_S + DURATION_S),
            acked_records=0,
            visible_records=0,
            lag_records=int(1000 + max(0, second) * lag_growth + sawtooth * (second % 3)),
            latency_ms_p50=None,
            latency_ms_p99=None,
            cpu_cores=1,
            rss_bytes=1,
        )
        for second in range(-WARMUP_S, DURATION_S + 4)
    ]
    for sample in series[WARMUP_S + DURATION_S :]:
        sample.lag_records = 0
    return trial.model_copy(update={"series": series, "drain_s": 0.2, **changes})


def _faults(result: TrialResult, *, broken_off: str = "", blamed: str = "", invalid: Any = ()) -> list[tuple[str, str]]:
    trial = Trial("flink", "flink", "", Path("nowhere"), broken_off=broken_off)
    overload = Overload(WORKLOAD, BOUND_MS / 1000, blamed=blamed)
    return list(faults(trial, result, list(invalid), RATE, BOUND_MS, overload))


def test_a_rate_against_which_nothing_speaks_is_sustained() -> None:
    assert _faults(_result()) == []
    assert _faults(_result(sawtooth=3000)) == [], "micro-batches"


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (_result(lag_growth=500), "lag grew by 500 records/s"),
        (_result(lag_growth=500, sawtooth=300), "lag grew by"),
        (_result(drain_s=2.1), "took 2.1 s to drain"),
        (_result(verdict=Verdict.FAIL, reasons=["3 records lost"]), "verdict fail: 3 records lost"),
        (_result(verdict=Verdict.UNKNOWN, reasons=["never ready"]), "verdict unknown: never ready"),
        (_result(latency_ms=None), "no latency"),
    ],
)
def test_each_fault_of_the_engine_is_found_and_blamed_on_it(result: TrialResult, reason: str) -> None:
    ((blamed, said),) = _faults(result)
    assert blamed == ENGINE and reason in said


def test_latency_out_of_bound_is_found() -> None:
    result = _result()
    assert result.latency_ms is not None
    result = _result(latency_ms=result.latency_ms.model_copy(update={"p99": 2000.5}))
    ((blamed, said),) = _faults(result)
    assert blamed == ENGINE and "latency p99 2,000 ms, bound 2,000 ms" in said


def test_a_lag_that_hardly_grows_is_no_growth() -> None:
    assert _faults(_result(lag_growth=RATE * 0.009)) == []
    assert _faults(_result(lag_growth=RATE * 0.011)) != []


def test_the_lag_that_falls_after_the_load_hides_no_growth() -> None:
    found = growth(_result(lag_growth=500))
    assert found is not None and found.estimate == pytest.approx(500)


def test_what_speaks_against_the_measurement_is_blamed_on_the_harness() -> None:
    ((blamed, said),) = _faults(_result(), invalid=["the generator fell behind"])
    assert (blamed, said) == (HARNESS, "the generator fell behind")


def test_a_trial_that_was_broken_off_has_that_reason_only() -> None:
    assert _faults(_result(latency_ms=None), broken_off="too slow", blamed=ENGINE) == [(ENGINE, "too slow")]


# Breaking off


def _view(t_s: float, sent: float, visible: float) -> View:
    return View(t_s=t_s, sent_records=int(sent), acked_records=int(sent), visible_records=int(visible), pids={})


def _looks(*views: View) -> tuple[str, str]:
    overload = Overload(WORKLOAD, BOUND_MS / 1000)
    said = [overload(view) for view in views]
    assert set(said[:-1]) <= {""}, "broken off before the last look"
    return said[-1], overload.blamed


def _due(t_s: float) -> float:
    return RATE * (t_s + WARMUP_S)


def test_a_lag_beyond_the_bound_breaks_off_but_not_at_once() -> None:
    out = [_view(at / 4, _due(at / 4), _due(at / 4) - 3.1 * RATE) for at in range(READINGS_OUT_OF_BOUND)]
    reason, blamed = _looks(*out)
    assert blamed == ENGINE and "the engine's lag was 31,000 records" in reason
    assert _looks(*out[:-1]) == ("", "")


def test_a_lag_that_comes_and_goes_does_not_break_off() -> None:
    out = [_view(at / 4, _due(at / 4), _due(at / 4) - (0 if at % 7 == 6 else 3.1) * RATE) for at in range(40)]
    assert _looks(*out) == ("", "")


def test_a_lag_in_the_warmup_does_not_break_off() -> None:
    out = [_view(at / 4 - WARMUP_S, _due(at / 4 - WARMUP_S), 0) for at in range(4 * WARMUP_S)]
    assert _looks(*out) == ("", "")


def test_news_that_are_a_little_old_do_not_break_off_however_tight_the_bound() -> None:
    overload = Overload(WORKLOAD, bound_s=0.001)
    for at in range(40):
        t_s = at / 4
        assert overload(_view(t_s, _due(t_s) - 0.8 * RATE, _due(t_s) - 1.6 * RATE)) == ""


def test_a_generator_that_cannot_send_is_blamed_on_the_harness() -> None:
    out = [_view(at / 4, _due(at / 4) - 3.1 * RATE, _due(at / 4) - 3.1 * RATE) for at in range(READINGS_OUT_OF_BOUND)]
    reason, blamed = _looks(*out)
    assert blamed == HARNESS and "what the generator could not send" in reason
