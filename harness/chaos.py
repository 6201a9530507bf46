"""Fault injection: each engine once without faults, as the control, and then with the plan's, all verified."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from engines.contract.aggregate import Cell
from harness.archive import fingerprint_archive
from harness.assemble import invalid_reasons, trial_result
from harness.errors import InvalidRun, UsageError
from harness.faults import BY_NAME, FAULTS, Planned, make_plan, trial_s
from harness.pool import pool
from harness.resilience import (
    STEP_MS,
    STEP_S,
    Band,
    Course,
    normal_band,
    time_to_detect_s,
    time_to_recover_s,
    visible_by_step,
    worst_staleness_s,
)
from harness.resilience_result import ControlBand, FaultOutcome, PlannedFault, Resilience, RestartNote, WrongCell
from harness.result import EngineResult, Result, TrialResult
from harness.scenario import Scenario
from harness.session import Session, SessionOptions, new_run_id, open_session
from harness.supervisor import Restart
from harness.trial import Injected, Trial, TrialOptions
from harness.truth import truth_from_seed
from harness.verifier import MAX_EXAMPLES
from harness.watch import ConsoleWatcher
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload

PREFIX = "chaos-"
#: What an engine is called in the trials with faults.
FAULTY = "faults"
#: How long the control lasts, in seconds; as long as the trials, if its archive is to be compared with theirs.
CONTROL_S = 30
#: What `ringbench chaos` injects unless told otherwise: a few that show most.
USUAL = ("engine-kill", "engine-stop", "kafka-stop", "redis-lost", "writer-kill")


@dataclass(frozen=True)
class ChaosOptions:
    """What to inject: names of faults, the seed of the plan, and how many faults a trial has at the most."""

    faults: Sequence[str]
    seed: int
    per_trial: int


@dataclass(frozen=True)
class _Done:
    """A trial that took place, with what was sent: its number in the plan, 0 for the control."""

    engine: str
    number: int
    trial: Trial
    scenario: Scenario
    expected: ExpectedCounts


def check_names(names: Iterable[str]) -> None:
    """Make sure that all of `names` are faults.

    Raises:
        UsageError: one is not.
    """
    if unknown := [name for name in names if name not in BY_NAME]:
        known = ", ".join(fault.name for fault in FAULTS)
        raise UsageError(f"unknown fault {unknown[0]!r}", fix=f"give one or more of: {known}")


def plan_of(chosen: ChaosOptions) -> list[PlannedFault]:
    """The plan, as it stands in the result."""
    trials = make_plan(chosen.seed, chosen.faults, chosen.per_trial)
    return [
        PlannedFault(trial=number, fault=each.fault, at_s=each.at_s, duration_s=each.duration_s)
        for number, planned in enumerate(trials, start=1)
        for each in planned
    ]


def chaos(
    scenario: Scenario, chosen: ChaosOptions, options: SessionOptions, watcher: ConsoleWatcher
) -> tuple[Result, Path]:
    """Inject the faults of `chosen` into each engine of `scenario`, and save what came of it.

    Returns: the result, and the run's directory.

    Raises:
        UsageError: there is no such fault, or the scenario has disorder.
        RingbenchError: a trial could not take place.
    """
    check_names(chosen.faults)
    scenario.refuse_input("chaos")
    if scenario.disorder:
        raise UsageError(
            "the scenario has disorder, and what faults cost is told from counts that are known exactly",
            fix="leave `disorder` out",
        )
    plan = make_plan(chosen.seed, chosen.faults, chosen.per_trial)
    scenario = scenario.model_copy(update={"duration_s": max(map(trial_s, plan))})
    started_at, run_id = datetime.now(UTC), new_run_id(PREFIX)
    with open_session(run_id, scenario.engines, options, watcher) as session:
        done = list(_trials(session, scenario, plan))
        result = _assemble(session, started_at, scenario, chosen, options, done)
        return result, session.save(result, options, went_wrong=exit_code(result) != 0)


def exit_code(result: Result) -> int:
    """What the command line ends with: 3 for an invalid run, 1 if a fault or a control did not pass, else 0."""
    if not result.valid:
        return InvalidRun.exit_code
    assert result.resilience
    faults = all(each.verdict == "pass" for each in result.resilience.faults)
    return 0 if faults and all(engine.verdict == "pass" for engine in result.engines) else 1


def _trials(session: Session, scenario: Scenario, plan: list[list[Planned]]) -> Iterable[_Done]:
    everything = [each.fault for planned in plan for each in planned]
    proxied = any(name.startswith("network-") for name in everything)
    archive = any(BY_NAME[name].archive for name in everything)
    control_s = scenario.duration_s if archive else min(CONTROL_S, scenario.duration_s)
    sent = [scenario.model_copy(update={"duration_s": control_s}), *[scenario] * len(plan)]
    counts = {each.duration_s: expected_counts(Workload(each.workload())) for each in sent}
    total, place = len(scenario.engines) * (1 + len(plan)), 0
    for engine in scenario.engines:
        jvm = session.engines[engine].engine.java
        for number, planned in enumerate([[], *plan]):
            place += 1
            session.watcher.progress(place, total)
            fit = [each for each in planned if jvm or not BY_NAME[each.fault].jvm]
            if planned and not fit:
                continue
            archived = any(BY_NAME[each.fault].archive for each in fit) or (archive and not planned)
            label = f"{engine}-{FAULTY}-{number}" if number else f"{engine}-control"
            made = TrialOptions(label=label, archive=archived, faults=fit, proxied=proxied)
            expected = counts[sent[number].duration_s]
            trial = session.trial(sent[number], engine, len(expected.malformed_lines), made)
            yield _Done(engine, number, trial, sent[number], expected)


# What came of it


def _assemble(
    session: Session,
    started_at: datetime,
    scenario: Scenario,
    chosen: ChaosOptions,
    options: SessionOptions,
    done: list[_Done],
) -> Result:
    repeated = {each.trial.label: _forgive_repeats(each) for each in done if _engine_died(each.trial)}
    reasons = [
        reason
        for each in done
        if not each.trial.broken_off
        for reason in invalid_reasons(each.trial, truth_from_seed(each.expected), each.scenario, each.expected)
    ]
    controls: list[ControlBand] = []
    faults: list[FaultOutcome] = []
    for engine in scenario.engines:
        own = [each for each in done if each.engine == engine]
        found = _control(own[0])
        if found is None:
            reasons.append(f"{engine}: the control did not take place, so that nothing is known to be normal")
            continue
        controls.append(found)
        for each in own[1:]:
            faults += _outcomes(session, each, own[0].trial, found)
    return Result(
        run_id=session.run_id,
        valid=not reasons,
        invalid_reasons=reasons,
        started_at=started_at.isoformat(timespec="seconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command,
        scenario=scenario.model_dump(),
        environment=session.fingerprint(),
        truth=None,
        engines=_engines(scenario.engines, done),
        comparison=None,
        resilience=Resilience(
            seed=chosen.seed,
            plan=plan_of(chosen),
            controls=controls,
            faults=faults,
            repeated_dead_letters=repeated,
        ),
    )


def _engine_died(trial: Trial) -> bool:
    return any(each.name == "engine" for each in trial.restarts)


def _forgive_repeats(done: _Done) -> int:
    """Take out of the trial's dead letters those that were written again. Returns how many.

    An engine that goes on from a checkpoint writes what came after it a second time; no engine promises more than "at
    least once" here.
    """
    wanted, found = Counter(done.expected.malformed_lines), Counter(done.trial.dead_letters)
    repeats = Counter({line: found[line] - wanted[line] for line in wanted if found[line] > wanted[line]})
    done.trial.dead_letters = list((found - repeats).elements())
    return repeats.total()


def _engines(names: list[str], done: list[_Done]) -> list[EngineResult]:
    engines = []
    for name in names:
        own = [each for each in done if each.engine == name]
        for title, part in ((name, own[:1]), (f"{name}-{FAULTY}", own[1:])):
            results = [_trial_result(each, done.index(each) + 1) for each in part]
            if results:
                engines.append(pool(title, part[0].trial.version, part[0].trial.config, results))
    return engines


def _trial_result(done: _Done, place: int) -> TrialResult:
    truth = truth_from_seed(done.expected)
    return trial_result(done.trial, place, max(1, done.number), truth, done.scenario, done.expected)


def _course(done: _Done) -> Course:
    """The course of a trial, to the end of the load or of what became visible."""
    trial, workload, warmup_s = done.trial, Workload(done.scenario.workload()), done.scenario.warmup_s
    found: list[tuple[int, int]] = trial.measured["by_step"]
    count = 1 + max([round(workload.total_s / STEP_S), *(step for step, _ in found)])
    due = np.array([workload.due_before(int(at * STEP_MS * 1_000_000)) for at in range(1, count + 1)], dtype=np.int64)
    malformed = np.searchsorted(np.asarray(done.expected.malformed_indexes), due)
    p99_ms = {int(second) - warmup_s: found[2] for second, found in trial.measured["by_second"].items()}
    return Course(-float(warmup_s), due - malformed, visible_by_step(found, count), p99_ms)


def _control(done: _Done) -> ControlBand | None:
    trial, measured_s = done.trial, done.scenario.duration_s
    if not trial.measured or trial.broken_off:
        return None
    course = _course(done)
    if not any(0 <= second < measured_s for second in course.p99_ms):
        return None
    band = normal_band(course, measured_s)
    return ControlBand(
        engine=trial.name,
        trial=trial.label,
        lag_records=band.lag_records,
        latency_ms_p99=band.p99_ms,
        worst_staleness_s=worst_staleness_s(course, 0, measured_s),
    )


def _outcomes(session: Session, done: _Done, control: Trial, normal: ControlBand) -> Iterable[FaultOutcome]:
    trial, engine, expected = done.trial, done.engine, done.expected
    course = _course(done) if trial.measured else None
    band = Band(normal.lag_records, normal.latency_ms_p99)
    wrong = wrong_cells(expected.counts, trial.observed) if trial.is_complete and trial.observed is not None else None
    starts_s = [each.planned.at_s for each in trial.injected]
    zero_s = done.scenario.workload().epoch_s + done.scenario.warmup_s
    for number, each in enumerate(trial.injected):
        end_s = (*starts_s, float("inf"))[number + 1]
        if not course or each.started_s is None or each.healed_s is None:
            yield _not_injected(engine, trial, each)
            continue
        started_s, healed_s = each.started_s, each.healed_s
        own = [cell for cell in wrong or [] if number == owner(cell.window_s + 1 - zero_s, starts_s)]
        restarts = [restart for restart in trial.restarts if started_s <= restart.died_s < end_s]
        reasons = list(_reasons(trial, wrong is None, own, number == 0))
        if BY_NAME[each.planned.fault].archive and trial.is_complete and _archives_differ(session, trial, control):
            reasons.append("the archive is not the one of the control")
        yield FaultOutcome(
            engine=engine,
            trial=trial.label,
            fault=each.planned.fault,
            description=BY_NAME[each.planned.fault].description,
            verdict=_verdict(reasons, wrong is None and not trial.broken_off),
            reasons=reasons,
            started_s=started_s,
            healed_s=healed_s,
            detect_s=_first(time_to_detect_s(course, band, started_s, end_s), restarts, started_s),
            recover_s=time_to_recover_s(course, band, healed_s, end_s),
            worst_staleness_s=worst_staleness_s(course, started_s, end_s),
            lost_records=None if wrong is None else -sum(min(0, _excess(cell)) for cell in own),
            surplus_records=None if wrong is None else sum(max(0, _excess(cell)) for cell in own),
            wrong_cells=own[:MAX_EXAMPLES],
            restarts=[_note(restart) for restart in restarts],
        )


def _not_injected(engine: str, trial: Trial, injected: Injected) -> FaultOutcome:
    ended = trial.broken_off or "; ".join((*trial.engine_troubles, *trial.invalid_reasons)) or "no reason is known"
    return FaultOutcome(
        engine=engine,
        trial=trial.label,
        fault=injected.planned.fault,
        description=BY_NAME[injected.planned.fault].description,
        verdict="unknown",
        reasons=[f"the trial ended before: {ended}"],
        started_s=injected.started_s,
        healed_s=injected.healed_s,
        detect_s=None,
        recover_s=None,
        worst_staleness_s=None,
        lost_records=None,
        surplus_records=None,
    )


def _reasons(trial: Trial, unverified: bool, own: list[WrongCell], first: bool) -> Iterable[str]:
    """Why a fault did not pass. What belongs to none of a trial's faults is put down to the first."""
    if trial.broken_off:
        yield f"the trial was broken off: {trial.broken_off}"
    elif unverified:
        yield "the counts could not be verified"
    yield from trial.engine_troubles if first else ()
    if lost := -sum(min(0, _excess(cell)) for cell in own):
        yield f"{lost:,} records lost"
    if surplus := sum(max(0, _excess(cell)) for cell in own):
        yield f"{surplus:,} records counted too often"


def _verdict(reasons: list[str], is_unknown: bool) -> Literal["pass", "fail", "unknown"]:
    return "unknown" if is_unknown else "fail" if reasons else "pass"


def wrong_cells(expected: Mapping[Cell, int], observed: Mapping[Cell, int]) -> list[WrongCell]:
    """All cells whose counts differ, in order."""
    cells = sorted({cell for cell, _ in expected.items() ^ observed.items()})
    return [WrongCell(**each._asdict(), expected=expected.get(each), observed=observed.get(each)) for each in cells]


def _excess(cell: WrongCell) -> int:
    return (cell.observed or 0) - (cell.expected or 0)


def owner(end_s: float, starts_s: Sequence[float]) -> int:
    """The number of the fault that a window which ends at `end_s` is put down to: the last that had begun by then."""
    return max(0, sum(start_s < end_s for start_s in starts_s) - 1)


def _first(lag_s: float | None, restarts: list[Restart], started_s: float) -> float | None:
    found = [restart.died_s - started_s for restart in restarts[:1]] + ([] if lag_s is None else [lag_s])
    return min(found, default=None)


def _note(restart: Restart) -> RestartNote:
    return RestartNote(
        process=restart.name.replace("_", " "),
        reason=restart.reason,
        died_s=restart.died_s,
        started_s=restart.started_s,
        ready_s=restart.ready_s,
    )


def _archives_differ(session: Session, trial: Trial, control: Trial) -> bool:
    bucket = session.backing.bucket
    return fingerprint_archive(bucket, trial.archive_prefix) != fingerprint_archive(bucket, control.archive_prefix)
