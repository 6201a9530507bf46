"""Proves the probe: injects known delays, losses, doublings, miscounts and stalls, and compares what is reported.

An engine that keeps account of all that it does (`engines/synthetic`) stands where Spark or Flink would, with the same
Kafka, Redis writer, Redis and probe around it. It knows which record it let go of when; the Redis writer notes when it
sent each count to Redis, and when Redis had answered. So each record's true latency is known to lie between two values,
without any matching and without Redis's clock, and the harness's percentiles must lie between theirs.
"""

import json
import signal
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from engines.contract.aggregate import encode_key
from engines.contract.keys import decode_updates
from harness.assemble import invalid_reasons, trial_result
from harness.calibration import (
    FLOOR,
    Calibration,
    CaseResult,
    CountRow,
    PercentileRow,
    StallRow,
    allowed_ms,
    save_calibration_result,
    summarise,
)
from harness.environment import save_calibration
from harness.histogram import Durations, encode
from harness.result import Latency, TrialResult
from harness.scenario import Limits, Scenario
from harness.sections import HotPartitionSection
from harness.session import Session, SessionOptions, new_run_id, open_session
from harness.trial import JOURNAL, Trial, TrialOptions, View
from harness.truth import truth_from_seed
from harness.watch import ConsoleWatcher
from workloads.partitioning import ROUND_ROBIN
from workloads.profiles import NANOSECONDS_PER_S
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload

ENGINE = "synthetic"
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
#: First-in-first-out matching within a cell can be off by the length of a window.
MATCHING_BOUND_MS = 1000.0
PARTITIONS = 4
WARMUP_S = 3
STALL_S = 2.0
#: Latencies at which a stall is looked for in the reported distribution, in milliseconds.
STALL_STEPS_MS = (250.0, 500.0, 1000.0, 1500.0, 1750.0)
#: When a signal takes effect is not known better than this.
STALL_EDGE_NS = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to inject.

    Attributes:
        name, description: for people.
        settings: the synthetic engine's.
        scenario: keys of the calibration's scenario that are others here.
        exact_quantiles: whether first-in-first-out matching can be held to the quantiles; if not, the bounds of the
            quantiles are, where there are any, and the mean.
        faults: names of the account's faults, and of the `Correctness` fields that must report the same number.
        stall: the process group to stop (SIGSTOP) for `STALL_S`.
        invalid: a part of the reason for which the trial must be found invalid; empty if it must be valid.
    """

    name: str
    description: str
    settings: dict[str, Any] = field(default_factory=dict)
    scenario: dict[str, Any] = field(default_factory=dict)
    exact_quantiles: bool = True
    faults: tuple[tuple[str, str], ...] = ()
    stall: str = ""
    invalid: str = ""


def _uneven_cases() -> list[Case]:
    """What makes partitions' records visible at different times, by cell and by turns.

    By cell, those of a cell keep their order all the same, so that matching is exact. With turns they do not.
    """
    uneven = (
        Case(
            name="slow-partition",
            description="10 ms, or 110 ms for the records of one partition of four",
            settings={"delay": "constant", "delay_ms": 10.0, "slow_partition": 2, "slow_partition_ms": 100.0},
        ),
        Case(
            name="hot-partition",
            description="10 ms, or 810 ms for the 40 % of the records that one partition has",
            settings={"delay": "constant", "delay_ms": 10.0, "slow_partition": 0, "slow_partition_ms": 800.0},
            scenario={"hot_partition": HotPartitionSection(share=0.4)},
        ),
        Case(
            name="task-stall",
            description="10 ms, and one of two tasks stands still for 200 ms every 5 s",
            settings={"delay": "constant", "delay_ms": 10.0, "task_stall_every_s": 5.0, "task_stall_s": 0.2},
        ),
    )
    by_turns = (
        replace(
            case,
            name=f"{case.name}-{ROUND_ROBIN}",
            description=f"the same with `partitioning: {ROUND_ROBIN}`: {case.description}",
            scenario=case.scenario | {"partitioning": ROUND_ROBIN},
            exact_quantiles=False,
        )
        for case in uneven
    )
    return [*uneven, *by_turns]


CASES = (
    Case(name=FLOOR, description="every record is passed on at once: the harness's own floor"),
    Case(name="constant", description="100 ms for every record", settings={"delay": "constant", "delay_ms": 100.0}),
    Case(
        name="bimodal",
        description="20 ms, or 250 ms for the records of 5 % of the cells, and a stall of 1.5 s",
        settings={
            "delay": "bimodal",
            "delay_ms": 20.0,
            "slow_ms": 250.0,
            "slow_per_million": 50_000,
            "stall_after_s": 6.0,
            "stall_s": 1.5,
        },
    ),
    Case(
        name="heavy-tail",
        description="Pareto, at least 5 ms, exponent 1.5, cut off at 5 s",
        settings={"delay": "pareto", "delay_ms": 5.0, "pareto_shape": 1.5, "longest_ms": 5000.0},
    ),
    Case(
        name="overtaking",
        description="0 to 500 ms, each record its own: records of a cell overtake each other, only the mean is exact",
        settings={"delay": "uniform", "delay_ms": 500.0, "overtaking": True},
        exact_quantiles=False,
    ),
    *_uneven_cases(),
    Case(
        name="loss",
        description="every 1,000th record is not counted",
        settings={"lose_every": 1000},
        faults=(("lost", "lost_records"),),
    ),
    Case(
        name="duplication",
        description="every 1,000th record is counted twice",
        settings={"double_every": 1000},
        faults=(("doubled", "surplus_records"),),
    ),
    Case(
        name="miscount",
        description="every 500th call is counted as a text",
        settings={"miscount_every": 500},
        faults=(("miscounted", "lost_records"), ("miscounted", "surplus_records")),
    ),
    Case(
        name="generator-stall",
        description=f"the generator is stopped for {STALL_S:g} s: the schedule goes on, and the run is invalid",
        stall="generator",
        invalid="the generator fell behind",
    ),
    Case(
        name="broker-stall",
        description=f"the broker is stopped for {STALL_S:g} s: every record due meanwhile waits",
        stall="kafka",
    ),
)


@dataclass(frozen=True)
class TrueLatencies:
    """Of each record of the measured time, nanoseconds from its intended send time, every array of shape (records,).

    Attributes:
        injected_ns: to the engine's letting go of its count.
        after_ns: to the Redis writer's sending it; the record was visible after this.
        by_ns: to Redis's answer; the record was visible by then.
    """

    injected_ns: NDArray[np.int64]
    after_ns: NDArray[np.int64]
    by_ns: NDArray[np.int64]

    def floor_ms(self, percent: float) -> float:
        """A percentile of the time from the engine's letting go to Redis's answer, in milliseconds."""
        return float(np.percentile(self.by_ns - self.injected_ns, percent)) / 1e6


class Stall:
    """Stops a process group for a while, as a `harness.trial.Meddler`.

    Attributes:
        start_ns, end_ns: when it was stopped and when it went on, on the wall clock; 0 before.
    """

    def __init__(self, group: str, at_s: float, length_s: float) -> None:
        self._group, self._at_s, self._length_ns = group, at_s, int(length_s * NANOSECONDS_PER_S)
        self.start_ns = self.end_ns = 0

    def __call__(self, view: View) -> str:
        """Stop the group, once it is time to, or let it go on. Never breaks a trial off."""
        if not self.start_ns and view.t_s >= self._at_s:
            self._signal(view, signal.SIGSTOP)
            self.start_ns = time.time_ns()
        elif self.start_ns and not self.end_ns and time.time_ns() >= self.start_ns + self._length_ns:
            self.end_ns = time.time_ns()
            self._signal(view, signal.SIGCONT)
        return ""

    def _signal(self, view: View, number: signal.Signals) -> None:
        # Those below the guard: it must go on to watch.
        for process in psutil.Process(view.pids[self._group]).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


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
    with open_session(calibration_id, [ENGINE], options, watcher) as session:
        found = []
        for number, case in enumerate(cases, start=1):
            watcher.progress(number, len(cases))
            found.append(_run_case(session, case, scenario, expected))
        calibration = Calibration(
            calibration_id=calibration_id,
            started_at=session.started_at.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=options.command,
            rate_records_per_s=rate_records_per_s,
            duration_s=duration_s,
            passed=all(case.passed for case in found),
            environment=session.fingerprint(),
            cases=found,
        )
        directory = options.runs_dir / calibration_id
        save_calibration_result(calibration, directory)
        if options.keep_logs or not calibration.passed:
            session.keep_logs(directory / "logs")
    if not names and (summary := summarise(calibration)):
        save_calibration(summary)
    return calibration, directory


def _scenario(rate_records_per_s: int, duration_s: int) -> Scenario:
    return Scenario(
        name="calibration",
        rate_records_per_s=rate_records_per_s,
        warmup_s=WARMUP_S,
        duration_s=duration_s,
        partitions=PARTITIONS,
        malformed_per_million=1000,
        engines=[ENGINE],
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
        return _nothing(case, reasons or ["the trial broke off"])
    return judge_case(case, trial, result, json.loads(account.read_text(encoding="utf-8")), stall, scenario, reasons)


def wrong_validity(case: Case, invalid: list[str]) -> list[str]:
    """Why the harness was wrong about the trial's validity; empty if it was right."""
    unexpected = [reason for reason in invalid if not case.invalid or case.invalid not in reason]
    if case.invalid and len(unexpected) == len(invalid):
        return [*unexpected, f"the trial was not found invalid although {case.invalid}"]
    return unexpected


def _nothing(case: Case, reasons: list[str]) -> CaseResult:
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
    total = Durations.from_json(trial.measured["latencies"])
    total.merge(Durations.from_json(trial.measured["warmup"]))
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


# The truth, record by record.


def true_latencies(workload: Workload, trial: Trial, account: dict[str, Any]) -> TrueLatencies:
    """The latencies that the engine's account and the Redis writer's journal tell of.

    The k-th count that left a cell belongs to a record that the engine knows by its event time; the record with that
    event time was due at a time that the workload knows. Which of several records of one cell and one millisecond it
    was makes no difference here. It was visible when the first count of at least k was written.

    Raises:
        ValueError: the account names a cell that is none, or a count that was never written.
    """
    written, due = _written_by_cell(trial.directory / JOURNAL), _due_by_cell(workload)
    parts: list[NDArray[np.int64]] = []
    for key, rows in _left_by_cell(account).items():
        event_times_ms, left_ns = np.array(rows, dtype=np.int64).T
        due_ns = np.empty_like(left_ns)
        due_ns[np.argsort(event_times_ms, kind="stable")] = due[key]
        counts, sent_ns, answered_ns = np.array(written[key], dtype=np.int64).T
        first = np.searchsorted(counts, np.arange(1, len(left_ns) + 1))
        moments_ns = np.stack([left_ns, sent_ns[first], answered_ns[first]]) - trial.anchor_ns - due_ns
        parts.append(moments_ns[:, due_ns >= workload.specification.warmup_s * NANOSECONDS_PER_S])
    return TrueLatencies(*np.concatenate(parts, axis=1))


def _left_by_cell(account: dict[str, Any]) -> dict[str, list[tuple[int, int]]]:
    """(event time, when it left) of each count that left, by the cell's key, in the order of leaving."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for key, event_time_ms, left_ns in account["left"]:
        found[key].append((event_time_ms, left_ns))
    return found


def _written_by_cell(journal: Path) -> dict[str, list[tuple[int, int, int]]]:
    """(count, when it was sent, when Redis answered) by the cell's key, in that order, as the Redis writer noted."""
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for line in journal.read_bytes().splitlines():
        sent_ns, answered_ns, updates = line.split(b" ", 2)
        for key, count in decode_updates(updates.replace(b" ", b"\n")):
            found[key.decode("ascii")].append((count, int(sent_ns), int(answered_ns)))
    return found


def _due_by_cell(workload: Workload) -> dict[str, NDArray[np.int64]]:
    """Intended send times after the start, ascending, of each cell's well-formed records, by the cell's key."""
    columns = workload.columns(0, workload.total_records)
    well_formed = np.flatnonzero(~columns.malformed)
    numbers = workload.locations.key(columns.windows_s, columns.cells)[well_formed]
    order = np.argsort(numbers, kind="stable")
    keys, starts = np.unique(numbers[order], return_index=True)
    parts = np.split(columns.offsets_ns[well_formed][order], starts[1:])
    return {
        encode_key(workload.locations.cell(int(key))).decode("ascii"): part
        for key, part in zip(keys, parts, strict=True)
    }
