"""Load-tests the live map: one that is there already, or one that shows an engine at work, with and without load."""

from dataclasses import replace
from pathlib import Path

from harness.console.interrupt import Interrupt
from harness.console.progress import ConsoleWatcher
from harness.errors import ServiceError
from harness.experiments.blocks import PlannedTrial, plan
from harness.experiments.loadtest.given_viewer import played
from harness.experiments.loadtest.outcome import LoadedTrial, LoadTestSetting, load_test_result
from harness.experiments.loadtest.stretch import PREFIX, Teller
from harness.live_map.load_process import (
    NAME,
    READY_S,
    STOP_S,
    LoadOptions,
    measured,
    provide,
    read_account,
    searched,
    start_load,
)
from harness.live_map.viewer_process import viewer_url
from harness.processes.child import Child
from harness.results.live_map import UserSearch
from harness.results.result import Result
from harness.scenarios.refusals import LOADTEST
from harness.scenarios.scenario import Scenario
from harness.session.checks import check_scenario
from harness.session.directory import new_run_id
from harness.session.ending import Ending
from harness.session.options import SessionOptions
from harness.session.session import open_session
from harness.trial.options import TrialOptions, View
from harness.trial.outcome import Trial
from workloads.profiles import NANOSECONDS_PER_S
from workloads.truth import expected_counts
from workloads.workload import Workload

#: What an engine is called in the trials in which users watch.
LOADED = "loaded"
SEARCH_S = 600


def load_test(
    scenario: Scenario,
    engine: str,
    trials: int,
    load: LoadOptions,
    options: SessionOptions,
    watcher: ConsoleWatcher,
    *,
    search: bool = True,
) -> tuple[Result, Path]:
    """Load-test the live map while `engine` works: interleaved trials with and without load, and the most users held.

    Counts are verified against the seed's; nothing is archived. Returns the result, and the run's directory.

    Raises:
        RingbenchError: it could not take place. Nothing is saved then but, where there are any, logs.
    """
    check_scenario(scenario, LOADTEST, options, watcher.note, users=load.users)
    run_id = new_run_id(PREFIX)
    with open_session(run_id, scenario.engine_names, options, watcher) as session:
        python = provide(watcher.note)
        expected = expected_counts(Workload(scenario.workload()))
        setting = LoadTestSetting(session, scenario, engine, load, python, expected)
        planned = plan([engine, f"{engine}-{LOADED}"], trials)
        done: list[LoadedTrial] = []
        found = None
        with Ending(watcher.note, kept=lambda: done) as ending:
            for each in planned:
                ending.begins(f"trial {each.number} of {len(planned)} ({each.label})")
                done.append(_trial(setting, each, len(planned)))
            ending.begins("the search")
            found = _search(setting) if search else None
        result = load_test_result(setting, done, found, ending.missing)
        return result, session.save(result, went_wrong=not (result.valid or result.interrupted))


def by_hand(
    scenario: Scenario,
    engine: str,
    load: LoadOptions,
    options: SessionOptions,
    watcher: ConsoleWatcher,
    *,
    ui_port: int,
) -> tuple[Result, Path]:
    """Show `engine` at work in the live map, and serve Locust's web UI for a person to load it with.

    It ends with the scenario's duration, or with Ctrl-C; then the counts are not verified, but the load is reported.
    Returns the result, and the run's directory.

    Raises:
        RingbenchError: it could not take place.
    """
    check_scenario(scenario, LOADTEST, options, watcher.note, users=load.users)
    run_id = new_run_id(PREFIX)
    with open_session(run_id, scenario.engine_names, options, watcher) as session:
        expected = expected_counts(Workload(scenario.workload()))
        setting = LoadTestSetting(session, scenario, engine, load, provide(watcher.note), expected)
        [planned] = plan([engine], 1)
        directory = session.work / planned.label
        with _start(setting, directory, load, ui_port=ui_port) as child, Interrupt() as interrupt:
            watcher.note(f"Locust's web UI is at {child.latest('ui')}; Ctrl-C ends the load test")
            trial = _run(setting, scenario, planned.label, child, interrupt)
            child.stop(STOP_S)
        found = played(read_account(directory), load)
        result = load_test_result(setting, [LoadedTrial(planned, trial, found)], None)
        return result, session.save(result, went_wrong=not result.valid)


def _trial(setting: LoadTestSetting, planned: PlannedTrial, total: int) -> LoadedTrial:
    setting.session.watcher.progress(planned.number, total)
    if planned.engine == setting.engine:
        return LoadedTrial(planned, _run(setting, setting.scenario, planned.label, None), None)
    directory = setting.session.work / planned.label
    # The trial's end ends the load, not its own shape.
    endless = replace(setting.load, duration_s=10 * setting.scenario.duration_s + 3600)
    with _start(setting, directory, endless) as child:
        trial = _run(setting, setting.scenario, planned.label, child)
        child.stop(STOP_S)
        if not child.last("stopped"):
            trial.invalid_reasons.append(child.death())
            return LoadedTrial(planned, trial, None)
    start_s = trial.anchor_ns / NANOSECONDS_PER_S + setting.scenario.warmup_s
    account = read_account(directory)
    return LoadedTrial(
        planned, trial, measured(account, planned.label, setting.load, start_s, start_s + setting.scenario.duration_s)
    )


def _start(setting: LoadTestSetting, directory: Path, load: LoadOptions, *, ui_port: int | None = None) -> Child:
    url = viewer_url(_viewer(setting))
    child = start_load(setting.python, directory, url, load, anchor=directory / "anchor", ui_port=ui_port)
    try:
        child.wait_for("ready", READY_S)
    except ServiceError:
        child.stop()
        raise
    return child


def _viewer(setting: LoadTestSetting) -> Child:
    assert setting.session.viewer, "a load test's session serves the map"
    return setting.session.viewer


def _run(
    setting: LoadTestSetting, scenario: Scenario, label: str, child: Child | None, interrupt: Interrupt | None = None
) -> Trial:
    """One trial; the end of a `child` that loads the viewer meanwhile, or an `interrupt`, breaks it off."""
    teller = Teller(setting.session.watcher)

    def meddle(_view: View) -> str:
        if interrupt and interrupt.has_come:
            return interrupt.why
        if child is None:
            return ""
        teller.tell(child)
        return "" if child.is_running else "the load test has ended"

    companions = {"viewer": _viewer(setting)} | ({NAME: child} if child else {})
    options = TrialOptions(label=label, archive=False, meddle=meddle, companions=companions)
    return setting.session.trial(scenario, setting.engine, len(setting.expected.malformed_lines), options)


def _search(setting: LoadTestSetting) -> UserSearch | None:
    """The most users that are held while one long trial lasts; it ends with the search."""
    setting.session.watcher.progress(1, 1)
    setting.session.watcher.phase("searching for the largest number of users held")
    directory = setting.session.work / "search"
    load = replace(setting.load, shape="search")
    scenario = setting.scenario.model_copy(update={"duration_s": SEARCH_S})
    with _start(setting, directory, load) as child:
        _run(setting, scenario, "search", child)
        child.stop(STOP_S)
        if not child.last("stopped"):
            setting.session.watcher.note(child.death())
            return None
    return searched(read_account(directory), load.bounds)
