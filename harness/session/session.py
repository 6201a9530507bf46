"""What several trials share: Java, services, engines in place, a private folder, and logs kept when things go wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.console.interrupt import SIGNALS, CleanUp
from harness.console.progress import ConsoleWatcher
from harness.engines.catalogue import find_engines
from harness.engines.code import code_digest
from harness.engines.engine import Engine
from harness.engines.prepare import PreparedEngine, prepare
from harness.live_map.viewer_process import start_viewer, viewer_url
from harness.processes.child import Child
from harness.provision.java import Java, ensure_java
from harness.provision.profiler import ensure_profiler
from harness.results.live_map import Dashboard
from harness.results.resilience import Resilience
from harness.results.result import Comparison, EngineResult, Environment, Result, Truth, save_result
from harness.results.soak import Soak
from harness.scenarios.scenario import Scenario
from harness.services.backing import Backing, start_backing
from harness.services.redis_rights import Evictions
from harness.session.directory import claimed, engine_environment, keep_logs, save_somewhere, work_folder
from harness.session.fingerprint import fingerprint
from harness.session.options import SessionOptions
from harness.trial.options import TrialOptions
from harness.trial.outcome import Trial
from harness.trial.runner import run_trial
from harness.trial.setting import Setting

#: Workers and engines start when they are needed, from the files as they are then.
CODE_CHANGED = "files of Ringbench or of an engine have changed: not all processes may have been of the same code"


@dataclass(frozen=True)
class Session:
    """Running services and engines in place; `viewer` is the live map, `profiler` async-profiler, if wanted.

    `code` is the digest of the code when it began.
    """

    run_id: str
    options: SessionOptions
    started_at: datetime
    code: str
    work: Path
    java: Java
    engines: dict[str, PreparedEngine]
    backing: Backing
    watcher: ConsoleWatcher
    environment: dict[str, str]
    viewer: Child | None = None
    profiler: Path | None = None

    def prepared(self, scenario: Scenario, contestant: str) -> PreparedEngine:
        """What the contestant of `scenario` called so runs."""
        return self.engines[scenario.engine_of[contestant]]

    def trial(
        self,
        scenario: Scenario,
        engine: str,
        malformed_records: int,
        options: TrialOptions,
        *,
        rescue: Callable[[Trial], object] = lambda _trial: None,
    ) -> Trial:
        """Run one trial of the contestant of `scenario` that is called `engine`, and tell what troubled it.

        If something fails when all of it is collected, as its clean-up may, `rescue` is given the trial.

        Raises:
            ServiceError: something could not be started.
        """
        evictions = Evictions.watched(self.options.external.redis)
        complete: list[Trial] = []
        setting = Setting(
            run_id=self.run_id,
            scenario=scenario.for_contestant(engine),
            prepared=self.prepared(scenario, engine),
            backing=self.backing,
            directory=self.work / options.label,
            environment=self.environment,
            malformed_records=malformed_records,
            watcher=self.watcher,
            options=replace(options, profiler=self.profiler, when_complete=complete.append),
            contestant=engine,
            engines=self.engines,
        )
        try:
            trial = run_trial(setting)
        except BaseException:
            for trial in complete:
                self._look_over(trial, evictions, setting.prepared.engine)
                rescue(trial)
            raise
        self._look_over(trial, evictions, setting.prepared.engine)
        return trial

    def _look_over(self, trial: Trial, evictions: Evictions, engine: Engine) -> None:
        """Find out of a trial that is over what must not count; tell what troubled it."""
        if evicted := evictions.told():
            trial.blame_service(evicted)
        if self.code != code_digest(each.engine for each in self.engines.values()):
            trial.spoil(CODE_CHANGED)
        if engine.version and trial.version not in (engine.version, None):
            trial.spoil(f"{engine.name} {engine.version} was asked for, and the engine says that it is {trial.version}")
        for trouble in (*trial.engine_troubles, *trial.invalid_reasons):
            self.watcher.note(trouble)

    def fingerprint(self) -> Environment:
        """Where the session takes place."""
        return fingerprint(java=f"{self.java.version} ({self.java.source})", services=self.backing.versions)

    def result(
        self,
        scenario: Scenario,
        engines: list[EngineResult],
        reasons: list[str],
        *,
        interrupted: bool = False,
        truth: Truth | None = None,
        comparison: Comparison | None = None,
        dashboard: Dashboard | None = None,
        soak: Soak | None = None,
        resilience: Resilience | None = None,
    ) -> Result:
        """What came of the session's trials; invalid if there are `reasons`."""
        return Result(
            run_id=self.run_id,
            valid=not reasons,
            invalid_reasons=reasons,
            interrupted=interrupted,
            started_at=self.started_at.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            command=self.options.command,
            scenario=scenario.model_dump(),
            environment=self.fingerprint(),
            truth=truth,
            engines=engines,
            comparison=comparison,
            dashboard=dashboard,
            soak=soak,
            resilience=resilience,
        )

    def save(self, result: Result, *, went_wrong: bool) -> Path:
        """Save `result`, and the logs if something went wrong or they are wanted. Returns the run's directory.

        Raises:
            ServiceError: the result could not be saved where it belongs; it says where it is.
        """
        directory = self.options.runs_dir / self.run_id
        save_somewhere(save_result, result, directory)
        if self.options.keep_logs or went_wrong:
            self.keep_logs(directory / "logs")
        return directory

    def keep_logs(self, directory: Path) -> None:
        """Copy the logs of all processes to `directory`, without secrets; if that fails, it is told."""
        keep_logs(self.work, directory, self.watcher.note)


@contextmanager
def open_session(
    run_id: str,
    engines: list[str],
    options: SessionOptions,
    watcher: ConsoleWatcher,
    *,
    kafka_detour: bool = False,
    cluster: bool = False,
) -> Iterator[Session]:
    """Put everything in place that trials of `engines` need; take it away at the end.

    If that end is an error, the logs stay in the run's directory. With `kafka_detour`, engines can be made to reach
    Kafka through a proxy. With `cluster`, Kafka has several brokers.

    Raises:
        UsageError: another command is at work in the run's directory.
        RingbenchError: something is wrong with the engines, or could not be started.
    """
    started_at = datetime.now(UTC)
    engines = list(dict.fromkeys(engines))
    found = find_engines(engines, options.engine_paths)
    code = code_digest(found)
    with CleanUp("ending the services") as stack:
        stack.enter_context(claimed(options.runs_dir / run_id))
        work = stack.enter_context(work_folder(options.runs_dir / run_id, watcher.note))
        watcher.phase("providing Java, engines and services")
        java = ensure_java(watcher.note)
        prepared = {name: prepare(engine, watcher.note) for name, engine in zip(engines, found, strict=True)}
        profiler = ensure_profiler(watcher.note) if options.profile else None
        watcher.phase("starting Kafka, Redis and S3")
        backing = stack.enter_context(
            start_backing(options.external, run_id, work, watcher.note, kafka_detour=kafka_detour, cluster=cluster)
        )
        if backing.users_own:
            watcher.note(f"RUN_ID {run_id}: all that is written to services of your own has it in its name")
            stack.enter_context(SIGNALS.leaving(f"in your own services, what `ringbench clean {run_id}` deletes"))
        viewer = stack.enter_context(_viewer(run_id, work, backing, options)) if options.view else None
        if viewer:
            watcher.note(f"the live map is at {viewer_url(viewer)}")
        yield Session(
            run_id,
            options,
            started_at,
            code,
            work,
            java,
            prepared,
            backing,
            watcher,
            engine_environment(java, work),
            viewer,
            profiler,
        )


def _viewer(run_id: str, work: Path, backing: Backing, options: SessionOptions) -> Child:
    return start_viewer(
        work,
        redis_url=backing.redis_url,
        namespace=backing.namespace,
        title=run_id,
        max_rate_hz=options.view_rate_hz,
    )
