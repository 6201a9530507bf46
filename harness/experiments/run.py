"""A benchmark run, as a table of contents: services up, engines ready, load, drain, collect, verify, save."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.conclusions.engine_comparison import comparison_of
from harness.console.interrupt import INTERRUPTED
from harness.console.progress import ConsoleWatcher
from harness.engines.catalogue import find_engines
from harness.engines.upgrades import due_faults, started_by
from harness.engines.versions import version_facts
from harness.errors import InvalidRun, UsageError
from harness.evaluation.fault_outcomes import Done, common_band_s, faults_passed, resilience_of, wrong_in
from harness.evaluation.ground_truth import TrialTruth, summarise
from harness.evaluation.pooling import pool
from harness.evaluation.query_answers import truth_of
from harness.evaluation.trial_result import trial_result
from harness.evaluation.validity import invalid_reasons
from harness.experiments.blocks import PlannedTrial, plan, rehearse
from harness.experiments.clean_up import clean_up
from harness.experiments.journal import Journal
from harness.experiments.resume import (
    check_here,
    check_same,
    options_of,
    plan_of,
    restore,
    scenario_of,
    take_over,
)
from harness.experiments.run_trials import ANYTHING, Finished, Taken, missing, take_trials
from harness.experiments.run_truth import TRUTH_ENGINE, truths_of
from harness.input.prepare import replayed
from harness.results.resilience import Resilience
from harness.results.result import EngineResult, Input, Result, Truth, save_result
from harness.scenarios.refusals import RUN
from harness.scenarios.scenario import Scenario
from harness.session.checks import check_scenario
from harness.session.directory import new_run_id
from harness.session.options import SessionOptions
from harness.session.session import Session, open_session
from harness.trial.fault_options import needs_detour
from workloads.replay import open_workload
from workloads.truth import ExpectedCounts, expected_counts


@dataclass(frozen=True)
class _Order:
    """How a scenario is to be run.

    Attributes:
        run_id: the run's name.
        keys: the scenario as it was given: a user's own records, which change it, are read anew if it is gone on with.
        trials: of each engine.
        options: of the session.
        watcher: is told how it goes.
        journal: that of the run that is gone on with; None of a new one.
    """

    run_id: str
    keys: dict[str, Any]
    trials: int
    options: SessionOptions
    watcher: ConsoleWatcher
    journal: Journal | None = None


def run(scenario: Scenario, trials: int, options: SessionOptions, watcher: ConsoleWatcher) -> tuple[Result, Path]:
    """Run `trials` trials of each engine of `scenario` and save what came of it: the result, and the run's directory.

    Whatever goes wrong in a trial, a signal too, ends it and those to come. If there are finished ones, they are
    verified and saved; if it goes wrong after that, in the truth or the clean-up, they are saved all the same.

    Raises:
        UsageError: the scenario has something that does not go with something else.
        ConfigurationError: there is no such engine, or one that does not have the scenario's route.
        ServiceError: the result could not be saved where it belongs; it says where it is.
        RingbenchError: the run could not take place. Nothing is saved then but, where there are any, logs.
    """
    # Whether a key was given makes a difference, and defaults are part of the code.
    keys = scenario.model_dump(mode="json", exclude_unset=True)
    return _carry_out(scenario, _Order(new_run_id(), keys, trials, options, watcher))


def resume(run_id: str, options: SessionOptions, watcher: ConsoleWatcher) -> tuple[Result, Path]:
    """Go on with a run that ended before it was whole: the finished trials are those of its journal.

    Args:
        run_id: names the run's directory in `options.runs_dir`.
        options: of these, what is part of the plan is that of the journal.
        watcher: is told how it goes.

    Raises:
        UsageError: there is no such run, it is still going on, or something differs that trials could differ by.
        RingbenchError: as `run`; the journal is left as it was.
    """
    if not run_id or Path(run_id).name != run_id:
        raise UsageError(
            f"--resume: {run_id!r} is no RUN_ID",
            fix="give the name of the run's directory, such as 20260101T000000-abc123, and --runs-dir for where it is",
        )
    with Journal.reopened(options.runs_dir / run_id) as journal:
        run_plan, scenario = journal.plan, scenario_of(journal.plan)
        order = _Order(run_id, run_plan.scenario, run_plan.trials, options_of(run_plan, options), watcher, journal)
        check_here(run_plan, find_engines(_engines_of(scenario), order.options.engine_paths))
        return _carry_out(scenario, order)


def _engines_of(scenario: Scenario) -> list[str]:
    """The engines that contestants run, each once, and the one that computes the truth."""
    return list(dict.fromkeys([*scenario.engine_names, TRUTH_ENGINE]))


def _carry_out(scenario: Scenario, order: _Order) -> tuple[Result, Path]:
    watcher = order.watcher
    check_scenario(scenario, RUN, order.options, watcher.note)
    if scenario.input:
        watcher.phase(f"reading {scenario.input.path}")
    with replayed(scenario, watcher.note) as (effective, used):
        # Before anything starts: it may turn out that the query has no answer.
        watcher.phase("working out what has to be answered")
        return _run(order, effective, used, _expected(effective))


def _expected(scenario: Scenario) -> ExpectedCounts:
    """What the workload comes to, and of a query other than counts, what it has to answer.

    Raises:
        UsageError: the query's answers would not be known, or there would be none.
    """
    workload = open_workload(scenario.workload())
    answers = None if scenario.asks_for_counts else truth_of(scenario, workload)
    return replace(expected_counts(workload), answers=answers)


def _run(order: _Order, scenario: Scenario, used: Input | None, expected: ExpectedCounts) -> tuple[Result, Path]:
    """The run itself, once it is known what is sent: `scenario` is the one in effect."""
    planned, watcher = plan(scenario.contestants, order.trials), order.watcher
    due = due_faults(scenario, order.options.engine_paths)
    engines = [*_engines_of(scenario), *started_by(due)]
    taken, saved = None, None
    try:
        with open_session(
            order.run_id, engines, order.options, watcher, kafka_detour=needs_detour(due), cluster=scenario.cluster
        ) as session:
            taken = _begin(session, scenario, order, planned, used)
            if missing(planned, taken):
                rehearse(session, scenario)
            take_trials(session, scenario, planned, expected, taken)
            truths, no_truths = truths_of(session, scenario, taken)
            result = _assemble(session, scenario, taken, truths, no_truths, expected)
            saved = _save(session, result.model_copy(update={"input": used}))
            whole = not missing(planned, taken) and not no_truths
            if not whole:
                _tell_way_on(order, planned, taken)
            saved = _with_left(*saved, clean_up(session, taken, whole=whole), taken)
    except ANYTHING as error:
        if taken is None or saved is None:
            if taken:
                _tell_way_on(order, planned, taken)
            raise
        watcher.note(f"the result is saved; the services did not end in good order: {taken.cause(error)}")
        saved = _with_left(*saved, [], taken)
    return saved


def _begin(
    session: Session, scenario: Scenario, order: _Order, planned: list[PlannedTrial], used: Input | None
) -> Taken:
    """What there is of the run at its beginning: nothing, or, of one that is gone on with, what is finished."""
    directory = session.options.runs_dir / session.run_id
    if order.journal is None:
        return Taken(Journal(directory, plan_of(session, order.keys, order.trials, used)))
    check_same(order.journal.plan, session.code, session.fingerprint(), used)
    taken = Taken(order.journal, restore(order.journal, planned, directory))
    take_over(session, scenario, taken, missing(planned, taken))
    return taken


def _tell_way_on(order: _Order, planned: list[PlannedTrial], taken: Taken) -> None:
    """Tell how the run can be gone on with, if anything of it is in its journal."""
    if kept := taken.journal.numbers():
        order.watcher.note(
            f"{len(kept)} of {len(planned)} trials are in {taken.journal.folder}: "
            f"`ringbench run --resume {order.run_id}` makes what is missing"
        )


def _save(session: Session, result: Result) -> tuple[Result, Path]:
    """Save the result, see `Session.save`."""
    return result, session.save(result, went_wrong=exit_code(result) not in (0, INTERRUPTED))


def _with_left(result: Result, directory: Path, left: list[str], taken: Taken) -> tuple[Result, Path]:
    """A saved result, and where it is; if something is `left` behind, or a signal came since, it says so, too."""
    if left or taken.interrupted != result.interrupted:
        found = {"left_behind": [*result.left_behind, *left], "interrupted": taken.interrupted}
        result = result.model_copy(update=found)
        with suppress(OSError):  # what is saved is whole without it
            save_result(result, directory)
    return result, directory


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
    for trial in taken.trials:
        reasons += invalid_reasons(trial, truths.get(trial.label), scenario, expected)
    engines = _engines(session, scenario, taken.done, truths, expected)
    found = session.result(
        scenario,
        engines,
        reasons,
        interrupted=taken.interrupted,
        truth=_truth(truths, expected),
        comparison=comparison_of(engines, reasons, scenario),
        resilience=resilience,
    )
    run_plan = taken.journal.plan
    return found.model_copy(
        update={
            "started_at": run_plan.started_at,
            "resumptions": run_plan.resumptions,
            "left_behind": [line for trial in taken.trials for line in trial.left_behind],
        }
    )


def _resilience(
    session: Session, scenario: Scenario, done: list[Finished], expected: ExpectedCounts
) -> Resilience | None:
    """What came of faults and operations. To be asked before the trials are judged: repeats are forgiven here."""
    due = due_faults(scenario, session.options.engine_paths)
    if not due:
        return None
    trials = [
        Done(name, each.planned.block, each.trial, scenario.for_contestant(name), expected, common_band_s(scenario))
        for each in done
        for name in [each.planned.engine]
    ]
    engines = {name: session.prepared(scenario, name).engine for name in scenario.contestants}
    return resilience_of(scenario, due, engines, trials, wrong_in)


def _engines(
    session: Session,
    scenario: Scenario,
    done: list[Finished],
    truths: dict[str, TrialTruth],
    expected: ExpectedCounts,
) -> list[EngineResult]:
    engines = []
    for contestant in scenario.engines:
        name = contestant.name
        own = [each for each in done if each.planned.engine == name]
        results = [
            trial_result(
                each.trial,
                each.planned.number,
                each.planned.block,
                truths.get(each.trial.label),
                scenario.for_contestant(name),
                expected,
            )
            for each in own
        ]
        if own:
            first = own[0].trial
            pooled = pool(name, first.version, first.config, results, contestant)
            facts = version_facts(session.prepared(scenario, name).engine)
            engines.append(pooled.model_copy(update=facts))
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


def exit_code(result: Result) -> int:
    """What the command line ends with: 130 after a signal, 3 for an invalid run, 1 if anything did not pass, else 0."""
    if result.interrupted:
        return INTERRUPTED
    if not result.valid:
        return InvalidRun.exit_code
    engines = all(engine.verdict == "pass" for engine in result.engines)
    return 0 if engines and faults_passed(result) else 1
