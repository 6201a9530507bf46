"""Every condition that makes a run invalid does; what was not measured is null, never 0."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.evaluation.ground_truth import LinesDigest, TrialTruth
from harness.evaluation.trial_result import trial_result
from harness.evaluation.validity import disturbances, invalid_reasons
from harness.faults.plan import DueFault
from harness.measurement.accounting import Readings, Usage
from harness.measurement.delivery import Delays
from harness.measurement.hops import CountedAhead
from harness.numerics.durations import Durations
from harness.processes.supervisor import Restart
from harness.results.correctness import Verdict
from harness.results.result import TrialResult
from harness.scenarios.scenario import Limits, Scenario
from harness.scenarios.surges import SurgeSection
from harness.trial.outcome import Injected, Trial
from harness.workers.accounts import GeneratorAccount, ProbeAccount
from workloads.truth import expected_counts
from workloads.workload import Workload

SCENARIO = Scenario(
    name="t", seed=5, rate_records_per_s=100, warmup_s=2, duration_s=4, malformed_per_million=20_000, engines=["x"]
)
EXPECTED = expected_counts(Workload(SCENARIO.workload()))
TRUTH = TrialTruth(dict(EXPECTED.counts), LinesDigest.of(EXPECTED.malformed_lines), [], 6, "00")


def _generator(**changes: Any) -> GeneratorAccount:
    usual: dict[str, Any] = {
        "sent_records": 600,
        "acked_records": 600,
        "failed_records": 0,
        "schedule_error_ms_p50": 0.1,
        "schedule_error_ms_p99": 1.0,
        "schedule_error_ms_max": 2.0,
        "schedule_error_histogram": "",
    }
    return GeneratorAccount(**usual | changes)


def _latencies(count: int, each_ms: float = 2.0) -> dict[str, Any]:
    durations = Durations(tolerance_us=1000)
    durations.record_ns(np.full(count, int(each_ms * 1e6)))
    return durations.as_json()


def _result(trial: Trial, truth: TrialTruth | None, scenario: Scenario = SCENARIO) -> TrialResult:
    return trial_result(trial, 1, 1, truth, scenario, EXPECTED)


def _trial(**changes: Any) -> Trial:
    well_formed = 600 - len(EXPECTED.malformed_lines)
    measured = ProbeAccount(
        warmup=_latencies(2 * 95),
        latencies=_latencies(4 * 95),
        slot_s=1,
        slot_means_ms=dict.fromkeys(range(-2, 4), 2.0),
        visible_records=well_formed,
        sustained_records=380,
        updates=550,
        by_second={second: (95 + second, 1.0, 2.0) for second in range(6)},
    )
    readings = Readings()
    for at in range(-2, 6):
        readings.add(float(at), Usage(0.1 * (at + 2), 0.0, 1000 + at))
    trial = Trial(
        "x",
        "x-1",
        "prefix",
        Path("nowhere"),
        anchor_ns=10**18,
        is_complete=True,
        measured=measured,
        generator=_generator(),
        generator_progress=[(1000 * at, 100 * at, 100 * at) for at in range(7)],
        readings={"engine": readings, "redis_writer": readings, "probe": readings},
        observed=dict(EXPECTED.counts),
        dead_letters=list(EXPECTED.malformed_lines),
    )
    for name, value in changes.items():
        setattr(trial, name, value)
    return trial


def _change_account(trial: Trial, **changes: Any) -> None:
    assert trial.measured
    trial.measured = trial.measured.model_copy(update=changes)


def test_a_good_trial_passes_and_is_valid() -> None:
    result = _result(_trial(), TRUTH)
    assert result.verdict is Verdict.PASS
    assert invalid_reasons(_trial(), TRUTH, SCENARIO, EXPECTED) == []
    assert result.throughput_records_per_s is not None and result.throughput_records_per_s.offered == 100
    assert result.throughput_records_per_s.sustained == 380 / 4, "the warm-up's backlog is no throughput"
    assert result.throughput_records_per_s.lag_records_start == (
        200 - sum(index < 200 for index in EXPECTED.malformed_indexes) - (95 + 96)
    )
    assert result.throughput_records_per_s.lag_records_end == 600 - len(EXPECTED.malformed_lines) - 585
    assert result.cost is not None and result.cost.records == 97 + 98 + 99 + 100
    assert result.cost.cpu_s_per_million_records == pytest.approx(0.4 / 394 * 1e6)
    assert result.latency_ms is not None
    malformed_measured = sum(index >= 200 for index in EXPECTED.malformed_indexes)
    assert result.latency_ms.never_visible_count == 400 - malformed_measured - 380
    assert (result.latency_ms.count, result.latency_ms.mean) == (380, 2.0), "the warm-up's slots do not count"
    assert [sample.t_s for sample in result.series] == [-2, -1, 0, 1, 2, 3]
    assert result.series[-1].acked_records == 600 and result.series[-1].visible_records == 585


def test_a_lowered_count_is_never_a_pass_but_after_a_restart() -> None:
    lowered = {"count_regressions": 2, "lowered": ["second 7, 06001|AT&T|call: 3 after 5"]}
    trial = _trial()
    _change_account(trial, **lowered)
    result = _result(trial, TRUTH)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reasons == ["2 upserts lowered a count, without a restart: second 7, 06001|AT&T|call: 3 after 5"]
    restarted = _trial(restarts=[Restart("engine", "it died", 1.0)])
    _change_account(restarted, **lowered)
    assert _result(restarted, TRUTH).verdict is Verdict.PASS


def test_counts_ahead_of_the_broker_are_never_a_pass_and_no_fault_of_the_clocks() -> None:
    ahead = CountedAhead(7, ["second 7, 06001|AT&T|call: 250 ms too early"])
    trial = _trial(counted_ahead=ahead)
    _change_account(trial, latencies=_latencies(380, each_ms=-250.0))
    result = _result(trial, TRUTH)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reasons == [
        "7 records were counted before the broker had them: second 7, 06001|AT&T|call: 250 ms too early"
    ]
    assert invalid_reasons(trial, TRUTH, SCENARIO, EXPECTED) == []
    assert _result(_trial(counted_ahead=ahead, restarts=[Restart("engine", "it died", 1.0)]), TRUTH).reasons == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generator": _generator(acked_records=599)}, "acknowledged 599 of 600"),
        ({"generator": _generator(schedule_error_ms_p99=50.1)}, "the generator fell behind"),
        ({"generator": _generator(schedule_error_ms_p99=None)}, "the generator fell behind"),
        ({"clock_step_ms": 10.5}, "the wall clock moved by 10.5 ms"),
        ({"invalid_reasons": ["the probe died"]}, "the probe died"),
    ],
)
def test_each_fault_of_the_harness_makes_the_run_invalid(changes: dict[str, Any], reason: str) -> None:
    (found,) = invalid_reasons(_trial(**changes), TRUTH, SCENARIO, EXPECTED)
    assert found.startswith("x-1: ") and reason in found


def _late(name: str) -> dict[str, Delays]:
    return {name: Delays([-1.0, 1.0, 2.0, 3.0], [5.0, 900.0, 900.0, 900.0])}


@pytest.mark.parametrize(("name", "who"), [("redis_writer", "the Redis writer"), ("probe", "the probe")])
def test_a_path_that_does_not_keep_up_makes_the_run_invalid_but_not_under_faults(name: str, who: str) -> None:
    trial = _trial(delays=_late(name))
    (found,) = invalid_reasons(trial, TRUTH, SCENARIO, EXPECTED)
    assert found.startswith(f"x-1: {who} did not keep up")
    patient = SCENARIO.model_copy(update={"limits": Limits(path_delay_ms=900.0)})
    assert invalid_reasons(trial, TRUTH, patient, EXPECTED) == []
    trial.injected.append(Injected(DueFault("redis-lost", 1.0, 1.0)))
    assert invalid_reasons(trial, TRUTH, SCENARIO, EXPECTED) == []


def test_a_negative_latency_makes_the_run_invalid() -> None:
    trial = _trial()
    _change_account(trial, latencies=_latencies(380) | {"negative_count": 1})
    (found,) = invalid_reasons(trial, TRUTH, SCENARIO, EXPECTED)
    assert "visible before they were due" in found


def test_truths_that_differ_make_the_run_invalid() -> None:
    counts = dict(EXPECTED.counts)
    cell = next(iter(counts))
    counts[cell] += 1
    other = TrialTruth(counts, LinesDigest.of(EXPECTED.malformed_lines[1:]), [], 6, "00")
    reasons = invalid_reasons(_trial(), other, SCENARIO, EXPECTED)
    assert ["differ in 1 cells" in reasons[0], "malformed lines" in reasons[1]] == [True, True]


def test_a_trial_that_broke_off_has_nulls_and_no_verdict() -> None:
    trial = Trial("x", "x", "prefix", Path("nowhere"), engine_troubles=["the engine died"])
    result = _result(trial, None)
    assert result.verdict is Verdict.UNKNOWN and result.reasons == ["the engine died"]
    assert result.correctness is result.latency_ms is result.cost is result.throughput_records_per_s is None


def test_of_a_trial_that_was_broken_off_nothing_stands_for_the_whole_measured_time() -> None:
    result = _result(_trial(broken_off="too slow", is_complete=False), TRUTH)
    assert result.latency_ms is result.cost is result.throughput_records_per_s is result.correctness is None
    assert result.verdict is Verdict.UNKNOWN


def test_what_disturbed_a_trial_until_it_was_broken_off_is_told_and_not_that_it_is_incomplete() -> None:
    cut = {"broken_off": "too slow", "broken_off_s": 2.0, "generator": _generator(acked_records=400)}
    assert disturbances(_trial(**cut), SCENARIO) == []
    late = {"redis_writer": Delays([-1.0, 1.0, 1.5, 2.0], [5.0, 5.0, 900.0, 5.0])}
    (reason,) = disturbances(_trial(**cut, delays=late), SCENARIO)
    assert "late for 0.5 s of 2 s" in reason, "of 4 s, it would be within a tenth and a bit"
    (reason,) = disturbances(_trial(**cut | {"generator": _generator(schedule_error_ms_p99=99.0)}), SCENARIO)
    assert "the generator fell behind" in reason


def test_counts_that_the_users_redis_lost_are_not_blamed_on_the_engine_and_make_the_run_invalid() -> None:
    observed = dict(list(EXPECTED.counts.items())[1:])
    assert _result(_trial(observed=observed), TRUTH).verdict is Verdict.FAIL
    trial = _trial(observed=observed)
    trial.blame_service("Redis evicted 7 keys")
    result = _result(trial, TRUTH)
    assert (result.verdict, result.reasons) == (Verdict.UNKNOWN, ["Redis evicted 7 keys"])
    assert result.correctness is not None and result.correctness.missing == 1, "what is missing stays told"
    assert "x-1: Redis evicted 7 keys" in invalid_reasons(trial, TRUTH, SCENARIO, EXPECTED)


def test_wrong_counts_fail_whatever_the_truth_of_the_seed_says() -> None:
    observed = dict(EXPECTED.counts)
    observed.pop(next(iter(observed)))
    assert _result(_trial(observed=observed), TRUTH).verdict is Verdict.FAIL


def test_a_negative_latency_of_a_miscounting_engine_is_its_fault_and_not_the_clocks() -> None:
    observed = dict(EXPECTED.counts)
    observed[next(iter(observed))] += 1
    trial = _trial(observed=observed)
    _change_account(trial, warmup=_latencies(190) | {"negative_count": 1})
    assert invalid_reasons(trial, TRUTH, SCENARIO, EXPECTED) == []
    assert _result(trial, TRUTH).verdict is Verdict.FAIL


LONG = SCENARIO.model_copy(update={"warmup_s": 5, "duration_s": 60})


def _settling(
    means_ms: dict[int, float],
    scenario: Scenario = LONG,
    cores: Callable[[float], float] = lambda _: 0.4,
    **changes: Any,
) -> TrialResult:
    """A trial with these mean latencies and CPU cores in its seconds; latency is 2 to 4 ms in all others."""
    trial, found_ms = _trial(**changes), {slot: means_ms.get(slot, 2.0 + slot % 3) for slot in range(-5, 60)}
    measured, readings = Durations(tolerance_us=1000), Readings()
    for slot in range(60):
        measured.merge(Durations.from_json(_latencies(95, found_ms[slot])))
    cpu_s = 0.0
    for at_s in range(-5, 61):
        readings.add(float(at_s), Usage(cpu_s, 0.0, 1000))
        cpu_s += cores(at_s)
    trial.readings["engine"] = readings
    _change_account(trial, latencies=measured.as_json(), slot_means_ms=found_ms)
    return _result(trial, None, scenario)


def test_a_transient_within_the_warmup_has_settled_and_a_longer_one_has_not() -> None:
    within = _settling(dict.fromkeys(range(-5, -1), 500.0))
    beyond = _settling(dict.fromkeys(range(-5, 9), 500.0))
    assert within.steady is not None and within.steady.settled is True
    assert beyond.steady is not None and beyond.steady.settled is False and beyond.steady.settled_from_s == 9


def test_cpu_time_that_goes_on_falling_has_not_settled_and_what_is_out_of_reach_is_null() -> None:
    falling = _settling({}, cores=lambda at_s: 0.4 - 0.001 * at_s).steady
    assert falling is not None and falling.settled is False and falling.cpu and falling.latency
    assert falling.cpu.factor == pytest.approx(0.34 / 0.4, rel=0.01)
    assert falling.latency.factor == pytest.approx(1, abs=0.02)
    unread = _settling({}, cost_unknown="a cluster of your own").steady
    assert unread is not None and unread.settled is True and unread.cpu is None


@pytest.mark.parametrize(("at_s", "settled"), [(45, True), (39, None), (9, None), (0, None)])
def test_what_a_surge_does_to_latency_is_not_taken_for_a_short_warmup(at_s: int, settled: bool | None) -> None:
    surge = SurgeSection(county="Fresno", at_s=at_s, duration_s=10, factor=3)
    surging = _settling(dict.fromkeys(range(at_s, at_s + 10), 500.0), LONG.model_copy(update={"surges": [surge]}))
    assert surging.steady is not None and surging.steady.settled is settled
    assert surging.latency_ms is not None and surging.latency_ms.max == 500


@pytest.mark.parametrize(("at_s", "settled"), [(45, True), (9, None)])
def test_what_another_rate_does_to_latency_is_not_either(at_s: int, settled: bool | None) -> None:
    found = Scenario.model_validate(LONG.model_dump() | {"profile": {"kind": "step", "at_s": at_s, "factor": 0.5}})
    stepped = _settling(dict.fromkeys(range(at_s, 60), 500.0), found)
    assert stepped.steady is not None and stepped.steady.settled is settled


def test_a_stall_in_the_measured_time_is_never_left_out_as_not_yet_settled() -> None:
    stalled = _settling({4: 1000.0, 5: 1500.0, 6: 900.0})
    assert stalled.latency_ms is not None
    assert stalled.latency_ms.count == 60 * 95
    assert stalled.latency_ms.max == 1500
    assert stalled.latency_ms.p99 == pytest.approx(1500, rel=1e-2)


def test_a_trial_too_short_to_tell_says_so() -> None:
    steady = _result(_trial(), TRUTH).steady
    assert steady is not None and steady.settled is None
