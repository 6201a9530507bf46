"""Load-tests the live map: one that is there already, or one that shows an engine at work, with and without load."""

import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import geometric_mean

from engines.contract.events import Event
from harness.assemble import invalid_reasons, trial_result
from harness.child import Child
from harness.comparison import compare_engines
from harness.dashboard_result import Dashboard, DashboardLoad, UserSearch
from harness.environment import fingerprint
from harness.errors import ServiceError, UsageError
from harness.interrupt import Interrupt
from harness.load import (
    NAME,
    READY_S,
    STOP_S,
    Account,
    LoadOptions,
    measured,
    provide,
    read_account,
    searched,
    start_load,
    unfit,
)
from harness.loadtest_result import LoadTest
from harness.placement import check_cores
from harness.pool import pool
from harness.result import EngineResult, Result, save_whole
from harness.run import Planned, plan
from harness.scenario import Scenario
from harness.session import Session, SessionOptions, new_run_id, open_session
from harness.trial import Trial, TrialOptions, View
from harness.truth import truth_from_seed
from harness.view import viewer_url
from harness.watch import ConsoleWatcher
from workloads.profiles import NANOSECONDS_PER_S
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload

PREFIX = "load-"
#: What an engine is called in the trials in which users watch.
LOADED = "loaded"
SEARCH_S = 600
TELL_S = 5.0
POLL_S = 0.25


# A viewer that is there already


def attack(
    url: str, load: LoadOptions, options: SessionOptions, watcher: ConsoleWatcher, *, ui_port: int | None = None
) -> tuple[LoadTest, Path]:
    """Load-test the viewer at `url` and save what came of it. Returns that, and the run's directory.

    With a `ui_port`, Locust's web UI is served there until Ctrl-C, which is then the normal end.

    Raises:
        RingbenchError: it could not take place.
    """
    started_at, run_id = datetime.now(UTC), new_run_id(PREFIX)
    work = Path(tempfile.mkdtemp(prefix="ringbench-load-"))
    try:
        python = provide(watcher.note)
        with start_load(python, work, url, load, ui_port=ui_port) as child:
            ready = _ready(child, url)
            if ui_port is not None:
                watcher.note(f"Locust's web UI is at {ready.fields['ui']}; Ctrl-C ends the load test")
            watcher.phase(f"load test of {url.partition('?')[0]}")
            _await_end(child, watcher, until_interrupt=ui_port is not None)
        found = _standalone(read_account(work), load, run_id, started_at, options)
        directory = options.runs_dir / run_id
        directory.mkdir(parents=True, exist_ok=True)
        save_whole(found, directory / "loadtest.json")
        if options.keep_logs or not found.valid:
            shutil.copyfile(work / "load.log", directory / "load.log")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return found, directory


def _ready(child: Child, url: str) -> Event:
    try:
        return child.wait_for("ready", READY_S)
    except ServiceError as error:
        failed = child.last("failed")
        if failed is None:
            raise
        raise UsageError(
            f"--url {url.partition('?')[0]}: {failed.fields['error']}",
            fix="give the address of the map that `ringbench run --view` or `ringbench view` prints, token and all",
        ) from error


def _await_end(child: Child, watcher: ConsoleWatcher, *, until_interrupt: bool) -> None:
    """Wait for the load test's own end, telling how it goes; with `until_interrupt`, Ctrl-C ends it in good order."""
    teller = _Teller(watcher)
    try:
        while child.is_running:
            threading.Event().wait(POLL_S)
            teller.tell(child)
    except KeyboardInterrupt:
        if not until_interrupt:
            raise
        child.stop(STOP_S)
    child.wait_for("stopped", STOP_S)


class _Teller:
    """Tells now and then how many users there are."""

    def __init__(self, watcher: ConsoleWatcher) -> None:
        self._watcher, self._due_s = watcher, time.monotonic()

    def tell(self, child: Child) -> None:
        """Say how the load test goes, if it is time to."""
        if time.monotonic() < self._due_s or not child.last("progress"):
            return
        self._due_s = time.monotonic() + TELL_S
        push_ms = child.latest("push_ms_p99")
        latency = "no pushes" if push_ms is None else f"push latency p99 {push_ms:,.0f} ms"
        all_there = ", all there" if child.latest("holding", False) else ""
        users, failures = child.latest("users", 0), child.latest("failures", 0)
        self._watcher.note(f"{users:,} users{all_there}, {latency}, {failures:,} failures")


def _standalone(
    account: Account, load: LoadOptions, run_id: str, started_at: datetime, options: SessionOptions
) -> LoadTest:
    search = searched(account, load.bounds) if load.shape == "search" else None
    found = _played(account, load)
    reasons = unfit(found, load.bounds) if search is None else []
    return LoadTest(
        run_id=run_id,
        valid=not reasons,
        invalid_reasons=reasons,
        started_at=started_at.isoformat(timespec="seconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command,
        environment=fingerprint(java="not used", services={}),
        dashboard=_dashboard(account, load, [found], search),
    )


def _played(account: Account, load: LoadOptions) -> DashboardLoad:
    """The whole load, by its shape, or by a person in the web UI."""
    start_s, end_s = _stretch(account)
    if load.shape != "constant":  # else, the number of users is not one to be held
        load = replace(load, users=min((each.users for each in account.seconds.values() if each.users), default=0))
    return measured(account, load.shape or "web UI", load, start_s, end_s)


def _stretch(account: Account) -> tuple[float, float]:
    """The time to judge: of a constant load, when all users were there; else, when any was."""
    holds = account.found["holds"]
    if len(holds) == 1:
        return holds[0]["start_s"], holds[0]["end_s"]
    watched = [at_s for at_s, each in account.seconds.items() if each.users]
    return (min(watched), max(watched) + 1) if watched else (0.0, 0.0)


def _dashboard(account: Account, load: LoadOptions, loads: list[DashboardLoad], search: UserSearch | None) -> Dashboard:
    return Dashboard(
        users=load.users,
        push_bound_ms_p99=load.bounds.push_ms_p99,
        lag_bound_ms_p99=load.bounds.lag_ms_p99,
        max_rate_hz=account.found["max_rate_hz"],
        loads=loads,
        search=search,
    )


# A viewer that shows an engine at work


@dataclass(frozen=True)
class _Setting:
    """What all trials of a load test share."""

    session: Session
    scenario: Scenario
    engine: str
    load: LoadOptions
    python: Path
    expected: ExpectedCounts


@dataclass(frozen=True)
class _Done:
    """A trial that took place, and the load on it, if there was one."""

    planned: Planned
    trial: Trial
    load: DashboardLoad | None


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
    _refuse(scenario)
    check_cores(scenario, options.engine_paths)
    run_id = new_run_id(PREFIX)
    with open_session(run_id, [engine], options, watcher) as session:
        python = provide(watcher.note)
        expected = expected_counts(Workload(scenario.workload()))
        setting = _Setting(session, scenario, engine, load, python, expected)
        planned = plan([engine, f"{engine}-{LOADED}"], trials)
        done = [_trial(setting, each, len(planned)) for each in planned]
        found = _search(setting) if search else None
        result = _assemble(setting, done, found)
        return result, session.save(result, went_wrong=not result.valid)


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
    _refuse(scenario)
    check_cores(scenario, options.engine_paths)
    run_id = new_run_id(PREFIX)
    with open_session(run_id, [engine], options, watcher) as session:
        expected = expected_counts(Workload(scenario.workload()))
        setting = _Setting(session, scenario, engine, load, provide(watcher.note), expected)
        [planned] = plan([engine], 1)
        directory = session.work / planned.label
        with _start(setting, directory, load, ui_port=ui_port) as child, Interrupt() as interrupt:
            watcher.note(f"Locust's web UI is at {child.latest('ui')}; Ctrl-C ends the load test")
            trial = _run(setting, scenario, planned.label, child, interrupt)
            child.stop(STOP_S)
        found = _played(read_account(directory), load)
        result = _assemble(setting, [_Done(planned, trial, found)], None)
        return result, session.save(result, went_wrong=not result.valid)


def _refuse(scenario: Scenario) -> None:
    """Make sure that nothing is asked for that does not go with a load test."""
    scenario.refuse_other_locations("`ringbench loadtest`")
    scenario.refuse_faults("loadtest", "what users cost the pipeline could not be told from what the faults do")
    scenario.refuse_direct("loadtest", "a load test measures what users cost the pipeline as it usually is")
    scenario.refuse_input("loadtest")
    scenario.refuse_query("`ringbench loadtest`", "measures counts only")
    scenario.refuse_cluster("loadtest")


def _trial(setting: _Setting, planned: Planned, total: int) -> _Done:
    setting.session.watcher.progress(planned.number, total)
    if planned.engine == setting.engine:
        return _Done(planned, _run(setting, setting.scenario, planned.label, None), None)
    directory = setting.session.work / planned.label
    # The trial's end ends the load, not its own shape.
    endless = replace(setting.load, duration_s=10 * setting.scenario.duration_s + 3600)
    with _start(setting, directory, endless) as child:
        trial = _run(setting, setting.scenario, planned.label, child)
        child.stop(STOP_S)
        if not child.last("stopped"):
            trial.invalid_reasons.append(child.death())
            return _Done(planned, trial, None)
    start_s = trial.anchor_ns / NANOSECONDS_PER_S + setting.scenario.warmup_s
    account = read_account(directory)
    return _Done(
        planned, trial, measured(account, planned.label, setting.load, start_s, start_s + setting.scenario.duration_s)
    )


def _start(setting: _Setting, directory: Path, load: LoadOptions, *, ui_port: int | None = None) -> Child:
    url = viewer_url(_viewer(setting))
    child = start_load(setting.python, directory, url, load, anchor=directory / "anchor", ui_port=ui_port)
    try:
        child.wait_for("ready", READY_S)
    except ServiceError:
        child.stop()
        raise
    return child


def _viewer(setting: _Setting) -> Child:
    assert setting.session.viewer, "a load test's session serves the map"
    return setting.session.viewer


def _run(
    setting: _Setting, scenario: Scenario, label: str, child: Child | None, interrupt: Interrupt | None = None
) -> Trial:
    """One trial; the end of a `child` that loads the viewer meanwhile, or an `interrupt`, breaks it off."""
    teller = _Teller(setting.session.watcher)

    def meddle(_view: View) -> str:
        if interrupt and interrupt.has_come:
            return "Ctrl-C"
        if child is None:
            return ""
        teller.tell(child)
        return "" if child.is_running else "the load test has ended"

    companions = {"viewer": _viewer(setting)} | ({NAME: child} if child else {})
    options = TrialOptions(label=label, archive=False, meddle=meddle, companions=companions)
    return setting.session.trial(scenario, setting.engine, len(setting.expected.malformed_lines), options)


def _search(setting: _Setting) -> UserSearch | None:
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


# What came of it


def _assemble(setting: _Setting, done: list[_Done], search: UserSearch | None) -> Result:
    truth = truth_from_seed(setting.expected)
    reasons = []
    for each in done:
        if not each.trial.broken_off:
            reasons += invalid_reasons(each.trial, truth, setting.scenario, setting.expected)
        if each.load:
            reasons += unfit(each.load, setting.load.bounds)
    names = dict.fromkeys(each.planned.engine for each in sorted(done, key=lambda each: each.planned.engine))
    engines = [_engine(setting, name, done) for name in names]
    return setting.session.result(
        setting.scenario,
        engines,
        reasons,
        comparison=compare_engines(
            engines,
            host_marked_share=setting.scenario.limits.host_marked_share,
            exact_quantiles=setting.scenario.workload().keeps_cells_together,
        )
        if len(engines) > 1 and not reasons
        else None,
        dashboard=_outcome(setting, engines, [each.load for each in done if each.load], search),
    )


def _engine(setting: _Setting, name: str, done: list[_Done]) -> EngineResult:
    truth = truth_from_seed(setting.expected)
    own = [each for each in done if each.planned.engine == name]
    results = [
        trial_result(each.trial, each.planned.number, each.planned.block, truth, setting.scenario, setting.expected)
        for each in own
    ]
    return pool(name, own[0].trial.version, own[0].trial.config, results)


def _outcome(
    setting: _Setting,
    engines: list[EngineResult],
    loads: list[DashboardLoad],
    search: UserSearch | None,
) -> Dashboard:
    ratios = p99_ratios(*engines) if len(engines) > 1 else []
    return Dashboard(
        users=setting.load.users,
        push_bound_ms_p99=setting.load.bounds.push_ms_p99,
        lag_bound_ms_p99=setting.load.bounds.lag_ms_p99,
        max_rate_hz=setting.session.options.view_rate_hz,
        loads=loads,
        engine=setting.engine,
        pipeline_p99_ratios=ratios,
        pipeline_p99_ratio=geometric_mean(ratios) if ratios else None,
        search=search,
    )


def p99_ratios(alone: EngineResult, loaded: EngineResult) -> list[float]:
    """p99 under load over p99 without, block by block; none where either was not measured."""

    def by_block(engine: EngineResult) -> dict[int, float]:
        return {trial.block: trial.latency_ms.p99 for trial in engine.trials if trial.latency_ms}

    without, with_load = by_block(alone), by_block(loaded)
    blocks = sorted(without.keys() & with_load.keys())
    return [with_load[block] / without[block] for block in blocks if without[block] > 0 and with_load[block] > 0]


def passed(dashboard: Dashboard) -> bool:
    """Whether every load was held."""
    return bool(dashboard.loads) and not any(load.problem for load in dashboard.loads)
