"""A soak test: one long trial of each engine under random faults, watched for leaks, and verified as it goes on."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.console.interrupt import INTERRUPTED, Interrupt
from harness.console.progress import ConsoleWatcher
from harness.errors import InvalidRun, UsageError
from harness.evaluation.counts import judge
from harness.evaluation.fault_outcomes import Done, common_band_s, faults_passed, resilience_of, wrong_cells
from harness.evaluation.ground_truth import truth_from_seed
from harness.evaluation.pooling import pool, total_correctness
from harness.evaluation.trial_result import trial_result
from harness.evaluation.validity import invalid_reasons
from harness.experiments.soak.growth import growths
from harness.experiments.soak.resources import (
    BYTES,
    CHECKPOINT,
    DESCRIPTORS,
    DISK,
    KEYS,
    MEMORY,
    RUN,
    Resources,
    disturbed,
    interval_s,
)
from harness.experiments.soak.running_verifier import Verifier
from harness.faults.plan import DueFault, anywhere, draw_plan
from harness.numerics.leaks import LeakBounds
from harness.results.part import Missing
from harness.results.resilience import WrongCell
from harness.results.result import EngineResult, Result, TrialResult
from harness.results.soak import Soak, SoakGrowth, SoakSeries, SoakTrial, SoakVerified
from harness.scenarios.refusals import SOAK
from harness.scenarios.scenario import Scenario
from harness.session.checks import check_scenario
from harness.session.directory import new_run_id
from harness.session.ending import Ending, is_interrupted
from harness.session.options import SessionOptions
from harness.session.session import Session, open_session
from harness.trial.fault_options import needs_detour, suited, trial_options
from harness.trial.options import View
from harness.trial.outcome import Trial
from workloads.truth import ExpectedCounts, counts_between, expected_malformed
from workloads.workload import Workload

PREFIX = "soak-"
#: What is normal is told by so long a time before the first fault.
CALM_S = 30
TELL_S = 60.0
#: Of all intervals of a trial together.
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class SoakOptions:
    """What is done besides the load: how many faults an hour, and by how many per cent an hour anything may grow."""

    faults_per_hour: float
    percent_per_hour: float


@dataclass(frozen=True)
class _Watched:
    """A trial that took place, with what was seen of it, and how long the load lasted."""

    engine: str
    trial: Trial
    resources: Resources
    verifier: Verifier
    lasted_s: float


def soak_plan(scenario: Scenario, chosen: SoakOptions) -> list[DueFault]:
    """The faults of a soak test: the same for the same seed, duration and number.

    Raises:
        UsageError: so many do not fit.
    """
    count = round(scenario.duration_s / 3600 * chosen.faults_per_hour) or (1 if chosen.faults_per_hour else 0)
    if not count:
        return []
    try:
        return draw_plan(scenario.seed, anywhere(archive=False), count, CALM_S, scenario.duration_s)
    except ValueError as error:
        raise UsageError(
            f"--faults-per-hour {chosen.faults_per_hour:g}: {error}",
            fix="give fewer, a longer time, or --no-faults",
        ) from error


def soak(
    scenario: Scenario, chosen: SoakOptions, options: SessionOptions, watcher: ConsoleWatcher
) -> tuple[Result, Path]:
    """Run one long trial of each engine of `scenario`, and save what came of it: the result, and the run's directory.

    Ctrl-C ends the trial and those to come; what was seen until then is saved.

    Raises:
        UsageError: the scenario has something that does not go with it, or so many faults do not fit.
        RingbenchError: a trial could not take place.
    """
    check_scenario(scenario, SOAK, options, watcher.note)
    planned = soak_plan(scenario, chosen)
    run_id = new_run_id(PREFIX)
    detour = needs_detour(planned)
    with open_session(run_id, scenario.engine_names, options, watcher, kafka_detour=detour) as session:
        watcher.phase("looking for malformed lines in what will be sent")
        malformed = expected_malformed(Workload(scenario.workload()))
        watched: list[_Watched] = []
        with Ending(watcher.note, kept=lambda: watched) as ending, Interrupt() as interrupt:
            for place, engine in enumerate(scenario.contestants, start=1):
                watcher.progress(place, len(scenario.contestants))
                ending.begins(f"the rest of the trial of {engine}")
                if not interrupt.has_come:
                    _trial(session, scenario, engine, planned, malformed, interrupt, watched)
            watcher.progress(1, 1)
        result = _assemble(session, scenario, chosen, watched, planned, malformed, ending.missing, interrupt)
        return result, session.save(result, went_wrong=exit_code(result) not in (0, INTERRUPTED))


def exit_code(result: Result) -> int:
    """What the command line ends with: 130 after Ctrl-C, 3 for an invalid run, 1 if anything did not pass, else 0."""
    assert result.soak
    if result.soak.interrupted:
        return INTERRUPTED
    if not result.valid:
        return InvalidRun.exit_code
    engines = all(engine.verdict == "pass" for engine in result.engines)
    tight = all(trial.verdict == "pass" for trial in result.soak.trials)
    return 0 if engines and tight and faults_passed(result) else 1


def _trial(
    session: Session,
    scenario: Scenario,
    engine: str,
    planned: list[DueFault],
    malformed: ExpectedCounts,
    interrupt: Interrupt,
    watched: list[_Watched],
) -> None:
    """Run one trial, and add what was seen of it to `watched`, also if it comes to no good end."""
    fit = suited(planned, engine, session.prepared(scenario, engine).engine)
    verifier = Verifier(Workload(scenario.workload()), session.backing, fit)
    resources = Resources(session.backing, session.work, session.work / engine, interval_s(scenario.duration_s))
    teller = _Teller(session.watcher, scenario.duration_s, resources, verifier)
    last_s = 0.0

    def meddle(view: View) -> str:
        nonlocal last_s
        last_s = view.t_s
        verifier.look(view.t_s)
        if resources.look(view):
            teller.tell(view)
        return interrupt.why

    made = trial_options(engine, planned, fit, archive=False, meddle=meddle, kept_s=verifier.kept_s)

    def keep(trial: Trial) -> None:
        watched.append(_Watched(engine, trial, resources, verifier, max(0.0, min(last_s, scenario.duration_s))))

    try:
        keep(session.trial(scenario, engine, len(malformed.malformed_lines), made))
    except BaseException:
        if last_s:
            keep(Trial(engine, engine, "", session.work / engine, scenario.duration_s, broken_off="it broke off"))
        raise


class _Teller:
    """Tells now and then how the soak test goes."""

    def __init__(self, watcher: ConsoleWatcher, duration_s: int, resources: Resources, verifier: Verifier) -> None:
        self._watcher, self._duration_s = watcher, duration_s
        self._resources, self._verifier = resources, verifier
        self._due_s = time.monotonic() + TELL_S

    def tell(self, view: View) -> None:
        """Say how it goes, if it is time to."""
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + TELL_S
        shown = [("engine", MEMORY), ("engine", DESCRIPTORS), ("redis", KEYS), ("engine", CHECKPOINT), (RUN, DISK)]
        now = ", ".join(f"{process} {resource} {self._shown(process, resource)}" for process, resource in shown)
        wrong = _wrong_cells(self._verifier)
        verified = f"{self._verifier.until_s:,} s verified, {wrong:,} cells wrong"
        self._watcher.note(f"{view.t_s / 60:.1f} of {self._duration_s / 60:,.0f} min; {now}; {verified}")

    def _shown(self, process: str, resource: str) -> str:
        value = self._resources.readings.latest(process, resource)
        if value is None:
            return "-"
        return f"{value / 2**20:,.1f} MiB" if resource in BYTES else f"{value:,.0f}"


# What came of it


def _assemble(
    session: Session,
    scenario: Scenario,
    chosen: SoakOptions,
    watched: list[_Watched],
    planned: list[DueFault],
    malformed: ExpectedCounts,
    missing: Missing | None,
    interrupt: Interrupt,
) -> Result:
    rests = {each.engine: _rest(each, scenario, malformed) for each in watched}
    band_s, own = common_band_s(scenario), {name: scenario.for_contestant(name) for name in scenario.contestants}
    done = [Done(each.engine, 1, each.trial, own[each.engine], malformed, band_s) for each in watched]
    wrong = {each.trial.label: _wrong(each, rests[each.engine]) for each in watched}
    engines = {name: session.prepared(scenario, name).engine for name in scenario.contestants}
    resilience = resilience_of(scenario, planned, engines, done, lambda each: wrong[each.trial.label])
    reasons = [
        reason
        for each in watched
        if not each.trial.broken_off
        for reason in invalid_reasons(
            each.trial, truth_from_seed(rests[each.engine]), own[each.engine], rests[each.engine]
        )
    ]
    reasons += [missing.text()] if missing else []
    interrupted = interrupt.has_come or is_interrupted(missing)
    return session.result(
        scenario,
        list(_engines(watched, rests, scenario)),
        reasons,
        interrupted=interrupted,
        resilience=resilience if planned else None,
        soak=Soak(
            duration_s=scenario.duration_s,
            faults_per_hour=chosen.faults_per_hour,
            percent_per_hour=chosen.percent_per_hour,
            confidence=CONFIDENCE,
            interval_s=interval_s(scenario.duration_s),
            kept_s=watched[0].verifier.kept_s if watched else 0,
            interrupted=interrupted,
            trials=[_soak_trial(session, each, scenario, chosen) for each in watched],
        ),
    )


def _rest(watched: _Watched, scenario: Scenario, malformed: ExpectedCounts) -> ExpectedCounts:
    """What is left to be verified of a trial that came to its end; what was verified is taken out of the trial, too."""
    if watched.trial.observed is None:
        return malformed
    workload, until_s = Workload(scenario.workload()), watched.verifier.until_s
    verified = range(workload.specification.epoch_s, workload.specification.epoch_s + until_s)
    observed = {cell: count for cell, count in watched.trial.observed.items() if cell.window_s not in verified}
    watched.trial.observed = observed
    counts = counts_between(workload, until_s, workload.total_s)
    return ExpectedCounts(counts, malformed.malformed_lines, malformed.malformed_indexes)


def _wrong(watched: _Watched, rest: ExpectedCounts) -> list[WrongCell] | None:
    """All cells whose counts are known to be wrong; None if not all are known."""
    if not watched.trial.is_complete or watched.trial.observed is None:
        return None
    return watched.verifier.wrong + wrong_cells(rest.counts, watched.trial.observed)


def _engines(watched: list[_Watched], rests: dict[str, ExpectedCounts], scenario: Scenario) -> Iterable[EngineResult]:
    for place, each in enumerate(watched, start=1):
        rest = rests[each.engine]
        result = trial_result(each.trial, place, 1, truth_from_seed(rest), scenario.for_contestant(each.engine), rest)
        found, of = _with_verified(result, each), scenario.contestant(each.engine)
        yield pool(each.engine, each.trial.version, each.trial.config, [found], of)


def _with_verified(result: TrialResult, watched: _Watched) -> TrialResult:
    """The trial's result, with what was verified while it went on."""
    if watched.verifier.parts is None or result.correctness is None:
        return result
    correctness = total_correctness([watched.verifier.parts, result.correctness])
    verdict, reasons = judge(correctness, watched.trial.engine_troubles, watched.trial.committed)
    return result.model_copy(update={"correctness": correctness, "verdict": verdict, "reasons": reasons})


def _wrong_cells(verifier: Verifier) -> int:
    parts = verifier.parts
    return parts.missing + parts.extra + parts.mismatched if parts else 0


def _verdict(found: list[SoakGrowth]) -> Literal["pass", "fail", "not judged"]:
    verdicts = {each.verdict for each in found}
    return "fail" if "fail" in verdicts else "pass" if "pass" in verdicts else "not judged"


def _soak_trial(session: Session, watched: _Watched, scenario: Scenario, chosen: SoakOptions) -> SoakTrial:
    readings, trial = watched.resources.readings, watched.trial
    found = growths(
        readings,
        LeakBounds(chosen.percent_per_hour, 0),
        warmup_s=scenario.warmup_s,
        lateness_s=scenario.allowed_lateness_ms / 1000,
        kept_s=watched.verifier.kept_s,
        java=session.prepared(scenario, watched.engine).engine.java,
        disturbed=disturbed([each.planned for each in trial.injected], watched.lasted_s),
        confidence=CONFIDENCE,
    )
    return SoakTrial(
        engine=watched.engine,
        trial=trial.label,
        verdict=_verdict(found),
        ended_early=trial.broken_off or "; ".join((*trial.engine_troubles, *trial.invalid_reasons)),
        lasted_s=watched.lasted_s,
        verified=SoakVerified(windows=watched.verifier.until_s, wrong_cells=_wrong_cells(watched.verifier)),
        t_s=[round(t_s, 1) for t_s in readings.t_s],
        series=[
            SoakSeries(
                process=process.replace("_", " "),
                resource=resource,
                unit="bytes" if resource in BYTES else "",
                values=values,
            )
            for (process, resource), values in sorted(readings.values.items())
        ],
        growth=found,
    )
