"""What several trials share: Java, services, engines in place, a private folder, and logs kept when things go wrong."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.backing import Backing, External, start_backing
from harness.child import Child
from harness.dashboard_result import Dashboard
from harness.engines import PreparedEngine, contract_path, find_engines, prepare
from harness.environment import code_digest, fingerprint
from harness.provision.java import Java, ensure_java
from harness.provision.profiler import ensure_profiler
from harness.redaction import redact
from harness.resilience_result import Resilience
from harness.result import Comparison, EngineResult, Environment, Result, Truth, save_result
from harness.scenario import Scenario
from harness.soak_result import Soak
from harness.trial import Trial, TrialOptions, TrialRunner
from harness.view import start_viewer, viewer_url
from harness.watch import ConsoleWatcher

#: Workers and engines start when they are needed, from the files as they are then.
CODE_CHANGED = "files of Ringbench or of an engine have changed: not all processes may have been of the same code"


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """What the command line says of every command that runs trials.

    Attributes:
        runs_dir: where the command's own directory is made.
        engine_paths: further folders of engines.
        external: the user's own services, in place of started ones.
        command: the arguments that repeat the command.
        keep_logs: keep the logs of what went well, too.
        view: serve the live map meanwhile.
        view_rate_hz: its frames a second at the most.
        profile: draw flame graphs of JVMs.
    """

    runs_dir: Path
    engine_paths: list[Path] = field(default_factory=list)
    external: External = field(default_factory=External)
    command: list[str]
    keep_logs: bool = False
    view: bool = False
    view_rate_hz: float = 4.0
    profile: bool = False


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

    def trial(self, scenario: Scenario, engine: str, malformed_records: int, options: TrialOptions) -> Trial:
        """Run one trial of the engine called `engine`, and tell what troubled it.

        Raises:
            ServiceError: something could not be started.
        """
        trial = TrialRunner(
            self.run_id,
            scenario,
            self.engines[engine],
            self.backing,
            self.work / options.label,
            self.environment,
            malformed_records,
            self.watcher,
            replace(options, profiler=self.profiler),
        ).run()
        if self.code != code_digest(each.engine.directory for each in self.engines.values()):
            trial.invalid_reasons.append(CODE_CHANGED)
        for trouble in (*trial.engine_troubles, *trial.invalid_reasons):
            self.watcher.note(trouble)
        return trial

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
        """Save `result`, and the logs if something went wrong or they are wanted. Returns the run's directory."""
        directory = self.options.runs_dir / self.run_id
        directory.mkdir(parents=True, exist_ok=True)
        save_result(result, directory)
        if self.options.keep_logs or went_wrong:
            self.keep_logs(directory / "logs")
        return directory

    def keep_logs(self, directory: Path) -> None:
        """Copy the logs of all processes to `directory`, without secrets."""
        _keep_logs(self.work, directory)


def new_run_id(prefix: str = "") -> str:
    """A name for a run: when it began, and something that tells it apart."""
    return f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


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
        RingbenchError: something is wrong with the engines, or could not be started.
    """
    started_at = datetime.now(UTC)
    found = find_engines(engines, options.engine_paths)
    code = code_digest(engine.directory for engine in found)
    with ExitStack() as stack:
        work = _private_directory(stack, options.runs_dir / run_id)
        watcher.phase("providing Java, engines and services")
        java = ensure_java(watcher.note)
        prepared = {engine.name: prepare(engine, watcher.note) for engine in found}
        profiler = ensure_profiler(watcher.note) if options.profile else None
        watcher.phase("starting Kafka, Redis and S3")
        backing = stack.enter_context(
            start_backing(options.external, run_id, work, watcher.note, kafka_detour=kafka_detour, cluster=cluster)
        )
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


def _private_directory(stack: ExitStack, run_directory: Path) -> Path:
    """A temporary directory that goes away with the run; of a run that breaks off, the logs are kept."""
    work = Path(tempfile.mkdtemp(prefix="ringbench-"))

    def leave(kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            _keep_logs(work, run_directory / "logs")
        shutil.rmtree(work, ignore_errors=True)

    stack.push(leave)
    return work


def _keep_logs(work: Path, target: Path) -> None:
    # No deeper: Kafka calls the files that hold its topics logs, too.
    for log in (*work.glob("*.log"), *work.glob("*/*.log")):
        copy = target / log.relative_to(work)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with (
            log.open(encoding="utf-8", errors="surrogateescape", newline="") as lines,
            copy.open("w", encoding="utf-8", errors="surrogateescape", newline="") as kept,
        ):
            kept.writelines(redact(line) for line in lines)


def engine_environment(java: Java, work: Path) -> dict[str, str]:
    """What engines' environment has besides this process's: Java, the contract, and a private place for files."""
    scratch = work / "tmp"
    scratch.mkdir(mode=0o700)
    return {"JAVA_HOME": str(java.home), "PYTHONPATH": str(contract_path(work)), "TMPDIR": str(scratch)}
