"""Whether a trial's figures count: what the harness, its input or its host did wrong."""

from collections.abc import Iterator

from harness.conclusions.disturbance import disturbance_text, disturbed_share
from harness.evaluation.counts import correctness_of
from harness.evaluation.ground_truth import TrialTruth
from harness.measurement.delivery import bottlenecks
from harness.results.host import Host
from harness.scenarios.scenario import Scenario
from harness.scenarios.sharing import processes_of
from harness.trial.outcome import Trial
from workloads.replay import open_workload
from workloads.truth import ExpectedCounts


def invalid_reasons(trial: Trial, truth: TrialTruth | None, scenario: Scenario, expected: ExpectedCounts) -> list[str]:
    """Why the trial's numbers must not be believed; empty if nothing speaks against them."""
    reasons = [*_missing_input(trial, scenario), *disturbances(trial, scenario)]
    parts = [trial.measured.warmup, trial.measured.latencies] if trial.measured else []
    negative = sum(part["negative_count"] for part in parts if part)
    found = correctness_of(trial, truth, expected)
    # One record counted twice shows the next too early.
    counts_are_right = not truth or (found is not None and not found.lost_records and not found.surplus_records)
    if negative and counts_are_right and not trial.counted_ahead:
        reasons.append(f"{negative:,} records were visible before they were due: clocks disagree")
    if truth:
        reasons += truth.differences(expected)
    return [f"{trial.label}: {reason}" for reason in reasons]


def _missing_input(trial: Trial, scenario: Scenario) -> Iterator[str]:
    if not trial.generator:
        return
    acked, total = trial.generator.acked_records, open_workload(scenario.workload()).total_records
    if acked != total:
        yield f"the broker acknowledged {acked:,} of {total:,} records"


def disturbances(trial: Trial, scenario: Scenario) -> list[str]:
    """What kept the trial from measuring the engine, as long as it lasted: one that was broken off has it, too."""
    reasons = [*trial.invalid_reasons, *_schedule_faults(trial, scenario), *_path_faults(trial, scenario)]
    reasons += _host_faults(trial, scenario)
    if trial.clock_step_ms is not None and trial.clock_step_ms > scenario.limits.clock_step_ms:
        reasons.append(
            f"the wall clock moved by {trial.clock_step_ms:.1f} ms, limit {scenario.limits.clock_step_ms:g} ms"
        )
    return reasons


def watched_s(trial: Trial, scenario: Scenario) -> float:
    """How much there was of the measured time before the trial was broken off, in seconds."""
    duration_s = scenario.workload().duration_s
    return duration_s if trial.broken_off_s is None else min(max(0.0, round(trial.broken_off_s, 1)), duration_s)


def host_use(trial: Trial, scenario: Scenario) -> Host | None:
    """What others had of the machine in the measured time."""
    return trial.host.use(0, watched_s(trial, scenario))


def _schedule_faults(trial: Trial, scenario: Scenario) -> Iterator[str]:
    if not trial.generator:
        return
    error_ms, limit_ms = trial.generator.schedule_error_ms_p99, scenario.limits.schedule_error_ms_p99
    if error_ms is None or error_ms > limit_ms:
        yield f"the generator fell behind: schedule error p99 {error_ms} ms, limit {limit_ms:g} ms"


def _host_faults(trial: Trial, scenario: Scenario) -> Iterator[str]:
    """Whether others had so much of the machine that its figures are theirs, too."""
    host, limit = host_use(trial, scenario), scenario.limits.host_share
    share = disturbed_share(host)
    if host and share is not None and share > limit:
        yield f"the host was not quiet: {disturbance_text(host)}, {share:.0%} in all, limit {limit:.0%}"


def _path_faults(trial: Trial, scenario: Scenario) -> Iterator[str]:
    """Who of the path behind the engine did not keep up; with injected faults, it is not meant to at all times."""
    if not trial.injected:
        bound_ms, processes = scenario.limits.path_delay_ms, processes_of(scenario)
        yield from bottlenecks(trial.delays, trial.readings, bound_ms, watched_s(trial, scenario), processes)
