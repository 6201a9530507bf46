"""Proves the probe: injects known delays, losses, doublings, miscounts and stalls, and compares what is reported.

An engine that keeps account of all that it does (`engines/synthetic`) stands where Spark or Flink would, with the same
Kafka, Redis writer, Redis and probe around it. It knows which record it let go of when; the Redis writer notes when it
sent each count to Redis, and when Redis had answered. So each record's true latency is known to lie between two values,
without any matching and without Redis's clock, and the harness's percentiles must lie between theirs.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness.console.progress import ConsoleWatcher
from harness.evaluation.ground_truth import truth_from_seed
from harness.evaluation.trial_result import trial_result
from harness.evaluation.validity import invalid_reasons
from harness.experiments.calibration.cases import CASES, ENGINE, PARTITIONS, STALL_S, WARMUP_S, Case, Stall
from harness.experiments.calibration.judge import judge_case, nothing_measured, wrong_validity
from harness.results.calibration import Calibration, CaseResult, save_calibration_result, summarise
from harness.results.result import CalibrationSummary
from harness.scenarios.contestants import Contestant
from harness.scenarios.scenario import Limits, Scenario
from harness.session.directory import new_run_id, save_somewhere
from harness.session.ending import Ending
from harness.session.fingerprint import save_calibration
from harness.session.options import SessionOptions
from harness.session.preflight.look import look_before_leaping
from harness.session.preflight.need import Need
from harness.session.session import Session, open_session
from harness.trial.options import TrialOptions
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload


def calibrate(
    rate_records_per_s: int, duration_s: int, names: list[str], options: SessionOptions, watcher: ConsoleWatcher
) -> tuple[Calibration, Path]:
    """Run the cases called `names`, or all if it is empty, and save what was found.

    The summary of all is kept for later runs' fingerprints, that of chosen cases is not.

    Returns: the calibration, and its directory.

    Raises:
        RingbenchError: a case could not take place.
    """
    calibration_id = new_run_id("calibration-")
    scenario = _scenario(rate_records_per_s, duration_s)
    expected = expected_counts(Workload(scenario.workload()))
    cases = [case for case in CASES if not names or case.name in names]
    look_before_leaping(Need(runs_dir=options.runs_dir), watcher.note)
    with open_session(calibration_id, [ENGINE], options, watcher) as session:
        found: list[CaseResult] = []
        with Ending(watcher.note, kept=lambda: found) as ending:
            for number, case in enumerate(cases, start=1):
                watcher.progress(number, len(cases))
                ending.begins(f"the case {case.name}")
                found.append(_run_case(session, case, scenario, expected))
        calibration = Calibration(
            calibration_id=calibration_id,
            started_at=session.started_at.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=options.command,
            rate_records_per_s=rate_records_per_s,
            duration_s=duration_s,
            passed=not ending.missing and all(case.passed for case in found),
            environment=session.fingerprint(),
            cases=found,
            missing=ending.missing,
        )
        directory = options.runs_dir / calibration_id
        save_somewhere(save_calibration_result, calibration, directory)
        if options.keep_logs or not calibration.passed:
            session.keep_logs(directory / "logs")
    if not names and not ending.missing and (summary := summarise(calibration)):
        _keep(summary, watcher)
    return calibration, directory


def _keep(summary: CalibrationSummary, watcher: ConsoleWatcher) -> None:
    """Keep the summary for later runs' fingerprints; where the cache cannot be written to, say so."""
    try:
        save_calibration(summary)
    except OSError as error:
        watcher.note(f"later runs will not know of this calibration: the cache cannot be written to: {error.strerror}")


def _scenario(rate_records_per_s: int, duration_s: int) -> Scenario:
    return Scenario(
        name="calibration",
        rate_records_per_s=rate_records_per_s,
        warmup_s=WARMUP_S,
        duration_s=duration_s,
        partitions=PARTITIONS,
        malformed_per_million=1000,
        engines=[Contestant(name=ENGINE, engine=ENGINE)],
        # The truth is known however late a record was sent; only a stall must show as the fault that it is.
        # What others use of the machine is in the true latencies, too, and no reason against a case.
        limits=Limits(schedule_error_ms_p99=500.0, host_share=10.0, path_delay_ms=2000.0, settle_s=1.0, quiet_s=6.0),
    )


def _run_case(session: Session, case: Case, usual: Scenario, expected: ExpectedCounts) -> CaseResult:
    # Partitions do not change what is counted.
    scenario = usual.model_copy(update=case.scenario)
    account = session.work / f"{case.name}.account.json"
    stall = Stall(case.stall, scenario.duration_s / 3, STALL_S) if case.stall else None
    options = TrialOptions(
        label=case.name,
        archive=False,
        journal=True,
        engine_settings=case.settings | {"account": str(account)},
    )
    if stall:
        options = replace(options, meddle=stall)
    trial = session.trial(scenario, ENGINE, len(expected.malformed_lines), options)
    truth = truth_from_seed(expected)
    result = trial_result(trial, 1, 1, truth, scenario, expected)
    reasons = wrong_validity(case, invalid_reasons(trial, truth, scenario, expected))
    if not trial.is_complete or result.latency_ms is None:
        return nothing_measured(case, reasons or ["the trial broke off"])
    return judge_case(case, trial, result, json.loads(account.read_text(encoding="utf-8")), stall, scenario, reasons)
