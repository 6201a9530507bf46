"""A benchmark run, as a table of contents: services up, engines ready, load, drain, collect, verify, save."""

import secrets
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from harness.archive import delete_archive
from harness.assemble import engine_result, invalid_reasons
from harness.backing import Backing, External, start_backing
from harness.engines import PreparedEngine, contract_path, find_engines, prepare
from harness.environment import fingerprint
from harness.errors import InvalidRun
from harness.provision.java import Java, ensure_java
from harness.result import Result, Truth, save_result
from harness.scenario import Scenario
from harness.store import clear
from harness.trial import Trial, TrialRunner
from harness.truth import TrialTruth, compute_truths, summarise
from harness.watch import ConsoleWatcher
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload

TRUTH_ENGINE = "spark"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the command line adds to a scenario.

    Attributes:
        runs_dir: where the run's own directory is made.
        engine_paths: further folders of engines.
        external: the user's own services, in place of started ones.
        command: the arguments that repeat the run.
        keep_logs: keep the logs of a run that went well, too.
    """

    runs_dir: Path
    engine_paths: list[Path] = field(default_factory=list)
    external: External
    command: list[str]
    keep_logs: bool = False


def run(scenario: Scenario, options: RunOptions, watcher: ConsoleWatcher) -> tuple[Result, Path]:
    """Run `scenario` and save what came of it. Returns the result and the run's directory.

    Raises:
        RingbenchError: the run could not take place. Nothing is saved then but, where there are any, logs.
    """
    engines = find_engines(scenario.engines, options.engine_paths)
    truth_engine = find_engines([TRUTH_ENGINE])[0]
    started_at = datetime.now(UTC)
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    with ExitStack() as stack:
        work = _private_directory(stack, options.runs_dir / run_id)
        watcher.phase("providing Java, engines and services")
        java = ensure_java(watcher.note)
        prepared = [prepare(engine, watcher.note) for engine in engines]
        truth_spark = prepare(truth_engine, watcher.note)
        watcher.phase("starting Kafka, Redis and S3")
        backing = stack.enter_context(start_backing(options.external, run_id, work, watcher.note))
        expected = expected_counts(Workload(scenario.workload()))
        environment = _engine_environment(java, work)
        trials = [_trial(run_id, scenario, each, backing, work, environment, expected, watcher) for each in prepared]
        truths, failures = _truths(trials, truth_spark, backing, work, environment, watcher)
        result = _assemble(run_id, started_at, scenario, options, trials, truths, failures, expected, java, backing)
        _clean(backing, trials, options.external)
        directory = options.runs_dir / run_id
        directory.mkdir(parents=True, exist_ok=True)
        save_result(result, directory)
        if options.keep_logs or exit_code(result):
            _keep_logs(work, directory / "logs")
    return result, directory


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
        shutil.copyfile(log, copy)


def _engine_environment(java: Java, work: Path) -> dict[str, str]:
    """What engines' environment has besides this process's: Java, the contract, and a private place for files."""
    scratch = work / "tmp"
    scratch.mkdir(mode=0o700)
    return {"JAVA_HOME": str(java.home), "PYTHONPATH": str(contract_path(work)), "TMPDIR": str(scratch)}


def _trial(
    run_id: str,
    scenario: Scenario,
    prepared: PreparedEngine,
    backing: Backing,
    work: Path,
    environment: dict[str, str],
    expected: ExpectedCounts,
    watcher: ConsoleWatcher,
) -> Trial:
    name = prepared.engine.name
    malformed = len(expected.malformed_lines)
    runner = TrialRunner(run_id, scenario, prepared, backing, work / name, environment, malformed, watcher)
    trial = runner.run()
    for trouble in (*trial.engine_troubles, *trial.invalid_reasons):
        watcher.note(trouble)
    return trial


def _truths(
    trials: list[Trial],
    spark: PreparedEngine,
    backing: Backing,
    work: Path,
    environment: dict[str, str],
    watcher: ConsoleWatcher,
) -> tuple[dict[str, TrialTruth], list[str]]:
    """Truths by trial, and why there are none."""
    prefixes = {trial.name: trial.archive_prefix for trial in trials if trial.is_complete}
    if not prefixes:
        return {}, []
    watcher.phase("computing the ground truth with Spark from the archive in S3")
    try:
        return compute_truths(spark, backing.bucket, prefixes, work, environment=environment), []
    except InvalidRun as error:
        return {}, [str(error)]


def _assemble(
    run_id: str,
    started_at: datetime,
    scenario: Scenario,
    options: RunOptions,
    trials: list[Trial],
    truths: dict[str, TrialTruth],
    failures: list[str],
    expected: ExpectedCounts,
    java: Java,
    backing: Backing,
) -> Result:
    reasons = [*failures, *_archives_differ(truths)]
    for trial in trials:
        reasons += invalid_reasons(trial, truths.get(trial.name), scenario, expected)
    return Result(
        run_id=run_id,
        valid=not reasons,
        invalid_reasons=reasons,
        started_at=started_at.isoformat(timespec="seconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=options.command,
        scenario=scenario.model_dump(),
        environment=fingerprint(java=f"{java.version} ({java.source})", services=backing.versions),
        truth=_truth(truths, expected),
        engines=[engine_result(trial, truths.get(trial.name), scenario, expected) for trial in trials],
    )


def _archives_differ(truths: dict[str, TrialTruth]) -> list[str]:
    found = {name: truth.archive_sha256 for name, truth in truths.items()}
    if len(set(found.values())) <= 1:
        return []
    return ["the engines were not given the same bytes: " + ", ".join(f"{each} {found[each][:12]}" for each in found)]


def _truth(truths: dict[str, TrialTruth], expected: ExpectedCounts) -> Truth | None:
    if not truths:
        return None
    agrees = not any(truth.differences(expected) for truth in truths.values())
    return summarise(next(iter(truths.values())), TRUTH_ENGINE, agrees_with_seed=agrees)


def _clean(backing: Backing, trials: list[Trial], external: External) -> None:
    """Take the run's data out of the user's own services; what was started for the run goes with it anyway."""
    if external.redis:
        clear(backing.redis_url, backing.namespace)
    if external.s3:
        for trial in trials:
            delete_archive(backing.bucket, trial.archive_prefix)


def exit_code(result: Result) -> int:
    """What the command line ends with: 3 for an invalid run, 1 if an engine did not pass, else 0."""
    if not result.valid:
        return InvalidRun.exit_code
    return 0 if all(engine.verdict == "pass" for engine in result.engines) else 1
