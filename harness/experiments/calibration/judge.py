"""Whether the harness measured what the synthetic engine did. Pure functions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.experiments.calibration.cases import Case, Stall
from harness.experiments.calibration.true_latencies import MATCHING_BOUND_MS, TrueLatencies, true_latencies
from harness.numerics.durations import Durations, encode
from harness.results.calibration import CaseResult, CountRow, PercentileRow, StallRow, allowed_ms
from harness.results.performance import Latency
from harness.results.result import TrialResult
from harness.scenarios.scenario import Scenario
from harness.trial.outcome import Trial
from workloads.workload import Workload

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
#: Latencies at which a stall is looked for in the reported distribution, in milliseconds.
STALL_STEPS_MS = (250.0, 500.0, 1000.0, 1500.0, 1750.0)
#: When a signal takes effect is not known better than this.
STALL_EDGE_NS = 20_000_000


def wrong_validity(case: Case, invalid: list[str]) -> list[str]:
    """Why the harness was wrong about the trial's validity; empty if it was right."""
    unexpected = [reason for reason in invalid if not case.invalid or case.invalid not in reason]
    if case.invalid and len(unexpected) == len(invalid):
        return [*unexpected, f"the trial was not found invalid although {case.invalid}"]
    return unexpected


def nothing_measured(case: Case, reasons: list[str]) -> CaseResult:
    return CaseResult(
        name=case.name,
        description=case.description,
        exact_quantiles=case.exact_quantiles,
        passed=False,
        reasons=reasons,
        floor_ms_p50=None,
        floor_ms_p99=None,
    )


def judge_case(
    case: Case,
    trial: Trial,
    result: TrialResult,
    account: dict[str, Any],
    stall: Stall | None,
    scenario: Scenario,
    reasons: list[str],
) -> CaseResult:
    """Compare what was injected in a case with what was reported of it.

    Args:
        case: what was to be injected.
        trial, result: what the harness found, and reports.
        account: the engine's account of what it did.
        stall: what stopped a process group, if the case has it.
        scenario: what was sent.
        reasons: what speaks against the case already.
    """
    assert result.latency_ms is not None and result.correctness is not None
    percentiles: list[PercentileRow] = []
    true = None
    if not case.faults:
        true = true_latencies(Workload(scenario.workload()), trial, account)
        percentiles = _percentiles(case, true, result.latency_ms)
        reasons += [f"{row.percentile} is off by {row.error_ms:.1f} ms" for row in percentiles if not row.passed]
    counts = _counts(case, account["faults"], result)
    reasons += [f"{row.what}: {row.injected:,} injected, {row.reported:,} reported" for row in counts if not row.passed]
    stalls = _stalls(stall, trial, Workload(scenario.workload())) if stall else []
    reasons += [
        f"the stall's records of {row.latency_ms:g} ms or more are not all there" for row in stalls if not row.passed
    ]
    return CaseResult(
        name=case.name,
        description=case.description,
        exact_quantiles=case.exact_quantiles,
        passed=not reasons,
        reasons=reasons,
        floor_ms_p50=true.floor_ms(50) if true else None,
        floor_ms_p99=true.floor_ms(99) if true else None,
        percentiles=percentiles,
        counts=counts,
        stalls=stalls,
        true_histogram=_histogram(true.by_ns) if true else None,
        reported_histogram=result.latency_ms.histogram,
    )


def _percentiles(case: Case, true: TrueLatencies, reported: Latency) -> list[PercentileRow]:
    found = {"p50": reported.p50, "p90": reported.p90, "p99": reported.p99, "p99.9": reported.p999, "max": reported.max}
    bounds = reported.quantile_bounds_ms
    rows = []
    for name, percent in PERCENTILES.items():
        # The least value that so many per cent do not exceed, as an HdrHistogram has it, and no interpolation.
        injected, after, by = (
            float(np.percentile(each, percent, method="inverted_cdf")) / 1e6
            for each in (true.injected_ns, true.after_ns, true.by_ns)
        )
        allowed = allowed_ms(by) if case.exact_quantiles or bounds else MATCHING_BOUND_MS
        within = getattr(bounds, name.replace(".", "")) if bounds else None
        rows.append(_row(name, injected, after, by, found[name], allowed, within))
    injected, after, by = (float(each.mean()) / 1e6 for each in (true.injected_ns, true.after_ns, true.by_ns))
    return [*rows, _row("mean", injected, after, by, reported.mean, allowed_ms(by))]


def _row(
    name: str,
    injected: float,
    after: float,
    by: float,
    reported: float,
    allowed: float,
    within: tuple[float, float] | None = None,
) -> PercentileRow:
    """A row; `within` are the bounds that are reported of it, which must hold what is true."""
    low, high = within or (reported, reported)
    error = max(0.0, low - by) or min(0.0, high - after)
    return PercentileRow(
        percentile=name,
        injected_ms=injected,
        after_ms=after,
        by_ms=by,
        reported_ms=reported,
        low_ms=within[0] if within else None,
        high_ms=within[1] if within else None,
        error_ms=error,
        allowed_ms=allowed,
        passed=abs(error) <= allowed,
    )


def _counts(case: Case, faults: dict[str, int], result: TrialResult) -> list[CountRow]:
    """Each injected fault beside its report; and what was not injected, which must be reported as 0."""
    assert result.correctness is not None
    letters = result.correctness.dead_letters
    blamed = {name: fault for fault, name in case.faults}
    rows = [
        CountRow(
            what=name.replace("_", " "),
            injected=(injected := faults[blamed[name]] if name in blamed else 0),
            reported=(reported := getattr(result.correctness, name)),
            # A fault of which none happened would prove nothing.
            passed=injected == reported and (injected > 0) is (name in blamed),
        )
        for name in ("lost_records", "surplus_records")
    ]
    wrong = letters.missing + letters.extra
    return [*rows, CountRow(what="dead letters missing or extra", injected=0, reported=wrong, passed=not wrong)]


def _stalls(stall: Stall, trial: Trial, workload: Workload) -> list[StallRow]:
    """Every record that was due in the stall must be reported to have waited for its end."""
    assert trial.measured and trial.measured.latencies and trial.measured.warmup, "counts were asked for"
    total = Durations.from_json(trial.measured.latencies)
    total.merge(Durations.from_json(trial.measured.warmup))
    start_ns, end_ns = (
        each - trial.anchor_ns for each in (stall.start_ns + STALL_EDGE_NS, stall.end_ns - STALL_EDGE_NS)
    )
    rows = []
    for latency_ms in STALL_STEPS_MS:
        first, last = workload.due_before(start_ns), workload.due_before(end_ns - int(latency_ms * 1e6))
        due = int(np.count_nonzero(~workload.columns(first, last).malformed)) if last > first else 0
        reported = total.at_least(latency_ms)
        rows.append(
            StallRow(latency_ms=latency_ms, due_records=due, reported_records=reported, passed=reported >= due > 0)
        )
    return rows


def _histogram(latencies_ns: NDArray[np.int64]) -> str:
    durations = Durations()
    durations.record_ns(latencies_ns)
    return encode(durations.to_histogram())
