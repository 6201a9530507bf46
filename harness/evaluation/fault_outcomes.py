"""What came of the faults of trials: repeats, times, staleness, and the records that each fault cost."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.contract.aggregate import Cell
from harness.engines.engine import Engine
from harness.evaluation.counts import MAX_EXAMPLES, wrongly_committed
from harness.evaluation.operations import operation_doubts, operation_reasons, reread_records
from harness.faults.catalogue import BY_NAME
from harness.faults.plan import DueFault
from harness.measurement.recovery import (
    COMMON_BAND_S,
    STEP_MS,
    STEP_S,
    Course,
    NormalBand,
    beyond_share,
    common_band,
    excess_lag_record_s,
    normal_band,
    time_to_detect_s,
    time_to_recover_s,
    visible_by_step,
    worst_staleness_s,
)
from harness.processes.supervisor import Restart
from harness.results.resilience import (
    ControlBand,
    FaultOutcome,
    PlannedFault,
    Resilience,
    RestartNote,
    Verdict,
    WrongCell,
)
from harness.results.result import Result
from harness.scenarios.scenario import Scenario
from harness.trial.fault_options import why_not_due
from harness.trial.outcome import Injected, Trial
from workloads.truth import ExpectedCounts
from workloads.workload import Workload

#: A standstill that had begun so long before a fault counts whole.
BEFORE_S = 60.0
#: Why a fault was not survived, although nothing was lost.
DID_NOTHING = "there is no sign that the fault did anything, so that nothing was survived"
#: Nor by the engine's own means.
STARTED_ANEW = "the engine did not run what had failed again by itself: its process ended, and was started again"
NO_BAND = "what is normal is not known: nothing became visible in time without a fault; a longer warm-up may help"


@dataclass(frozen=True)
class Done:
    """A contestant's trial that took place, with what was sent.

    Attributes:
        number: in the plan, 0 for a control.
        scenario: as it is for the contestant.
        band_s: see `common_band_s`.
    """

    engine: str
    number: int
    trial: Trial
    scenario: Scenario
    expected: ExpectedCounts
    band_s: float


def common_band_s(scenario: Scenario) -> float:
    """How long what is due may be unseen in the band that is the same for all contestants of `scenario`."""
    return COMMON_BAND_S + max(scenario.for_contestant(each).commit_wait_s for each in scenario.contestants)


def faults_passed(result: Result) -> bool:
    """Whether all faults of `result` passed, if it has any. A fault that is not for an engine fails nothing."""
    passed = ("pass", "not applicable")
    return not result.resilience or all(each.verdict in passed for each in result.resilience.faults)


def planned_faults(trials: Iterable[Sequence[DueFault]], engines: Mapping[str, Engine]) -> list[PlannedFault]:
    """The plan for `engines`, by contestants' names, as it stands in the result, from that of each trial."""
    return [_planned_fault(number, each, engines) for number, planned in enumerate(trials, start=1) for each in planned]


def _planned_fault(trial: int, due: DueFault, engines: Mapping[str, Engine]) -> PlannedFault:
    unable = {name: why for name, engine in engines.items() if (why := why_not_due(due, name, engine))}
    return PlannedFault(
        trial=trial,
        fault=due.fault,
        operation=BY_NAME[due.fault].operation,
        parallelism=due.change.parallelism,
        changes={name: told for name in engines if name not in unable and (told := due.change.told(name))},
        at_s=due.at_s,
        duration_s=due.duration_s,
        not_for=list(unable),
        why_not=unable,
    )


def not_applicable(plan: Iterable[PlannedFault], name: str, label: Callable[[int], str]) -> list[FaultOutcome]:
    """The faults of `plan` that are not for the contestant `name`; `label` names a trial by its number in the plan."""
    return [
        _not_measured(name, label(each.trial), each.fault, "not applicable", each.why_not[name])
        for each in plan
        if name in each.why_not
    ]


def went_back(trial: Trial) -> bool:
    """Whether the engine, or a task of it, was started again in the trial."""
    died = any(each.name == "engine" for each in trial.restarts)
    return died or any(BY_NAME[each.planned.fault].fails_tasks and each.did_something for each in trial.injected)


def forgive_repeats(done: Iterable[Done]) -> dict[str, int]:
    """Forgive the repeats of trials in which an engine went back that delivers at least once. How many, by label."""
    to_forgive = [each for each in done if went_back(each.trial) and not each.scenario.is_exactly_once]
    return {each.trial.label: _forgive_repeats(each) for each in to_forgive}


def _forgive_repeats(done: Done) -> int:
    """Take out of the trial's dead letters those that were written again. Returns how many.

    An engine that goes on from a checkpoint, and delivers at least once, writes what came after it a second time.
    """
    wanted, found = Counter(done.expected.malformed_lines), Counter(done.trial.dead_letters)
    repeats = Counter({line: found[line] - wanted[line] for line in wanted if found[line] > wanted[line]})
    done.trial.dead_letters = list((found - repeats).elements())
    return repeats.total()


def course_of(done: Done) -> Course:
    """The course of a trial, to the end of the load or of what became visible."""
    trial, workload, warmup_s = done.trial, Workload(done.scenario.workload()), done.scenario.warmup_s
    assert trial.measured, "there is a course of what was measured only"
    found = trial.measured.by_step
    count = 1 + max([round(workload.total_s / STEP_S), *(step for step, _ in found)])
    due = np.array([workload.due_before(int(at * STEP_MS * 1_000_000)) for at in range(1, count + 1)], dtype=np.int64)
    malformed = np.searchsorted(np.asarray(done.expected.malformed_indexes), due)
    by_second = (trial.measured.by_second or {}).items()
    p99_ms = {second - warmup_s: p99 for second, (_, _, p99) in by_second if p99 is not None}
    return Course(-float(warmup_s), due - malformed, visible_by_step(found, count), p99_ms)


def control_band(done: Done, end_s: float) -> ControlBand | None:
    """What the trial shows to be normal from the start of the measured time to `end_s`; None if it does not."""
    trial = done.trial
    if not trial.measured:
        return None
    course = course_of(done)
    if not any(0 <= second < end_s for second in course.p99_ms):
        return None
    band = normal_band(course, end_s)
    return ControlBand(
        engine=trial.name,
        trial=trial.label,
        lag_records=float(band.lag_records),
        latency_ms_p99=band.p99_ms,
        worst_staleness_s=worst_staleness_s(course, 0, end_s),
        beyond_common_band_share=beyond_share(course, common_band(course, done.band_s), end_s),
    )


def own_band(done: Done) -> ControlBand | None:
    """What a trial without a control shows to be normal: its own time before its first fault."""
    return control_band(done, min(each.planned.at_s for each in done.trial.injected))


def wrong_in(done: Done) -> list[WrongCell] | None:
    """All cells of the trial whose counts are wrong; None if that is not known."""
    if not done.trial.is_complete or done.trial.observed is None:
        return None
    return wrong_cells(done.expected.counts, done.trial.observed)


def resilience_of(
    scenario: Scenario,
    plan: Sequence[DueFault],
    engines: Mapping[str, Engine],
    done: Sequence[Done],
    wrong: Callable[[Done], list[WrongCell] | None],
) -> Resilience:
    """The account of trials of a run that all had the faults of `plan`, each beside its own time before the first.

    `engines` are what contestants run, by their names.

    Dead letters that a restarted engine has written again are taken out of the trials, and counted.
    """
    harmed = [each for each in done if each.trial.injected]
    repeated = forgive_repeats(harmed)
    planned = planned_faults([plan], engines)
    bands = [own_band(each) for each in harmed]
    return Resilience(
        seed=scenario.seed,
        common_band_s=common_band_s(scenario),
        plan=planned,
        controls=[band for band in bands if band],
        faults=[
            *(found for each, band in zip(harmed, bands, strict=True) for found in outcomes(each, band, wrong(each))),
            *(found for each in done for found in _left_out(planned, each)),
        ],
        repeated_dead_letters=repeated,
    )


def _left_out(planned: Iterable[PlannedFault], done: Done) -> list[FaultOutcome]:
    return not_applicable(planned, done.engine, lambda _number: done.trial.label)


def outcomes(
    done: Done,
    normal: ControlBand | None,
    wrong: list[WrongCell] | None,
    further: Callable[[str], list[str]] = lambda _fault: [],
    recover_within_s: float | None = None,
) -> Iterable[FaultOutcome]:
    """What came of each fault of a trial.

    Args:
        done: the trial.
        normal: what is normal; None if that is not known, so that nothing is known of the faults, either.
        wrong: the trial's wrong cells, see `wrong_in`.
        further: what else speaks against a fault, by its name.
        recover_within_s: how long the faults waited for recoveries at the most. Where they did, one that was not
            recovered from did not pass; at fixed times, there may have been no time for it.
    """
    trial = done.trial
    course = course_of(done) if trial.measured else None
    starts_s = [each.planned.at_s for each in trial.injected]
    zero_s = done.scenario.workload().epoch_s + done.scenario.warmup_s
    for number, each in enumerate(trial.injected):
        if not course or not normal or each.started_s is None or each.healed_s is None:
            why = NO_BAND if course and not normal else _why_it_ended(trial)
            yield _not_measured(done.engine, trial.label, each.planned.fault, "unknown", why, each)
            continue
        own = [cell for cell in wrong or [] if number == owner(cell.window_s + 1 - zero_s, starts_s)]
        times = _times(done, course, NormalBand(normal.lag_records, normal.latency_ms_p99), number)
        reasons = [*_reasons(trial, wrong is None, own, number == 0), *further(each.planned.fault)]
        if recover_within_s is not None and not times["recovered"] and not trial.broken_off:
            reasons.append(_not_recovered(recover_within_s, normal, done.band_s))
        if BY_NAME[each.planned.fault].fails_tasks and times["restarts"] and not each.did_something:
            reasons.append(STARTED_ANEW)
        # What died of it was harmed.
        idle = not each.did_something and not times["restarts"]
        reasons += operation_reasons(each, done.engine)
        doubts = [*([DID_NOTHING] if idle else []), *operation_doubts(trial, each, recovered=times["recovered"])]
        yield FaultOutcome(
            engine=done.engine,
            trial=trial.label,
            fault=each.planned.fault,
            operation=each.is_operation,
            changed=each.planned.change.told(done.engine),
            description=BY_NAME[each.planned.fault].description,
            verdict=verdict_of(reasons, is_unverified=wrong is None and not trial.broken_off, is_idle=bool(doubts)),
            reasons=reasons + doubts,
            started_s=each.started_s,
            healed_s=each.healed_s,
            reread_records=reread_records(trial, each),
            lost_records=None if wrong is None else -sum(min(0, _excess(cell)) for cell in own),
            surplus_records=None if wrong is None else sum(max(0, _excess(cell)) for cell in own),
            wrong_cells=own[:MAX_EXAMPLES],
            **times,
        )


def _not_recovered(within_s: float, normal: ControlBand, band_s: float) -> str:
    share = normal.beyond_common_band_share
    why = f"never recovered from: not within {band_s:g} s of load, though there were {within_s:g} s to recover in"
    return f"{why}; without a fault, it was beyond that for {share:.0%} of the time, too" if share else why


def _times(done: Done, course: Course, band: NormalBand, number: int) -> dict[str, Any]:
    """When the fault of that number was detected and over, how stale results became, and what was started again.

    What becomes of the lag once the load has ended is no recovery.
    """
    trial = done.trial
    injected = trial.injected[number]
    started_s, healed_s = injected.started_s, injected.healed_s
    assert started_s is not None and healed_s is not None
    end_s = (*(each.planned.at_s for each in trial.injected), float("inf"))[number + 1]
    restarts = [restart for restart in trial.restarts if started_s <= restart.died_s < end_s]
    near = course.part(started_s - BEFORE_S, end_s)
    common, load_end_s = common_band(near, done.band_s), min(end_s, float(done.scenario.duration_s))
    recover_s = time_to_recover_s(near, common, healed_s, load_end_s, done.band_s)
    recovered_s = None if recover_s is None else healed_s + recover_s
    return {
        "detect_s": _first(time_to_detect_s(near, band, started_s, end_s), restarts, started_s),
        "recover_s": time_to_recover_s(near, band, healed_s, load_end_s, done.band_s),
        "recovered": recover_s is not None,
        "common_recover_s": recover_s,
        "excess_lag_record_s": None
        if recovered_s is None
        else excess_lag_record_s(near, common, started_s, recovered_s),
        "worst_staleness_s": worst_staleness_s(near, started_s, end_s),
        "restarts": [_note(restart) for restart in restarts],
    }


def _why_it_ended(trial: Trial) -> str:
    ended = trial.broken_off or "; ".join((*trial.engine_troubles, *trial.invalid_reasons)) or "no reason is known"
    return f"the trial ended before: {ended}"


def _not_measured(
    engine: str, label: str, fault: str, verdict: Verdict, reason: str, injected: Injected | None = None
) -> FaultOutcome:
    return FaultOutcome(
        engine=engine,
        trial=label,
        fault=fault,
        operation=BY_NAME[fault].operation,
        description=BY_NAME[fault].description,
        verdict=verdict,
        reasons=[reason],
        started_s=injected.started_s if injected else None,
        healed_s=injected.healed_s if injected else None,
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
    if first:
        yield from trial.engine_troubles
        yield from wrongly_committed(trial.committed, trial.engine_troubles)
    if lost := -sum(min(0, _excess(cell)) for cell in own):
        yield f"{lost:,} records lost"
    if surplus := sum(max(0, _excess(cell)) for cell in own):
        yield f"{surplus:,} records counted too often"


def verdict_of(reasons: list[str], *, is_unverified: bool, is_idle: bool) -> Verdict:
    """The verdict on a fault, from what speaks against it; one that did nothing was not survived."""
    return "unknown" if is_unverified else "fail" if reasons else "unknown" if is_idle else "pass"


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
        planned=restart.planned,
    )
