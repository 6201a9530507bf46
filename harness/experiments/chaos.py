"""Fault injection: each contestant once without faults, as the control, and then with the plan's, all verified."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.clients.failures import for_users
from harness.clients.s3_archive import fingerprint_archive
from harness.console.interrupt import INTERRUPTED
from harness.console.progress import ConsoleWatcher
from harness.engines.contestants import find_contestants
from harness.engines.engine import Engine
from harness.engines.upgrades import started_by
from harness.errors import InvalidRun, UsageError
from harness.evaluation.fault_outcomes import (
    Done,
    common_band_s,
    control_band,
    faults_passed,
    forgive_repeats,
    not_applicable,
    outcomes,
    planned_faults,
    wrong_in,
)
from harness.evaluation.ground_truth import truth_from_seed
from harness.evaluation.pooling import pool
from harness.evaluation.trial_result import trial_result
from harness.evaluation.validity import invalid_reasons
from harness.faults.catalogue import BY_NAME, FAULTS, OPERATIONS
from harness.faults.plan import UNCHANGED, Change, DueFault, check_place, make_plan, trial_s
from harness.measurement.pace import Pace
from harness.results.part import Missing
from harness.results.resilience import ControlBand, FaultOutcome, PlannedFault, Resilience
from harness.results.result import EngineResult, Result, TrialResult
from harness.scenarios.refusals import CHAOS, OPERATE
from harness.scenarios.scenario import Scenario
from harness.session.checks import check_scenario
from harness.session.directory import new_run_id
from harness.session.ending import Ending, is_interrupted
from harness.session.options import SessionOptions
from harness.session.session import Session, open_session
from harness.trial.fault_options import (
    check_change,
    check_started_here,
    needs_detour,
    suited,
    trial_options,
    why_not_due,
)
from harness.trial.outcome import Trial
from workloads.truth import expected_counts, expected_malformed
from workloads.workload import Workload

#: How long the control lasts, in seconds; as long as a trial that archives, if its archive is to be compared with that.
CONTROL_S = 30
#: What `ringbench chaos` injects unless told otherwise: a few that show most.
USUAL = ("engine-kill", "engine-stop", "kafka-stop", "redis-lost", "writer-kill")


@dataclass(frozen=True)
class Work:
    """What a command injects: faults, or operations.

    Attributes:
        command: as `harness.scenarios.refusals` calls it.
        prefix: of run IDs.
        trials: what an engine is called in the trials with them, after its name.
        option: that names one.
        kinds: all of them, by name.
    """

    command: str
    prefix: str
    trials: str
    option: str
    kinds: tuple[str, ...]


FAULT_WORK = Work(CHAOS, "chaos-", "faults", "--fault", tuple(each.name for each in FAULTS))
OPERATION_WORK = Work(OPERATE, "operate-", "operations", "--operation", tuple(each.name for each in OPERATIONS))


@dataclass(frozen=True)
class ChaosOptions:
    """What to inject: names of faults, the seed of the plan, and how many faults a trial has at the most.

    The next fault waits for the recovery from the last one for up to `recover_within_s`. `faults` may be operations:
    `changes` says, by their names, what is started then. What is not for an engine is left out of its trials if
    `only_able`, and refused otherwise.
    """

    faults: Sequence[str]
    seed: int
    per_trial: int
    recover_within_s: int
    changes: Mapping[str, Change] = field(default_factory=dict)
    work: Work = FAULT_WORK
    only_able: bool = True


def check_names(names: Iterable[str], work: Work = FAULT_WORK) -> None:
    """Make sure that all of `names` are faults, or operations, if these are the `work`.

    Raises:
        UsageError: one is not.
    """
    if unknown := [name for name in names if name not in work.kinds]:
        what = work.option.removeprefix("--")
        raise UsageError(
            f"{work.option}: unknown {what} {unknown[0]!r}", fix=f"give one or more of: {', '.join(work.kinds)}"
        )


def plan_of(chosen: ChaosOptions, engines: Mapping[str, Engine]) -> list[PlannedFault]:
    """The plan for `engines`, by contestants' names, as it stands in the result."""
    return planned_faults(make_plan(chosen.seed, chosen.faults, chosen.per_trial, chosen.changes), engines)


def engines_of(scenario: Scenario, options: SessionOptions) -> dict[str, Engine]:
    """The engines that are to be harmed, by the contestants' names.

    Raises:
        ConfigurationError: there is no such engine, or its descriptor is wrong.
    """
    return find_contestants(scenario, options.engine_paths)


def chaos(
    scenario: Scenario, chosen: ChaosOptions, options: SessionOptions, watcher: ConsoleWatcher
) -> tuple[Result, Path]:
    """Inject the faults of `chosen` into each engine of `scenario`, and save what came of it.

    Returns: the result, and the run's directory.

    Raises:
        UsageError: there is no such fault, or the scenario has disorder, faults of its own, or a ramp without an end.
        RingbenchError: a trial could not take place.
    """
    check_names(chosen.faults, chosen.work)
    check_scenario(scenario, chosen.work.command, options, watcher.note)
    check_place(chosen.faults, cluster=scenario.cluster)
    plan = make_plan(chosen.seed, chosen.faults, chosen.per_trial, chosen.changes)
    check_able(chosen, scenario, engines_of(scenario, options))
    run_id = new_run_id(chosen.work.prefix)
    detour = needs_detour(each for planned in plan for each in planned)
    engines = [*scenario.engine_names, *started_by(each for planned in plan for each in planned)]
    with open_session(run_id, engines, options, watcher, kafka_detour=detour, cluster=scenario.cluster) as session:
        done: list[Done] = []
        with Ending(watcher.note, kept=lambda: done) as ending:
            for each in _trials(session, scenario, plan, chosen, ending):
                done.append(each)  # noqa: PERF402 - those before one that fails are kept
        longest = _lasting(scenario, max(each.scenario.duration_s for each in done))
        result = _assemble(session, longest, chosen, done, ending.missing)
        return result, session.save(result, went_wrong=exit_code(result) not in (0, INTERRUPTED))


def exit_code(result: Result) -> int:
    """What the command line ends with: 130 after Ctrl-C, 3 for an invalid run, 1 if anything did not pass, else 0.

    A fault that is not for an engine fails nothing.
    """
    if result.interrupted:
        return INTERRUPTED
    if not result.valid:
        return InvalidRun.exit_code
    engines = all(engine.verdict == "pass" for engine in result.engines)
    return 0 if engines and faults_passed(result) else 1


def check_able(chosen: ChaosOptions, scenario: Scenario, engines: Mapping[str, Engine]) -> None:
    """Make sure that engines can do the operations that were asked for by name, and that something is left to do.

    Raises:
        UsageError: one cannot; it says which engine, and why.
    """
    if chosen.work is not OPERATION_WORK:
        return
    unable = [
        (name, kind, why)
        for kind in chosen.faults
        for name, engine in engines.items()
        if (why := why_not_due(DueFault(kind, 0, 0, chosen.changes.get(kind, UNCHANGED)), name, engine))
    ]
    if unable and (not chosen.only_able or len(unable) == len(chosen.faults) * len(engines)):
        name, kind, why = unable[0]
        raise UsageError(
            f"--operation: {kind} is not for {name}: {why}",
            fix=f"leave {name} out by naming others with --engine, or {kind} by naming others with --operation",
        )
    own = {name: scenario.for_contestant(name) for name in engines}
    check_started_here(own, engines)
    for kind in chosen.faults:
        check_change(f"--to-parallelism: {kind}", chosen.changes.get(kind, UNCHANGED), own)


def _trials(
    session: Session, scenario: Scenario, plan: list[list[DueFault]], chosen: ChaosOptions, ending: Ending
) -> Iterable[Done]:
    everything = [each for planned in plan for each in planned]
    recover_within_s, label, band_s = chosen.recover_within_s, partial(_label, chosen.work), common_band_s(scenario)
    total, place = len(scenario.contestants) * (1 + len(plan)), 0
    for engine in scenario.contestants:
        descriptor = session.prepared(scenario, engine).engine
        for number, planned in enumerate([[], *plan]):
            place += 1
            session.watcher.progress(place, total)
            ending.begins(f"trial {place} of {total} ({label(engine, number)})")
            fit = suited(planned, engine, descriptor)
            if planned and not fit:
                continue
            longest = _lasting(scenario, _planned_s(planned, plan, recover_within_s))
            workload = Workload(longest.workload())
            malformed = expected_malformed(workload)
            archived = _archives(fit) or (_archives(everything) and not planned)
            # The archive is compared with the control's: of both, the load has to be as long.
            pace = Pace(workload, malformed.malformed_indexes, recover_within_s, ends_load=not archived, band_s=band_s)
            made = trial_options(label(engine, number), everything, fit, archive=archived, pace=pace)
            trial = session.trial(longest, engine, len(malformed.malformed_lines), made)
            sent = _lasting(scenario.for_contestant(engine), trial.duration_s)
            yield Done(engine, number, trial, sent, expected_counts(Workload(sent.workload())), band_s)


def _archives(planned: Iterable[DueFault]) -> bool:
    return any(BY_NAME[each.fault].archive for each in planned)


def _planned_s(planned: list[DueFault], plan: list[list[DueFault]], recover_within_s: int) -> int:
    """How long the measured time of a trial, or of the control, is at the most: of those that archive, all as long."""
    archived_s = [trial_s(each, recover_within_s) for each in plan if _archives(each)]
    if planned and not _archives(planned):
        return trial_s(planned, recover_within_s)
    return max(archived_s, default=CONTROL_S)


def _lasting(scenario: Scenario, duration_s: int) -> Scenario:
    return scenario.model_copy(update={"duration_s": duration_s})


def _label(work: Work, engine: str, number: int) -> str:
    return f"{engine}-{work.trials}-{number}" if number else f"{engine}-control"


# What came of it


def _assemble(
    session: Session,
    scenario: Scenario,
    chosen: ChaosOptions,
    done: list[Done],
    missing: Missing | None,
) -> Result:
    plan = plan_of(chosen, {name: session.prepared(scenario, name).engine for name in scenario.contestants})
    repeated = forgive_repeats(done)
    reasons = [
        reason
        for each in done
        if not each.trial.broken_off
        for reason in invalid_reasons(each.trial, truth_from_seed(each.expected), each.scenario, each.expected)
    ]
    reasons += [missing.text()] if missing else []
    controls: list[ControlBand] = []
    faults: list[FaultOutcome] = []
    for engine in scenario.contestants:
        own = [each for each in done if each.engine == engine]
        if not own:
            continue
        control = own[0]
        found = None if control.trial.broken_off else control_band(control, control.scenario.duration_s)
        if found is None:
            reasons.append(f"{engine}: the control did not take place, so that nothing is known to be normal")
            continue
        controls.append(found)
        for each in own[1:]:
            against = _against(session, each.trial, control.trial)
            faults += outcomes(each, found, wrong_in(each), against, chosen.recover_within_s)
        faults += not_applicable(plan, engine, partial(_label, chosen.work, engine))
    return session.result(
        scenario,
        _engines(scenario, chosen.work, done),
        reasons,
        interrupted=is_interrupted(missing),
        resilience=Resilience(
            seed=chosen.seed,
            common_band_s=common_band_s(scenario),
            recover_within_s=chosen.recover_within_s,
            plan=plan,
            controls=controls,
            faults=faults,
            repeated_dead_letters=repeated,
        ),
    )


def _against(session: Session, trial: Trial, control: Trial) -> Callable[[str], list[str]]:
    """What speaks against a fault besides the counts: of one that must not change the archive, a change of it."""

    def against(fault: str) -> list[str]:
        if not BY_NAME[fault].archive or not trial.is_complete:
            return []
        try:
            return ["the archive is not the one of the control"] * _archives_differ(session, trial, control)
        except Exception as error:
            if known := for_users(error):
                return [f"the archive could not be compared with the control's: {known.message}"]
            raise

    return against


def _archives_differ(session: Session, trial: Trial, control: Trial) -> bool:
    bucket = session.backing.bucket
    return fingerprint_archive(bucket, trial.archive_prefix) != fingerprint_archive(bucket, control.archive_prefix)


def _engines(scenario: Scenario, work: Work, done: list[Done]) -> list[EngineResult]:
    engines = []
    for contestant in scenario.engines:
        name = contestant.name
        own = [each for each in done if each.engine == name]
        for title, part in ((name, own[:1]), (f"{name}-{work.trials}", own[1:])):
            results = [_trial_result(each, done.index(each) + 1) for each in part]
            if results:
                engines.append(pool(title, part[0].trial.version, part[0].trial.config, results, contestant))
    return engines


def _trial_result(done: Done, place: int) -> TrialResult:
    truth = truth_from_seed(done.expected)
    return trial_result(done.trial, place, max(1, done.number), truth, done.scenario, done.expected)
