"""A benchmark run, as a table of contents: services up, engines ready, load, drain, collect, verify, save."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.clients.redis_contents import clear
from harness.clients.s3_archive import delete_archive
from harness.conclusions.engine_comparison import compare_engines
from harness.console.interrupt import INTERRUPTED
from harness.console.progress import ConsoleWatcher
from harness.errors import InvalidRun, ServiceError
from harness.evaluation.fault_outcomes import Done, faults_passed, resilience_of, wrong_in
from harness.evaluation.ground_truth import TrialTruth, compute_truths, summarise
from harness.evaluation.pooling import pool
from harness.evaluation.query_answers import truth_of
from harness.evaluation.trial_result import trial_result
from harness.evaluation.validity import invalid_reasons
from harness.experiments.blocks import PlannedTrial, plan, rehearse
from harness.input.prepare import replayed
from harness.measurement.recording import keep_files
from harness.results.resilience import Resilience
from harness.results.result import EngineResult, Input, Result, Truth
from harness.scenarios.refusals import RUN
from harness.scenarios.scenario import Scenario
from harness.session.checks import check_scenario
from harness.session.directory import new_run_id
from harness.session.options import SessionOptions
from harness.session.session import Session, open_session
from harness.trial.fault_options import needs_detour, suited, trial_options
from harness.trial.outcome import Trial
from workloads.replay import open_workload
from workloads.truth import ExpectedCounts, expected_counts

TRUTH_ENGINE = "spark"


@dataclass(frozen=True)
class Taken:
    """The trials that took place; why not all of the planned ones did, and whether that was Ctrl-C."""

    done: list[tuple[PlannedTrial, Trial]]
    why_not_all: list[str] = field(default_factory=list)
    interrupted: bool = False


def run(scenario: Scenario, trials: int, options: SessionOptions, watcher: ConsoleWatcher) -> tuple[Result, Path]:
    """Run `trials` trials of each engine of `scenario` and save what came of it: the result, and the run's directory.

    Ctrl-C ends the trial of the moment and those to come. If there are finished ones, they are verified and saved.

    Raises:
        UsageError: the scenario has something that does not go with something else.
        ConfigurationError: there is no such engine, or one that does not have the scenario's route.
        RingbenchError: the run could not take place. Nothing is saved then but, where there are any, logs.
    """
    check_scenario(scenario, RUN, options)
    names = scenario.engines + [TRUTH_ENGINE] * (TRUTH_ENGINE not in scenario.engines)
    if scenario.input:
        watcher.phase(f"reading {scenario.input.path}")
    with replayed(scenario, watcher.note) as (effective, used):
        # Before anything starts: it may turn out that the query has no answer.
        watcher.phase("working out what has to be answered")
        expected = _expected(effective)
        return _run(effective, used, names, trials, expected, options, watcher)


def _expected(scenario: Scenario) -> ExpectedCounts:
    """What the workload comes to, and of a query other than counts, what it has to answer.

    Raises:
        UsageError: the query's answers would not be known, or there would be none.
    """
    workload = open_workload(scenario.workload())
    answers = None if scenario.asks_for_counts else truth_of(scenario, workload)
    return replace(expected_counts(workload), answers=answers)


def _run(
    scenario: Scenario,
    used: Input | None,
    names: list[str],
    trials: int,
    expected: ExpectedCounts,
    options: SessionOptions,
    watcher: ConsoleWatcher,
) -> tuple[Result, Path]:
    run_id = new_run_id()
    detour = needs_detour(scenario.fault_plan())
    with open_session(run_id, names, options, watcher, kafka_detour=detour, cluster=scenario.cluster) as session:
        rehearse(session, scenario)
        taken = _trials(session, scenario, plan(scenario.engines, trials), expected)
        finished = [trial for _, trial in taken.done]
        truths, no_truths = _truths(session, scenario, finished)
        result = _assemble(session, scenario, taken, truths, no_truths, expected)
        result = result.model_copy(update={"input": used})
        _clean(session, finished)
        directory = options.runs_dir / run_id
        directory.mkdir(parents=True, exist_ok=True)
        keep_files([path for trial in finished for path in trial.kept_files], directory)
        return result, session.save(result, went_wrong=exit_code(result) not in (0, INTERRUPTED))


def _trials(session: Session, scenario: Scenario, planned: list[PlannedTrial], expected: ExpectedCounts) -> Taken:
    """Run the trials: one that cannot be started, or that Ctrl-C ends, must not take the finished ones with it."""
    done: list[tuple[PlannedTrial, Trial]] = []
    faults = scenario.fault_plan()
    for each in planned:
        session.watcher.progress(each.number, len(planned))
        try:
            fit = suited(faults, session.engines[each.engine].engine)
            chosen = trial_options(each.label, faults, fit, record=scenario.asks_for_counts)
            chosen = replace(chosen, answers=len(expected.answers.due) if expected.answers else 0)
            trial = session.trial(scenario, each.engine, len(expected.malformed_lines), chosen)
        except (ServiceError, KeyboardInterrupt) as error:
            if not done:
                raise
            cause = error.message if isinstance(error, ServiceError) else "Ctrl-C"
            reason = f"trial {each.number} ({each.label}) and all after it did not take place: {cause}"
            session.watcher.note(f"{reason}; the finished ones are verified and saved")
            return Taken(done, [reason], interrupted=isinstance(error, KeyboardInterrupt))
        done.append((each, trial))
    session.watcher.progress(1, 1)
    return Taken(done)


def _truths(session: Session, scenario: Scenario, trials: list[Trial]) -> tuple[dict[str, TrialTruth], list[str]]:
    """Truths by trial, and why there are none."""
    prefixes = {trial.label: trial.archive_prefix for trial in trials if trial.is_complete}
    if not prefixes:
        return {}, []
    session.watcher.phase("computing the ground truth with Spark from the archive in S3")
    spark = session.engines[TRUTH_ENGINE]
    try:
        found = compute_truths(
            spark,
            session.backing.bucket,
            prefixes,
            scenario.locations,
            session.work,
            records=open_workload(scenario.workload()).total_records,
            environment=session.environment,
            progress=session.watcher.note,
        )
    except InvalidRun as error:
        return {}, [str(error)]
    return found, []


def _assemble(
    session: Session,
    scenario: Scenario,
    taken: Taken,
    truths: dict[str, TrialTruth],
    no_truths: list[str],
    expected: ExpectedCounts,
) -> Result:
    resilience = _resilience(session, scenario, taken.done, expected)
    reasons = [*taken.why_not_all, *no_truths, *_archives_differ(truths)]
    for _, trial in taken.done:
        reasons += invalid_reasons(trial, truths.get(trial.label), scenario, expected)
    engines = _engines(scenario, taken.done, truths, expected)
    return session.result(
        scenario,
        engines,
        reasons,
        interrupted=taken.interrupted,
        truth=_truth(truths, expected),
        comparison=compare_engines(
            engines,
            host_marked_share=scenario.limits.host_marked_share,
            exact_quantiles=scenario.workload().keeps_cells_together,
        )
        if len(engines) > 1 and not reasons
        else None,
        resilience=resilience,
    )


def _resilience(
    session: Session, scenario: Scenario, done: list[tuple[PlannedTrial, Trial]], expected: ExpectedCounts
) -> Resilience | None:
    """What came of the scenario's faults. To be asked before the trials are judged: repeats are forgiven here."""
    if not scenario.faults:
        return None
    trials = [Done(planned.engine, planned.block, trial, scenario, expected) for planned, trial in done]
    engines = {name: session.engines[name].engine for name in scenario.engines}
    return resilience_of(scenario.seed, scenario.fault_plan(), engines, trials, wrong_in)


def _engines(
    scenario: Scenario, done: list[tuple[PlannedTrial, Trial]], truths: dict[str, TrialTruth], expected: ExpectedCounts
) -> list[EngineResult]:
    engines = []
    for name in scenario.engines:
        own = [(planned, trial) for planned, trial in done if planned.engine == name]
        results = [
            trial_result(trial, planned.number, planned.block, truths.get(trial.label), scenario, expected)
            for planned, trial in own
        ]
        if own:
            _, first = own[0]
            engines.append(pool(name, first.version, first.config, results))
    return engines


def _archives_differ(truths: dict[str, TrialTruth]) -> list[str]:
    found = {label: truth.archive_sha256 for label, truth in truths.items()}
    if len(set(found.values())) <= 1:
        return []
    return ["the engines were not given the same bytes: " + ", ".join(f"{each} {found[each][:12]}" for each in found)]


def _truth(truths: dict[str, TrialTruth], expected: ExpectedCounts) -> Truth | None:
    if not truths:
        return None
    agrees = not any(truth.differences(expected) for truth in truths.values())
    return summarise(next(iter(truths.values())), TRUTH_ENGINE, agrees_with_seed=agrees)


def _clean(session: Session, trials: list[Trial]) -> None:
    """Take the run's data out of the user's own services; what was started for the run goes with it anyway."""
    if session.options.external.redis:
        clear(session.backing.redis_url, session.backing.namespace)
    if session.options.external.s3:
        for trial in trials:
            delete_archive(session.backing.bucket, trial.archive_prefix)


def exit_code(result: Result) -> int:
    """What the command line ends with: 130 after Ctrl-C, 3 for an invalid run, 1 if anything did not pass, else 0."""
    if result.interrupted:
        return INTERRUPTED
    if not result.valid:
        return InvalidRun.exit_code
    engines = all(engine.verdict == "pass" for engine in result.engines)
    return 0 if engines and faults_passed(result) else 1
