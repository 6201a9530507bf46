"""Turns what trials and truths found into the result's fields, and says what makes a run invalid."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.conclusions.settled import change_over, start_had_settled, trial_had_settled
from harness.evaluation.counts import correctness_of, judge
from harness.evaluation.ground_truth import TrialTruth
from harness.evaluation.query_answers import compare_answers, delay_means_ms, emission, judge_answers
from harness.evaluation.validity import host_use
from harness.measurement.warmth import warmth_of
from harness.numerics.durations import Durations, encode, quantiles_ms
from harness.numerics.trends import steady_from
from harness.results.correctness import Answers, Verdict
from harness.results.performance import (
    CLOCK_RESOLUTION_MS,
    Cost,
    Emission,
    GeneratorFigures,
    Latency,
    ProcessCost,
    Sample,
    SteadyState,
    Throughput,
    Warmth,
)
from harness.results.result import TrialResult
from harness.scenarios.scenario import Scenario
from harness.trial.outcome import Trial
from workloads.profiles import NANOSECONDS_PER_S
from workloads.replay import open_workload
from workloads.sample import slot_length_s
from workloads.truth import ExpectedCounts
from workloads.workload import Workload

#: What records pass through besides the engine; what makes and keeps them. The rest is there to measure.
PIPELINE, LOAD = ("kafka", "redis", "redis_writer", "viewer"), ("generator", "archiver", "s3", "load test")


def trial_result(
    trial: Trial, number: int, block: int, truth: TrialTruth | None, scenario: Scenario, expected: ExpectedCounts
) -> TrialResult:
    """The result of one trial. Without `truth`, or if the trial broke off, the counts are not verified.

    Of one that was broken off on purpose, what needs the whole measured time is not measured: throughput and cost.
    """
    correctness, answers = correctness_of(trial, truth, expected), _answers(trial, truth, scenario, expected)
    troubles = [*trial.engine_troubles, *_lowered_counts(trial), *_counted_ahead(trial)]
    if expected.answers:
        verdict, reasons = judge_answers(answers, troubles)
    else:
        verdict, reasons = judge(correctness, troubles, trial.committed)
    if trial.service_faults:
        # Counts that are missing may be those that the service lost.
        verdict, reasons = Verdict.UNKNOWN, [*trial.service_faults, *troubles]
    workload = open_workload(scenario.workload())
    series = list(_series(trial, workload, expected)) if _has_series(trial, expected) else []
    return TrialResult(
        number=number,
        block=block,
        verdict=verdict,
        reasons=reasons,
        startup_s=trial.startup_s,
        drain_s=trial.drain_s,
        steady=_steady(trial, workload, scenario, expected),
        warmth=_warmth(trial, scenario, workload),
        correctness=correctness,
        answers=answers,
        committed=trial.committed,
        emission=_emission(trial, scenario, expected),
        latency_ms=_latency(trial, workload, expected),
        # Of another query than counts, nobody knows which records an answer tells of.
        throughput_records_per_s=None if expected.answers else _throughput(trial, workload, series),
        cost=_cost(trial, workload),
        cost_unknown=trial.cost_unknown,
        generator=_generator(trial),
        clock_step_ms=trial.clock_step_ms,
        host=host_use(trial, scenario),
        updates=trial.measured.updates if trial.measured else 0,
        count_regressions=trial.measured.count_regressions if trial.measured else 0,
        engine_cpus=trial.engine_cpus or None,
        other_costs=list(_other_costs(trial, workload)),
        pauses=trial.pauses,
        kafka_bytes=trial.kafka_bytes,
        waterfall=trial.waterfall,
        recording=trial.recording.name if trial.recording.exists() else None,
        flame_graphs=[each.name for each in trial.flame_graphs],
        series=series,
    )


def _lowered_counts(trial: Trial) -> Iterator[str]:
    """Counts may go down where an engine reads again after a restart; from one that lives, they say what is not so."""
    found = trial.measured
    if found and found.count_regressions and not trial.injected and not trial.restarts:
        yield (f"{found.count_regressions:,} upserts lowered a count, without a restart: " + "; ".join(found.lowered))


def _counted_ahead(trial: Trial) -> Iterator[str]:
    """A count that rises before the broker has what it counts is a guess, even if it comes true.

    After a restart, or if the clock moved, it need not be one.
    """
    is_certain = not trial.injected and not trial.restarts and (trial.clock_step_ms or 0.0) <= CLOCK_RESOLUTION_MS
    if trial.counted_ahead and is_certain:
        yield (
            f"{trial.counted_ahead.records:,} records were counted before the broker had them: "
            + "; ".join(trial.counted_ahead.examples)
        )


def _has_series(trial: Trial, expected: ExpectedCounts) -> bool:
    return bool(trial.measured and trial.generator_progress) and not expected.answers


def _answers(trial: Trial, truth: TrialTruth | None, scenario: Scenario, expected: ExpectedCounts) -> Answers | None:
    """How the answers to a query other than counts differ from those that the seed gives; `truth` is of the input."""
    if not expected.answers or not truth or not trial.is_complete or trial.answers is None:
        return None
    return compare_answers(
        scenario,
        expected.answers,
        trial.answers,
        expected_dead_letters=expected.malformed_lines,
        observed_dead_letters=trial.dead_letters,
    )


def _emission(trial: Trial, scenario: Scenario, expected: ExpectedCounts) -> Emission | None:
    if not expected.answers or trial.broken_off or not trial.measured:
        return None
    return emission(scenario, expected.answers, trial.measured.seen, trial.anchor_ns)


def _steady(trial: Trial, workload: Workload, scenario: Scenario, expected: ExpectedCounts) -> SteadyState | None:
    """Whether the engine had settled by the end of the warm-up, by the slots before the load changes.

    What a surge or another rate does to latency says nothing of the warm-up.
    """
    # The probe's are those of the planned time, which a load that ended early did not take up.
    own_s = trial.measured.slot_s if trial.measured else None
    slot_s = own_s or slot_length_s(workload.specification.duration_s)
    found_ms = _slot_means_ms(trial, scenario, expected, slot_s)
    if not found_ms:
        return None
    warmup_slots = -(-workload.specification.warmup_s // slot_s)
    means_ms = np.full(warmup_slots + workload.quiet_s // slot_s, np.nan)
    for slot, mean_ms in found_ms.items():
        if 0 <= slot + warmup_slots < len(means_ms):  # the measured time's last slot may be a shorter one
            means_ms[slot + warmup_slots] = mean_ms
    start, first = start_had_settled(means_ms, warmup_slots), steady_from(means_ms)
    tolerated_share = scenario.limits.change_share
    latency = change_over(means_ms[warmup_slots:], tolerated_share, CLOCK_RESOLUTION_MS)
    cpu = change_over(_cpu_cores(trial, workload), tolerated_share)
    return SteadyState(
        settled=trial_had_settled(start, [latency] if trial.cost_unknown else [latency, cpu]),
        settled_from_s=None if first is None else (first - warmup_slots) * slot_s,
        start_settled=start,
        latency=latency,
        cpu=cpu,
    )


def _slot_means_ms(trial: Trial, scenario: Scenario, expected: ExpectedCounts, slot_s: int) -> dict[int, float]:
    """The mean latency of each slot; of another query than counts, the mean emission delay."""
    if not trial.measured:
        return {}
    if expected.answers:
        return delay_means_ms(scenario, expected.answers, trial.measured.seen, trial.anchor_ns, slot_s)
    return trial.measured.slot_means_ms


def _cpu_cores(trial: Trial, workload: Workload) -> NDArray[np.float64]:
    """The engine's CPU-seconds in each second of the measured time before the load changes, shape (seconds,)."""
    readings = trial.engine_readings
    if trial.cost_unknown or not readings.t_s:
        return np.array([])
    ends_s = np.arange(workload.quiet_s + 1, dtype=np.float64)
    return np.diff(np.interp(ends_s, readings.t_s, [usage.cpu_s for usage in readings.usages]))


def _warmth(trial: Trial, scenario: Scenario, workload: Workload) -> Warmth | None:
    spec = workload.specification
    limit_cores = scenario.limits.compiler_cores
    return warmth_of(trial.compilers, spec.warmup_s, spec.duration_s, limit_cores, even_s=workload.quiet_s)


def _measured_records(workload: Workload) -> int:
    return workload.total_records - workload.due_before(workload.specification.warmup_s * NANOSECONDS_PER_S)


def _latency(trial: Trial, workload: Workload, expected: ExpectedCounts) -> Latency | None:
    if trial.broken_off or not trial.measured or trial.measured.latencies is None:
        return None
    total = Durations.from_json(trial.measured.latencies)
    if not total.count:
        return None
    due = _measured_records(workload)
    first = workload.total_records - due
    hidden = sum(index >= first for index in expected.hidden_indexes)
    ambiguous = sum(index >= first for index in expected.ambiguous_indexes)
    histogram = total.to_histogram()
    p50, p90, p99, p999 = quantiles_ms(histogram, 50, 90, 99, 99.9)
    return Latency(
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        max=total.max_ms,
        mean=total.mean_ms,
        count=total.count,
        negative_count=total.negative_count,
        never_visible_count=due - hidden - ambiguous - total.count,
        ambiguous_count=ambiguous,
        histogram=encode(histogram),
        quantile_bounds_ms=trial.quantile_bounds_ms,
    )


def _throughput(trial: Trial, workload: Workload, series: Sequence[Sample]) -> Throughput | None:
    """What was due and became visible in time: a backlog of the warm-up, dealt with later, is no throughput."""
    if not trial.measured or trial.broken_off:
        return None
    duration_s = workload.specification.duration_s
    lags = {sample.t_s: sample.lag_records for sample in series}
    return Throughput(
        offered=_measured_records(workload) / duration_s,
        sustained=trial.measured.sustained_records / duration_s,
        lag_records_start=lags.get(-1),
        lag_records_end=lags.get(duration_s - 1),
    )


def _cost(trial: Trial, workload: Workload) -> Cost | None:
    if not trial.measured or trial.broken_off or trial.cost_unknown:
        return None
    usage = trial.engine_readings.between(0, workload.specification.duration_s)
    records = _served_records(trial, workload)
    if not records:
        return None
    return Cost(
        records=records,
        cpu_s_per_million_records=usage.cpu_s / records * 1e6,
        cpu_user_s=usage.cpu_user_s,
        cpu_system_s=usage.cpu_system_s,
        rss_bytes_peak=usage.rss_bytes,
    )


def _served_records(trial: Trial, workload: Workload) -> int:
    """How many records the CPU time of the measured time was for: those that were made visible in it.

    Of another query than counts, nobody knows; there, those that were due.
    """
    by_second = trial.measured.by_second if trial.measured else None
    if by_second is None:
        return _measured_records(workload)
    seconds = range(workload.specification.warmup_s, workload.total_s)
    return sum(found[0] for second, found in by_second.items() if second in seconds)


def _other_costs(trial: Trial, workload: Workload) -> Iterator[ProcessCost]:
    duration_s = workload.specification.duration_s
    for name, readings in trial.readings.items():
        if name not in ("engine", *trial.cluster) and readings.t_s:
            usage = readings.between(0, duration_s)
            yield ProcessCost(
                name=name.replace("_", " "),
                role="pipeline" if name.rstrip(" 0123456789") in PIPELINE else "load" if name in LOAD else "measuring",
                cpu_cores=usage.cpu_s / duration_s,
                cpu_user_s=usage.cpu_user_s,
                cpu_system_s=usage.cpu_system_s,
                rss_bytes_peak=usage.rss_bytes,
            )


def _generator(trial: Trial) -> GeneratorFigures | None:
    found = trial.generator
    if not found or found.schedule_error_ms_p99 is None:
        return None
    return GeneratorFigures.model_validate(found.model_dump())


def _series(trial: Trial, workload: Workload, expected: ExpectedCounts) -> Iterator[Sample]:
    """One sample for each second from the start of the warm-up until the last record was visible."""
    warmup_s = workload.specification.warmup_s
    schedule_ms, sent, acked = np.array(trial.generator_progress).T
    sent_at_s = schedule_ms / 1000
    readings = trial.engine_readings
    usage_at_s = np.array(readings.t_s) + warmup_s
    cpu_s = [usage.cpu_s for usage in readings.usages]
    rss_bytes = [usage.rss_bytes for usage in readings.usages]
    by_second = (trial.measured.by_second if trial.measured else None) or {}
    visible, seconds = 0, max(workload.total_s, max(by_second, default=0) + 1)
    stolen, foreign = trial.host.by_second(np.arange(-warmup_s, seconds - warmup_s + 1, dtype=np.float64))
    for second in range(seconds):
        made_visible, p50, p99 = by_second.get(second, (0, None, None))
        visible += made_visible
        end_s = second + 1
        acked_now = int(np.interp(end_s, sent_at_s, acked))
        hidden = int(np.searchsorted(expected.hidden_indexes, acked_now))
        yield Sample(
            t_s=second - warmup_s,
            sent_records=int(np.interp(end_s, sent_at_s, sent)),
            acked_records=acked_now,
            visible_records=visible,
            lag_records=max(0, acked_now - hidden - visible),
            latency_ms_p50=p50,
            latency_ms_p99=p99,
            cpu_cores=None
            if trial.cost_unknown
            else float(np.interp(end_s, usage_at_s, cpu_s) - np.interp(second, usage_at_s, cpu_s)),
            rss_bytes=None if trial.cost_unknown else int(np.interp(end_s, usage_at_s, rss_bytes)),
            stolen_share=stolen[second],
            foreign_cores=foreign[second],
        )
