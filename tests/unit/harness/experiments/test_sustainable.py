"""A rate is sustained only if nothing speaks against it, and what does is blamed on the engine or on the harness."""

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.experiments.sustainable import ENGINE, HARNESS, READINGS_OUT_OF_BOUND, Overload, faults, growth
from harness.measurement.delivery import Delays
from harness.numerics.trends import MIN_SLOTS
from harness.results.correctness import Verdict
from harness.results.performance import Sample
from harness.results.result import TrialResult
from harness.trial.observation import Observation
from harness.trial.options import View
from harness.trial.outcome import Trial
from tests.builders.results import make_engine
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


def _faults(
    result: TrialResult,
    *,
    broken_off: str = "",
    blamed: str = "",
    invalid: Any = (),
    sink_ms: Callable[[float], float] = lambda _: 10.0,
    input_ms: float = 0.0,
) -> list[tuple[str, str]]:
    """What speaks against a rate, with a Redis writer and a generator that are so late."""
    trial = Trial("flink", "flink", "", Path("nowhere"), broken_off=broken_off)
    trial.delays["redis_writer"] = sink = Delays()
    for number in range(2 * (DURATION_S + 5)):
        sink.add(number / 2, sink_ms(number / 2))
    trial.generator_progress = [
        (1000 * second, RATE * second, int(RATE * (second - input_ms / 1000)))
        for second in range(1, WARMUP_S + DURATION_S)
    ]
    overload = Overload(WORKLOAD, BOUND_MS / 1000, blamed=blamed)
    return faults(trial, result, list(invalid), RATE, BOUND_MS, overload)


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
    ((blamed, said),) = _faults(result, sink_ms=lambda _: 0.0)
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


def test_a_trial_that_was_broken_off_has_that_reason_and_nothing_that_needs_the_whole_of_it() -> None:
    assert _faults(_result(latency_ms=None), broken_off="too slow", blamed=ENGINE) == [(ENGINE, "too slow")]


def test_of_a_trial_that_was_broken_off_what_speaks_against_the_measurement_decides() -> None:
    found = _faults(
        _result(latency_ms=None), broken_off="too slow", blamed=ENGINE, invalid=["Redis was the bottleneck"]
    )
    assert found == [(HARNESS, "Redis was the bottleneck"), (ENGINE, "too slow")]


def _with_p99(p99_ms: float) -> TrialResult:
    latency = _result().latency_ms
    assert latency is not None
    return _result(latency_ms=latency.model_copy(update={"p99": p99_ms}))


@pytest.mark.parametrize(
    ("sink_ms", "input_ms", "blamed"),
    [
        (900.0, 0.0, ENGINE),
        (1100.0, 0.0, HARNESS),
        (0.0, 900.0, ENGINE),
        (0.0, 1100.0, HARNESS),
        (600.0, 600.0, HARNESS),
    ],
)
def test_a_latency_that_others_delays_may_explain_is_not_blamed_on_the_engine(
    sink_ms: float, input_ms: float, blamed: str
) -> None:
    ((who, said),) = _faults(_with_p99(3000), sink_ms=lambda _: sink_ms, input_ms=input_ms)
    assert who == blamed and "latency p99 3,000 ms" in said
    assert ("up to" in said) == (blamed == HARNESS)


def test_a_lag_that_grows_with_the_redis_writer_only_is_not_blamed_on_the_engine() -> None:
    grows = _result(lag_growth=500)
    ((blamed, said),) = _faults(grows, sink_ms=lambda t_s: 50 * t_s)
    assert blamed == HARNESS and "did not grow before the Redis writer" in said
    ((blamed, _),) = _faults(grows, sink_ms=lambda t_s: 20 * t_s)
    assert blamed == ENGINE, "by 500 records/s, of which the writer explains 200"


def test_a_drain_that_the_redis_writer_delayed_is_not_blamed_on_the_engine() -> None:
    slow = _result(drain_s=2.5)
    assert [who for who, _ in _faults(slow, sink_ms=lambda t_s: 800 * (t_s > DURATION_S))] == [HARNESS]
    assert [who for who, _ in _faults(slow, sink_ms=lambda t_s: 800 * (t_s < DURATION_S))] == [ENGINE]


def test_what_the_engine_did_whatever_others_did_decides() -> None:
    slow = _with_p99(3000).model_copy(update={"drain_s": 9.0})
    assert [who for who, _ in _faults(slow, sink_ms=lambda _: 1500.0)] == [ENGINE, HARNESS]


def test_a_rate_whose_lag_was_read_too_seldom_to_tell_growth_is_not_sustained() -> None:
    short = _result()
    short.series = [sample for sample in short.series if sample.t_s < MIN_SLOTS - 1]
    ((blamed, said),) = _faults(short)
    assert blamed == HARNESS and "fewer than 10 readings" in said


# Breaking off


def _view(t_s: float, sent: float, visible: float, sink_delay_ms: float = 0.0) -> View:
    return View(
        t_s=t_s,
        sent_records=int(sent),
        acked_records=int(sent),
        visible_records=int(visible),
        pids={},
        sink_delay_ms=sink_delay_ms,
    )


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


@pytest.mark.parametrize("lag_s", [3.1, 6.0])
def test_a_lag_that_is_with_the_redis_writer_is_not_blamed_on_the_engine(lag_s: float) -> None:
    looks = [at / 4 for at in range(READINGS_OUT_OF_BOUND)]
    out = [_view(t_s, _due(t_s), _due(t_s) - lag_s * RATE, sink_delay_ms=3050) for t_s in looks]
    reason, blamed = _looks(*out)
    assert blamed == HARNESS and "what the Redis writer had not taken to Redis was 30,500 records" in reason


def test_a_lag_beyond_the_bound_by_the_engine_and_the_redis_writer_together_does_not_break_off() -> None:
    out = [_view(at / 4, _due(at / 4), _due(at / 4) - 4 * RATE, sink_delay_ms=2000) for at in range(40)]
    assert _looks(*out) == ("", "")


def test_a_redis_writer_that_tells_nothing_is_late_meanwhile() -> None:
    def seen(delay_ms: float, silent_ms: float) -> float:
        told = SimpleNamespace(fields={"delay_ms": delay_ms}, at_ms=time.time_ns() / 1e6 - silent_ms)
        children = {"redis_writer": SimpleNamespace(last=lambda _kind: told)}
        observation = Observation(None, None, None, SimpleNamespace(children=children))  # type: ignore[arg-type]
        return observation._sink_delay_ms()

    hour_ms = 3.6e6
    assert seen(delay_ms=2 * hour_ms, silent_ms=hour_ms) == 2 * hour_ms
    assert hour_ms <= seen(delay_ms=5.0, silent_ms=hour_ms) < 2 * hour_ms
